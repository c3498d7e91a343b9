#include "base/clock.h"
#include "job/state.h"
#include <stdarg.h>
#include <stdio.h>

void job_say(struct job *j, const char *fmt, ...) {
  char line[ERROR_TEXT_MAX + 256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  error_one_line(line, sizeof line);
  if (j->say) j->say(j->say_data, line);
}

void job_phase(struct job *j, enum phase p) {
  int64_t now = clock_ms();
  int64_t before = j->o->phases_ms[p] > 0 ? j->o->phases_ms[p] : 0;
  j->o->phases_ms[p] = before + now - j->phase_start;
  j->phase_start = now;
}
