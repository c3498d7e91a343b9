#include "cli/say.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "job/outcome.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One write a line, so that lines of several writers do not mix. A closed stderr is nobody's fault. */
void say_line(void *data, const char *line) {
  (void)data;
  const char *prefix = *line == '{' ? "" : "run-once: ";
  CLEANUP_FREE char *text = xprintf("%s%s\n", prefix, line);
  (void)!fd_write_all(STDERR_FILENO, text, strlen(text));
}

void say(const char *fmt, ...) {
  char line[2 * ERROR_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  error_one_line(line, sizeof line);
  say_line(NULL, line);
}

int say_fault(const struct error *err) {
  struct outcome o;
  outcome_init(&o);
  outcome_not_started(&o, err);
  int status = o.exit_status;
  outcome_done(&o);
  say("%s", err->text);
  return status;
}
