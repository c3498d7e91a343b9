/* Signals to run-once. Before the command began INT and TERM end the whole thing; afterwards they are
 * forwarded. INTs within 500 ms count as one; a second asks the job to stop with its grace, a third kills it.
 */
#include "base/clock.h"
#include "job/state.h"
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define SAME_INT_MS 500 /* contract section 5.6 */

/* open(2) of /dev/tty says ENXIO when there is no controlling terminal, or no longer. */
bool job_has_terminal(void) {
  int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static void queue_signal(struct job *j, int signo) {
  struct interrupt_state *s = &j->sig;
  if (s->n_pending < (int)(sizeof s->pending / sizeof *s->pending)) s->pending[s->n_pending++] = signo;
}

static void on_int(struct job *j) {
  struct interrupt_state *s = &j->sig;
  int64_t now = clock_ms();
  if (s->asks && now - s->last_int < SAME_INT_MS) return;
  s->last_int = now;
  s->asks++;
  if (s->asks == 1) queue_signal(j, SIGINT);
  if (j->lost_at && s->asks > 1) j->giving_up = true;
}

/* A start that waits for the command to run can be taken back until then. */
bool job_begun(const struct job *j) {
  int word = atomic_load(&j->ledger->word);
  bool waits = j->rt && j->rt->ops->info(j->rt)->start_waits;
  return word >= (waits ? WORD_STARTED : WORD_STARTING);
}

void job_on_signal(void *data, int signo) {
  struct job *j = data;
  bool begun = job_begun(j);
  switch (signo) {
  case SIGWINCH:
    j->sig.resized = true;
    return;
  case SIGCONT:
    j->sig.resized = true;
    return;
  case SIGTSTP:
    j->sig.suspend = true;
    return;
  case SIGHUP:
    if (begun && j->sig.had_terminal && !job_has_terminal())
      j->sig.hangup = true;
    else if (begun)
      queue_signal(j, signo);
    else
      j->sig.cancel = true, j->sig.cancel_signal = signo;
    return;
  case SIGINT:
  case SIGTERM:
    if (!begun) {
      j->sig.cancel = true;
      j->sig.cancel_signal = signo;
    } else if (signo == SIGINT)
      on_int(j);
    else {
      queue_signal(j, signo);
      if (j->lost_at) j->giving_up = true;
    }
    return;
  default:
    if (begun)
      queue_signal(j, signo);
    else if (signo == SIGQUIT)
      j->sig.cancel = true, j->sig.cancel_signal = signo;
  }
}

bool job_gives_up(const struct job *j) {
  return j->giving_up || j->sig.hangup;
}

enum error_kind job_interrupted(void *data, struct error *err) {
  struct job *j = data;
  if (j->cleaning || (job_begun(j) && !job_gives_up(j))) return ERR_NONE;
  if (job_begun(j)) {
    error_set(err, ERR_CANCELLED, "not waited for any longer");
    return ERR_CANCELLED;
  }
  if (j->sig.cancel) {
    error_set(err, ERR_CANCELLED, "interrupted by signal %d before the command began", j->sig.cancel_signal);
    return ERR_CANCELLED;
  }
  if (j->start_deadline && clock_ms() >= j->start_deadline) {
    error_set(err, ERR_DEADLINE_START, "the command did not begin within --start-timeout");
    return ERR_DEADLINE_START;
  }
  return ERR_NONE;
}
