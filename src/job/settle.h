/* Jobs that nobody looks after any more: launcher and guardian gone. Their outcome is read from the engine,
 * recorded, and their container removed. Never delays or fails the caller's own command. Contract section 5,
 * experiments 6. */
#ifndef JOB_SETTLE_H
#define JOB_SETTLE_H
#include "job/job.h"
#include "runtime/runtime.h"

/* A container that is the last copy of its output is kept under this name, until `jobs rm`. */
#define KEPT_PREFIX "run-once.kept."

struct job;
/* Is there anything on this engine that we may settle? The guardian then does it, after our own end. */
bool settle_wanted(struct job *j);
void settle_leftovers(struct runtime *rt, struct loop *loop, struct history *h, const char *settler);
/* What the engine alone tells about a job that has ended: the outcome of one that nobody recorded. */
void settle_outcome(struct runtime *rt, struct loop *loop, const struct job_info *info, struct outcome *ret);
/* For `jobs prune` and a lock's holder: settles one job. now: also other machines' jobs that ended just now.
 * 1: settled and removed; 0: not to be settled (runs, looked after, too young); -1: err. */
int settle_one(struct runtime *rt, struct loop *loop, struct history *h, struct job_info *info, bool now,
               const char *settler, struct error *err);
#endif
