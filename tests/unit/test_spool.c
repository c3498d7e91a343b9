/* Spools that expire: whole ones at their time, half ones of a writer that died after a day, none that is
 * being written. */
#include "job/spool.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
/* after the headers it needs */
#include <cmocka.h>

static char folder[] = "/tmp/spooltestXXXXXX";

static void make(const char *name, int age) {
  char path[256];
  snprintf(path, sizeof path, "%s/spool/%s", folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "{\"t\":\"x\",\"s\":2,\"b\":\"aGk=\"}\n", 27), 27);
  struct timespec t[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
  assert_int_equal(futimens(fd, t), 0);
  close(fd);
}

static bool there(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "%s/spool/%s", folder, name);
  return !access(path, F_OK);
}

static void on_output(void *data, int fd, const char *p, size_t n) {
  snprintf(data, 16, "%d:%.*s", fd, (int)n, p);
}

static void expires(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  char path[256], got[16] = "";
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/spool", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/history.jsonl", folder);
  struct history *h = NULL;
  assert_int_equal(history_open(path, &h, &err), 0);
  make("kept", -60);
  make("over", 60);
  make(".written.1", 60);
  make(".dead.1", 90000);
  spool_expire(h);
  assert_true(there("kept") && there(".written.1"));
  assert_false(there("over") || there(".dead.1"));
  static const struct stream_handlers calls = {.on_output = on_output};
  assert_int_equal(spool_read(h, "kept", &calls, got, &err), 0);
  assert_string_equal(got, "2:hi");
  assert_int_equal(spool_read(h, "over", &calls, got, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  error_clear(&err);
  history_free(h);
  snprintf(path, sizeof path, "rm -rf %s", folder);
  assert_int_equal(system(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(expires)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
