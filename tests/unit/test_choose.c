#include "base/alloc.h"
#include "base/fd.h"
#include "data/hash.h"
#include "descriptors.h"
#include "net/choose.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A config folder, a runtime folder, and none of the variables that count. */
struct world {
  char dir[64], run[80];
};

static void make(const char *dir, const char *name, const char *text) {
  CLEANUP_FREE char *path = xprintf("%s/%s", dir, name);
  for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
    *p = '\0';
    mkdir(path, 0700);
    *p = '/';
  }
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static void make_context(const char *dir, const char *name, const char *json) {
  char hash[65];
  sha256_hex(name, strlen(name), hash);
  CLEANUP_FREE char *path = xprintf("contexts/meta/%s/meta.json", hash);
  make(dir, path, json);
}

static void make_tls(const char *dir, const char *name, const char *file) {
  char hash[65];
  sha256_hex(name, strlen(name), hash);
  CLEANUP_FREE char *path = xprintf("contexts/tls/%s/docker/%s", hash, file);
  make(dir, path, "pem");
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  static const char *const names[] = {"DOCKER_HOST", "DOCKER_CONTEXT",   "DOCKER_TLS_VERIFY",
                                      "DOCKER_TLS",  "DOCKER_CERT_PATH", "XDG_RUNTIME_DIR"};
  for (size_t i = 0; i < ARRAY_LEN(names); i++) unsetenv(names[i]);
  snprintf(w->dir, sizeof w->dir, "/tmp/run-once-unit-XXXXXX");
  if (!mkdtemp(w->dir)) return -1;
  snprintf(w->run, sizeof w->run, "%s/run", w->dir);
  setenv("DOCKER_CONFIG", w->dir, 1);
  make_context(w->dir, "prod",
               "{\"Name\":\"prod\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://prod:2376\","
               "\"SkipTLSVerify\":false}}}");
  make_context(w->dir, "local",
               "{\"name\":\"local\",\"endpoints\":{\"docker\":{\"host\":\"unix:///l.sock\"}}}");
  make_context(w->dir, "kube", "{\"Name\":\"kube\",\"Endpoints\":{\"kubernetes\":{}}}");
  make_context(w->dir, "broken", "{\"Name\":");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *command = xprintf("rm -rf %s", w->dir);
  int r = system(command);
  free(w);
  return r;
}

static void chosen(const char *host, const char *context, const char *release, const char *text,
                   const char *why) {
  struct endpoint_choice c = {.host = host, .context = context, .release_context = release};
  struct endpoint ep;
  struct error err = ERROR_INIT;
  if (endpoint_choose(&c, &ep, &err)) fail_msg("%s", err.text);
  assert_string_equal(ep.text, text);
  assert_string_equal(ep.why, why);
  endpoint_done(&ep);
}

static void refused(const char *host, const char *context, const char *release, enum error_kind kind,
                    const char *words) {
  struct endpoint_choice c = {.host = host, .context = context, .release_context = release};
  struct endpoint ep;
  struct error err = ERROR_INIT;
  assert_int_equal(endpoint_choose(&c, &ep, &err), -1);
  if (!strstr(err.text, words)) fail_msg("\"%s\" is not in \"%s\"", words, err.text);
  assert_int_equal(err.kind, kind);
}

static void the_order(void **state) {
  struct world *w = *state;
  make(w->dir, "config.json", "{\"currentContext\":\"prod\"}");
  chosen(NULL, NULL, NULL, "tcp://prod:2376", "context prod (currentContext of config.json)");
  setenv("DOCKER_CONTEXT", "local", 1);
  chosen(NULL, NULL, NULL, "unix:///l.sock", "context local (DOCKER_CONTEXT)");
  setenv("DOCKER_HOST", "unix:///h.sock", 1);
  chosen(NULL, NULL, NULL, "unix:///h.sock", "DOCKER_HOST");
  chosen(NULL, "prod", NULL, "tcp://prod:2376", "context prod (--context)");
  chosen("unix:///o.sock", NULL, NULL, "unix:///o.sock", "--host");
  chosen("unix:///o.sock", NULL, "prod", "unix:///o.sock", "--host");
  chosen(NULL, "local", "prod", "unix:///l.sock", "context local (--context)");
  chosen(NULL, "default", NULL, "unix:///h.sock", "context default (--context)");
  refused("unix:///o.sock", "prod", NULL, ERR_USAGE, "--host and --context: only one of them can be given");
}

static void a_release_file_must_agree(void **state) {
  (void)state;
  chosen(NULL, NULL, "prod", "tcp://prod:2376", "context prod (release file)");
  setenv("DOCKER_CONTEXT", "prod", 1);
  chosen(NULL, NULL, "prod", "tcp://prod:2376", "context prod (release file)");
  setenv("DOCKER_CONTEXT", "local", 1);
  refused(NULL, NULL, "prod", ERR_CONFIG,
          "context 'prod' of the release file failed: DOCKER_CONTEXT says 'local'");
  unsetenv("DOCKER_CONTEXT");
  setenv("DOCKER_HOST", "tcp://prod:2376/", 1);
  chosen(NULL, NULL, "prod", "tcp://prod:2376", "context prod (release file)");
  setenv("DOCKER_HOST", "tcp://test:2376", 1);
  refused(NULL, NULL, "prod", ERR_CONFIG,
          "context 'prod' (tcp://prod:2376) of the release file failed: DOCKER_HOST says tcp://test:2376");
}

static void contexts_that_cannot_be_used(void **state) {
  struct world *w = *state;
  refused(NULL, "nope", NULL, ERR_CONFIG, "context 'nope': no such context; 'docker context ls' lists them");
  refused(NULL, "kube", NULL, ERR_CONFIG, "context 'kube' has no Docker endpoint");
  refused(NULL, "broken", NULL, ERR_CONFIG, "context 'broken': ");
  setenv("DOCKER_CONTEXT", "nope", 1); /* explicit: nothing else is tried */
  refused(NULL, NULL, NULL, ERR_CONFIG, "context 'nope': no such context");
  unsetenv("DOCKER_CONTEXT");
  make(w->dir, "config.json", "{not json");
  refused(NULL, NULL, NULL, ERR_CONFIG, "/config.json: not JSON");
  setenv("DOCKER_HOST", "/var/run/docker.sock", 1);
  refused(NULL, NULL, NULL, ERR_USAGE, "DOCKER_HOST: '/var/run/docker.sock' has no scheme");
}

static struct endpoint tls_of(const char *host, const char *context) {
  struct endpoint_choice c = {.host = host, .context = context};
  struct endpoint ep;
  struct error err = ERROR_INIT;
  if (endpoint_choose(&c, &ep, &err)) fail_msg("%s", err.text);
  return ep;
}

static void ends_with(const char *path, const char *end) {
  assert_non_null(path);
  assert_string_equal(path + strlen(path) - strlen(end), end);
}

static void tls_of_a_context(void **state) {
  struct world *w = *state;
  struct endpoint ep = tls_of(NULL, "prod");
  assert_false(ep.tls);
  endpoint_done(&ep);
  make_tls(w->dir, "prod", "ca.pem");
  make_tls(w->dir, "prod", "cert.pem");
  ep = tls_of(NULL, "prod");
  assert_true(ep.tls && ep.verify);
  ends_with(ep.ca, "/docker/ca.pem");
  assert_null(ep.cert); /* half a pair */
  endpoint_done(&ep);
  make_tls(w->dir, "prod", "key.pem");
  ep = tls_of(NULL, "prod");
  ends_with(ep.cert, "/docker/cert.pem");
  ends_with(ep.key, "/docker/key.pem");
  endpoint_done(&ep);
  make_context(w->dir, "lax", "{\"Endpoints\":{\"docker\":{\"Host\":\"tcp://x\",\"SkipTLSVerify\":true}}}");
  ep = tls_of(NULL, "lax");
  assert_true(ep.tls && !ep.verify);
  endpoint_done(&ep);
  setenv("DOCKER_TLS_VERIFY", "1", 1); /* for DOCKER_HOST and --host, not for contexts */
  ep = tls_of(NULL, "lax");
  assert_false(ep.verify);
  endpoint_done(&ep);
}

static void tls_of_the_environment(void **state) {
  struct world *w = *state;
  setenv("DOCKER_TLS_VERIFY", "0", 1); /* any value, as docker has it */
  refused("tcp://h:1", NULL, NULL, ERR_CONFIG, "DOCKER_TLS_VERIFY: ");
  struct endpoint ep = tls_of("unix:///x.sock", NULL);
  assert_false(ep.tls);
  endpoint_done(&ep);
  make(w->dir, "certs/ca.pem", "pem");
  make(w->dir, "certs/cert.pem", "pem");
  CLEANUP_FREE char *certs = xprintf("%s/certs", w->dir);
  setenv("DOCKER_CERT_PATH", certs, 1);
  ep = tls_of("tcp://h:1", NULL);
  assert_true(ep.tls && ep.verify);
  ends_with(ep.ca, "/certs/ca.pem");
  assert_null(ep.cert);
  assert_null(ep.key);
  endpoint_done(&ep);
  make(w->dir, "certs/key.pem", "pem");
  ep = tls_of("tcp://h:1", NULL);
  ends_with(ep.cert, "/certs/cert.pem");
  ends_with(ep.key, "/certs/key.pem");
  endpoint_done(&ep);
  unsetenv("DOCKER_TLS_VERIFY");
  setenv("DOCKER_TLS", "1", 1);
  ep = tls_of("tcp://h:1", NULL);
  assert_true(ep.tls && !ep.verify);
  endpoint_done(&ep);
}

/* The well-known sockets of the machine come into it: the test follows them. */
static void the_first_socket_that_exists(void **state) {
  struct world *w = *state;
  bool docker = file_exists("/var/run/docker.sock"), podman = file_exists("/run/podman/podman.sock");
  CLEANUP_FREE char *second = xprintf("unix://%s/docker.sock", w->run);
  CLEANUP_FREE char *fourth = xprintf("unix://%s/podman/podman.sock", w->run);
  setenv("XDG_RUNTIME_DIR", w->run, 1);
  if (!docker && !podman) refused(NULL, NULL, NULL, ERR_UNREACHABLE, "no engine found: neither ");
  make(w->run, "podman/podman.sock", "");
  if (!docker && !podman) chosen(NULL, NULL, NULL, fourth, "first socket");
  make(w->run, "docker.sock", "");
  chosen(NULL, NULL, NULL, docker ? "unix:///var/run/docker.sock" : second, "first socket");
  /* --runtime podman: Docker's do not count. */
  struct endpoint_choice c = {.podman = true};
  struct endpoint ep;
  struct error err = ERROR_INIT;
  assert_int_equal(endpoint_choose(&c, &ep, &err), 0);
  assert_string_equal(ep.text, podman ? "unix:///run/podman/podman.sock" : fourth);
  endpoint_done(&ep);
}

static void the_config_folder(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *given = docker_config_dir();
  assert_string_equal(given, w->dir);
  unsetenv("DOCKER_CONFIG");
  setenv("HOME", "/home/x", 1);
  CLEANUP_FREE char *home = docker_config_dir();
  assert_string_equal(home, "/home/x/.docker");
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
/* Podman's own socket need not be there where podman is. */
static void podman_that_is_started(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *path = xstrdup(getenv("PATH"));
  CLEANUP_FREE char *bin = xprintf("%s/bin", w->dir);
  CLEANUP_FREE char *own =
      geteuid() ? xprintf("%s/podman/podman.sock", w->run) : xstrdup("/run/podman/podman.sock");
  CLEANUP_FREE char *host = xprintf("unix://%s", own);
  struct endpoint_choice any = {.podman = true}, named = {.host = host},
                         other = {.host = "unix:///x/podman.sock"};
  struct endpoint ep;
  struct error err = ERROR_INIT;
  setenv("XDG_RUNTIME_DIR", w->run, 1);
  if (file_exists("/run/podman/podman.sock")) skip();
  setenv("PATH", bin, 1); /* no podman there */
  assert_int_equal(endpoint_choose(&any, &ep, &err), -1);
  assert_non_null(strstr(err.text, "no Podman found: "));
  assert_int_equal(endpoint_choose(&named, &ep, &err), 0);
  assert_false(ep.podman_service);
  endpoint_done(&ep);
  make(w->dir, "bin/podman", "#!/bin/sh\n");
  CLEANUP_FREE char *program = xprintf("%s/podman", bin);
  chmod(program, 0755);
  if (!file_exists("/var/run/docker.sock")) refused(NULL, NULL, NULL, ERR_UNREACHABLE, "no engine found: ");
  for (int i = 0; i < 2; i++) {
    if (endpoint_choose(i ? &named : &any, &ep, &err)) fail_msg("%s", err.text);
    assert_true(ep.podman_service);
    assert_string_equal(ep.text, host);
    assert_string_equal(ep.why, i ? "--host; it is not there: podman system service is started"
                                  : "Podman's socket; it is not there: podman system service is started");
    struct endpoint copy;
    endpoint_copy(&copy, &ep);
    assert_true(copy.podman_service);
    endpoint_done(&copy);
    endpoint_done(&ep);
  }
  assert_int_equal(endpoint_choose(&other, &ep, &err), 0); /* no socket of ours to decide about */
  assert_false(ep.podman_service);
  endpoint_done(&ep);
  make(w->run, "podman/podman.sock", ""); /* what exists is used as it is */
  if (endpoint_choose(&any, &ep, &err)) fail_msg("%s", err.text);
  assert_false(ep.podman_service);
  endpoint_done(&ep);
  setenv("PATH", path, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_TEST(the_order),
      WORLD_TEST(a_release_file_must_agree),
      WORLD_TEST(contexts_that_cannot_be_used),
      WORLD_TEST(tls_of_a_context),
      WORLD_TEST(tls_of_the_environment),
      WORLD_TEST(the_first_socket_that_exists),
      WORLD_TEST(podman_that_is_started),
      WORLD_TEST(the_config_folder),
  };
  return RUN_TESTS(tests);
}
