/* What the guardian does once the launcher is gone. The ledger's word says the most that can have happened
 * (experiments.md section 2); from there the same steps as the launcher's are taken, without streams. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/trace.h"
#include "data/json.h"
#include "job/guardian.h"
#include "job/lock.h"
#include "job/once.h"
#include "job/owed.h"
#include "job/settle.h"
#include "job/spool.h"
#include "job/state.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLAY_MS 300 /* remembered events come right behind the head */
#define KEY_AGAIN_MS 500
#define LOOK_MS 500
#define ANSWERS_MS 200 /* the first answers have come by then: what is left to do is waiting */
#define FLIGHT_MS 2000 /* a request of one who died then: it has arrived by now */
#define TTY_STAY_MS                                                                                          \
  600000 /* contract section 5: a terminal's command waits that long for somebody to come back */

static void read_record(struct job *j) {
  int at = atomic_load(&j->ledger->record_at);
  if (!j->ledger->record[at].whole) return; /* a command of megabytes: what outcome_init() says */
  outcome_unpack(j->ledger->record[at].outcome, j->o);
  j->prepared.app = xstrdup(j->ledger->record[at].app);
}

static int contact(struct job *j) {
  return job_reach(j, clock_ms() + j->req->reconnect_for);
}

static void never_began(struct job *j) {
  struct error why = ERROR_INIT;
  error_set(&why, ERR_CANCELLED, "run-once was ended before the command began");
  outcome_not_started(j->o, &why);
  j->o->removed = true;
}

/* The key of a command that never began. False: no contact for that; the next run settles. */
static bool give_key_back(struct job *j) {
  struct error err = ERROR_INIT;
  if (j->o->verdict != VERDICT_NOT_STARTED && j->o->verdict != VERDICT_REFUSED) return true;
  for (int64_t until = clock_ms() + j->req->reconnect_for; !once_release(j, &err);) {
    trace(TRACE_JOB, "once-key: %s", err.text);
    error_clear(&err);
    if (clock_ms() >= until || contact(j)) return false;
    loop_pause(j->loop, KEY_AGAIN_MS);
  }
  return true;
}

/* Without a launcher the guardian reads the stream to see whether it is idle (a log driver may not be
 * readable). */
static void on_output(void *data, int fd, const char *p, size_t n) {
  (void)fd, (void)p, (void)n;
  ((struct job *)data)->last_output = clock_ms();
}
static void on_end(void *data, const struct error *err) {
  (void)err;
  ((struct job *)data)->blind = true; /* ended, or contact is lost: then it is read again after that */
}
static void on_writable(void *data) {
  (void)data;
}

void job_watch_idle(struct job *j) {
  static const struct stream_handlers calls = {on_output, on_end, on_writable};
  struct error err = ERROR_INIT;
  if (!j->req->idle_timeout) return;
  j->last_output = clock_ms();
  j->blind = j->rt->ops->attach(j->rt, j->cid, j->ledger->tty, false, &calls, j, &j->stream, &err) != 0;
  if (j->blind) trace(TRACE_JOB, "idle time cannot be told: %s", err.text);
}

static bool half_fed(const struct job *j) {
  return j->ledger->input_forwarded && !atomic_load(&j->ledger->input_complete);
}

/* The launcher's connection went with it, and what of the input stood in it: an engine lets go of its input
 * when it cannot write output any more, and a socket that is closed with output unread sends nothing more. */
static bool took_input(const struct job *j) {
  return atomic_load(&j->ledger->input_sent) && job_input_between(j);
}

/* The events the engine remembers tell of kills; those that the launcher sent are ours. False: contact was
 * lost before they were told. */
static bool watch_remembered(struct job *j) {
  struct error err = ERROR_INIT;
  for (int i = 0; i < 65; i++) j->ours[i] = atomic_load(&j->ledger->sent[i]);
  j->ev.outside_kill = atomic_load(&j->ledger->outside_kill);
  j->ev.start_acked = atomic_load(&j->ledger->word) >= WORD_STARTED;
  if (job_watch(j, &err)) {
    trace(TRACE_JOB, "events: %s", err.text);
    return false;
  }
  loop_pause(j->loop, REPLAY_MS);
  return !j->watch_lost;
}

static void follow(struct job *j) {
  struct error err = ERROR_INIT;
  watch_remembered(j);
  int64_t now = clock_ms();
  j->started_at = j->ledger->deadline_at && j->req->timeout ? j->ledger->deadline_at - j->req->timeout : now;
  j->last_output = now;
  if (j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err))
    trace(TRACE_JOB, "following: %s", err.text); /* the run phase regains contact */
  int64_t last = atomic_load(&j->ledger->last_output);
  job_watch_idle(j);
  if (last) j->last_output = last;
  bool stop = j->req->disconnect_stop || half_fed(j);
  if (stop && !atomic_load(&j->ledger->handed_over)) {
    if (j->ledger->tty)
      j->stay_until = now + TTY_STAY_MS;
    else
      job_stop(j);
  }
  loop_pause(j->loop, ANSWERS_MS);
  process_drop_code();
  job_run_phase(j);
}

static int spool(struct job *j) {
  for (int64_t until = clock_ms() + j->req->reconnect_for;;) {
    struct error err = ERROR_INIT;
    if (!spool_from_log(j->rt, j->loop, j->history, j->cid, j->o->id, j->ledger->tty, j->req->spool_max,
                        j->req->keep_for, &err))
      return 0;
    trace(TRACE_JOB, "spool: %s", err.text);
    if (err.http_status == 501 || err.kind == ERR_MISSING)
      return 0; /* a log driver that keeps nothing readable, a pod that is gone: to keep the rest helps nobody
                 */
    if (!job_out_of_contact(&err) || clock_ms() >= until || job_reach(j, until)) return -1;
  }
}

/* A pod that is being deleted takes its log along: there is nothing that could be kept. */
static bool vanishes(const struct container_state *s) {
  return s->end == END_DELETED || s->end == END_STOPPED || s->end == END_GONE;
}

static void conclude(struct job *j) {
  j->left = false;
  lock_let_go(j);
  if (j->ev.state_read && spool(j) && !vanishes(&j->ev.state)) j->keep_anyway = true;
  job_conclude(j);
}

/* A crash may have come between the outcome line and its word. The line then is the outcome. */
static bool recorded(struct job *j) {
  json_t *intent = NULL, *outcome = NULL;
  struct error none = ERROR_INIT;
  bool found = !history_find(j->history, j->o->id, &intent, &outcome, &none) && outcome;
  if (found && !outcome_from_json(outcome, j->o, &none)) {
    const char *hash = json_str(outcome, "hash");
    snprintf(j->o->record_hash, sizeof j->o->record_hash, "%s", hash ? hash : "");
  }
  json_decref(intent);
  json_decref(outcome);
  return found || atomic_load(&j->ledger->recorded);
}

static void take_id(struct job *j, const struct owed *o) {
  if (!j->cid && o->cid) j->cid = xstrdup(o->cid);
}

/* The end of a command that perhaps nobody watched. An engine that has forgotten the start was restarted, or
 * has had many other events: its 0 proves nothing. */
static int read_unwatched(struct job *j) {
  bool watched = j->watch != NULL;
  for (int64_t until = clock_ms() + j->req->reconnect_for; !watched && !watch_remembered(j);) {
    if (clock_ms() >= until || contact(j)) break;
    loop_pause(j->loop, LOOK_MS);
  }
  if (job_read_state(j)) return -1;
  if (!watched && !job_recalled(j)) {
    j->ev.forgotten = j->ev.end_unseen = true;
    return 0;
  }
  j->end_seen = j->ev.state_read;
  job_hear_out(j);
  return 0;
}

/* One answer of owed_run() carried out; false: that was the last. */
static bool carry_out(struct job *j, struct owed *o, enum action a) {
  take_id(j, o);
  switch (a) {
  case ACT_FOLLOW:
    if (!o->state.ever_started && j->req->start_timeout) j->begin_by = clock_ms() + j->req->start_timeout;
    follow(j);
    o->f.word = WORD_STARTED;
    o->f.seen = j->ev.removed_first ? SEEN_ABSENT : SEEN_NOTHING;
    return !j->unconfirmed;
  case ACT_RECORD_NEVER:
    never_began(j);
    if (history_append(j->history, "outcome", j->o, NULL, &o->fault)) trace(TRACE_JOB, "%s", o->fault.text);
    o->f.recorded = true;
    return true;
  case ACT_RECORD_UNKNOWN:
    j->ev.removed_first = true;
    conclude(j);
    return false;
  case ACT_RECORD_END:
    if (!read_unwatched(j)) conclude(j);
    return false;
  case ACT_DONE:
    if (o->f.seen == SEEN_ABSENT) j->o->removed = true;
    job_write_result(j);
    if (give_key_back(j)) ledger_word(j->ledger, WORD_DONE);
    return false;
  default:
    return false; /* LEAVE: the next run settles */
  }
}

static void owed(struct job *j) {
  struct owed o = {.rt = j->rt, .loop = j->loop, .job_id = j->o->id, .reconnect_for = j->req->reconnect_for};
  j->cleaning = true;
  o.f.word = (enum word)atomic_load(&j->ledger->word);
  o.f.recorded = recorded(j);
  o.f.keep = job_keeps(j);
  if (j->ledger->container_id[0]) o.cid = xstrdup(j->ledger->container_id);
  while (carry_out(j, &o, owed_run(&o))) {
  }
  owed_done(&o);
}

static struct job *job_of(const struct guardian_task *t, struct outcome *o) {
  struct job *j = xcalloc(1, sizeof *j);
  struct error err = ERROR_INIT;
  outcome_init(o);
  j->req = t->req;
  j->history = t->history;
  j->ledger = t->ledger;
  j->o = o;
  j->unattended = j->stream_ended = true;
  memcpy(j->once_claim, t->ledger->once_claim, sizeof j->once_claim);
  j->once_ours = j->once_claim[0] != '\0';
  read_record(j);
  snprintf(j->name, sizeof j->name, "%s", o->target_name ? o->target_name : "");
  j->phase_start = clock_ms();
  j->loop = loop_new();
  if (runtime_open(t->runtime_kind, j->loop, t->endpoint, &j->rt, &err)) return NULL;
  j->rt->helpers = (struct runtime_helpers){t->ledger->job_id, &t->ledger->helpers};
  return j;
}

/* Is the intent line there? Without a history there is none to be missed. */
static bool intended(struct job *j) {
  json_t *intent = NULL, *outcome = NULL;
  struct error none = ERROR_INIT;
  bool found = !history_find(j->history, j->o->id, &intent, &outcome, &none) && intent;
  json_decref(intent);
  json_decref(outcome);
  return found;
}

/* Nothing was made but perhaps a once-claim. What the launcher decided itself it has published. */
static void nothing_made(struct job *j) {
  if (!atomic_load(&j->ledger->recorded)) never_began(j);
  job_write_result(j);
  if (give_key_back(j)) ledger_word(j->ledger, WORD_DONE);
}

/* The launcher died between two requests about a once-record, and the first may still be on its way. */
static void sweep_helpers(struct job *j, int n) {
  for (int64_t until = clock_ms() + FLIGHT_MS;;) {
    n -= j->rt->ops->claim_sweep(j->rt, j->ledger->job_id, 0);
    if (n <= 0 || clock_ms() >= until) return;
    loop_pause(j->loop, LOOK_MS);
  }
}

/* The process ends behind this; what is outside of it (a tunnel) has to be ended. */
static void leave(struct job *j) {
  j->rt->ops->free(j->rt);
}

void takeover(const struct guardian_task *t, bool is_owed) {
  struct outcome o;
  struct job *j = job_of(t, &o);
  if (!j) return;
  int word = atomic_load(&t->ledger->word), helpers = atomic_load(&t->ledger->helpers);
  if (is_owed && (word == WORD_NOTHING || (word == WORD_INTENT && !intended(j)))) {
    nothing_made(j);
    is_owed = false;
  }
  if (is_owed && took_input(j)) job_doubt_input(j);
  bool settles = atomic_load(&t->ledger->settle_owed);
  if ((is_owed || settles || helpers) && !contact(j)) {
    if (is_owed) owed(j);
    if (helpers) sweep_helpers(j, helpers);
    if (settles) settle_leftovers(j->rt, j->loop, j->history, j->o->id);
  }
  leave(j);
}

/* Its start is under way as far as the launcher has seen: the deadline counts from when the engine says that
 * it began. False: it ended, cannot be told, or the launcher goes on and holds the deadline itself. */
static bool await_deadline(struct job *j, pid_t launcher) {
  while (atomic_load(&j->ledger->word) == WORD_STARTING && process_stands_still(launcher)) {
    struct error err = ERROR_INIT;
    struct container_state st;
    if (j->rt->ops->state(j->rt, j->cid, &st, &err)) {
      if (!job_out_of_contact(&err) || contact(j)) return false;
      continue;
    }
    if (st.status == STATE_EXITED || st.status == STATE_DEAD) return false;
    int64_t began = clock_parse_rfc3339(st.started_at), now = j->rt->ops->clock_ns(j->rt);
    bool over = st.ever_started && began && now >= began + j->req->timeout * 1000000 + RUNTIME_CLOCK_NS;
    if (over) return true;
    loop_pause(j->loop, LOOK_MS);
  }
  return false;
}

void takeover_stop(const struct guardian_task *t, pid_t launcher) {
  struct outcome o;
  struct job *j = job_of(t, &o);
  if (!j) return;
  struct error err = ERROR_INIT;
  j->cid = xstrdup(t->ledger->container_id);
  bool early = atomic_load(&t->ledger->word) == WORD_STARTING;
  bool due = *j->cid && !contact(j) && (!early || await_deadline(j, launcher));
  if (due && !j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err)) {
    j->ev.deadline = DEADLINE_RUN;
    atomic_store(&t->ledger->deadline_fired, (int)DEADLINE_RUN);
    job_stop(j);
    job_run_phase(j);
  }
  leave(j);
}
