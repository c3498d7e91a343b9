#include "descriptors.h"
#include "net/endpoint.h"
#include <stdlib.h>
#include <string.h>

struct good {
  const char *text, *shown;
  enum endpoint_scheme scheme;
  const char *socket, *user, *host;
  int port;
  const char *base;
};

static void same(const char *got, const char *want) {
  if (!want)
    assert_null(got);
  else {
    assert_non_null(got);
    assert_string_equal(got, want);
  }
}

static void forms_that_are_understood(void **state) {
  static const struct good cases[] = {
      {"unix:///run/x.sock", "unix:///run/x.sock", ENDPOINT_UNIX, "/run/x.sock", NULL, NULL, 0, NULL},
      {" unix:// \n", "unix:///var/run/docker.sock", ENDPOINT_UNIX, "/var/run/docker.sock", NULL, NULL, 0,
       NULL},
      {"tcp://engine:2376", "tcp://engine:2376", ENDPOINT_TCP, NULL, NULL, "engine", 2376, ""},
      {"tcp://engine", "tcp://engine:2375", ENDPOINT_TCP, NULL, NULL, "engine", 2375, ""},
      {"engine:99", "tcp://engine:99", ENDPOINT_TCP, NULL, NULL, "engine", 99, ""},
      {"engine", "tcp://engine:2375", ENDPOINT_TCP, NULL, NULL, "engine", 2375, ""},
      {":2375", "tcp://localhost:2375", ENDPOINT_TCP, NULL, NULL, "localhost", 2375, ""},
      {"tcp://h:1/base/x/", "tcp://h:1/base/x", ENDPOINT_TCP, NULL, NULL, "h", 1, "/base/x"},
      {"tcp://[::1]:5", "tcp://[::1]:5", ENDPOINT_TCP, NULL, NULL, "::1", 5, ""},
      {"tcp://[fe80::1]", "tcp://[fe80::1]:2375", ENDPOINT_TCP, NULL, NULL, "fe80::1", 2375, ""},
      {"ssh://me@host:22/run/x.sock", "ssh://me@host:22/run/x.sock", ENDPOINT_SSH, "/run/x.sock", "me",
       "host", 22, NULL},
      {"ssh://host", "ssh://host", ENDPOINT_SSH, NULL, NULL, "host", 0, NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct good *c = &cases[i];
    struct endpoint ep, copy;
    struct error err = ERROR_INIT;
    if (endpoint_parse(c->text, "--host", &ep, &err)) fail_msg("%s: %s", c->text, err.text);
    endpoint_copy(&copy, &ep);
    endpoint_done(&ep);
    assert_int_equal(copy.scheme, c->scheme);
    same(copy.text, c->shown);
    same(copy.why, "--host");
    same(copy.socket_path, c->socket);
    same(copy.user, c->user);
    same(copy.host, c->host);
    same(copy.base_path, c->base);
    assert_int_equal(copy.port, c->port);
    assert_false(copy.tls);
    endpoint_done(&copy);
    assert_null(copy.text);
  }
}

static void forms_that_are_not(void **state) {
  static const char *const cases[][2] = {
      {"", "DOCKER_HOST: empty; give unix:///PATH, tcp://HOST:PORT or ssh://HOST"},
      {"/run/x.sock", "DOCKER_HOST: '/run/x.sock' has no scheme; write unix:///run/x.sock"},
      {"unix://run/x.sock",
       "DOCKER_HOST: the socket in 'unix://run/x.sock' must be an absolute path (unix:///...)"},
      {"tcp://", "DOCKER_HOST: 'tcp://' names no host"},
      {"tcp://h:0", "DOCKER_HOST: '0' is not a port (1 to 65535)"},
      {"tcp://h:65536", "DOCKER_HOST: '65536' is not a port (1 to 65535)"},
      {"tcp://h:", "DOCKER_HOST: '' is not a port (1 to 65535)"},
      {"tcp://::1:2375", "DOCKER_HOST: '::1:2375': write an IPv6 address in brackets ([::1]:2375)"},
      {"tcp://[::1", "DOCKER_HOST: '[::1' is not a host and port (IPv6: [::1]:2375)"},
      {"tcp://h:1?x=1", "DOCKER_HOST: 'tcp://h:1?x=1': a query or fragment has no place here"},
      {"tcp://a b", "DOCKER_HOST: 'a b' is not a host name"},
      {"npipe:////./pipe/x",
       "DOCKER_HOST: 'npipe://' is no way to an engine; use unix:///PATH, tcp://HOST:PORT or ssh://HOST"},
      {"ssh://-oProxyCommand=x", "DOCKER_HOST: 'ssh://-oProxyCommand=x' names no host"},
      {"ssh://-l@h", "DOCKER_HOST: 'ssh://-l@h' names no host"},
      {"ssh://h;id", "DOCKER_HOST: 'ssh://h;id' is not a user and host"},
      {"ssh://$(id)@h", "DOCKER_HOST: 'ssh://$(id)@h' is not a user and host"},
      {"ssh://h/a:b", "DOCKER_HOST: '/a:b' is not a socket's path for ssh:// (letters, digits, /._-+,=@)"},
      {"ssh://h/a$b", "DOCKER_HOST: '/a$b' is not a socket's path for ssh:// (letters, digits, /._-+,=@)"},
      {"ssh://h/x?y", "DOCKER_HOST: 'ssh://h/x?y': a query or fragment has no place here"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct endpoint ep;
    struct error err = ERROR_INIT;
    if (!endpoint_parse(cases[i][0], "DOCKER_HOST", &ep, &err)) fail_msg("'%s' was taken", cases[i][0]);
    assert_string_equal(err.text, cases[i][1]);
    assert_int_equal(err.kind, ERR_USAGE);
  }
}

static void a_password_is_never_shown(void **state) {
  static const char *const cases[] = {"tcp://me:hunter2@h:1", "ssh://me:hunter2@h", "me:hunter2@h:1",
                                      "ssh://me:hunter2@h/x?y", "tcp://me:hunter2@h/?x"};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct endpoint ep;
    struct error err = ERROR_INIT;
    assert_int_equal(endpoint_parse(cases[i], "--host", &ep, &err), -1);
    assert_null(strstr(err.text, "hunter2"));
    assert_non_null(strstr(err.text, "is not supported"));
  }
}

static void a_path_that_no_socket_can_have(void **state) {
  char text[200] = "unix:///";
  struct endpoint ep;
  struct error err = ERROR_INIT;
  (void)state;
  memset(text + 8, 'a', 107);
  assert_int_equal(endpoint_parse(text, "--host", &ep, &err), -1);
  assert_string_equal(err.text,
                      "--host: the socket's path is longer than the 107 bytes a Unix socket can have");
  text[8 + 106] = '\0';
  assert_int_equal(endpoint_parse(text, "--host", &ep, &err), 0);
  endpoint_done(&ep);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms_that_are_understood),
      cmocka_unit_test(forms_that_are_not),
      cmocka_unit_test(a_password_is_never_shown),
      cmocka_unit_test(a_path_that_no_socket_can_have),
  };
  return RUN_TESTS(tests);
}
