/* What jobs can leave where no container tells of them any more:
 *   volumes      an engine that ended in the middle of a removal (or create) has forgotten the container
 * before its anonymous volumes; they have the job's labels intents      launcher and guardian were killed
 * between the line of an intent and a create that arrived: the history has a beginning and no end, and a
 * once-key stays taken Once-records are volumes, too, and never removed here. */
#ifndef JOB_REMAINS_H
#define JOB_REMAINS_H
#include "base/strv.h"
#include "job/record.h"
#include "runtime/runtime.h"

/* Removes the volumes of this job, whose container is gone. Best effort. */
void remains_of(struct runtime *rt, const char *job_id);
/* Volumes and intents of all jobs that nobody looks after. now: also volumes of other machines that are
 * younger than 10 minutes. told (or NULL) gets a line for each, for people. Best effort. */
void remains_settle(struct runtime *rt, struct loop *loop, struct history *h, bool now, const char *settler,
                    struct strv *told);
/* Is there anything of this machine's for remains_settle() on that engine? Asks none. */
bool remains_wanted(struct runtime *rt);
/* One job of this machine's history that has no outcome, launcher, guardian or container. claim: of its
 * once-key, if it has that; NULL: none. The outcome is that of the key's record, else not_started if the
 * engine's memory proves it, else unknown. 1: recorded; 0: not to be settled; -1: err. */
int remains_settle_intent(struct runtime *rt, struct loop *loop, struct history *h, const char *job_id,
                          const char *claim, const char *settler, struct error *err);
/* A once-key taken by a job that the history does not know. Given back if launcher and guardian are dead for
 * certain (a mark of life in this user's folder tells) and the engine's memory proves that nothing ran. 1:
 * given back. */
int remains_free_claim(struct runtime *rt, struct loop *loop, const char *job_id, struct error *err);
#endif
