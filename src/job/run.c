/* While the command runs: acts on what the callbacks noted. Every call blocks in the loop, in which the
 * attached stream goes on being read, so the engine never waits for us (moby#41827). */
#include "base/clock.h"
#include "base/trace.h"
#include "io/tty.h"
#include "job/regain.h"
#include "job/state.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define NO_EFFECT_MS 3000 /* contract section 5.6 */
#define KILL_CONFIRM_MS                                                                                      \
  30000                 /* after KILL the end must have been told by then, else contact counts as lost */
#define REWATCH_MS 1000 /* an event stream that breaks at once is not asked for more often */
#define EARLY_MS 20
#define LONG_BEFORE_MS 200   /* no delay between an engine that tells both and us */
#define SURELY_BEFORE_MS 100 /* by the engine's own account */
#define OWN_DELAY_MS 10000   /* nor is one believed that is later than this by its own account */
#define SILENT_MS 2000       /* output ended, but nobody says that the container did */
#define CHECK_MS 15000       /* a suspended machine wakes up within that of a deadline that has passed */

static void earlier(int64_t *due, int64_t at) {
  if (at && (!*due || at < *due)) *due = at;
}

static void read_on(struct job *j, bool on) {
  if (j->output) output_spill(j->output, on);
  if (on && j->stream) stream_pause(j->stream, false);
}

/* Sends a signal as ours; a fault is no reason to stop: the run goes on, contact is checked by its streams.
 */
void job_signal(struct job *j, int signo) {
  struct error err = ERROR_INIT;
  if (signo < 1 || signo > 64) return;
  j->ours[signo]++;
  atomic_fetch_add(&j->ledger->sent[signo], 1);
  read_on(j, true);
  if (j->rt->ops->signal(j->rt, j->cid, signo, &err)) {
    trace(TRACE_JOB, "signal %d: %s", signo, err.text);
    bool arrived = err.kind == ERR_LOST || err.kind == ERR_TIMEOUT; /* perhaps */
    if (!arrived) j->ours[signo]--, atomic_fetch_sub(&j->ledger->sent[signo], 1);
  }
  if (!j->stopping) read_on(j, false);
}

static int signal_number(const char *name) {
  static const struct {
    const char *name;
    int no;
  } table[] = {{"TERM", SIGTERM},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},
               {"KILL", SIGKILL},   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"ABRT", SIGABRT},
               {"WINCH", SIGWINCH}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"ALRM", SIGALRM}};
  if (!strncmp(name, "SIG", 3)) name += 3;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (!strcmp(table[i].name, name)) return table[i].no;
  int n = 0;
  for (const char *p = name; *p >= '0' && *p <= '9'; p++) n = n * 10 + (*p - '0');
  if (!strncmp(name, "RTMIN", 5)) n = 34; /* docker's numbers: the C library keeps 32 and 33 */
  return n > 0 && n < 65 ? n : SIGTERM;
}

void job_stop(struct job *j) {
  if (j->stopping) return;
  j->stopping = STOP_TERM;
  j->ev.our_stop = true;
  atomic_store(&j->ledger->our_stop, true);
  read_on(j, true);
  j->kill_at = clock_ms() + j->ledger->stop_grace_ms;
  job_signal(j, signal_number(j->ledger->stop_signal));
}

static void job_kill(struct job *j) {
  j->stopping = STOP_KILL;
  j->ev.our_stop = true;
  atomic_store(&j->ledger->our_stop, true);
  j->kill_at = clock_ms() + KILL_CONFIRM_MS;
  job_signal(j, SIGKILL);
}

/* A cluster takes no signals: said once, with what the next one does, which is to stop the command. */
static void refuse_signal(struct job *j, int signo) {
  const char *name = sigabbrev_np(signo);
  bool ends = signo == SIGINT || signo == SIGTERM;
  if (!ends) {
    job_say(j, "signal %s cannot be sent to a command on a cluster", name ? name : "?");
    return;
  }
  if (j->refused_signal) {
    if (!j->stopping)
      job_say(j, "the pod is deleted; the command is killed in %lld s",
              (long long)(j->ledger->stop_grace_ms / 1000));
    job_stop(j);
    return;
  }
  j->refused_signal = true;
  job_say(j, "%s cannot be forwarded to a command on a cluster; the next one deletes its pod, which stops it",
          name ? name : "the signal");
}

static void act_signals(struct job *j) {
  struct interrupt_state *s = &j->sig;
  if (s->suspend) {
    s->suspend = false;
    tty_suspend();
    s->resized = true;
  }
  if (s->resized && j->req->settings->tty) {
    struct error err = ERROR_INIT;
    int rows, cols;
    if (!tty_size(STDOUT_FILENO, &rows, &cols)) j->rt->ops->resize(j->rt, j->cid, rows, cols, &err);
  }
  s->resized = false;
  while (s->n_pending) {
    int signo = s->pending[0];
    memmove(s->pending, s->pending + 1, sizeof *s->pending * (size_t)--s->n_pending);
    if (j->rt->ops->info(j->rt)->no_signals) {
      refuse_signal(j, signo);
      continue;
    }
    job_signal(j, signo);
    j->ev.our_signal = signo;
    if (signo != SIGINT && signo != SIGTERM) continue;
    j->no_effect_signal = signo;
    j->no_effect_at = clock_ms() + NO_EFFECT_MS;
  }
  if (j->epipe && !j->stopping) job_stop(j);
  if (s->asks == 2 && !j->stopping) {
    job_say(j, "asking the command to stop; it is killed in %lld s, or at the next interrupt",
            (long long)(j->ledger->stop_grace_ms / 1000));
    job_stop(j);
  }
  if (s->asks > 2 && j->stopping != STOP_KILL) job_kill(j);
}

static void deadline(struct job *j, enum deadline d, const char *option, int64_t ms) {
  if (j->ev.deadline || j->stopping) return;
  j->ev.deadline = d;
  atomic_store(&j->ledger->deadline_fired, (int)d);
  job_say(j, "%s of %.6g s has passed: stopping the command", option, (double)ms / 1000);
  job_stop(j);
}

static void say_no_effect(struct job *j) {
  const char *why =
      j->req->settings->init == TRI_YES
          ? ""
          : " (as process 1 of its container it ignores signals it has no handler for; --init changes that)";
  job_say(j, "signal %d was forwarded, and the command goes on%s; interrupt again to stop it",
          j->no_effect_signal, why);
}

static int64_t act_times(struct job *j) {
  int64_t now = clock_ms(), due = 0;
  const struct job_request *r = j->req;
  /* Silence while our own reader is slow is not the command's. */
  if (j->output && output_full(j->output)) {
    j->last_output = now;
    atomic_store(&j->ledger->last_output, now);
  }
  int64_t run_at = r->timeout ? j->started_at + r->timeout : 0;
  int64_t idle_at = r->idle_timeout && !j->blind ? j->last_output + r->idle_timeout : 0;
  if (run_at && now >= run_at)
    deadline(j, DEADLINE_RUN, "--timeout", r->timeout);
  else if (idle_at && now >= idle_at)
    deadline(j, DEADLINE_IDLE, "--idle-timeout", r->idle_timeout);
  if (j->seen_start) j->begin_by = 0;
  if (j->begin_by && now >= j->begin_by) deadline(j, DEADLINE_START, "--start-timeout", r->start_timeout);
  if (j->stay_until && now >= j->stay_until && !j->stopping) job_stop(j);
  if (j->stopping == STOP_TERM && now >= j->kill_at)
    job_kill(j);
  else if (j->stopping == STOP_KILL && now >= j->kill_at)
    j->unconfirmed = true;
  if (j->no_effect_at && now >= j->no_effect_at) {
    j->no_effect_at = 0;
    if (!j->stopping) say_no_effect(j);
  }
  if (r->heartbeat && now >= j->next_beat) {
    if (j->next_beat) job_say(j, "still running after %lld s", (long long)((now - j->started_at) / 1000));
    j->next_beat = now + r->heartbeat;
  }
  if (!j->stopping && !j->ev.deadline) {
    earlier(&due, run_at);
    earlier(&due, idle_at);
  }
  if (j->stream_ended && !j->unattended) earlier(&due, j->stream_ended_at + SILENT_MS + 1);
  earlier(&due, j->stopping ? 0 : j->stay_until);
  earlier(&due, j->stopping ? 0 : j->begin_by);
  earlier(&due, j->kill_at);
  earlier(&due, j->no_effect_at);
  earlier(&due, r->heartbeat ? j->next_beat : 0);
  return due;
}

enum look { LOOK_GOES_ON, LOOK_ENDED, LOOK_OVER };

static enum look regained(struct job *j) {
  return job_regain(j) ? LOOK_OVER : LOOK_GOES_ON;
}

/* The end of output and the answer of wait are hints; the state decides. OVER: gone, or contact given up. */
static enum look look(struct job *j) {
  struct error err = ERROR_INIT;
  struct container_state st;
  if (j->rt->ops->state(j->rt, j->cid, &st, &err)) {
    if (err.kind != ERR_MISSING) return regained(j);
    j->ev.removed_first = true;
    return LOOK_OVER;
  }
  if (st.status == STATE_EXITED || st.status == STATE_DEAD) {
    /* The last look, unless somebody ended it: who did may be starting it again. */
    if (j->stream_ended && !j->ev.outside_kill) job_take_state(j, &st);
    return LOOK_ENDED;
  }
  if (j->stream_ended && !j->unattended) return regained(j);
  wait_free(j->wait); /* only the wait broke off */
  j->wait = NULL;
  return j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err) ? regained(j) : LOOK_GOES_ON;
}

/* When the command ended, clock_ms(), or somewhat later: never earlier. A busy engine tells the end long
 * after it has closed the stream; but it says at what time of its clock that was. `heard`: the end was known
 * by then.
 */
static int64_t ended_at(struct job *j, int64_t heard) {
  int64_t finished = clock_parse_rfc3339(j->ev.state.finished_at);
  if (!job_clock(j, finished)) job_hear(j);
  int64_t at = job_clock(j, finished);
  if (!at || (j->died && finished > j->died_ns)) return heard;
  return at < heard && heard - at < OWN_DELAY_MS ? at : heard;
}

/* The engine closes the attached stream when the command ends, within moments of saying so. Closed well
 * before that, it was closed by something in between: the log has the rest. (Or the command closed its own
 * output: then nothing is missing.) Closed along with the events it says nothing, and neither does its end by
 * the engine's account when a network stands in between. Input whose end went just before that counts as
 * delivered only where the command had ended by then: one that went on for long was perhaps cut off from its
 * input; and what was cut along with the events may have been what gave the command an early end of its
 * input. */
static bool closed_early(struct job *j) {
  int64_t at = j->died ? j->died_at : clock_ms();
  const struct runtime_info *engine = j->rt->ops->info(j->rt);
  bool along = j->watch_lost; /* what cut the events may have cut the output, whenever that was */
  if (engine->resumes || j->unattended || j->rejoin || j->req->settings->tty)
    return false; /* the runtime knows the end, or it is joined already, or cannot be */
  if (!along && at - j->stream_ended_at <= EARLY_MS) return false;
  int64_t end = ended_at(j, at);
  bool before = end < at && end <= j->stream_ended_at; /* by the engine's own account */
  if (before && !along && !engine->remote) return false;
  j->closed_early = true;
  int64_t late = engine->tells_late_ms;
  bool long_before = end - j->stream_ended_at > (end < at ? SURELY_BEFORE_MS : LONG_BEFORE_MS) + late;
  bool held = job_input_held(j),
       just_sent = j->stream_ended_at - atomic_load(&j->ledger->input_done_at) < LONG_BEFORE_MS;
  if ((long_before && (just_sent || held)) || (along && held)) job_doubt_input(j);
  trace(TRACE_JOB, "output ended %lld ms before the command, which was told after %lld ms",
        (long long)(end - j->stream_ended_at), (long long)(at - j->stream_ended_at));
  stream_free(j->stream);
  j->stream = NULL;
  if (rejoin_begin(j, false)) j->stream_cut = j->stream_ended = true; /* contact is lost: regain */
  return true;
}

/* Nobody waits for a machine that is lost but the guardian, who has the time. */
static bool machine_lost(struct job *j) {
  if (!j->node_lost || j->died || j->unattended) return false;
  j->ev.node_lost = true;
  return true;
}

/* True: the run phase is over. */
static bool ended(struct job *j) {
  if (j->unconfirmed || machine_lost(j)) return true;
  if (j->stream_ended && j->stream_cut) return regained(j) == LOOK_OVER;
  bool waited = !j->wait || wait_done(j->wait);
  bool silent = !j->unattended && j->stream_ended && clock_ms() - j->stream_ended_at > SILENT_MS;
  if (j->stream_ended ? !(waited || j->died || silent) : !waited || j->end_seen) return false;
  enum look found = look(j);
  j->end_seen = found == LOOK_ENDED;
  /* Cut, or to be read once more (rejoin.c): known only since the state was asked for. */
  if (j->end_seen && j->stream_ended && j->stream_cut) return regained(j) == LOOK_OVER;
  if (j->end_seen && j->stream_ended && closed_early(j)) return false;
  return found == LOOK_OVER || (found == LOOK_ENDED && j->stream_ended);
}

/* 0, or when it is to be tried again. */
static int64_t rewatch(struct job *j) {
  struct error err = ERROR_INIT;
  int64_t due = j->watched_at + REWATCH_MS;
  if (clock_ms() < due) return due;
  if (job_watch(j, &err)) j->stream_cut = j->stream_ended = true; /* contact is lost: regain */
  return 0;
}

static int step_ms(int64_t due) {
  int64_t left = due ? due - clock_ms() : CHECK_MS;
  return left < 0 ? 0 : left > CHECK_MS ? CHECK_MS : (int)left + 1;
}

void job_run_phase(struct job *j) {
  if (j->req->heartbeat) j->next_beat = clock_ms() + j->req->heartbeat;
  for (;;) {
    job_say_rest(j, false);
    act_signals(j);
    int64_t due = act_times(j);
    if (j->left || j->sig.hangup) {
      j->left = true;
      return;
    }
    if (j->watch_lost) earlier(&due, rewatch(j));
    if (ended(j)) {
      job_hear_out(j);
      return;
    }
    loop_step(j->loop, step_ms(due));
  }
}
