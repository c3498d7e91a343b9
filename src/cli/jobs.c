/* jobs list, stop, result, prune. */
#include "cli/jobs.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/help.h"
#include "cli/say.h"
#include "data/json.h"
#include "job/remains.h"
#include "job/settle.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRACE_DEFAULT_MS = 10000 };

static bool wants_json(const struct options *o) {
  const char *form = option_text(o, OPT_OUTPUT);
  return form && strcmp(form, "json") == 0;
}

static int no_words(struct cli *c, struct error *err) {
  if (c->argc == 0) return 0;
  return error_set(err, ERR_USAGE, "jobs %s: takes no words, '%s' was given", c->command->name, c->argv[0]);
}

static int some_jobs(struct cli *c, struct error *err) {
  if (c->argc > 0) return 0;
  return error_set(err, ERR_USAGE, "jobs %s: which JOB? `run-once jobs list` shows them", c->command->name);
}

int cmd_jobs_list(struct cli *c) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  struct buf out;
  int status;
  buf_init(&out, LIMIT_JSON);
  if (no_words(c, &err) < 0 || jobs_open(&j, &c->opts, &err) < 0) {
    status = say_fault(&err);
  } else {
    int64_t now = j.engine.rt->ops->clock_ns(j.engine.rt);
    if (!now) now = clock_wall_ns();
    if (wants_json(&c->opts)) {
      CLEANUP_JSON json_t *all = jobs_json(&j.list, now);
      CLEANUP_FREE char *text = json_dumps(all, JSON_INDENT(2));
      buf_printf(&out, "%s\n", text);
    } else {
      jobs_table(&out, &j.list, now);
    }
    status = print_all(&out);
  }
  jobs_close(&j);
  return status;
}

static int stop_one(struct cli *c, struct jobs *j, const char *word) {
  struct error err = ERROR_INIT;
  struct job_info *info;
  struct runtime *rt = j->engine.rt;
  if (jobs_find(j, word, &info, &err) < 0) {
    CLEANUP_FREE char *ended = err.kind == ERR_MISSING ? jobs_recorded_id(j, word) : NULL;
    return ended ? 0 : say_fault(&err);
  }
  if (!state_live(&info->state)) return 0;
  struct error unsaid = ERROR_INIT; /* the stop itself tells what is wrong */
  (void)rt->ops->signal(rt, info->container, JOB_STOP_NOTICE, &unsaid);
  if (rt->ops->stop(rt, info->container, option_number(&c->opts, OPT_STOP_GRACE, GRACE_DEFAULT_MS), &err) ==
          0 ||
      err.kind == ERR_MISSING)
    return 0;
  return say_fault(&err);
}

int jobs_each(struct cli *c, job_fn *one) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  int status = 0;
  if (some_jobs(c, &err) < 0 || jobs_open(&j, &c->opts, &err) < 0) {
    status = say_fault(&err);
  } else {
    for (int i = 0; i < c->argc; i++) {
      int result = one(c, &j, c->argv[i]);
      if (result) status = result;
    }
  }
  jobs_close(&j);
  return status;
}

int cmd_jobs_stop(struct cli *c) {
  return jobs_each(c, stop_one);
}

/* The record of this machine in the form of --result; an intent without outcome is unknown so far. */
static int recorded_result(const json_t *line, struct outcome *o, struct error *err) {
  if (outcome_from_json(line, o, err) < 0) return -1;
  const char *hash = json_str(line, "hash");
  snprintf(o->record_hash, sizeof o->record_hash, "%s", hash ? hash : "");
  return 0;
}

static int find_result(struct jobs *j, const char *word, struct outcome *o, struct error *err) {
  CLEANUP_JSON json_t *intent = NULL, *outcome = NULL;
  if (j->history && history_find(j->history, word, &intent, &outcome, err) == 0 && (outcome || intent))
    return recorded_result(outcome ? outcome : intent, o, err);
  if (err->kind == ERR_USAGE) return -1; /* ambiguous */
  struct job_info *info;
  if (jobs_find(j, word, &info, err) < 0) return -1;
  snprintf(o->id, sizeof o->id, "%s", info->id);
  if (state_ended(&info->state)) {
    settle_outcome(j->engine.rt, j->engine.loop, info, o);
  } else {
    o->message = xstrdup("it has not ended yet");
    o->exit_status = 120;
  }
  return 0;
}

int cmd_jobs_result(struct cli *c) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  struct outcome o;
  struct buf out;
  int status;
  outcome_init(&o);
  buf_init(&out, LIMIT_JSON);
  if (c->argc != 1) {
    error_set(&err, ERR_USAGE, "jobs result: needs one JOB");
    status = say_fault(&err);
  } else if (jobs_open(&j, &c->opts, &err) < 0 || find_result(&j, c->argv[0], &o, &err) < 0) {
    status = say_fault(&err);
  } else {
    CLEANUP_JSON json_t *result = outcome_json(&o);
    CLEANUP_FREE char *text = json_dumps(result, wants_json(&c->opts) ? JSON_COMPACT : JSON_INDENT(2));
    buf_printf(&out, "%s\n", text);
    status = print_all(&out);
  }
  outcome_done(&o);
  jobs_close(&j);
  return status;
}

/* Age at which the container that reads or writes a once-record has been left behind: its two requests take
 * less. */
enum { HELPER_STALE_MS = 600000, HELPER_STALE_NOW_MS = 60000 };

static void prune_remains(struct cli *c, struct jobs *j) {
  struct strv told;
  strv_init(&told);
  remains_settle(j->engine.rt, j->engine.loop, j->history, option_flag(&c->opts, OPT_NOW), "jobs prune",
                 &told);
  for (size_t i = 0; i < told.n && !option_flag(&c->opts, OPT_QUIET); i++) say("%s", told.v[i]);
  strv_done(&told);
}

int cmd_jobs_prune(struct cli *c) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  int status = 0;
  if (no_words(c, &err) < 0 || jobs_open(&j, &c->opts, &err) < 0) {
    jobs_close(&j);
    return say_fault(&err);
  }
  for (size_t i = 0; i < j.list.n; i++) {
    struct job_info *info = &j.list.jobs[i];
    error_clear(&err);
    int settled = settle_one(j.engine.rt, j.engine.loop, j.history, info, option_flag(&c->opts, OPT_NOW),
                             "jobs prune", &err);
    if (settled < 0)
      status = say_fault(&err);
    else if (settled == 1 && !option_flag(&c->opts, OPT_QUIET))
      say("job %s: settled and removed", info->id);
  }
  prune_remains(c, &j);
  j.engine.rt->ops->claim_sweep(j.engine.rt, NULL,
                                option_flag(&c->opts, OPT_NOW) ? HELPER_STALE_NOW_MS : HELPER_STALE_MS);
  jobs_close(&j);
  return status;
}
