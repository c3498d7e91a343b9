/* The guardian: a plain fork of the launcher, made before libcurl and anything that starts a thread, in a
 * session of its own and with none of its descriptors. It sleeps on a socket pair whose end of file means
 * that the launcher is gone (never a pid), then does what the ledger's word says is owed: follow, record,
 * remove (takeover.c). While the launcher lives it holds the deadline for one that is stopped or stuck. TERM
 * ends it: the next run settles. */
#ifndef JOB_GUARDIAN_H
#define JOB_GUARDIAN_H
#include "job/job.h"
#include "job/ledger.h"
#include <sys/types.h>

struct guardian;
struct guardian_task { /* borrowed by both sides of the fork */
  const struct job_request *req;
  const char *runtime_kind;
  const struct endpoint *endpoint;
  struct history *history;
  struct ledger *ledger;
  int live_fd; /* live.h: kept open by both, so that it is held until both are gone; -1 none */
};
/* NULL and err when the fork fails: the job must not begin without it. */
struct guardian *guardian_fork(const struct guardian_task *t, struct error *err);
/* A copy of the attached connection, to cut it loose when the launcher no longer reads (moby#41827). Wakes
 * it, too. */
void guardian_stream(struct guardian *g, int fd);
/* Tells it to look at the ledger again: a deadline was set. */
void guardian_wake(struct guardian *g);
/* Ends our side: it goes on alone, if it has anything to do. */
void guardian_release(struct guardian *g);
/* Nothing is owed by anybody, and all that it would do is exit: it is ended, and waited for, since process 1
 * does not reap everywhere. */
void guardian_dismiss(struct guardian *g);

/* takeover.c, in the guardian: what is owed after the launcher's end, by our own job (`owed`), by others
 * (ledger's settle_owed), and what is left of reading or storing a once-record (helpers). Returns when
 * nothing is. */
void takeover(const struct guardian_task *t, bool owed);
/* Ends the command of a launcher that stands still, at its deadline: stop signal, grace, KILL. Records
 * nothing. Where the launcher does not know yet that the command began, the deadline is that of the engine's
 * account, and `launcher` (whose child's child this is) may go on before it: then nothing is done. */
void takeover_stop(const struct guardian_task *t, pid_t launcher);
#endif
