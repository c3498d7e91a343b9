/* What is told only behind the end of a command: who ended it. Events come over a connection of their own,
 * and on a bad one seconds behind the state. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "job/state.h"

#define EVENTS_MS 300   /* behind the end, on a connection that does its work */
#define REPLAY_MS 1000  /* the engine sends the events it remembers right behind the head */
#define REHEAR_MS 3000  /* a connection that is silent for so long is perhaps no connection any more */
#define BACKOFF_MS 1000 /* between two attempts to subscribe */
#define FAILED_MS 10000 /* who caused a status that is no success is waited for less */

static bool heard(struct job *j, int64_t ms) {
  for (int64_t end = clock_ms() + ms, now;
       !j->died && !j->watch_lost && !job_gives_up(j) && (now = clock_ms()) < end;)
    loop_step(j->loop, (int)(end - now));
  return j->died;
}

bool job_hear(struct job *j) {
  struct error err = ERROR_INIT;
  if (!j->end_seen || j->died) return true;
  if (j->watch_lost && job_watch(j, &err)) return false;
  return heard(j, EVENTS_MS + j->rt->ops->info(j->rt)->tells_late_ms);
}

/* There is nothing that events could tell, or nobody who could tell it: an engine that was away stops
 * nothing. */
static bool explained(const struct job *j) {
  const struct evidence *e = &j->ev;
  return j->rt->ops->info(j->rt)->state_tells_all || job_ended_away(j) || e->outside_kill || e->our_stop ||
         e->deadline != DEADLINE_NONE;
}

/* Subscribes anew, from before the start. False: the engine has forgotten that start, and with it the rest.
 */
static bool ask_again(struct job *j) {
  struct error err = ERROR_INIT;
  event_watch_free(TAKE(j->watch));
  job_streams_close(j);
  loop_drop_connections(j->loop);
  if (job_watch(j, &err)) {
    trace(TRACE_JOB, "events: %s", err.text);
    j->watch_lost = true;
    loop_pause(j->loop, BACKOFF_MS);
    return true;
  }
  for (int64_t end = clock_ms() + REPLAY_MS;
       !j->seen_start && !j->died && !j->watch_lost && !job_gives_up(j) && clock_ms() < end;)
    loop_step(j->loop, REPLAY_MS / 10);
  return j->died || j->watch_lost || job_gives_up(j) || job_recalled(j);
}

/* Where a stop by somebody else may not be told at all, its `rm -f` is known by that the container has gone
 * behind its end: that end was none of the command's own. */
static bool removed_behind(struct job *j) {
  struct error err = ERROR_INIT;
  struct container_state st;
  if (j->ev.outside_kill || j->ev.our_stop || j->ev.deadline != DEADLINE_NONE) return false;
  if (!j->rt->ops->info(j->rt)->tells_late_ms) return false;
  if (!j->rt->ops->state(j->rt, j->cid, &st, &err) || err.kind != ERR_MISSING) return false;
  j->ev.removed_first = true;
  j->ev.state_read = false;
  return true;
}

static void say_waiting(struct job *j) {
  j->lost_at = clock_ms(); /* interrupts give up now */
  job_say(j, "the command has ended; waiting for the engine's events, which tell whether somebody stopped it "
             "(interrupt twice to give up)");
}

static int64_t patience(const struct job *j) {
  bool failed = j->ev.state_read && j->ev.state.exit_code != 0;
  return failed && FAILED_MS < j->req->reconnect_for ? FAILED_MS : j->req->reconnect_for;
}

void job_hear_out(struct job *j) {
  if (!j->end_seen || j->ev.unheard || j->ev.removed_first) return; /* or tried already, for long enough */
  int64_t until = clock_ms() + patience(j);
  bool told = job_hear(j) || explained(j), remembered = true;
  for (bool again = false; !told && remembered && clock_ms() < until; again = true) {
    if (job_gives_up(j) || removed_behind(j)) break;
    if (again) remembered = ask_again(j);
    told = heard(j, REHEAR_MS) || explained(j);
    if (!told && !again) say_waiting(j);
  }
  j->ev.unheard = !told;
  if (told) j->lost_at = 0;
  if (told) removed_behind(j);
}
