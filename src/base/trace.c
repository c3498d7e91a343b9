#include "base/trace.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned trace_areas;
static int64_t trace_start;

static const struct {
  const char *word;
  unsigned areas;
} words_known[] = {{"net", TRACE_NET},
                   {"runtime", TRACE_RUNTIME},
                   {"job", TRACE_JOB},
                   {"all", TRACE_NET | TRACE_RUNTIME | TRACE_JOB}};

static unsigned areas_of(const char *word, size_t n) {
  for (size_t i = 0; i < ARRAY_LEN(words_known); i++)
    if (strlen(words_known[i].word) == n && memcmp(words_known[i].word, word, n) == 0)
      return words_known[i].areas;
  return 0;
}

int trace_enable(const char *words) {
  unsigned areas = 0;
  for (const char *at = words;; at++) {
    size_t n = strcspn(at, ",");
    unsigned found = areas_of(at, n);
    if (!found) return -1;
    areas |= found;
    at += n;
    if (!*at) break;
  }
  trace_areas = areas;
  trace_start = clock_ms();
  return 0;
}

void trace_line(enum trace_area area, const char *fmt, ...) {
  const char *name = "";
  for (size_t i = 0; i < ARRAY_LEN(words_known); i++)
    if (words_known[i].areas == (unsigned)area) name = words_known[i].word;
  va_list args;
  char text[ERROR_TEXT_MAX];
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  error_one_line(text, sizeof text);
  int64_t ms = clock_ms() - trace_start;
  CLEANUP_FREE char *line =
      xprintf("run-once: trace %s %lld.%03d %s\n", name, (long long)(ms / 1000), (int)(ms % 1000), text);
  fd_write_all(STDERR_FILENO, line, strlen(line)); /* nothing to do about a closed stderr */
}
