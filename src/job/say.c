#include "base/alloc.h"
#include "base/clock.h"
#include "io/tty.h"
#include "job/state.h"
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* A pipe that says so has room for PIPE_BUF bytes: no line of ours is longer, so its write does not wait. */
static bool stderr_takes(void) {
  struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&p, 1, 0) != 0;
}

/* What could not be said because nobody reads stderr; `wait`: all of it, whatever that takes. */
void job_say_rest(struct job *j, bool wait) {
  while (j->unsaid.n && (wait || stderr_takes())) {
    CLEANUP_FREE char *line = strv_shift(&j->unsaid);
    j->say(j->say_data, line);
  }
}

/* Never waits for a reader: the engine's own calls hang while we stand still (moby#41827). */
void job_say(struct job *j, const char *fmt, ...) {
  char line[ERROR_TEXT_MAX + 256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  error_one_line(line, sizeof line);
  if (!j->say) return;
  const char *back = tty_is_raw() ? "\r" : ""; /* there a newline is only a step down */
  strv_take(&j->unsaid, xprintf("%s%s", line, back));
  job_say_rest(j, false);
}

void job_phase(struct job *j, enum phase p) {
  int64_t now = clock_ms();
  int64_t before = j->o->phases_ms[p] > 0 ? j->o->phases_ms[p] : 0;
  j->o->phases_ms[p] = before + now - j->phase_start;
  j->phase_start = now;
}
