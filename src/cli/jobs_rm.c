/* jobs rm: what is left of a job, and its --once key: an operator has looked at what happened. */
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/jobs.h"
#include "cli/say.h"
#include "data/json.h"
#include "job/live.h"
#include "job/lock.h"
#include "job/once.h"
#include "job/settle.h"
#include <string.h>

#define READ_MS 3000
#define LOOK_MS 250

enum { REFUSED = 121 };

/* 1: the key is nobody's now; 0: another job holds it; -1: err. */
static int free_claim(struct jobs *j, const char *id, const char *hash, struct error *err) {
  struct runtime *rt = j->engine.rt;
  CLEANUP_JSON json_t *labels = NULL;
  if (rt->ops->claim_read(rt, hash, &labels, err) < 0) {
    if (err->kind != ERR_MISSING) return -1;
    error_clear(err);
    return 1;
  }
  const json_t *owner = json_object_get(labels, "run-once.id");
  if (!json_is_string(owner) || strcmp(json_string_value(owner), id) != 0) return 0;
  return once_free(rt, hash, err) < 0 ? -1 : 1;
}

/* The history would go on refusing the key: it is told that the key is free (job/once.c reads "freed"). */
static int record_freed(struct jobs *j, const json_t *line, struct error *err) {
  struct outcome o;
  outcome_init(&o);
  int result = outcome_from_json(line, &o, err);
  bool used = o.verdict != VERDICT_REFUSED && o.verdict != VERDICT_NOT_STARTED && !o.replayed;
  if (result == 0 && used) result = history_append(j->history, "freed", &o, NULL, err);
  outcome_done(&o);
  return result;
}

/* hash: as the container's label has it; NULL: it is found by the history's key and application. */
static int free_key(struct jobs *j, const char *id, const char *hash, const json_t *line, struct error *err) {
  const char *key = line ? json_str(line, "once") : NULL, *app = line ? json_str(line, "release.name") : NULL;
  char computed[65];
  if (!hash && key && app) {
    lock_once_hash(app, key, computed);
    hash = computed;
  }
  int freed = hash ? free_claim(j, id, hash, err) : 0;
  if (freed <= 0 || !key) return freed < 0 ? -1 : 0;
  return record_freed(j, line, err);
}

/* --force: ended as by `jobs stop` without a grace, so that it is recorded as that, and not as a container
 * that was gone. Whoever looks after the job reads the end and removes it; if nobody does, in a moment, we
 * do. What does not end is left to the removal. */
static int end_first(struct jobs *j, struct job_info *info, struct error *err) {
  struct runtime *rt = j->engine.rt;
  struct error unsaid = ERROR_INIT;
  (void)rt->ops->signal(rt, info->container, JOB_STOP_NOTICE, &unsaid);
  (void)rt->ops->stop(rt, info->container, 0, &unsaid);
  for (int64_t end = clock_ms() + READ_MS;;) {
    if (rt->ops->state(rt, info->container, &info->state, err) < 0) return -1;
    if (clock_ms() >= end) return 0;
    loop_pause(j->engine.loop, LOOK_MS);
  }
}

static int remove_container(struct cli *c, struct jobs *j, struct job_info *info, struct error *err) {
  struct runtime *rt = j->engine.rt;
  bool live = state_live(&info->state), force = option_flag(&c->opts, OPT_FORCE);
  if (live && !force) {
    say("job %s: it is running: refused; stop it first, or use --force", info->id);
    return REFUSED;
  }
  if (live && end_first(j, info, err) < 0) return err->kind == ERR_MISSING ? 0 : -1;
  if (!state_live(&info->state)) { /* its outcome may still be owed to the history */
    int settled = settle_one(rt, j->engine.loop, j->history, info, true, "jobs rm", err);
    if (settled == 1) return 0;
    if (settled < 0) return -1;
  }
  return rt->ops->remove(rt, info->container, state_live(&info->state), err);
}

/* A key taken by a job of which neither container nor history tells: the key's record does. 1: freed. */
static int free_unknown(struct jobs *j, const char *word, struct error *err) {
  struct runtime *rt = j->engine.rt;
  struct leftover_list list = {0};
  int rc = 0;
  if (!rt->ops->leftovers || rt->ops->leftovers(rt, &list, err) < 0) return rt->ops->leftovers ? -1 : 0;
  for (size_t i = 0; i < list.n && !rc; i++) {
    if (!list.items[i].claim || strcmp(list.items[i].job_id, word) != 0) continue;
    rc = live_held(word) ? 0 : once_free(rt, list.items[i].name, err) < 0 ? -1 : 1;
  }
  leftover_list_done(&list);
  return rc;
}

static int rm_one(struct cli *c, struct jobs *j, const char *word) {
  struct error err = ERROR_INIT, no_record = ERROR_INIT;
  struct job_info *info = NULL;
  CLEANUP_JSON json_t *intent = NULL, *outcome = NULL;
  int result = jobs_find(j, word, &info, &err);
  if (result < 0 && err.kind != ERR_MISSING) return say_fault(&err);
  if (info && (result = remove_container(c, j, info, &err)) != 0)
    return result < 0 ? say_fault(&err) : result;
  if (j->history) (void)history_find(j->history, info ? info->id : word, &intent, &outcome, &no_record);
  const json_t *line = outcome ? outcome : intent;
  if (!info && no_record.kind == ERR_USAGE) return say_fault(&no_record);
  if (!info && !line) {
    struct error unfreed = ERROR_INIT;
    if ((result = free_unknown(j, word, &unfreed)) > 0) return 0;
    return say_fault(result < 0 ? &unfreed : &err);
  }
  error_clear(&err);
  const char *id = info ? info->id : json_str(line, "id");
  result = free_key(j, id ? id : word, info ? info->once : NULL, line, &err);
  return result < 0 ? say_fault(&err) : 0;
}

int cmd_jobs_rm(struct cli *c) {
  return jobs_each(c, rm_one);
}
