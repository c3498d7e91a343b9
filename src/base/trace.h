/* --trace net,runtime,job: one line a call on stderr with the time since start, for people who look for a
 * fault. Never holds bodies, header values or anything else that may carry a secret: callers give names and
 * numbers. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H
enum trace_area { TRACE_NET = 1, TRACE_RUNTIME = 2, TRACE_JOB = 4 };
/* "net,job" or "all"; -1 for an unknown word. */
int trace_enable(const char *words);
extern unsigned trace_areas;
void trace_line(enum trace_area area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define trace(area, ...)                                                                                     \
  do {                                                                                                       \
    if (trace_areas & (area)) trace_line((area), __VA_ARGS__);                                               \
  } while (0)
#endif
