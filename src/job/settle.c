/* Settling: what the engine still knows about a job nobody looks after becomes its record, then it is
 * removed. */
#include "job/settle.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "job/live.h"
#include "job/once.h"
#include "job/owed.h"
#include "job/remains.h"
#include "job/remember.h"
#include "job/spool.h"
#include "job/state.h"
#include "job/verdict.h"
#include <stdlib.h>
#include <string.h>

#define LEAVE_ALONE_MS 600000  /* contract section 5: jobs of other machines, by the engine's clock */
#define HALF_CREATED_MS 660000 /* the default --start-timeout and a minute */
#define OVERDUE_GRACE_MS 10000 /* the default --stop-grace */
#define HELPER_STALE_MS 600000 /* of a once-record's reader or writer: two requests take less */
#define SPOOL_MAX (64 << 20)
#define SPOOL_KEEP_MS 86400000

static bool terminal(const struct container_state *s) {
  return s->status == STATE_EXITED || s->status == STATE_DEAD;
}

static int64_t age_ms(struct runtime *rt, const char *time) {
  int64_t now = rt->ops->clock_ns(rt), then = clock_parse_rfc3339(time ? time : "");
  return now && then ? (now - then) / 1000000 : 0;
}

static bool of_this_machine(const struct job_info *i) {
  return live_here(i->host);
}

/* Kept on purpose, until its time is over: label run-once.keep = milliseconds. */
static bool kept(struct runtime *rt, const struct job_info *i) {
  if (i->name && !strncmp(i->name, KEPT_PREFIX, strlen(KEPT_PREFIX))) return true;
  const char *keep = json_string_value(json_object_get(i->labels, "run-once.keep"));
  return keep && terminal(&i->state) && age_ms(rt, i->state.finished_at) < atoll(keep);
}

static int64_t limit_ms(const struct job_info *i) {
  return i->deadline ? (int64_t)(atof(i->deadline) * 1000) : 0;
}

/* Runs past its --timeout, and nobody is there to end it: surely, or its end would be told as somebody
 * else's. */
static bool overdue(struct runtime *rt, const struct job_info *i, bool now) {
  int64_t limit = limit_ms(i), ran = age_ms(rt, i->state.started_at);
  bool running = i->state.status == STATE_RUNNING || i->state.status == STATE_PAUSED;
  return running && limit &&
         ran > limit + RUNTIME_CLOCK_NS / 1000000 + (of_this_machine(i) || now ? 0 : LEAVE_ALONE_MS);
}

static bool may_settle(struct runtime *rt, const struct job_info *i, bool now) {
  if (live_held(i->id)) return false;
  if (overdue(rt, i, now)) return true;
  if (!terminal(&i->state) && i->state.status != STATE_CREATED) return false;
  if (of_this_machine(i) || now) return true;
  if (i->state.status == STATE_CREATED) return age_ms(rt, i->state.created_at) > HALF_CREATED_MS;
  return age_ms(rt, i->state.finished_at) > LEAVE_ALONE_MS;
}

static char *copy(const char *s) {
  return s && *s ? xstrdup(s) : NULL;
}

static void outcome_of(struct runtime *rt, const struct job_info *i, struct outcome *o) {
  const struct runtime_info *info = rt->ops->info(rt);
  snprintf(o->id, sizeof o->id, "%s", i->id);
  o->release_name = copy(i->app);
  o->image = copy(i->image);
  o->lock = copy(i->lock);
  o->actor_user = copy(i->actor);
  o->actor_host = copy(i->host);
  o->reason = copy(i->reason);
  o->runtime_kind = copy(info->kind);
  o->endpoint = copy(info->endpoint);
  o->runtime_version = copy(info->version);
  o->target_kind = copy(info->target ? info->target : "container");
  o->target_namespace = copy(info->namespace);
  o->target_name = copy(i->name);
  o->target_id = copy(i->container);
  o->created_at = copy(i->state.created_at);
  o->started_at = copy(i->state.started_at);
  o->finished_at = copy(i->state.finished_at);
  for (size_t k = 0; k < i->argv.n; k++) strv_add(&o->command, i->argv.v[k]);
  if (i->state.ever_started) outcome_output_uncounted(o);
}

/* A 0 that nobody watched from before the start is a success only if the engine remembers the start and no
 * kill since. */
static void decide(struct runtime *rt, struct loop *loop, const struct job_info *i, struct outcome *o) {
  if (!i->state.ever_started) {
    struct error never = ERROR_INIT;
    error_set(&never, ERR_CANCELLED, "run-once was ended before the command began");
    outcome_not_started(o, &never);
    return;
  }
  struct memory m = remember(rt, loop, i->id, true);
  m.kill = m.kill || i->state.stopped; /* no event told of it, and yet the engine keeps it */
  struct evidence e = {
      .state_read = true, .state = i->state, .outside_kill = m.kill, .outside_signal = m.signal};
  e.our_stop = m.asked && m.kill;
  e.input_forwarded = i->open_stdin && !i->tty; /* whether its input was whole, nobody knows any more */
  e.input_cut = e.input_forwarded;
  e.forgotten = e.end_unseen = !m.start;
  e.unheard = !m.die && !rt->ops->info(rt)->state_tells_all;
  int64_t limit = limit_ms(i);
  int64_t ran =
      (clock_parse_rfc3339(i->state.finished_at) - clock_parse_rfc3339(i->state.started_at)) / 1000000;
  if (limit && ran >= limit && m.kill) e.deadline = DEADLINE_RUN;
  verdict_decide(&e, o);
}

void settle_outcome(struct runtime *rt, struct loop *loop, const struct job_info *i, struct outcome *o) {
  outcome_of(rt, i, o);
  decide(rt, loop, i, o);
}

static bool in_history(struct history *h, const char *id) {
  json_t *intent = NULL, *done = NULL;
  struct error none = ERROR_INIT;
  bool recorded = !history_find(h, id, &intent, &done, &none) && done;
  json_decref(intent);
  json_decref(done);
  return recorded;
}

static int record(struct runtime *rt, struct loop *loop, struct history *h, const struct job_info *i,
                  const char *settler, struct error *err) {
  struct outcome o;
  struct error none = ERROR_INIT;
  outcome_init(&o);
  settle_outcome(rt, loop, i, &o);
  if (i->state.ever_started &&
      spool_from_log(rt, loop, h, i->container, i->id, i->tty, SPOOL_MAX, SPOOL_KEEP_MS, &none))
    trace(TRACE_JOB, "spool of %s: %s", i->id, none.text);
  json_t *extra = json_pack("{s:s}", "settled_by", settler);
  int rc = i->once ? once_store_settled(rt, loop, i, &o, err) : 0;
  if (!rc) rc = history_append(h, "outcome", &o, extra, err);
  json_decref(extra);
  outcome_done(&o);
  return rc;
}

/* What can have happened at most: start was sent, by whoever made the container. */
static struct owed owed_of(struct runtime *rt, struct loop *loop, struct history *h,
                           const struct job_info *i) {
  struct owed o = {.rt = rt, .loop = loop, .job_id = i->id, .cid = xstrdup(i->container)};
  o.f.word = i->state.ever_started ? WORD_STARTED : WORD_STARTING;
  o.f.flight_over = true; /* nobody is there who could still be waiting for an answer */
  o.f.recorded = in_history(h, i->id);
  o.f.keep = kept(rt, i);
  return o;
}

static int settle_held(struct runtime *rt, struct loop *loop, struct history *h, struct job_info *i,
                       const char *settler, struct error *err) {
  struct owed o = owed_of(rt, loop, h, i);
  int rc = 0;
  for (enum action a; (a = owed_run(&o)) == ACT_RECORD_NEVER || a == ACT_RECORD_END;) {
    if (a == ACT_RECORD_END) i->state = o.state;
    if ((rc = record(rt, loop, h, i, settler, err))) break;
    o.f.recorded = true;
  }
  bool was_there = o.state.created_at[0] != '\0'; /* else somebody else was faster */
  if (!rc && o.f.seen == SEEN_ABSENT && was_there) rc = 1;
  if (!rc && o.f.seen == SEEN_NO_CONTACT) *err = o.fault, rc = -1;
  owed_done(&o);
  return rc;
}

int settle_one(struct runtime *rt, struct loop *loop, struct history *h, struct job_info *i, bool now,
               const char *settler, struct error *err) {
  if (!may_settle(rt, i, now)) return 0;
  int hold = live_hold(i->id); /* one settler at a time, and the next one finds the record */
  if (hold < 0 && live_possible()) return 0;
  int rc = overdue(rt, i, now) ? rt->ops->stop(rt, i->container, OVERDUE_GRACE_MS, err) : 0;
  if (rc && err->kind == ERR_MISSING) rc = 0, error_clear(err);
  if (!rc) rc = settle_held(rt, loop, h, i, settler, err);
  live_drop(i->id, hold);
  return rc;
}

/* Asked while our own command runs: one request, and only of what has ended. */
bool settle_wanted(struct job *j) {
  struct job_list list = {0};
  struct error err = ERROR_INIT;
  bool wanted = remains_wanted(j->rt);
  if (wanted) return true;
  if (j->rt->ops->jobs(j->rt, true, live_held, &list, &err)) return false;
  for (size_t k = 0; k < list.n && !wanted; k++) {
    struct job_info *i = &list.jobs[k];
    wanted = i->id && strcmp(i->id, j->o->id) != 0 && may_settle(j->rt, i, false) && !kept(j->rt, i);
  }
  job_list_done(&list);
  return wanted;
}

void settle_leftovers(struct runtime *rt, struct loop *loop, struct history *h, const char *settler) {
  struct job_list list = {0};
  struct error err = ERROR_INIT;
  spool_expire(h);
  rt->ops->claim_sweep(rt, NULL, HELPER_STALE_MS);
  if (rt->ops->jobs(rt, true, live_held, &list, &err)) return;
  for (size_t k = 0; k < list.n; k++) {
    struct error why = ERROR_INIT;
    if (list.jobs[k].id && settle_one(rt, loop, h, &list.jobs[k], false, settler, &why) < 0)
      trace(TRACE_JOB, "settling %s: %s", list.jobs[k].id, why.text);
  }
  job_list_done(&list);
  remains_settle(rt, loop, h, false, settler, NULL);
}
