/* --result: one whole record at any time in a file, one object at the end on anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "data/json.h"
#include "job/record.h"
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
  char folder[64];
  char *file;
  struct outcome o;
};

static int setup(void **state) {
  struct place *p = xcalloc(1, sizeof *p);
  snprintf(p->folder, sizeof p->folder, "/tmp/test-result-XXXXXX");
  assert_non_null(mkdtemp(p->folder));
  p->file = xprintf("%s/result.json", p->folder);
  outcome_init(&p->o);
  memcpy(p->o.id, "job1", 5);
  p->o.verdict = VERDICT_FAILED;
  p->o.cause = CAUSE_EXIT;
  p->o.exit_code = p->o.exit_status = 3;
  *state = p;
  return 0;
}

static int teardown(void **state) {
  struct place *p = *state;
  CLEANUP_FREE char *rm = xprintf("rm -rf %s", p->folder);
  assert_int_equal(system(rm), 0);
  outcome_done(&p->o);
  free(p->file);
  free(p);
  return 0;
}

static char *content(const char *path) {
  struct buf b;
  struct error err = ERROR_INIT;
  buf_init(&b, 1 << 20);
  assert_int_equal(file_read(path, 1 << 20, &b, &err), 0);
  return buf_take(&b);
}

static void holds(const char *text, const char *verdict) {
  struct error err = ERROR_INIT;
  CLEANUP_JSON json_t *j = json_parse(text, strlen(text), &err);
  assert_non_null(j);
  assert_int_equal(text[strlen(text) - 1], '\n');
  assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
  assert_int_equal(strncmp(text, "{\"version\":1,\"id\":\"job1\",\"verdict\":", 35), 0);
  assert_string_equal(json_str(j, "verdict"), verdict);
  assert_int_equal(json_int_or(j, "exit_status", -1), strcmp(verdict, "unknown") ? 3 : 120);
}

static void file_holds(const char *path, const char *verdict) {
  CLEANUP_FREE char *text = content(path);
  holds(text, verdict);
}

static void a_file_is_replaced_at_both_ends(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(file_replace(p->file, "old and much longer than the new one will ever be", 49, &err), 0);
  assert_int_equal(result_begin(p->file, &p->o, &err), 0);
  file_holds(p->file, "unknown");
  CLEANUP_FREE char *begun = content(p->file);
  assert_non_null(strstr(begun, "\"retry_safe\":false"));
  assert_non_null(strstr(begun, "\"exit_code\":null"));
  assert_int_equal(result_write(p->file, &p->o, &err), 0);
  file_holds(p->file, "failed");
  CLEANUP_FREE char *only = xprintf("test \"$(ls %s)\" = result.json", p->folder);
  assert_int_equal(system(only), 0);
}

static void none_asked_for(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(result_begin(NULL, &p->o, &err), 0);
  assert_int_equal(result_write(NULL, &p->o, &err), 0);
}

static void a_pipe_gets_one_object(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  int fds[2];
  char text[8192] = "";
  assert_int_equal(pipe(fds), 0);
  CLEANUP_FREE char *where = xprintf("fd:%d", fds[1]);
  assert_int_equal(result_begin(where, &p->o, &err), 0);
  assert_int_equal(result_write(where, &p->o, &err), 0);
  close(fds[1]);
  assert_true(read(fds[0], text, sizeof text - 1) > 0);
  close(fds[0]);
  holds(text, "failed");

  assert_int_equal(mkfifo(p->file, 0600), 0);
  int fifo = open(p->file, O_RDWR);
  assert_int_equal(result_begin(p->file, &p->o, &err), 0);
  assert_int_equal(result_write(p->file, &p->o, &err), 0);
  memset(text, 0, sizeof text);
  assert_true(read(fifo, text, sizeof text - 1) > 0);
  close(fifo);
  holds(text, "failed");
}

/* exec 3>file; echo mine >&3; run-once --result fd:3 ...; echo more >&3 */
static void a_file_by_descriptor_keeps_what_stands_before(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  int fd = open(p->file, O_WRONLY | O_CREAT, 0600);
  CLEANUP_FREE char *where = xprintf("fd:%d", fd);
  assert_int_equal(write(fd, "mine\n", 5), 5);
  assert_int_equal(result_begin(where, &p->o, &err), 0);
  CLEANUP_FREE char *begun = content(p->file);
  holds(begun + 5, "unknown");
  assert_int_equal(result_write(where, &p->o, &err), 0);
  CLEANUP_FREE char *ended = content(p->file);
  assert_int_equal(strncmp(ended, "mine\n", 5), 0);
  holds(ended + 5, "failed");
  assert_int_equal(write(fd, "more\n", 5), 5);
  CLEANUP_FREE char *more = content(p->file);
  assert_string_equal(more + strlen(ended), "more\n");
  close(fd);
}

static void an_appending_descriptor_gets_the_last_word_only(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(file_replace(p->file, "log\n", 4, &err), 0);
  int fd = open(p->file, O_WRONLY | O_APPEND);
  CLEANUP_FREE char *where = xprintf("fd:%d", fd);
  assert_int_equal(result_begin(where, &p->o, &err), 0);
  assert_int_equal(result_write(where, &p->o, &err), 0);
  close(fd);
  CLEANUP_FREE char *text = content(p->file);
  assert_int_equal(strncmp(text, "log\n", 4), 0);
  holds(text + 4, "failed");
}

static void faults_are_said(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(result_begin("fd:x", &p->o, &err), -1);
  assert_int_equal(err.kind, ERR_USAGE);
  assert_string_equal(err.text, "--result failed: 'fd:x' is not fd:N");
  assert_int_equal(result_begin("fd:999", &p->o, &err), -1);
  assert_string_equal(err.text, "--result fd:999 failed: Bad file descriptor");
  int fd = open("/dev/null", O_RDONLY);
  CLEANUP_FREE char *where = xprintf("fd:%d", fd),
                    *want = xprintf("--result fd:%d failed: it is open for reading only", fd);
  assert_int_equal(result_begin(where, &p->o, &err), -1);
  assert_string_equal(err.text, want);
  close(fd);
  assert_int_equal(result_begin("/nonexistent/result.json", &p->o, &err), -1);
  assert_non_null(
      strstr(err.text, "writing the result failed: /nonexistent/result.json: No such file or directory"));
  assert_int_equal(result_write("/dev/full", &p->o, &err), -1);
  assert_string_equal(err.text, "writing the result failed: /dev/full: No space left on device");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(a_file_is_replaced_at_both_ends),
      T(none_asked_for),
      T(a_pipe_gets_one_object),
      T(a_file_by_descriptor_keeps_what_stands_before),
      T(an_appending_descriptor_gets_the_last_word_only),
      T(faults_are_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
