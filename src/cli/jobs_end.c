/* How a job ended, and waiting for it. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/jobs.h"
#include "cli/say.h"
#include "data/json.h"
#include "job/verdict.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  RECORD_WAIT_MS = 3000,
  LOOK_AGAIN_MS = 100
}; /* for the one who looks after the job to write its record */

static int from_history(struct jobs *j, const char *id, struct outcome *ret) {
  json_t *intent = NULL, *outcome = NULL;
  struct error ignored = ERROR_INIT;
  if (history_find(j->history, id, &intent, &outcome, &ignored) < 0) return -1;
  int result = outcome ? outcome_from_json(outcome, ret, &ignored) : -1;
  json_decref(intent);
  json_decref(outcome);
  return result;
}

/* Without a record the engine's state is all there is: it does not know who stopped the command. */
static int from_engine(struct jobs *j, const char *id, const char *container, struct outcome *ret,
                       struct error *err) {
  struct evidence e = {0};
  if (j->engine.rt->ops->state(j->engine.rt, container, &e.state, err) < 0) {
    if (err->kind != ERR_MISSING) return -1;
    e.removed_first = true;
  }
  e.state_read = !e.removed_first && state_ended(&e.state);
  e.start_acked = e.state.ever_started;
  snprintf(ret->id, sizeof ret->id, "%s", id);
  ret->target_id = xstrdup(container);
  verdict_decide(&e, ret);
  return 0;
}

int jobs_outcome(struct jobs *j, const char *id, const char *container, struct outcome *ret,
                 struct error *err) {
  int64_t until = clock_ms() + (j->history ? RECORD_WAIT_MS : 0);
  for (;;) {
    if (from_history(j, id, ret) == 0) return 0;
    json_t *intent = NULL, *outcome = NULL;
    struct error ignored = ERROR_INIT;
    bool ours = j->history && history_find(j->history, id, &intent, &outcome, &ignored) == 0 && intent;
    json_decref(intent);
    json_decref(outcome);
    if (!ours || clock_ms() >= until) break; /* a job of another machine leaves no record here */
    loop_step(j->engine.loop, LOOK_AGAIN_MS);
  }
  if (!container) return error_set(err, ERR_MISSING, "job %s: neither on this engine nor in the history", id);
  return from_engine(j, id, container, ret, err);
}

/* Waits for the container to end. */
static int wait_for(struct jobs *j, const struct job_info *info, struct error *err) {
  struct runtime *rt = j->engine.rt;
  struct container_state state = info->state;
  while (!state_ended(&state)) {
    struct wait *w;
    bool next = state.status == STATE_CREATED;
    if (rt->ops->wait_begin(rt, info->container, next, &w, err) < 0) return err->kind == ERR_MISSING ? 0 : -1;
    while (!wait_done(w)) loop_step(j->engine.loop, -1);
    wait_free(w);
    if (rt->ops->state(rt, info->container, &state, err) < 0) return err->kind == ERR_MISSING ? 0 : -1;
  }
  return 0;
}

static int end_like(struct jobs *j, const char *id, const char *container) {
  struct outcome o;
  struct error err = ERROR_INIT;
  outcome_init(&o);
  int status;
  if (jobs_outcome(j, id, container, &o, &err) < 0) {
    status = say_fault(&err);
  } else {
    status = o.exit_status;
    if (o.verdict != VERDICT_SUCCEEDED && o.verdict != VERDICT_FAILED)
      say("job %s: %s%s%s", id, verdict_name(o.verdict), o.message ? ": " : "", o.message ? o.message : "");
  }
  outcome_done(&o);
  return status;
}

/* The id that the history knows, when the engine does not have the job any more. */
static char *id_in_history(struct jobs *j, const char *word) {
  json_t *intent = NULL, *outcome = NULL;
  struct error ignored = ERROR_INIT;
  if (!j->history || history_find(j->history, word, &intent, &outcome, &ignored) < 0) return NULL;
  const char *id = json_str(outcome ? outcome : intent, "id");
  char *copy = id ? xstrdup(id) : NULL;
  json_decref(intent);
  json_decref(outcome);
  return copy;
}

/* Output of the log, as it comes, to our own two streams. */
struct copying {
  bool ended, broken;
  struct error err;
};

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct copying *c = data;
  if (!c->broken && fd_write_all(fd, p, n) < 0) c->broken = true;
}

static void on_end(void *data, const struct error *err) {
  struct copying *c = data;
  c->ended = true;
  if (err) c->err = *err;
}

static void on_writable(void *data) {
  (void)data;
}

/* TIME is RFC 3339; a duration means that long ago. */
static int parse_since(const struct options *o, int64_t *ret_ns, struct error *err) {
  const struct option_value *since = option_last(o, OPT_SINCE);
  int64_t ago;
  *ret_ns = 0;
  if (!since) return 0;
  *ret_ns = clock_parse_rfc3339(since->text);
  if (*ret_ns == 0 && parse_duration(since->text, &ago) == 0) *ret_ns = clock_wall_ns() - ago * 1000000;
  if (*ret_ns != 0) return 0;
  return error_set(err, ERR_USAGE, "%s: '%s' is neither a time (2026-11-29T15:00:00Z) nor a duration (10m)",
                   since->origin, since->text);
}

static int copy_log(struct jobs *j, const struct job_info *info, bool follow, int64_t since,
                    struct error *err) {
  static const struct stream_handlers handlers = {on_output, on_end, on_writable};
  struct copying c = {0};
  struct stream *stream;
  struct runtime *rt = j->engine.rt;
  if (rt->ops->logs(rt, info->container, info->tty, follow, since, &handlers, &c, &stream, err) < 0)
    return -1;
  while (!c.ended && !c.broken) loop_step(j->engine.loop, -1);
  stream_free(stream);
  if (c.broken)
    return error_set(err, ERR_SYSTEM, "output of job %s: stdout or stderr does not take it", info->id);
  if (c.err.kind == ERR_NONE || c.err.kind == ERR_MISSING) return 0;
  *err = c.err;
  return -1;
}

static int one_job(struct cli *c, struct error *err) {
  if (c->argc == 1) return 0;
  return error_set(err, ERR_USAGE, "jobs %s: needs one JOB; `run-once jobs list` shows them",
                   c->command->name);
}

int cmd_jobs_logs(struct cli *c) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  const struct job_info *info;
  int64_t since;
  int status = 0;
  if (one_job(c, &err) < 0 || parse_since(&c->opts, &since, &err) < 0 || jobs_open(&j, &c->opts, &err) < 0 ||
      jobs_find(&j, c->argv[0], &info, &err) < 0 ||
      copy_log(&j, info, option_flag(&c->opts, OPT_FOLLOW) && state_live(&info->state), since, &err) < 0)
    status = say_fault(&err);
  jobs_close(&j);
  return status;
}

/* attach and wait: with its output or without, then end like it. */
static int see_out(struct cli *c, bool output) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  const struct job_info *info;
  int64_t since;
  int status;
  if (one_job(c, &err) < 0 || parse_since(&c->opts, &since, &err) < 0 || jobs_open(&j, &c->opts, &err) < 0) {
    status = say_fault(&err);
  } else if (jobs_find(&j, c->argv[0], &info, &err) < 0) {
    CLEANUP_FREE char *id = err.kind == ERR_MISSING ? id_in_history(&j, c->argv[0]) : NULL;
    status = id ? end_like(&j, id, NULL) : say_fault(&err);
  } else if ((output && copy_log(&j, info, state_live(&info->state), since, &err) < 0) ||
             wait_for(&j, info, &err) < 0) {
    status = say_fault(&err);
  } else {
    status = end_like(&j, info->id, info->container);
  }
  jobs_close(&j);
  return status;
}

int cmd_jobs_attach(struct cli *c) {
  return see_out(c, true);
}

int cmd_jobs_wait(struct cli *c) {
  return see_out(c, false);
}
