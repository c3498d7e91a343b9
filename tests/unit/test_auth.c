#include "base/alloc.h"
#include "base/fd.h"
#include "data/hash.h"
#include "data/json.h"
#include "descriptors.h"
#include "runtime/docker/auth.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static char dir[] = "/tmp/test-auth-XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode) {
  CLEANUP_FREE char *path = xprintf("%s/%s", dir, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  chmod(path, mode);
}

/* What the header says, or "nobody", or the fault's text. */
static char *ask(const char *host) {
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *header = NULL;
  size_t n;
  if (auth_header(loop, host, &header, &err) < 0) {
    assert_int_equal(err.kind, ERR_CONFIG);
    return xstrdup(err.text);
  }
  if (!header) return xstrdup("nobody");
  for (char *p = header; *p; p++) *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
  return base64_decode(header, &n);
}

static void expect(const char *host, const char *want) {
  CLEANUP_FREE char *got = ask(host);
  assert_string_equal(got, want);
}

static void from_auths(void **state) {
  (void)state;
  /* dTpwOnc= is u:p:w, dTpwAAA= is u:p and two NULs */
  write_file(
      "config.json",
      "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpwOnc=\"},"
      "\"https://r.example.com/v2/\":{\"auth\":\"dTpwAAA=\"},\"r.example.com:5000\":{\"identitytoken\":\"T\","
      "\"auth\":\"dTpwOnc=\"},\"plain.example.com\":{\"username\":\"a\",\"password\":\"b\"},"
      "\"empty.example.com\":{},\"bad.example.com\":{\"auth\":\"bm9jb2xvbg==\"}}}",
      0600);
  expect("docker.io",
         "{\"serveraddress\":\"https://index.docker.io/v1/\",\"username\":\"u\",\"password\":\"p:w\"}");
  expect("r.example.com", "{\"serveraddress\":\"r.example.com\",\"username\":\"u\",\"password\":\"p\"}");
  expect("r.example.com:5000", "{\"serveraddress\":\"r.example.com:5000\",\"identitytoken\":\"T\"}");
  expect("plain.example.com",
         "{\"serveraddress\":\"plain.example.com\",\"username\":\"a\",\"password\":\"b\"}");
  expect("empty.example.com", "nobody");
  expect("example.com", "nobody");
  CLEANUP_FREE char *want =
      xprintf("%s/config.json: auths['bad.example.com'].auth is not base64 of USER:PASSWORD", dir);
  expect("bad.example.com", want);
}

static void from_the_variable(void **state) {
  (void)state;
  write_file(
      "config.json",
      "{\"auths\":{\"a.example.com\":{\"username\":\"file\"},\"b.example.com\":{\"username\":\"file\"}}}",
      0600);
  setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"a.example.com\":{\"auth\":\"dTpwOnc=\"}}}", 1);
  expect("a.example.com", "{\"serveraddress\":\"a.example.com\",\"username\":\"u\",\"password\":\"p:w\"}");
  expect("b.example.com", "{\"serveraddress\":\"b.example.com\",\"username\":\"file\",\"password\":\"\"}");
  setenv("DOCKER_AUTH_CONFIG", "{secret", 1);
  CLEANUP_FREE char *got = ask("a.example.com");
  assert_memory_equal(got, "DOCKER_AUTH_CONFIG: ", 20);
  assert_null(strstr(got, "secret"));
  unsetenv("DOCKER_AUTH_CONFIG");
}

static void broken_files(void **state) {
  (void)state;
  CLEANUP_FREE char *start = xprintf("%s/config.json: ", dir);
  write_file("config.json", "{\"auths\": hunter2", 0600);
  CLEANUP_FREE char *got = ask("a.example.com");
  assert_memory_equal(got, start, strlen(start));
  assert_null(strstr(got, "hunter2"));
  write_file("config.json", "", 0600);
  expect("a.example.com", "nobody");
  CLEANUP_FREE char *path = xprintf("%s/config.json", dir);
  unlink(path);
  expect("a.example.com", "nobody");
}

/* The helper notes how it was called. */
static void from_helpers(void **state) {
  (void)state;
  write_file(
      "config.json",
      "{\"credsStore\":\"store\",\"credHelpers\":{\"h.example.com\":\"own\",\"s.example.com\":\"none-such\","
      "\"f.example.com\":\"fails\",\"t.example.com\":\"token\",\"g.example.com\":\"garbage\","
      "\"p.example.com\":\"../x\"},\"auths\":{\"x.example.com\":{\"username\":\"file\"}}}",
      0600);
  write_file("docker-credential-own",
             "#!/bin/sh\nprintf '{\"Username\":\"%s\",\"Secret\":\"%s\"}' \"$1\" \"$(cat)\"\n", 0700);
  write_file("docker-credential-store", "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n",
             0700);
  write_file("docker-credential-fails", "#!/bin/sh\necho the keychain is locked\necho noise >&2\nexit 3\n",
             0700);
  write_file("docker-credential-token",
             "#!/bin/sh\necho '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"T\"}'\n", 0700);
  write_file("docker-credential-garbage", "#!/bin/sh\necho 'password: hunter2'\n", 0700);
  expect("h.example.com",
         "{\"serveraddress\":\"h.example.com\",\"username\":\"get\",\"password\":\"h.example.com\"}");
  expect("x.example.com", "nobody");
  expect("docker.io", "nobody");
  expect("t.example.com", "{\"serveraddress\":\"t.example.com\",\"identitytoken\":\"T\"}");
  expect("f.example.com", "credential helper docker-credential-fails: exit status 3: the keychain is locked");
  expect("s.example.com", "credential helper docker-credential-none-such: it is not in the PATH");
  expect("g.example.com",
         "credential helper docker-credential-garbage: what it printed is not {\"Username\", \"Secret\"}");
  expect("p.example.com", "credential helper docker-credential-../x: its name holds a '/'");
}

static void a_long_answer_is_whole(void **state) {
  (void)state;
  write_file("config.json", "{\"credsStore\":\"long\"}", 0600);
  write_file("docker-credential-long",
             "#!/bin/sh\nprintf '{\"Username\":\"u\",\"Secret\":\"'\nhead -c 200000 /dev/zero | tr '\\0' "
             "x\nprintf '\"}'\n",
             0700);
  CLEANUP_FREE char *got = ask("a.example.com");
  assert_true(strlen(got) > 200000);
}

static enum error_kind interrupt(void *data, struct error *err) {
  if (++*(int *)data < 3) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

static void an_interrupt_ends_it(void **state) {
  (void)state;
  int asked = 0;
  struct error err = ERROR_INIT;
  char *header = NULL;
  write_file("config.json", "{\"credsStore\":\"slow\"}", 0600);
  write_file("docker-credential-slow", "#!/bin/sh\nexec sleep 60\n", 0700);
  loop_set_interrupt(loop, (struct interrupt){.fn = interrupt, .data = &asked});
  assert_int_equal(auth_header(loop, "a.example.com", &header, &err), -1);
  loop_set_interrupt(loop, (struct interrupt){0});
  assert_int_equal(err.kind, ERR_CANCELLED);
  assert_string_equal(err.text, "interrupted");
}

static int setup(void **state) {
  assert_non_null(mkdtemp(dir));
  const char *path = getenv("PATH");
  CLEANUP_FREE char *longer = xprintf("%s:%s", dir, path);
  setenv("PATH", longer, 1);
  setenv("DOCKER_CONFIG", dir, 1);
  unsetenv("DOCKER_AUTH_CONFIG");
  int rc = count_descriptors(state);
  loop = loop_new();
  return rc;
}

static int teardown(void **state) {
  loop_free(loop);
  CLEANUP_FREE char *command = xprintf("rm -rf '%s'", dir);
  return system(command) | compare_descriptors(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(from_auths),
      cmocka_unit_test(from_the_variable),
      cmocka_unit_test(broken_files),
      cmocka_unit_test(from_helpers),
      cmocka_unit_test(a_long_answer_is_whole),
      cmocka_unit_test(an_interrupt_ends_it),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
