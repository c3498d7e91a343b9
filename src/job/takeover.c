/* What the guardian does once the launcher is gone. The ledger's word says the most that can have happened
 * (experiments.md section 2); from there the same steps as the launcher's are taken, without streams. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "job/guardian.h"
#include "job/once.h"
#include "job/settle.h"
#include "job/spool.h"
#include "job/state.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREATE_SEEN_MS 30000
#define START_FLIGHT_MS 10000
#define TTY_STAY_MS                                                                                          \
  600000 /* contract section 5: a terminal's command waits that long for somebody to come back */
#define LOOK_AGAIN_MS 250

static void pause_ms(struct job *j, int64_t ms) {
  for (int64_t end = clock_ms() + ms, now; (now = clock_ms()) < end;) loop_step(j->loop, (int)(end - now));
}

static void read_record(struct job *j) {
  struct error err = ERROR_INIT;
  json_t *r = json_parse(j->ledger->record, j->ledger->record_len, &err);
  if (r) outcome_from_json(r, j->o, &err);
  j->prepared.app = xstrdup(json_string_value(json_object_get(r, "run-once.app")));
  json_decref(r);
}

static int contact(struct job *j) {
  int64_t until = clock_ms() + j->req->reconnect_for;
  for (int64_t wait = 100;; wait = wait * 2 < 5000 ? wait * 2 : 5000) {
    struct error err = ERROR_INIT;
    if (!j->rt->ops->connect(j->rt, &err)) return 0;
    if (clock_ms() >= until) return -1;
    pause_ms(j, wait);
    loop_drop_connections(j->loop);
  }
}

/* The container by the ledger, or by its label while a create may be in flight. 1: found, 0: not there, -1:
 * cannot tell. */
static int find(struct job *j, enum word word) {
  if (j->ledger->container_id[0]) {
    j->cid = xstrdup(j->ledger->container_id);
    return 1;
  }
  int64_t until = clock_ms() + (word == WORD_CREATE ? CREATE_SEEN_MS : 0);
  for (;;) {
    struct error err = ERROR_INIT;
    if (!j->rt->ops->find(j->rt, j->o->id, &j->cid, &err)) return 1;
    if (clock_ms() >= until) return err.kind == ERR_MISSING ? 0 : -1;
    pause_ms(j, LOOK_AGAIN_MS);
  }
}

static void never_began(struct job *j) {
  struct error err = ERROR_INIT, why = ERROR_INIT;
  if (j->cid) job_remove(j, &err);
  error_set(&why, ERR_CANCELLED, "run-once was ended before the command began");
  outcome_not_started(j->o, &why);
  once_release(j);
  if (!atomic_load(&j->ledger->recorded)) {
    history_append(j->history, "outcome", j->o, NULL, &err);
    job_write_result(j);
  }
  ledger_word(j->ledger, WORD_DONE);
}

/* A start that may be in flight: until it cannot be any longer, then by a removal that spares what runs. */
static bool began(struct job *j) {
  int64_t until = clock_ms() + START_FLIGHT_MS;
  for (;;) {
    struct error err = ERROR_INIT;
    struct container_state st;
    if (!j->rt->ops->state(j->rt, j->cid, &st, &err)) {
      if (st.status != STATE_CREATED || st.ever_started) return true;
    } else if (err.kind == ERR_MISSING) {
      j->ev.removed_first = true;
      return false;
    }
    if (clock_ms() >= until) break;
    pause_ms(j, LOOK_AGAIN_MS);
  }
  struct error err = ERROR_INIT;
  return j->rt->ops->remove(j->rt, j->cid, false, &err) != 0;
}

/* Bytes of the log are the only sign of life without the attached stream. */
static void on_output(void *data, int fd, const char *p, size_t n) {
  (void)fd, (void)p, (void)n;
  ((struct job *)data)->last_output = clock_ms();
}
static void on_end(void *data, const struct error *err) {
  (void)data, (void)err;
}
static void on_writable(void *data) {
  (void)data;
}

static void watch_idle(struct job *j) {
  static const struct stream_handlers calls = {on_output, on_end, on_writable};
  struct error err = ERROR_INIT;
  if (!j->req->idle_timeout) return;
  j->last_output = atomic_load(&j->ledger->last_output);
  int64_t since = j->rt->ops->clock_ns(j->rt);
  if (j->rt->ops->logs(j->rt, j->cid, j->ledger->tty, true, since, &calls, j, &j->stream, &err))
    trace(TRACE_JOB, "idle time cannot be told: %s", err.text);
}

static bool half_fed(const struct job *j) {
  return j->ledger->input_forwarded && !atomic_load(&j->ledger->input_complete);
}

static void follow(struct job *j) {
  struct error err = ERROR_INIT;
  for (int i = 0; i < 65; i++) j->ours[i] = atomic_load(&j->ledger->sent[i]);
  int64_t now = clock_ms();
  j->started_at = j->ledger->deadline_at && j->req->timeout ? j->ledger->deadline_at - j->req->timeout : now;
  j->last_output = now;
  if (job_watch(j, &err) || j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err))
    trace(TRACE_JOB, "following: %s", err.text); /* the run phase regains contact */
  watch_idle(j);
  bool stop = j->req->disconnect_stop || half_fed(j);
  if (stop && !atomic_load(&j->ledger->handed_over)) {
    if (j->ledger->tty)
      j->stay_until = now + TTY_STAY_MS;
    else
      job_stop(j);
  }
  job_run_phase(j);
}

static void conclude(struct job *j) {
  struct error err = ERROR_INIT;
  if (spool_from_log(j->rt, j->loop, j->history, j->cid, j->o->id, j->ledger->tty, j->req->spool_max,
                     j->req->keep_for, &err)) {
    trace(TRACE_JOB, "spool: %s", err.text);
    j->keep_anyway = true;
  }
  job_conclude(j);
}

static void settle_started(struct job *j) {
  follow(j);
  if (!j->ev.removed_first && job_read_state(j)) return; /* the next run settles */
  if (j->ev.removed_first)
    job_conclude(j);
  else
    conclude(j);
}

static void owed(struct job *j) {
  enum word word = (enum word)atomic_load(&j->ledger->word);
  struct error err = ERROR_INIT;
  j->cleaning = true;
  int there = word == WORD_INTENT ? 0 : find(j, word);
  if (there <= 0) {
    if (!there && word < WORD_STARTED) never_began(j);
    return; /* cannot tell: the next run settles */
  }
  if (word <= WORD_CREATED)
    never_began(j);
  else if (word == WORD_RECORDED)
    job_remove(j, &err) ? (void)0 : ledger_word(j->ledger, WORD_DONE);
  else if (word == WORD_STARTING && !began(j))
    never_began(j);
  else
    settle_started(j);
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
  return j;
}

void takeover(const struct guardian_task *t, bool is_owed) {
  struct outcome o;
  struct job *j = job_of(t, &o);
  if (!j || contact(j)) return;
  if (is_owed) owed(j);
  if (atomic_load(&t->ledger->settle_owed)) settle_leftovers(j->rt, j->loop, j->history, j->o->id);
}

void takeover_stop(const struct guardian_task *t) {
  struct outcome o;
  struct job *j = job_of(t, &o);
  if (!j || contact(j) || find(j, WORD_STARTED) != 1) return;
  struct error err = ERROR_INIT;
  if (j->rt->ops->wait_begin(j->rt, j->cid, false, &j->wait, &err)) return;
  j->ev.deadline = DEADLINE_RUN;
  job_stop(j);
  job_run_phase(j);
}
