/* jobs logs, attach, wait: what a job wrote and how it ended. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/jobs.h"
#include "cli/say.h"
#include "job/follow.h"
#include "job/spool.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t RECONNECT_MS = 5 * 60 * 1000;

static int one_job(const struct cli *c, struct error *err) {
  if (c->argc == 1) return 0;
  return error_set(err, ERR_USAGE, "jobs %s: needs one JOB; `run-once jobs list` shows them",
                   c->command->name);
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

/* Output as it comes, to our own two streams. */
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

static const struct stream_handlers handlers = {on_output, on_end, on_writable};

/* From the engine's log while the container is there, else from what was spooled on this machine. */
static int copy_log(struct jobs *j, struct job_info *info, bool follow, int64_t since, struct error *err) {
  struct copying c = {0};
  struct stream *stream;
  struct runtime *rt = j->engine.rt;
  if (rt->ops->logs(rt, info->container, info->tty, follow, since, &handlers, &c, &stream, err) < 0)
    return -1;
  while (!c.ended && !c.broken) loop_step(j->engine.loop, -1);
  stream_free(stream);
  if (c.broken || c.err.kind == ERR_NONE) return 0; /* nobody reads any more: as with any program */
  *err = c.err;
  return -1;
}

static int copy_spool(struct jobs *j, const char *word, struct error *err) {
  struct copying c = {0};
  CLEANUP_FREE char *id = jobs_recorded_id(j, word);
  if (!id) return -1; /* err says that the engine does not have it */
  if (spool_read(j->history, id, &handlers, &c, err) == 0) return 0;
  if (err->kind != ERR_MISSING) return -1;
  return error_set(
      err, ERR_MISSING,
      "job %s: its container is gone and no output was kept (its caller received it, or its time is "
      "over); `run-once jobs result %s` tells how it ended",
      id, id);
}

int cmd_jobs_logs(struct cli *c) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  struct job_info *info;
  int64_t since;
  int result = -1;
  if (one_job(c, &err) == 0 && parse_since(&c->opts, &since, &err) == 0 &&
      jobs_open(&j, &c->opts, &err) == 0) {
    result = jobs_find(&j, c->argv[0], &info, &err);
    if (result == 0) {
      bool follow = option_flag(&c->opts, OPT_FOLLOW) && state_live(&info->state);
      result = copy_log(&j, info, follow, since, &err);
    } else if (err.kind == ERR_MISSING) {
      result = copy_spool(&j, c->argv[0], &err);
    }
  }
  jobs_close(&j);
  return result < 0 ? say_fault(&err) : 0;
}

static int end_like(const char *id, const struct outcome *o, bool output) {
  if (output && o->gap >= 0)
    say("job %s: not all of its output can be had (its caller received it, or its time is over)", id);
  if (o->verdict != VERDICT_SUCCEEDED && o->verdict != VERDICT_FAILED)
    say("job %s: %s%s%s", id, verdict_name(o->verdict), o->message ? ": " : "", o->message ? o->message : "");
  return o->exit_status;
}

/* attach and wait: with its output or without, then end like it. */
static int see_out(struct cli *c, bool output) {
  struct jobs j = {0};
  struct error err = ERROR_INIT;
  struct job_info *info;
  struct follow_options how = {.output = output, .reconnect_for = RECONNECT_MS};
  struct outcome o;
  CLEANUP_FREE char *id = NULL;
  int status = -1;
  outcome_init(&o);
  if (one_job(c, &err) == 0 && parse_since(&c->opts, &how.since_ns, &err) == 0 &&
      jobs_open(&j, &c->opts, &err) == 0) {
    if (jobs_find(&j, c->argv[0], &info, &err) == 0)
      id = xstrdup(info->id);
    else if (err.kind == ERR_MISSING)
      id = jobs_recorded_id(&j, c->argv[0]);
    if (id && follow_job(j.engine.rt, j.engine.loop, j.history, id, &how, &o, &err) == 0)
      status = end_like(id, &o, output);
  }
  if (status < 0) status = say_fault(&err);
  outcome_done(&o);
  jobs_close(&j);
  return status;
}

int cmd_jobs_attach(struct cli *c) {
  return see_out(c, true);
}

int cmd_jobs_wait(struct cli *c) {
  return see_out(c, false);
}
