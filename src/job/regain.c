#include "job/regain.h"
#include "base/clock.h"
#include "base/trace.h"
#include "job/state.h"
#include <signal.h>

#define ARRIVES_MS 1000  /* input that was sent then has arrived, when it all goes into the command's pipe */
#define PIPE_BYTES 65536 /* what that takes while nobody reads it (pipe(7)) */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
#define REPLAY_STEP_MS 100
#define REPLAY_MS 1000 /* the engine sends the events it remembers right behind the head */

static void pause_ms(struct job *j, int64_t ms) {
  for (int64_t end = clock_ms() + ms, now; (now = clock_ms()) < end && !job_gives_up(j);)
    loop_step(j->loop, (int)(end - now));
}

void job_doubt_input(struct job *j) {
  j->input_doubt = true;
  atomic_store(&j->ledger->input_complete, false);
}

/* clock_ms(); 0: its end was not sent, or it is a terminal's, or it has arrived. */
static int64_t sent_unconfirmed(const struct job *j) {
  bool counts = j->ledger->input_forwarded && !j->rt->ops->info(j->rt)->confirms_input;
  return counts ? atomic_load(&j->ledger->input_done_at) : 0;
}

/* Of more than the pipe takes, sockets and tunnels between hold megabytes for as long as the command pleases,
 * and an engine has no word for that it has taken them. */
bool job_input_held(const struct job *j) {
  return sent_unconfirmed(j) && atomic_load(&j->ledger->input_sent) > PIPE_BYTES;
}

bool job_input_between(const struct job *j) {
  int64_t done = sent_unconfirmed(j);
  if (!done) return false;
  return job_input_held(j) ? !j->died : clock_ms() - done < ARRIVES_MS;
}

/* Input that was cut cannot be resumed: a half-fed command must not count as done, and must not go on. */
static void cut_input(struct job *j) {
  if (!j->input_doubt && job_input_between(j)) {
    job_say(j, "the end of the input may not have arrived: the command is stopped");
    job_doubt_input(j);
    j->input_lost = true;
  }
  if (!j->input || input_complete(j->input)) return;
  job_say(j, "input was cut after %lld bytes: the command is stopped", (long long)input_sent(j->input));
  atomic_store(&j->ledger->input_sent, input_sent(j->input));
  input_free(j->input);
  j->input = NULL;
  j->input_lost = true;
}

/* Asks for the events again, from before the start. Whether the engine still remembers the start tells a lost
 * connection from an engine that was restarted, and every kill in between is told. */
static int replay_events(struct job *j) {
  struct error err = ERROR_INIT;
  if (job_watch(j, &err)) return -1;
  for (int64_t end = clock_ms() + REPLAY_MS; clock_ms() < end && !j->seen_start && !job_gives_up(j);)
    pause_ms(j, REPLAY_STEP_MS);
  pause_ms(j, REPLAY_STEP_MS);     /* what came behind the start */
  return job_gives_up(j) ? -1 : 0; /* not heard to the end: no start among them would prove nothing */
}

bool job_recalled(struct job *j) {
  const struct runtime_ops *ops = j->rt->ops;
  return j->seen_start || (ops->recall && ops->recall(j->rt, j->o->id, 0) == RECALL_ALL);
}

/* The start is not among the events that the engine remembers: it was restarted, or has had many others
 * since. */
static void forgotten(struct job *j, bool over) {
  const struct runtime_ops *ops = j->rt->ops;
  j->ev.end_unseen = true; /* perhaps: also one that it does not know of yet, or told and forgot */
  if (ops->memory_full && ops->memory_full(j->rt))
    j->ev.forgotten = true;
  else if (over && !ops->info(j->rt)->live_restore)
    j->ev.engine_restarted = true;
}

/* What a container writes while its engine is away waits in a pipe; when it ends there, that is lost. */
static void miss_output(struct job *j) {
  if (!j->unattended && j->o->gap < 0) j->o->gap = 0;
}

bool job_ended_away(const struct job *j) {
  int64_t ended = clock_parse_rfc3339(j->ev.state.finished_at);
  return j->back_ns && j->ev.state_read && ended && ended < j->back_ns + RUNTIME_CLOCK_NS;
}

void job_ended_unread(struct job *j) {
  if (job_ended_away(j)) miss_output(j);
}

/* An engine that was killed while it dealt with an end tells 0 of it when it is back (20.10: of a 3), or
 * takes it for running and tells a number later. */
static bool unproven(struct job *j, const struct container_state *st, bool over) {
  const struct runtime_ops *ops = j->rt->ops;
  return over ? st->exit_code == 0 : ops->alive && !ops->alive(j->rt, j->cid);
}

/* died: the end was told before contact was lost. 1: try again; 0: in contact; -1: over. */
static int try_once(struct job *j, bool died) {
  struct error err = ERROR_INIT;
  struct container_state st;
  loop_drop_connections(j->loop);
  if (j->rt->ops->connect(j->rt, &err)) return 1;
  if (j->rt->ops->state(j->rt, j->cid, &st, &err)) {
    if (err.kind != ERR_MISSING) return 1;
    j->ev.removed_first = true;
    return -1;
  }
  if (replay_events(j)) return 1;
  bool over = st.status == STATE_EXITED || st.status == STATE_DEAD;
  if (st.status == STATE_CREATED && !st.ever_started) return 1;
  bool recalled = job_recalled(j);
  if (!recalled) forgotten(j, over);
  bool told =
      recalled || died || j->ev.engine_restarted || j->ev.forgotten; /* how it ended, or that nobody knows */
  if (!told && unproven(j, &st, over)) j->ev.end_untrue = true;
  if (!recalled && !died) j->back_ns = j->rt->ops->clock_ns(j->rt);
  if (over && !recalled && !died) miss_output(j);
  trace(TRACE_JOB, "contact again: %s, events %s", over ? "ended" : "running",
        recalled ? "kept" : "forgotten");
  if (!over && j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err)) return 1;
  return rejoin_begin(j, !over) ? 1 : 0;
}

int job_regain(struct job *j) {
  int64_t backoff = BACKOFF_FIRST_MS;
  if (!j->lost_at) j->lost_at = clock_ms();
  bool said = false, died = j->died;
  event_watch_free(j->watch);
  j->watch = NULL;
  cut_input(j);
  for (;;) {
    job_streams_close(j);
    int rc = try_once(j, died);
    if (rc <= 0) {
      if (!rc && said) job_say(j, "in contact with the engine again");
      if (!rc) j->lost_at = 0, j->giving_up = false;
      if (!rc && j->input_lost) job_stop(j);
      return rc;
    }
    if (!said)
      job_say(j,
              "contact with the engine is lost; trying again for up to %lld s (interrupt twice to give up)",
              (long long)(j->req->reconnect_for / 1000));
    said = true;
    if (job_gives_up(j) || clock_ms() - j->lost_at >= j->req->reconnect_for) return -1;
    pause_ms(j, backoff);
    backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
  }
}
