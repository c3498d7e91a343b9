#include "job/remains.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "job/live.h"
#include "job/once_record.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAVE_ALONE_MS 600000 /* contract section 5: of other machines, by the engine's clock */
#define YOUNG_MS 30000        /* so long a create may be under way; most arrive sooner than LOOK_MS */
#define LOOK_MS 2000
#define LOOK_AGAIN_MS 100
#define STALE_S 86400 /* of a mark of life; a command that runs longer has its container to tell of it */
#define WANTED_S 3600

static void tell(struct strv *told, const char *id, const char *what) {
  if (told) strv_take(told, xprintf("job %s: %s", id, what));
}

/* --- volumes --- */

static bool list_leftovers(struct runtime *rt, struct leftover_list *ret) {
  struct error err = ERROR_INIT;
  if (!rt->ops->leftovers) return false;
  if (!rt->ops->leftovers(rt, ret, &err)) return true;
  trace(TRACE_JOB, "leftovers: %s", err.text);
  return false;
}

static bool remove_volume(struct runtime *rt, const struct leftover *l) {
  struct error err = ERROR_INIT;
  if (!rt->ops->leftover_remove(rt, l, &err)) return true;
  trace(TRACE_JOB, "volume of %s: %s", l->job_id, err.text);
  return false;
}

void remains_of(struct runtime *rt, const char *job_id) {
  struct leftover_list list = {0};
  if (!list_leftovers(rt, &list)) return;
  for (size_t i = 0; i < list.n; i++)
    if (!list.items[i].claim && !strcmp(list.items[i].job_id, job_id)) remove_volume(rt, &list.items[i]);
  leftover_list_done(&list);
}

/* A container that is being created refers to its volumes before it is listed; the engine itself refuses
 * then. */
static bool may_remove(struct runtime *rt, const struct leftover *l, bool now) {
  if (l->claim || live_held(l->job_id)) return false;
  if (now || live_here(l->host)) return true;
  int64_t clock = rt->ops->clock_ns(rt);
  return clock && l->made_ns && (clock - l->made_ns) / 1000000 > LEAVE_ALONE_MS;
}

static void settle_volumes(struct runtime *rt, const struct leftover_list *list, bool now,
                           struct strv *told) {
  for (size_t i = 0; i < list->n; i++)
    if (may_remove(rt, &list->items[i], now) && remove_volume(rt, &list->items[i]))
      tell(told, list->items[i].job_id, "a volume that it left was removed");
}

/* --- intents --- */

static json_t *find_intent(struct history *h, const char *job_id) {
  json_t *intent = NULL, *outcome = NULL;
  struct error none = ERROR_INIT;
  if (history_find(h, job_id, &intent, &outcome, &none)) return NULL;
  bool open = intent && !outcome; /* "freed" stands where an outcome would: an operator has looked */
  json_decref(outcome);
  if (open) return intent;
  json_decref(intent);
  return NULL;
}

/* Our clock wrote the line; the engine tells its events by its own. */
static int64_t begun_ns(struct runtime *rt, const json_t *intent) {
  const char *at = json_str(intent, "at");
  int64_t ns = clock_parse_rfc3339(at ? at : ""), engine = rt->ops->clock_ns(rt);
  return ns && engine ? ns + engine - clock_wall_ns() : 0;
}

/* 1: there is none. A create that arrives yet later is never started: its launcher alone would have done it.
 * The next settler removes it. */
static int no_container(struct runtime *rt, struct loop *loop, const char *job_id, int64_t begun,
                        struct error *err) {
  int64_t until = clock_ms() + (rt->ops->clock_ns(rt) - begun < YOUNG_MS * INT64_C(1000000) ? LOOK_MS : 0);
  for (;;) {
    CLEANUP_FREE char *cid = NULL;
    struct error seen = ERROR_INIT;
    if (!rt->ops->find(rt, job_id, &cid, &seen)) return 0;
    if (seen.kind != ERR_MISSING) {
      *err = seen;
      return -1;
    }
    if (clock_ms() >= until) return 1;
    loop_pause(loop, LOOK_AGAIN_MS);
  }
}

static void take_end(struct outcome *o, const json_t *record) {
  struct outcome was;
  struct error none = ERROR_INIT;
  outcome_init(&was);
  if (!outcome_from_json(json_object_get(record, "outcome"), &was, &none)) {
    o->verdict = was.verdict;
    o->cause = was.cause;
    o->exit_code = was.exit_code;
    o->exit_status = was.exit_status;
    o->signal = was.signal;
    o->message = TAKE(was.message);
    o->started_at = TAKE(was.started_at);
    o->finished_at = TAKE(was.finished_at);
  }
  outcome_done(&was);
}

/* A start is sent only to a container that is there: one that was never made, or made and never started, has
 * never run. */
static void decide(struct runtime *rt, int64_t begun, struct outcome *o) {
  enum recall r = rt->ops->recall && begun ? rt->ops->recall(rt, o->id, begun) : RECALL_NOT_TOLD;
  if (r == RECALL_NEVER || r == RECALL_MADE) {
    struct error never = ERROR_INIT;
    error_set(&never, ERR_CANCELLED, "run-once was ended before the command began");
    outcome_not_started(o, &never);
    return;
  }
  o->verdict = VERDICT_UNKNOWN;
  o->exit_status = 120;
  o->cause = r >= RECALL_STARTED ? CAUSE_REMOVED_UNREAD : CAUSE_CONTACT_LOST;
  o->message = xstrdup(
      r >= RECALL_STARTED ? "it began, and its container was removed before anybody read its end"
                          : "run-once was killed, and the engine neither has a container of it nor remembers "
                            "whether there ever was one");
}

/* The record under the key, by whoever settled it, is the end. Without one it gets ours, so that callers need
 * not wait for it; a key whose command never began is given back once the history has the line. */
static void resolve(struct runtime *rt, struct loop *loop, const char *claim, int64_t begun,
                    struct outcome *o) {
  const char *image = o->image_id ? o->image_id : o->image;
  struct error err = ERROR_INIT;
  json_t *record = NULL;
  if (claim && !once_record_load(rt, claim, image, &record, &err)) {
    take_end(o, record);
    json_decref(record);
    return;
  }
  bool missing = claim && err.kind == ERR_MISSING;
  decide(rt, begun, o);
  if (missing && o->verdict != VERDICT_NOT_STARTED &&
      once_record_store(rt, loop, claim, image, NULL, false, 0, o, &err))
    trace(TRACE_JOB, "once-record of %s: %s", o->id, err.text);
}

static int record(struct runtime *rt, struct history *h, const char *claim, const char *settler,
                  struct outcome *o, struct error *err) {
  CLEANUP_JSON json_t *extra = json_pack("{s:s}", "settled_by", settler);
  struct error none = ERROR_INIT;
  if (history_append(h, "outcome", o, extra, err)) return -1;
  if (claim && o->verdict == VERDICT_NOT_STARTED && rt->ops->claim_free(rt, claim, &none))
    trace(TRACE_JOB, "once-key of %s: %s", o->id, none.text); /* the next caller gives it back (once.c) */
  return 1;
}

static int settle_held(struct runtime *rt, struct loop *loop, struct history *h, const char *job_id,
                       const char *claim, const char *settler, struct error *err) {
  CLEANUP_JSON json_t *intent = find_intent(h, job_id);
  if (!intent || !live_here(json_str(intent, "actor.host"))) return 0;
  int64_t begun = begun_ns(rt, intent);
  int rc = no_container(rt, loop, job_id, begun, err);
  if (rc <= 0) return rc;
  struct outcome o;
  outcome_init(&o);
  rc = outcome_from_json(intent, &o, err);
  if (!rc) {
    resolve(rt, loop, claim, begun, &o);
    rc = record(rt, h, claim, settler, &o, err);
  }
  outcome_done(&o);
  return rc;
}

int remains_settle_intent(struct runtime *rt, struct loop *loop, struct history *h, const char *job_id,
                          const char *claim, const char *settler, struct error *err) {
  if (live_held(job_id)) return 0;
  int hold = live_hold(job_id);
  if (hold < 0) return 0; /* without a mark of life nobody can tell that its launcher is gone */
  int rc = settle_held(rt, loop, h, job_id, claim, settler, err);
  live_drop(job_id, hold);
  return rc;
}

static const struct leftover *claim_of(const struct leftover_list *list, const char *job_id) {
  for (size_t i = 0; i < list->n; i++)
    if (list->items[i].claim && !strcmp(list->items[i].job_id, job_id)) return &list->items[i];
  return NULL;
}

/* The key is taken before the intent is written, and nothing is made before that. */
static int free_claim(struct runtime *rt, struct loop *loop, const struct leftover *claim,
                      struct error *err) {
  if (!live_died(claim->job_id) || !live_here(claim->host) || !claim->made_ns || !rt->ops->recall) return 0;
  int hold = live_hold(claim->job_id);
  if (hold < 0) return 0;
  int rc = no_container(rt, loop, claim->job_id, claim->made_ns, err);
  enum recall r = rc > 0 ? rt->ops->recall(rt, claim->job_id, claim->made_ns) : RECALL_NOT_TOLD;
  if (rc > 0) rc = r == RECALL_NEVER || r == RECALL_MADE;
  if (rc > 0 && rt->ops->claim_free(rt, claim->name, err)) rc = -1;
  if (rc > 0)
    live_drop(claim->job_id, hold);
  else
    close(hold);
  return rc;
}

int remains_free_claim(struct runtime *rt, struct loop *loop, const char *job_id, struct error *err) {
  struct leftover_list list = {0};
  if (!live_died(job_id) || !list_leftovers(rt, &list)) return 0;
  const struct leftover *claim = claim_of(&list, job_id);
  int rc = claim ? free_claim(rt, loop, claim, err) : 0;
  leftover_list_done(&list);
  return rc;
}

/* {id: intent} of those without an outcome. */
static int on_line(void *data, const json_t *line, struct error *err) {
  json_t *open = data;
  const char *id = json_str(line, "id"), *event = json_str(line, "event");
  (void)err;
  if (!id || !event) return 0;
  if (!strcmp(event, "intent"))
    json_object_set(open, id, (json_t *)line);
  else
    json_object_del(open, id);
  return 0;
}

/* Meant for this engine: reached by the same name, or its once-key is here. */
static bool of_this_engine(struct runtime *rt, const json_t *intent, const struct leftover *claim) {
  const char *endpoint = json_str(intent, "runtime.endpoint");
  return claim || (endpoint && !strcmp(endpoint, rt->ops->info(rt)->endpoint));
}

static void settle_intents(struct runtime *rt, struct loop *loop, struct history *h,
                           const struct leftover_list *list, const char *settler, struct strv *told) {
  CLEANUP_JSON json_t *open = json_object();
  json_t *intent;
  struct error err = ERROR_INIT;
  const char *id;
  if (history_each(h, on_line, open, &err)) return;
  json_object_foreach(open, id, intent) {
    const struct leftover *claim = claim_of(list, id);
    if (!of_this_engine(rt, intent, claim)) continue;
    int rc = remains_settle_intent(rt, loop, h, id, claim ? claim->name : NULL, settler, &err);
    if (rc > 0) tell(told, id, "settled: nothing of it is on the engine");
    if (rc < 0) trace(TRACE_JOB, "settling %s: %s", id, err.text);
    error_clear(&err);
  }
}

/* --- */

static bool known(struct history *h, const char *job_id, bool *ret_ended) {
  json_t *intent = NULL, *outcome = NULL;
  struct error none = ERROR_INIT;
  bool found = !history_find(h, job_id, &intent, &outcome, &none);
  *ret_ended = outcome != NULL;
  json_decref(intent);
  json_decref(outcome);
  return found;
}

static void settle_claims(struct runtime *rt, struct loop *loop, struct history *h,
                          const struct leftover_list *list, struct strv *told) {
  for (size_t i = 0; i < list->n; i++) {
    const struct leftover *l = &list->items[i];
    struct error err = ERROR_INIT;
    bool ended;
    if (!l->claim || !live_died(l->job_id) || known(h, l->job_id, &ended)) continue;
    int rc = free_claim(rt, loop, l, &err);
    if (rc > 0) tell(told, l->job_id, "its once-key is free: it ended before it began");
    if (rc < 0) trace(TRACE_JOB, "once-key of %s: %s", l->job_id, err.text);
  }
}

/* --- marks of life --- */

static bool gather(void *data, const char *job_id, int64_t age_s) {
  if (age_s > STALE_S)
    live_forget(job_id);
  else
    json_object_set_new(data, job_id, json_true());
  return false;
}

static int forget_ended(void *data, const json_t *line, struct error *err) {
  const char *id = json_str(line, "id"), *event = json_str(line, "event");
  (void)err;
  if (id && event && strcmp(event, "intent") != 0 && !json_object_del(data, id)) live_forget(id);
  return 0;
}

/* A mark has done its duty when the history has an end, or when nobody could do anything with it. The history
 * is read once for all of them: those of other engines and histories stay, and may be many. */
static void settle_marks(struct history *h) {
  CLEANUP_JSON json_t *dead = json_object();
  struct error err = ERROR_INIT;
  live_dead(NULL, 0, gather, dead);
  if (json_object_size(dead) && history_each(h, forget_ended, dead, &err))
    trace(TRACE_JOB, "marks of life: %s", err.text);
}

void remains_settle(struct runtime *rt, struct loop *loop, struct history *h, bool now, const char *settler,
                    struct strv *told) {
  struct leftover_list list = {0};
  bool listed = list_leftovers(rt, &list);
  if (listed) settle_volumes(rt, &list, now, told);
  if (listed || !rt->ops->leftovers) settle_intents(rt, loop, h, &list, settler, told);
  settle_claims(rt, loop, h, &list, told);
  leftover_list_done(&list);
  settle_marks(h);
}

static bool any(void *data, const char *job_id, int64_t age_s) {
  (void)data, (void)job_id, (void)age_s;
  return true;
}

/* One that could not be settled in that time is of another engine or history. */
bool remains_wanted(struct runtime *rt) {
  return live_dead(rt->ops->info(rt)->endpoint, WANTED_S, any, NULL);
}
