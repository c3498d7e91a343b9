/* The verdict, as a pure function of what is known. One place; the launcher, the guardian and whoever settles
 * use it. What the runtime itself tells of an end (state.end) stands where the events would. Contract section
 * 4: succeeded needs all of: start acknowledged or a start time, a terminal state read for that very id, all
 * input delivered or none forwarded, no kill or stop that was not ours, no engine shutdown during the run
 * unless live-restore kept it. Where rows overlap: 120 if the state was not read, else 124, else 122, else
 * the command's. */
#ifndef JOB_VERDICT_H
#define JOB_VERDICT_H
#include "job/outcome.h"
#include "runtime/runtime.h"

enum deadline { DEADLINE_NONE, DEADLINE_START, DEADLINE_RUN, DEADLINE_IDLE };
struct evidence {
  bool state_read;              /* a terminal state of that very id was read */
  struct container_state state; /* if state_read */
  bool start_acked;             /* 204, or an EVENT_START */
  bool removed_first;           /* gone (404) before we could read it */
  bool detached_keys;           /* left by the detach keys */
  bool input_forwarded, input_complete;
  bool input_cut; /* the stream broke, or its feeder died, while input was owed (the command was stopped for
                     it). Without it an incomplete input means that the command ended before it took all */
  int64_t input_sent;
  bool outside_kill; /* a kill or stop event that was not ours */
  int outside_signal;
  bool our_stop;          /* jobs stop, second INT, --on-epipe stop, --on-disconnect stop */
  int our_signal;         /* a forwarded signal; 0 none */
  enum deadline deadline; /* the one that fired and that we acted on */
  bool engine_restarted;  /* without live-restore keeping it */
  bool forgotten;         /* the engine no longer tells what was done to it: a stop may be among that */
  bool unheard;           /* its end was not among the events, for as long as contact is tried for */
  bool node_lost;         /* its machine does not answer the cluster */
  bool end_untrue;        /* it was away at the end, and what it tells of that may be made up */
  bool end_unseen;        /* the engine was away: of an end that nobody saw it tells 255 */
  int64_t memory_limit;   /* for the message; 0 none */
};
/* Sets verdict, cause, message, exit_code, signal, exit_status of o. */
void verdict_decide(const struct evidence *e, struct outcome *o);
#endif
