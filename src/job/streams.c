/* What comes from the container: output, the events about it, and the input that goes there. Callbacks only
 * note; run.c acts. */
#include "base/clock.h"
#include "base/trace.h"
#include "job/state.h"
#include <signal.h>

#define CLOCK_MS 60000 /* what two clocks drift apart in that time does not count */

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct job *j = data;
  j->last_output = clock_ms();
  atomic_store(&j->ledger->last_output, j->last_output);
  output_put(j->output, fd, p, n);
}

static void note_gap(struct job *j, const char *why) {
  if (j->o->gap >= 0) return;
  j->o->gap = 0;
  j->gap_why = why;
}

static void on_end(void *data, const struct error *err) {
  struct job *j = data;
  trace(TRACE_JOB, "stream ended%s%s", err ? ": " : "", err ? err->text : "");
  j->stream_ended = true;
  j->stream_cut = err != NULL;
  j->stream_ended_at = clock_ms();
  if (j->stream && stream_gap(j->stream)) note_gap(j, stream_gap(j->stream));
  if (j->input) input_stream(j->input, NULL);
}

static void on_writable(void *data) {
  struct job *j = data;
  if (j->input) input_writable(j->input);
}

static const struct stream_handlers stream_calls = {on_output, on_end, on_writable};

static bool on_ready(void *data, int fd) {
  return output_ready(((struct job *)data)->output, fd);
}

static size_t on_move(void *data, int fd, int from, const char *p, size_t n) {
  struct job *j = data;
  size_t k = output_move(j->output, fd, from, p, n);
  if (k) j->last_output = clock_ms();
  if (k) atomic_store(&j->ledger->last_output, j->last_output);
  return k;
}

static const struct stream_mover mover = {on_ready, on_move};

int job_attach(struct job *j, struct error *err) {
  struct settings *s = j->req->settings;
  j->stream_ended = j->stream_cut = false;
  int rc = j->rt->ops->attach(j->rt, j->cid, s->tty, s->open_stdin, &stream_calls, j, &j->stream, err);
  if (!rc) stream_set_mover(j->stream, &mover);
  if (!rc && j->rt->ops->info(j->rt)->streams_merged && !j->merged_said) {
    j->merged_said = true;
    job_say(j, "the log of this cluster does not tell stderr from stdout: all of the output is on stdout "
               "(--streams apart attaches instead)");
  }
  return rc;
}

/* Podman does not tell which signal it was: then it is one of ours as long as one is under way. */
static int which_of_ours(const struct job *j) {
  for (int signo = 1; signo < 65; signo++)
    if (j->ours[signo] > 0) return signo;
  return 0;
}

/* A kill that we did not send is somebody else's, whatever the exit status is then. */
static void note_kill(struct job *j, int signo) {
  if (!signo) signo = which_of_ours(j);
  if (signo > 0 && signo < 65 && j->ours[signo] > 0) {
    j->ours[signo]--;
    return;
  }
  if (signo == JOB_STOP_NOTICE) {
    j->stop_asked = true;
    return;
  }
  if (j->stop_asked) {
    j->ev.our_stop = true;
    atomic_store(&j->ledger->our_stop, true);
    return;
  }
  if (j->ev.outside_kill) return;
  j->ev.outside_kill = true;
  j->ev.outside_signal = signo;
  atomic_store(&j->ledger->outside_kill, true);
}

/* An event is told after it happened: so far ahead at least is the engine's clock of clock_ms(), and the one
 * told soonest says it best. Clocks drift: after a minute another one has to. */
static void note_clock(struct job *j, int64_t time_ns) {
  int64_t now = clock_ms(), ahead = time_ns - now * 1000000;
  if (!time_ns || (j->ahead_at && ahead <= j->ahead_ns && now - j->ahead_at < CLOCK_MS)) return;
  j->ahead_ns = ahead;
  j->ahead_at = now;
}

int64_t job_clock(const struct job *j, int64_t engine_ns) {
  bool known = engine_ns > 0 && j->ahead_at && clock_ms() - j->ahead_at < CLOCK_MS;
  return known ? (engine_ns - j->ahead_ns) / 1000000 : 0;
}

static void on_event(void *data, enum runtime_event e, int signo, int64_t time_ns) {
  struct job *j = data;
  if (e == EVENT_LOST) {
    j->watch_lost = true;
    return;
  }
  if (e == EVENT_START) {
    j->seen_start = true; /* also in a replay: the engine still remembers, so it was not restarted */
    j->ev.start_acked = true;
  }
  if (time_ns && time_ns <= j->last_event_ns) return; /* replayed after a new subscription */
  j->last_event_ns = time_ns;
  note_clock(j, time_ns);
  trace(TRACE_JOB, "event %d signal %d", (int)e, signo);
  if (e == EVENT_KILL)
    note_kill(j, signo);
  else if ((e == EVENT_STOP || e == EVENT_RESTART) && !j->ev.outside_kill && !j->ev.our_stop)
    j->ev.outside_kill = true;
  else if (e == EVENT_NODE_LOST)
    j->node_lost = true;
  else if (e == EVENT_DIE) {
    if (!j->died) j->died_at = clock_ms(), j->died_ns = time_ns;
    j->died = true;
  }
}

int job_watch(struct job *j, struct error *err) {
  static const struct watch_handlers calls = {on_event};
  event_watch_free(j->watch);
  j->watch = NULL;
  j->watch_lost = j->seen_start = false;
  j->watched_at = clock_ms();
  return j->rt->ops->watch(j->rt, j->o->id, &calls, j, &j->watch, err);
}

void job_streams_close(struct job *j) {
  if (j->input) input_stream(j->input, NULL);
  stream_free(j->stream);
  j->stream = NULL;
  wait_free(j->wait);
  j->wait = NULL;
}
