/* What is owed next to a job, as a pure function of what is known of it: the one transition function that
 * launcher, guardian and settler share. owed.c carries its answers out; tests/unit/test_next.c enumerates it
 * in every order of lost answers, deaths, engine restarts and ends of the command.
 *
 * The word (ledger.h) is the most that can have happened, `seen` what the engine said last. Contract
 * section 5. */
#ifndef JOB_NEXT_H
#define JOB_NEXT_H
#include "job/ledger.h"
#include <stdbool.h>

enum seen {
  SEEN_NOTHING,    /* not looked yet, or something was done since */
  SEEN_NO_CONTACT, /* no answer */
  SEEN_ABSENT,     /* the engine has no such container */
  SEEN_CREATED,    /* there, never started */
  SEEN_RUNNING,
  SEEN_ENDED
};

struct facts {
  enum word word;
  enum seen seen;
  bool forward;      /* the launcher wants the command to run; else only what is owed */
  bool flight_over;  /* a create or start that was sent cannot arrive any more */
  bool fenced;       /* absent by our own removal without force of a container that had not started */
  bool recorded;     /* an outcome line is written */
  bool keep;         /* the ended container stays, by --keep */
  bool contact_over; /* --reconnect-for has passed */
  bool give_up;      /* the user does not wait any longer: the guardian goes on looking */
};

enum action {
  ACT_CREATE,         /* send create, once */
  ACT_START,          /* send start, once */
  ACT_LOOK,           /* find by label, read the state */
  ACT_FENCE,          /* remove without force: fails on a running container, bars a start in flight */
  ACT_FOLLOW,         /* wait for the end */
  ACT_RECORD_NEVER,   /* outcome: the command never began */
  ACT_RECORD_END,     /* outcome by the terminal state */
  ACT_RECORD_UNKNOWN, /* outcome: it is gone, and nobody read its end */
  ACT_REMOVE,         /* of an ended, recorded container; without force */
  ACT_DONE,           /* nothing is owed */
  ACT_LEAVE           /* cannot be told now: the guardian, or the next run, settles */
};
enum action job_next(const struct facts *f);
const char *action_name(enum action a);
#endif
