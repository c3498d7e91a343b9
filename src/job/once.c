#include "job/once.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/hash.h"
#include "data/json.h"
#include "job/live.h"
#include "job/lock.h"
#include "job/once_record.h"
#include "job/output.h"
#include "job/remains.h"
#include "job/state.h"
#include <stdlib.h>
#include <string.h>

#define UNRESOLVED_MS                                                                                        \
  60000 /* neither container nor record of the owner for that long (experiments.md section 6) */
#define LOOK_AGAIN_MS 250
#define LOAD_EVERY 4
#define CLAIM_FLIGHT_MS 1000 /* a claim sent by one who died then: it has arrived by now */
#define CLAIM_DEPTH 64       /* runs again of runs again */

static void hash_word(struct buf *b, const char *s) {
  buf_printf(b, "%zu:%s,", s ? strlen(s) : 0, s ? s : "");
}

/* Application, argv, image and task: another of these under the same key is refused. */
static void binding(const struct job *j, char ret[65]) {
  struct buf b;
  buf_init(&b, 8u << 20);
  hash_word(&b, j->prepared.app);
  hash_word(&b, j->prepared.image_id ? j->prepared.image_id : j->prepared.image);
  hash_word(&b, j->req->settings->task);
  for (size_t i = 0; i < j->req->settings->argv.n; i++) hash_word(&b, j->req->settings->argv.v[i]);
  sha256_hex(b.data, b.len, ret);
  buf_done(&b);
}

static char *command_text(const struct strv *argv) {
  struct buf b;
  buf_init(&b, 4096);
  for (size_t i = 0; i < argv->n; i++)
    if (buf_printf(&b, "%s%s", i ? " " : "", argv->v[i])) break;
  return buf_take(&b);
}

static json_t *claim_labels(const struct job *j) {
  char bound[65], hash[65];
  binding(j, bound);
  lock_once_hash(j->prepared.app, j->o->once, hash);
  CLEANUP_FREE char *command = command_text(&j->o->command);
  json_t *l = json_object();
  const struct {
    const char *key, *value;
  } rows[] = {{"run-once.id", j->o->id},
              {"run-once.app", j->prepared.app},
              {"run-once.once", hash},
              {"run-once.binding", bound},
              {"run-once.command", command},
              {"run-once.image", j->prepared.image},
              {"run-once.actor", j->o->actor_user},
              {"run-once.host", j->o->actor_host},
              {"run-once.task", j->req->settings->task}};
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    if (rows[i].value) json_object_set_new(l, rows[i].key, json_string(rows[i].value));
  return l;
}

static const char *get(const json_t *labels, const char *key) {
  const char *s = json_string_value(json_object_get(labels, key));
  return s ? s : "?";
}

static int mismatch(struct job *j, const json_t *owner, struct error *err) {
  CLEANUP_FREE char *command = command_text(&j->o->command);
  return error_set(err, ERR_ONCE_MISMATCH,
                   "once-key '%s' belongs to: %s (image %s, task %s, job %s); this is: %s (image %s, task "
                   "%s); use another key, or free it "
                   "with: run-once jobs rm %s",
                   j->o->once, get(owner, "run-once.command"), get(owner, "run-once.image"),
                   get(owner, "run-once.task"), get(owner, "run-once.id"), command, j->prepared.image,
                   j->req->settings->task ? j->req->settings->task : "?", get(owner, "run-once.id"));
}

static int unresolved(struct job *j, const char *id, const char *why, struct error *err) {
  return error_set(
      err, ERR_ONCE_UNRESOLVED,
      "once-key '%s': %s; look with: run-once jobs result %s, then free the key with: run-once jobs rm %s",
      j->o->once, why, id, id);
}

static void put(void *data, int fd, const char *p, size_t n) {
  output_put(data, fd, p, n);
}

static struct output *open_output(struct job *j) {
  static const struct output_handlers none = {NULL, NULL};
  struct output_options opt = {j->req->timestamps, j->req->prefix};
  struct output *out = output_new(j->loop, &opt, &none, NULL);
  output_spill(out, true);
  return out;
}

static void close_output(struct job *j, struct output *out) {
  while (!output_drained(out)) loop_step(j->loop, 1000);
  j->o->stdout_bytes = output_bytes(out, 1);
  j->o->stderr_bytes = output_bytes(out, 2);
  output_free(out);
}

/* The recorded end becomes ours; the output unless it was followed live already. */
static void replay(struct job *j, const json_t *record, bool with_output) {
  struct outcome was;
  struct error err = ERROR_INIT;
  outcome_init(&was);
  outcome_from_json(json_object_get(record, "outcome"), &was, &err);
  struct outcome *o = j->o;
  o->verdict = was.verdict;
  o->cause = was.cause;
  o->exit_code = was.exit_code;
  o->exit_status = was.exit_status;
  o->signal = was.signal;
  o->replayed = true;
  o->original_id = xstrdup(was.original_id ? was.original_id : was.id);
  free(o->message);
  o->message = TAKE(was.message);
  o->started_at = TAKE(was.started_at);
  o->finished_at = TAKE(was.finished_at);
  o->removed = true;
  outcome_done(&was);
  if (!with_output) return;
  if (!j->req->quiet)
    job_say(j, "once-key '%s' was used by job %s, which ended %.19s: its output and status follow", o->once,
            o->original_id, o->finished_at ? o->finished_at : "");
  if (once_record_dropped(record))
    job_say(j, "the first %lld bytes of its output were not kept (--once-output)",
            (long long)once_record_dropped(record));
  struct output *out = open_output(j);
  once_record_output(record, put, out);
  close_output(j, out);
}

static void answered(struct job *j) {
  struct error err = ERROR_INIT;
  if (history_append(j->history, "outcome", j->o, NULL, &err))
    job_say(j, "the outcome could not be recorded: %s", err.text);
  job_publish(j);
  atomic_store(&j->ledger->recorded, true);
  job_write_result(j);
  ledger_word(j->ledger, WORD_DONE);
}

/* --- the owner is at it: its output from the start --- */

struct live {
  struct output *out;
  bool ended;
};
static void on_output(void *data, int fd, const char *p, size_t n) {
  output_put(((struct live *)data)->out, fd, p, n);
}
static void on_end(void *data, const struct error *err) {
  ((struct live *)data)->ended = true;
  if (err) trace(TRACE_JOB, "following: %s", err->text);
}
static void on_writable(void *data) {
  (void)data;
}

static bool follow_live(struct job *j, const char *container, bool tty) {
  static const struct stream_handlers calls = {on_output, on_end, on_writable};
  struct live l = {open_output(j), false};
  struct stream *s = NULL;
  struct error err = ERROR_INIT;
  bool there = !j->rt->ops->logs(j->rt, container, tty, true, 0, &calls, &l, &s, &err);
  while (there && !l.ended && !j->sig.cancel) loop_step(j->loop, 1000);
  stream_free(s);
  bool any = output_bytes(l.out, 1) + output_bytes(l.out, 2) > 0;
  close_output(j, l.out);
  return any;
}

struct view {
  char *owner; /* job id */
  char claim[192];
  json_t *record; /* NULL: none yet */
  bool container, running, ended;
  unsigned looks;
  char cid[200];
};

static int look_container(struct job *j, struct view *v, struct error *err) {
  struct error none = ERROR_INIT;
  struct container_state st;
  char *cid = NULL;
  v->container = v->running = false;
  if (j->rt->ops->find(j->rt, v->owner, &cid, &none)) return none.kind == ERR_MISSING ? 0 : (*err = none, -1);
  snprintf(v->cid, sizeof v->cid, "%s", cid);
  free(cid);
  if (j->rt->ops->state(j->rt, v->cid, &st, &none)) return 0;
  v->container = true;
  v->running = st.status == STATE_RUNNING || st.status == STATE_PAUSED;
  v->ended = st.status == STATE_EXITED || st.status == STATE_DEAD;
  return 0;
}

/* A record is stored before the container is removed. Reading it holds the claim for a moment, in which it
 * cannot be given back: so not while it cannot be there, and of an owner that is alive only now and then. */
static int look(struct job *j, struct view *v, struct error *err) {
  struct error none = ERROR_INIT;
  const char *image = j->prepared.image_id ? j->prepared.image_id : j->prepared.image;
  v->record = NULL;
  if (look_container(j, v, err)) return -1;
  if (v->container && !v->ended) return 0;
  if (v->looks++ % LOAD_EVERY && live_held(v->owner)) return 0;
  if (!once_record_load(j->rt, v->claim, image, &v->record, &none)) return 0;
  return none.kind == ERR_MISSING ? 0 : (*err = none, -1);
}

/* The owner died before it could give its key back, and this machine's history knows that its command never
 * began. Under the owner's mark of life, so that of several who see this one frees the key, and none the next
 * owner's. */
static bool forget_dead(struct job *j, const struct view *v) {
  CLEANUP_JSON json_t *intent = NULL, *outcome = NULL, *labels = NULL;
  struct error none = ERROR_INIT;
  if (v->container) return false;
  if (history_find(j->history, v->owner, &intent, &outcome, &none))
    return none.kind == ERR_MISSING && remains_free_claim(j->rt, j->loop, v->owner, &none) > 0;
  if (!outcome) { /* nobody has ended it: what is to be found then is there at the next look */
    if (remains_settle_intent(j->rt, j->loop, j->history, v->owner, v->claim, j->o->id, &none) < 0)
      trace(TRACE_JOB, "settling %s: %s", v->owner, none.text);
    return false;
  }
  const char *verdict = json_str(outcome, "verdict");
  if (!verdict || strcmp(verdict, verdict_name(VERDICT_NOT_STARTED)) != 0) return false;
  int hold = live_hold(v->owner);
  if (hold < 0) return false;
  bool freed = !j->rt->ops->claim_read(j->rt, v->claim, &labels, &none) &&
               !strcmp(get(labels, "run-once.id"), v->owner) &&
               !j->rt->ops->claim_free(j->rt, v->claim, &none);
  live_drop(v->owner, hold);
  return freed;
}

/* Waits for the owner's record. 0: v->record is there; 1: the key was freed meanwhile; -1: err. */
static int wait_record(struct job *j, struct view *v, bool *ret_followed, struct error *err) {
  int64_t patience = clock_ms() + UNRESOLVED_MS;
  for (;;) {
    if (look(j, v, err)) return -1;
    if (v->record) return 0;
    if (forget_dead(j, v)) return 1;
    if (v->running && !*ret_followed) *ret_followed = follow_live(j, v->cid, false);
    json_t *labels = NULL;
    struct error none = ERROR_INIT;
    if (j->rt->ops->claim_read(j->rt, v->claim, &labels, &none))
      return none.kind == ERR_MISSING ? 1 : (*err = none, -1);
    bool same_owner = !strcmp(get(labels, "run-once.id"), v->owner);
    json_decref(labels);
    if (!same_owner) return 1; /* freed, and taken by another */
    if (v->running || live_held(v->owner)) patience = clock_ms() + UNRESOLVED_MS;
    if (clock_ms() > patience)
      return unresolved(j, v->owner, "the job that has it left neither a container nor a record", err);
    loop_pause(j->loop, LOOK_AGAIN_MS);
    if (job_interrupted(j, err) != ERR_NONE) return -1;
  }
}

/* What this machine's history says of the key, if the engine has forgotten it. */
struct known {
  const char *key, *app, *own;
  bool used;
  char id[32];
};
static int on_line(void *data, const json_t *line, struct error *err) {
  struct known *k = data;
  (void)err;
  const char *key = json_string_value(json_object_get(line, "once")),
             *event = json_string_value(json_object_get(line, "event"));
  const char *verdict = json_string_value(json_object_get(line, "verdict")),
             *id = json_string_value(json_object_get(line, "id"));
  const char *name = json_str(line, "release.name");
  if (!key || !event || !id || strcmp(key, k->key) || !strcmp(id, k->own) || (name && strcmp(name, k->app)))
    return 0;
  if (!strcmp(event, "freed"))
    k->used = false;
  else if (!strcmp(event, "outcome") && verdict && strcmp(verdict, "not_started") &&
           strcmp(verdict, "refused") && !json_is_true(json_object_get(line, "replayed"))) {
    k->used = true;
    snprintf(k->id, sizeof k->id, "%s", id);
  }
  return 0;
}

static int check_history(struct job *j, struct error *err) {
  struct known k = {.key = j->o->once, .app = j->prepared.app, .own = j->o->id};
  struct error none = ERROR_INIT;
  if (history_each(j->history, on_line, &k, &none) || !k.used) return 0;
  once_release(j, &none); /* else when the job is abandoned */
  return unresolved(
      j, k.id, "the engine has no record of it any more, but this machine's history knows that it was used",
      err);
}

static bool finished(const json_t *record, const char *verdict) {
  const char *v = json_str(record, "outcome.verdict");
  return v && !strcmp(v, verdict);
}

/* The answer was lost: whether it became ours is looked up when it is given back. */
static void release_doubtful(struct job *j, const char *claim) {
  struct error none = ERROR_INIT;
  j->once_ours = true;
  snprintf(j->once_claim, sizeof j->once_claim, "%s", claim);
  once_release(j, &none); /* else when the job is abandoned */
}

/* One claim of the chain. rerun: behind a failed one, of which the history knows. 0: ours. 1: answered. 2:
 * failed and to be run again: *ret_next is the next claim. -1. */
static int try_claim(struct job *j, const char *claim, bool rerun, char *ret_next, size_t size,
                     struct error *err) {
  CLEANUP_JSON json_t *mine = claim_labels(j), *owner = NULL;
  snprintf(j->ledger->once_claim, sizeof j->ledger->once_claim, "%s", claim); /* ahead of the request */
  if (j->rt->ops->claim(j->rt, claim, mine, &owner, err)) return release_doubtful(j, claim), -1;
  if (!strcmp(get(owner, "run-once.id"), j->o->id)) {
    j->once_ours = true;
    snprintf(j->once_claim, sizeof j->once_claim, "%s", claim);
    return rerun ? 0 : check_history(j, err);
  }
  j->ledger->once_claim[0] = '\0';
  if (strcmp(get(owner, "run-once.binding"), get(mine, "run-once.binding")) != 0)
    return mismatch(j, owner, err);
  CLEANUP_FREE char *id = xstrdup(get(owner, "run-once.id"));
  struct view v = {.owner = id};
  snprintf(v.claim, sizeof v.claim, "%s", claim);
  bool followed = false;
  int rc = wait_record(j, &v, &followed, err);
  if (rc) return rc < 0 ? -1 : 3;
  CLEANUP_JSON json_t *record = v.record;
  bool failed = finished(record, "failed");
  if (!failed && !finished(record, "succeeded"))
    return unresolved(j, id, "the job that has it was killed, or its end is not known", err);
  snprintf(ret_next, size, "%.64s.%s", claim, id);
  if (failed && j->req->rerun_failed && !followed) return 2;
  json_t *later = NULL;
  struct error none = ERROR_INIT;
  if (failed && !followed && !j->rt->ops->claim_read(j->rt, ret_next, &later, &none)) {
    json_decref(later);
    return 2; /* somebody ran it again: that one counts */
  }
  replay(j, record, !followed);
  return 1;
}

int once_begin(struct job *j, struct error *err) {
  char claim[192], next[192];
  if (!*j->o->once) return error_set(err, ERR_USAGE, "--once: the key is empty");
  lock_once_hash(j->prepared.app, j->o->once, claim);
  for (int i = 0; i < CLAIM_DEPTH;) {
    int rc = try_claim(j, claim, i > 0, next, sizeof next, err);
    if (rc == 1) answered(j);
    if (rc <= 1) return rc;
    if (rc == 3) continue; /* freed: the same once more */
    memcpy(claim, next, sizeof claim);
    i++;
  }
  return error_set(err, ERR_ONCE_UNRESOLVED, "once-key '%s' was run again too often", j->o->once);
}

void once_store(struct job *j) {
  struct error err = ERROR_INIT;
  if (!j->once_ours) return;
  const char *image = j->o->image_id ? j->o->image_id : j->o->image;
  bool readable = j->ev.state_read && !j->ev.removed_first;
  for (int64_t until = clock_ms() + j->req->reconnect_for;;) {
    if (!once_record_store(j->rt, j->loop, j->once_claim, image, readable ? j->cid : NULL, j->ledger->tty,
                           j->req->once_output, j->o, &err))
      return;
    if (!job_out_of_contact(&err) || clock_ms() >= until || job_reach(j, until)) break;
    error_clear(&err);
  }
  job_say(j,
          "the record of once-key '%s' could not be stored: %s; the key stays unresolved until: run-once "
          "jobs rm %s",
          j->o->once, err.text, j->o->id);
}

static int store_settled(struct runtime *rt, struct loop *loop, const struct job_info *i,
                         const struct outcome *o, struct error *err) {
  json_t *labels = NULL;
  if (rt->ops->claim_read(rt, i->once, &labels, err)) return -1;
  bool owner = !strcmp(get(labels, "run-once.id"), i->id);
  json_decref(labels);
  if (!owner) return 0;
  if (o->verdict == VERDICT_NOT_STARTED) return rt->ops->claim_free(rt, i->once, err);
  return once_record_store(rt, loop, i->once, i->image, i->container, i->tty, 1 << 20, o, err);
}

int once_store_settled(struct runtime *rt, struct loop *loop, const struct job_info *i,
                       const struct outcome *o, struct error *err) {
  struct error fault = ERROR_INIT;
  if (!store_settled(rt, loop, i, o, &fault)) return 0;
  trace(TRACE_JOB, "once-key: %s", fault.text);
  if (!job_out_of_contact(&fault)) return 0;
  *err = fault;
  return -1;
}

/* 1: it is ours, 0: another's or nobody's, -1: err. A claim of a launcher that died may still be in flight.
 */
static int owns_claim(struct job *j, struct error *err) {
  for (int64_t until = clock_ms() + (j->unattended ? CLAIM_FLIGHT_MS : 0);;) {
    json_t *labels = NULL;
    if (!j->rt->ops->claim_read(j->rt, j->once_claim, &labels, err)) {
      bool mine = !strcmp(get(labels, "run-once.id"), j->o->id);
      json_decref(labels);
      return mine;
    }
    if (err->kind != ERR_MISSING) return -1;
    error_clear(err);
    if (clock_ms() >= until) return 0;
    loop_step(j->loop, LOOK_AGAIN_MS);
  }
}

bool once_release(struct job *j, struct error *err) {
  if (!j->once_ours) return true;
  j->cleaning = true; /* the deadline or signal that ended us must not end this */
  int own = owns_claim(j, err);
  if (own < 0 || (own && j->rt->ops->claim_free(j->rt, j->once_claim, err))) return false;
  j->once_ours = false;
  j->ledger->once_claim[0] = '\0';
  return true;
}

int once_free(struct runtime *rt, const char *key_hash, struct error *err) {
  return rt->ops->claim_free(rt, key_hash, err);
}
