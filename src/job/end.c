/* The end: terminal state, verdict, outcome line, and only then the removal. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "job/guardian.h"
#include "job/lock.h"
#include "job/once.h"
#include "job/owed.h"
#include "job/settle.h"
#include "job/state.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REMOVE_RETRY_MS 3000 /* without contact at the very end */
#define REACH_FIRST_MS 100
#define REACH_MAX_MS 5000
#define STATE_TRIES_MS 2000 /* a state that is not terminal yet, right after wait has answered */

static void replace(char **to, const char *s) {
  free(*to);
  *to = s && *s ? xstrdup(s) : NULL;
}

/* A stop by somebody else that the engine keeps, though no event told of it. A signal that we sent is kept in
 * the same way. */
static bool stopped_untold(struct job *j, const struct container_state *st) {
  bool ours = j->ev.our_stop || j->ev.deadline || atomic_load(&j->ledger->our_stop) ||
              atomic_load(&j->ledger->deadline_fired);
  if (!st->stopped || ours || j->ev.outside_kill) return false;
  for (int signo = 1; signo < 65; signo++)
    if (atomic_load(&j->ledger->sent[signo]) > 0) return false;
  return true;
}

void job_take_state(struct job *j, const struct container_state *st) {
  if (stopped_untold(j, st)) {
    j->ev.outside_kill = true;
    atomic_store(&j->ledger->outside_kill, true);
    return; /* whoever did it may be removing it: it is looked at once more when all is heard */
  }
  j->ev.state = *st;
  replace(&j->o->started_at, st->started_at);
  if (st->status == STATE_EXITED || st->status == STATE_DEAD) {
    j->ev.state_read = true;
    replace(&j->o->finished_at, st->finished_at);
  }
}

int job_read_state(struct job *j) {
  int64_t until = clock_ms() + STATE_TRIES_MS;
  for (;;) {
    struct error err = ERROR_INIT;
    struct container_state st;
    if (!j->rt->ops->state(j->rt, j->cid, &st, &err))
      job_take_state(j, &st);
    else if (err.kind == ERR_MISSING)
      j->ev.removed_first = true;
    if (j->ev.state_read || j->ev.removed_first) return 0;
    if (clock_ms() >= until) return -1;
    loop_step(j->loop, 50);
  }
}

bool job_out_of_contact(const struct error *err) {
  return err->kind == ERR_LOST || err->kind == ERR_UNREACHABLE || err->kind == ERR_TIMEOUT;
}

int job_reach(struct job *j, int64_t until) {
  for (int64_t wait = REACH_FIRST_MS;; wait = wait * 2 < REACH_MAX_MS ? wait * 2 : REACH_MAX_MS) {
    struct error err = ERROR_INIT;
    loop_drop_connections(j->loop);
    if (!j->rt->ops->connect(j->rt, &err)) return 0;
    if (clock_ms() >= until) return -1;
    loop_pause(j->loop, wait);
  }
}

void job_publish(struct job *j) {
  int at = !atomic_load(&j->ledger->record_at);
  j->ledger->record[at].whole = outcome_pack(j->o, j->ledger->record[at].outcome, LEDGER_RECORD_MAX) != 0;
  if (!j->ledger->record[at].whole) return;
  snprintf(j->ledger->record[at].app, sizeof j->ledger->record[at].app, "%s",
           j->prepared.app ? j->prepared.app : "");
  atomic_store(&j->ledger->record_at, at);
}

/* The command has ended, the reader stands still, and whoever waits has had enough. */
static bool undrained(struct job *j) {
  if (j->sig.asks < 2 && !j->sig.hangup && !j->sig.n_pending) return false;
  bool term = j->sig.asks > 1 || j->sig.hangup;
  for (int i = 0; i < j->sig.n_pending; i++) term = term || j->sig.pending[i] == SIGTERM;
  if (!term) return false;
  int64_t n = output_waiting(j->output);
  j->o->gap = (j->o->gap > 0 ? j->o->gap : 0) + n;
  job_say(j, "interrupted while %lld bytes of output still waited for a reader", (long long)n);
  return true;
}

/* Everything that was received reaches our reader before the verdict is told; a reader that is gone is not
 * waited for. */
static void drain(struct job *j) {
  j->sig.asks = j->sig.n_pending = 0; /* those were for the command */
  while (j->output && !output_drained(j->output) && !j->left && !undrained(j)) loop_step(j->loop, 1000);
  if (j->output && output_lost(j->output)) {
    j->o->gap = (j->o->gap > 0 ? j->o->gap : 0) + output_lost(j->output);
    job_say(j, "%lld bytes of output were lost: no room for a temporary file while the reader stood still",
            (long long)output_lost(j->output));
  }
}

static void record(struct job *j) {
  struct error err = ERROR_INIT;
  if (!history_append(j->history, "outcome", j->o, NULL, &err)) {
    ledger_word(j->ledger, WORD_RECORDED);
    return;
  }
  j->history_owed = true;
  job_say(j,
          "the outcome could not be recorded: %s; container %s is kept, and recorded by the next 'run-once "
          "jobs prune'",
          err.text, j->name);
}

bool job_keeps(const struct job *j) {
  enum choice_keep k = j->req->keep;
  return k == KEEP_ALWAYS || (k == KEEP_ON_FAILURE && j->o->verdict != VERDICT_SUCCEEDED);
}

/* A kept container does not hold its lock: the lock is the name. */
static void keep(struct job *j) {
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *name = xprintf("%s%s", j->keep_anyway ? KEPT_PREFIX : "run-once.", j->o->id);
  if (strcmp(name, j->name) && j->rt->ops->rename(j->rt, j->cid, name, &err))
    job_say(j, "kept container %s still holds its lock: %s", j->name, err.text);
  job_say(j, "container %s is kept; remove it with: run-once jobs rm %s", name, j->o->id);
}

int job_remove(struct job *j, struct error *err) {
  j->cleaning = true;
  int rc = j->rt->ops->remove(j->rt, j->cid, false, err);
  if (!rc) j->o->removed = true;
  return rc;
}

/* What is owed once the outcome is written; false: still owed. Without contact the guardian goes on where we
 * stop. */
static bool finish_container(struct job *j) {
  struct owed o = {.rt = j->rt,
                   .loop = j->loop,
                   .job_id = j->o->id,
                   .cid = xstrdup(j->cid),
                   .reconnect_for = REMOVE_RETRY_MS};
  bool stays = job_keeps(j) || j->keep_anyway;
  o.f = (struct facts){.word = WORD_RECORDED,
                       .seen = j->ev.removed_first ? SEEN_ABSENT : SEEN_ENDED,
                       .recorded = true,
                       .keep = stays};
  enum action a = owed_run(&o);
  j->o->removed = o.f.seen == SEEN_ABSENT;
  if (a == ACT_DONE && !j->o->removed) keep(j);
  if (a != ACT_DONE)
    job_say(j, "removing container %s failed: %s; it is removed later, or by 'run-once jobs prune'", j->name,
            o.fault.text);
  owed_done(&o);
  return a == ACT_DONE;
}

static void tell(struct job *j) {
  struct outcome *o = j->o;
  if (o->gap >= 0) {
    if (j->gap_why && !o->gap)
      job_say(j, "the output is not whole, or may not be: %s", j->gap_why);
    else if (o->gap)
      job_say(j, "output has a gap: %lld bytes are missing", (long long)o->gap);
    else
      job_say(j, "output was joined after a cut, but not exactly: some of it may be missing or repeated");
  }
  bool own = o->verdict == VERDICT_FAILED && o->exit_status >= 120 && o->exit_status <= 127;
  if (own) job_say(j, "%d is the command's own exit status", o->exit_status);
  if (o->verdict == VERDICT_SUCCEEDED || o->verdict == VERDICT_FAILED || o->verdict == VERDICT_DETACHED)
    return;
  job_say(j, "%s: %s", verdict_name(o->verdict), o->message ? o->message : cause_name(o->cause));
  if (o->verdict == VERDICT_UNKNOWN)
    job_say(j, "what became of job %s is not known; look with: run-once jobs wait %s", o->id, o->id);
}

/* The guardian does not stand where the caller stood. */
void job_write_result(struct job *j) {
  struct error err = ERROR_INIT;
  const char *where = j->req->result;
  if (!where) return;
  bool elsewhere = j->unattended && where[0] != '/' && strncmp(where, "fd:", 3) != 0;
  CLEANUP_FREE char *path = elsewhere ? xprintf("%s/%s", j->ledger->folder, where) : xstrdup(where);
  if (result_write(path, j->o, &err)) job_say(j, "%s", err.text);
}

/* The evidence that does not come by events. The ledger has the deadline that the guardian held for us. */
static void gather(struct job *j) {
  struct ledger *l = j->ledger;
  if (j->input) atomic_store(&l->input_sent, input_sent(j->input));
  j->ev.memory_limit = l->memory_limit;
  j->ev.input_forwarded = l->input_forwarded;
  j->ev.input_complete = atomic_load(&l->input_complete) && !j->input_lost && !j->input_doubt;
  j->ev.input_sent = atomic_load(&l->input_sent);
  j->ev.input_cut =
      j->input_lost || j->input_doubt || (j->unattended && l->input_forwarded && !j->ev.input_complete);
  if (!j->ev.deadline) j->ev.deadline = (enum deadline)atomic_load(&l->deadline_fired);
  if (atomic_load(&l->our_stop)) j->ev.our_stop = true;
  if (!j->output) {
    if (j->unattended) outcome_output_uncounted(j->o);
    return;
  }
  job_ended_unread(j);
  /* The end was read after all, what came behind the cut was not. */
  if (j->stream_cut && j->ev.state_read && j->o->gap < 0) j->o->gap = 0;
  j->o->stdout_bytes = output_bytes(j->output, 1);
  j->o->stderr_bytes = j->rt->ops->info(j->rt)->streams_merged ? -1 : output_bytes(j->output, 2);
}

void job_conclude(struct job *j) {
  struct outcome *o = j->o;
  j->cleaning = true;
  bool read = j->ev.state_read || j->ev.removed_first; /* by the look that ended the run phase */
  if (!read && !j->left && !j->unconfirmed && !j->ev.node_lost) job_read_state(j);
  if (j->once_ours || (j->output && !output_drained(j->output))) lock_let_go(j); /* it takes a while */
  drain(j);
  job_phase(j, PHASE_DRAIN);
  gather(j);
  if (!j->left || o->verdict != VERDICT_DETACHED) verdict_decide(&j->ev, o);
  job_publish(j);
  bool told = j->ev.state_read || j->ev.removed_first, done = false;
  bool given_up = j->ev.unheard && !j->ev.state.exit_code && job_gives_up(j); /* the guardian goes on */
  if (told && !j->left && !given_up) {
    once_store(j);
    record(j);
    event_watch_free(TAKE(j->watch)); /* what is told from now on is our own doing */
    wait_free(TAKE(j->wait));
    if (!j->history_owed) done = finish_container(j);
  } else {
    atomic_store(&j->ledger->handed_over,
                 j->left && !j->sig.hangup); /* the guardian goes on, records and removes */
  }
  job_phase(j, PHASE_REMOVE);
  tell(j);
  job_write_result(j);
  if (done) ledger_word(j->ledger, WORD_DONE);
}

/* What was made on the way is undone; what cannot be is said, and settled by the next run. */
static void undo(struct job *j) {
  if (!j->cid) return;
  struct error err = ERROR_INIT;
  job_streams_close(j);
  if (!job_remove(j, &err)) return;
  if (err.kind == ERR_CONFLICT)
    j->began_after_all = true;
  else
    job_say(j, "removing container %s failed: %s; it is removed by the next 'run-once jobs prune'", j->name,
            err.text);
}

/* The engine refused the start, and yet it runs: an end of its own is owed, not "never began". */
static void end_after_all(struct job *j) {
  struct error err = ERROR_INIT;
  job_say(j, "the engine refused the start, but the command runs: it is stopped");
  ledger_word(j->ledger, WORD_STARTED);
  j->ev.start_acked = true;
  j->started_at = j->last_output = clock_ms();
  j->unattended = j->stream_ended = true;
  if (j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err)) trace(TRACE_JOB, "%s", err.text);
  job_stop(j);
  job_run_phase(j);
  job_conclude(j);
}

void job_abandon(struct job *j, const struct error *why) {
  struct error err = ERROR_INIT;
  j->cleaning = true;
  undo(j);
  if (j->began_after_all) {
    end_after_all(j);
    return;
  }
  bool freed = (j->cid && !j->o->removed) || once_release(j, &err);
  if (!freed)
    job_say(
        j,
        "once-key '%s' could not be given back yet: %s; it is tried on, or free it with: run-once jobs rm %s",
        j->o->once, err.text, j->o->id);
  err = (struct error)ERROR_INIT;
  outcome_not_started(j->o, why);
  bool intended = atomic_load(&j->ledger->word) >= WORD_INTENT;
  const char *event = intended ? "outcome" : "refused";
  if (intended || j->o->verdict == VERDICT_REFUSED) {
    int failed = history_append(j->history, event, j->o, NULL, &err);
    if (failed) job_say(j, "the outcome could not be recorded: %s", err.text);
    job_publish(j);
    if (!failed) atomic_store(&j->ledger->recorded, true);
  }
  if (j->create_doubt)
    job_say(j, "container %s may yet appear on the engine; it is removed when it does", j->name);
  job_say(j, "%s", j->o->message);
  job_write_result(j);
  if (freed && !j->create_doubt && (!j->cid || j->o->removed)) ledger_word(j->ledger, WORD_DONE);
}
