/* Another job's output and end: `--if-locked attach`, a once-key that is running, `jobs attach`, `jobs wait`.
 * No input, no signals: INT leaves it running. */
#ifndef JOB_FOLLOW_H
#define JOB_FOLLOW_H
#include "job/job.h"
#include "runtime/runtime.h"

struct follow_options {
  bool output;           /* pass its output through (attach), else only wait */
  int64_t since_ns;      /* output from then on; 0 from the start */
  int64_t reconnect_for; /* ms */
};
/* Blocks until the job's container has ended and its output was passed on; of a container that is gone the
 * output that was kept (job/spool.h), and where none was, ret->gap is 0. So it is where the log ended before
 * what the record counts, or was cut, or is not the beginning of what was kept. Fills *ret by the record of
 * whoever looks after it when this machine has it, else from the engine's state (verdict, exit status). Does
 * not remove. */
int follow_job(struct runtime *rt, struct loop *loop, struct history *h, const char *job_id,
               const struct follow_options *opt, struct outcome *ret, struct error *err);
#endif
