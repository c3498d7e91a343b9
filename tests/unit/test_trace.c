#include "base/fd.h"
#include "base/trace.h"
#include "descriptors.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int calls;

static const char *counted(const char *text) {
  calls++;
  return text;
}

static void one_line_of_an_area_that_is_on(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  CLEANUP_FD int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  assert_int_equal(trace_enable("net"), 0);
  dup2(ends[1], STDERR_FILENO);
  trace(TRACE_NET, "GET %s\n%d", counted("/_ping"), 200);
  trace(TRACE_JOB, "%s", counted("not asked for"));
  dup2(before, STDERR_FILENO);
  trace_areas = 0;
  fd_close(&ends[1]);
  char text[200] = "";
  ssize_t n = read(ends[0], text, sizeof text - 1);
  fd_close(&ends[0]);
  assert_true(n > 0);
  assert_int_equal(strncmp(text, "run-once: trace net 0.0", 23), 0);
  assert_string_equal(strstr(text, " GET"), " GET /_ping; 200\n");
  assert_int_equal(calls, 1); /* arguments of what is off are not even looked at */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_line_of_an_area_that_is_on)};
  return RUN_TESTS(tests);
}
