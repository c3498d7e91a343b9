/* What the engine itself remembers of a job: its last events (docker keeps some hundred, and none over its
 * own restart). */
#ifndef JOB_REMEMBER_H
#define JOB_REMEMBER_H
#include "runtime/runtime.h"

struct memory {
  bool create;      /* all of it, then: an engine that was restarted since has forgotten this too */
  bool start, kill; /* a start; a kill or stop by anybody */
  bool die;         /* its end: what was done to it before has been told */
  bool asked;       /* `jobs stop` asked for it */
  int signal;       /* of the last kill */
};
/* Blocks about a third of a second in the loop; of a command that has ended seconds, with an engine that is
 * slow to tell its end. Nothing remembered: all false. */
struct memory remember(struct runtime *rt, struct loop *loop, const char *job_id, bool ended);
#endif
