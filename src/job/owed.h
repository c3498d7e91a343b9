/* Carries out what job_next() answers, as far as it needs no more than looking, fencing and removing. What is
 * left over (go on, follow, record, leave) is returned to the caller, who does it, corrects the facts and
 * calls again: launcher   after a create or start whose answer was lost (begin.c), and for the removal at the
 * end (end.c) guardian   after the launcher's death (takeover.c) settler    for a job that nobody looks after
 * (settle.c) */
#ifndef JOB_OWED_H
#define JOB_OWED_H
#include "job/next.h"
#include "runtime/runtime.h"

struct owed {
  struct runtime *rt;
  struct loop *loop;
  const char *job_id;
  char *cid;             /* the engine's id; NULL: to be found by the label. Owned */
  int64_t reconnect_for; /* ms without contact until contact_over */
  struct facts f;
  struct container_state state; /* if f.seen is CREATED, RUNNING or ENDED */
  struct error fault;           /* the last one, for messages */
  bool taken;                   /* away by our own removal, and its answer was there */
  bool doubt; /* a removal was not answered: the engine may have lost the container, and not its volumes */
  const bool *give_up;          /* set by a signal: the user does not want to wait any more. NULL: never */
  int64_t began, lost, refused; /* clock_ms() of the first look, of the first one without contact, of the
                                   first removal that was refused; 0 none */
};
/* Blocks in the loop, at most until a request in flight cannot arrive any more (30 s for a create, 10 s for a
 * start) or contact_over. Returns one of START, FOLLOW, RECORD_*, DONE, LEAVE. */
enum action owed_run(struct owed *o);
void owed_done(struct owed *o);
#endif
