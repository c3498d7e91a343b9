/* Once-keys: a key runs at most once. Contract section 5.2, on the runtime's claims (runtime.h): a claim's
 * first maker is its owner, atomically, and its record outlives the container. The record is one file:
 *   {"outcome": result object, "output": [[1|2, base64], ...]}
 * A failed job that is run again (--rerun-failed) takes the claim KEY.JOBID, JOBID being the failed one:
 * nothing is ever deleted to be taken again, so two who try cannot both win. */
#ifndef JOB_ONCE_H
#define JOB_ONCE_H
#include "base/error.h"
#include "job/outcome.h"
#include "runtime/runtime.h"

struct job;
/* Looks the key up and claims it. 0: ours, execute. 1: answered (replayed or followed to its end; j->o is
 * complete). -1: ERR_ONCE_UNRESOLVED, ERR_ONCE_MISMATCH, or a fault. */
int once_begin(struct job *j, struct error *err);
/* Stores outcome and output under the key, before the container is removed. Nothing without --once. */
void once_store(struct job *j);
/* The same of a job that is settled. -1: contact was lost; then nothing may be recorded, the next settler
 * does all of it. Any other fault leaves the key unresolved. */
int once_store_settled(struct runtime *rt, struct loop *loop, const struct job_info *info,
                       const struct outcome *o, struct error *err);
/* The command never began: the key is free again. False: it could not be given back, j->o->message does not
 * say why; the guardian goes on trying. */
bool once_release(struct job *j, struct error *err);
/* jobs rm of a job that has a key: frees the key and what was run again under it. */
int once_free(struct runtime *rt, const char *key_hash, struct error *err);
#endif
