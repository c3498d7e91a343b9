/* What run-once says: lines on stderr, each "run-once: ...". stdout is only for what was asked for. */
#ifndef CLI_SAY_H
#define CLI_SAY_H
#include "base/error.h"

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The job's voice (job/job.h, say_fn). A line that is a JSON object (--progress json) goes out as it is. */
void say_line(void *data, const char *line);
/* Says the fault and returns its exit status by the table of kinds. */
int say_fault(const struct error *err);
#endif
