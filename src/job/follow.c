#include "job/follow.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/hash.h"
#include "job/output.h"
#include "job/settle.h"
#include "job/spool.h"
#include "job/state.h"
#include <stdlib.h>
#include <string.h>

#define RECORD_MS                                                                                            \
  3000 /* whoever looks after the job on this machine writes its outcome right after the end */
#define LOOK_AGAIN_MS 100

struct follower {
  struct output *out;
  bool ended, cut;
  struct kept {
    int64_t left; /* bytes that its log has brought already */
    struct stream_hash *hash;
    bool other; /* than those */
  } kept[2];
};
static void on_output(void *data, int fd, const char *p, size_t n) {
  output_put(((struct follower *)data)->out, fd, p, n);
}
static void on_end(void *data, const struct error *err) {
  struct follower *f = data;
  f->ended = true;
  f->cut = err != NULL;
}
static void on_writable(void *data) {
  (void)data;
}
static const struct stream_handlers calls = {on_output, on_end, on_writable};

static int info_of(struct runtime *rt, const char *job_id, struct job_info *ret, struct error *err) {
  struct job_list list = {0};
  if (rt->ops->jobs(rt, false, NULL, &list, err)) return -1;
  int rc = error_set(err, ERR_MISSING, "the engine has no container of job %s", job_id);
  for (size_t i = 0; i < list.n && rc; i++) {
    if (!list.jobs[i].id || strcmp(list.jobs[i].id, job_id)) continue;
    *ret = list.jobs[i];
    memset(&list.jobs[i], 0, sizeof list.jobs[i]);
    rc = 0;
  }
  job_list_done(&list);
  if (!rc) error_clear(err);
  return rc;
}

static void pass_begin(struct follower *f, struct loop *loop) {
  static const struct output_handlers none = {NULL, NULL};
  static const struct output_options plain = {false, NULL};
  *f = (struct follower){.out = output_new(loop, &plain, &none, NULL)};
  output_spill(f->out, true);
}

static void count(const struct follower *f, struct outcome *ret) {
  ret->stdout_bytes = output_bytes(f->out, 1);
  ret->stderr_bytes = output_bytes(f->out, 2);
}

static void pass_end(struct follower *f, struct loop *loop) {
  while (!output_drained(f->out)) loop_step(loop, 1000);
  output_free(f->out);
}

static int pass_output(struct runtime *rt, struct loop *loop, const struct job_info *i,
                       const struct follow_options *opt, struct follower *f, struct error *err) {
  struct stream *s = NULL;
  int rc = rt->ops->logs(rt, i->container, i->tty, true, opt->since_ns, &calls, f, &s, err);
  while (!rc && !f->ended && loop_interrupted(loop, err) == ERR_NONE) loop_step(loop, 1000);
  stream_free(s);
  if (!rc && !f->ended) rc = -1;
  return rc;
}

static void on_kept(void *data, int fd, const char *p, size_t n) {
  struct follower *f = data;
  struct kept *k = &f->kept[fd == 2];
  size_t old = k->left < (int64_t)n ? (size_t)k->left : n;
  stream_hash_add(k->hash, p, old);
  k->left -= (int64_t)old;
  if (old && !k->left && stream_hash_value(k->hash) != output_hash(f->out, fd)) k->other = true;
  if (old < n && !k->other) output_put(f->out, fd, p + old, n - old);
}

enum kept_is { KEPT_NONE, KEPT_SAME, KEPT_OTHER };

/* What was kept of its output goes on where its log has ended. */
static enum kept_is pass_rest(struct history *h, const char *job_id, struct follower *f) {
  static const struct stream_handlers rest = {on_kept, on_end, on_writable};
  struct error none = ERROR_INIT;
  for (int k = 0; k < 2; k++)
    f->kept[k] = (struct kept){output_bytes(f->out, k + 1), stream_hash_new(), false};
  bool read = !spool_read(h, job_id, &rest, f, &none);
  for (int k = 0; k < 2; k++) stream_hash_free(f->kept[k].hash);
  if (!read) return KEPT_NONE;
  return f->kept[0].other || f->kept[1].other ? KEPT_OTHER : KEPT_SAME;
}

/* The log of one that is just being removed may end early, or at once, as if that were all: Podman takes a
 * file that is not there for an empty one. Its record tells how much there was where its caller received it,
 * and what nobody received was kept. */
static void prove_whole(struct history *h, const char *job_id, const struct job_info *i,
                        const struct follow_options *opt, struct follower *f, struct outcome *ret) {
  if (opt->since_ns || i->tty) return;
  enum kept_is kept = pass_rest(h, job_id, f);
  bool lacks = output_bytes(f->out, 1) < ret->stdout_bytes || output_bytes(f->out, 2) < ret->stderr_bytes;
  bool counted = ret->stdout_bytes >= 0 && ret->stderr_bytes >= 0;
  bool ends_early = kept == KEPT_NONE && (lacks || (f->cut && !counted));
  if (ret->gap < 0 && (ends_early || kept == KEPT_OTHER)) ret->gap = 0;
}

static int wait_end(struct loop *loop, struct wait *w, struct error *err) {
  while (!wait_done(w) && loop_interrupted(loop, err) == ERR_NONE) loop_step(loop, 1000);
  return wait_done(w) ? 0 : -1;
}

/* The outcome as this machine's history has it, if it gets it in time. */
static bool recorded(struct loop *loop, struct history *h, const char *job_id, int64_t patience,
                     struct outcome *ret) {
  for (int64_t end = clock_ms() + patience;;) {
    json_t *intent = NULL, *done = NULL;
    struct error err = ERROR_INIT;
    bool found =
        !history_find(h, job_id, &intent, &done, &err) && done && !outcome_from_json(done, ret, &err);
    bool known = intent != NULL;
    json_decref(intent);
    json_decref(done);
    if (found) return true;
    if (!known || clock_ms() >= end) return false;
    loop_pause(loop, LOOK_AGAIN_MS);
  }
}

/* Its container is gone: what was kept of its output. Nothing was of what its caller received, and that is
 * said by the gap. */
static void pass_kept(struct loop *loop, struct history *h, const char *job_id, struct outcome *ret) {
  bool wrote = ret->stdout_bytes != 0 || ret->stderr_bytes != 0; /* by the record; or not known */
  struct error none = ERROR_INIT;
  struct follower f;
  pass_begin(&f, loop);
  if (spool_read(h, job_id, &calls, &f, &none) && ret->gap < 0 && wrote) ret->gap = 0;
  count(&f, ret);
  pass_end(&f, loop);
}

/* -1: err stays what it was. */
static int after_its_end(struct loop *loop, struct history *h, const char *job_id, int64_t patience,
                         const struct follow_options *opt, struct outcome *ret, struct error *err) {
  if (!recorded(loop, h, job_id, patience, ret)) return -1;
  error_clear(err);
  if (opt->output) pass_kept(loop, h, job_id, ret);
  return 0;
}

/* The state; of one that was removed before we could read it what the wait told, if it was seen running. */
static int end_of(struct runtime *rt, struct loop *loop, struct job_info *i, const struct wait *w,
                  struct outcome *ret, struct error *err) {
  bool ran = i->state.status == STATE_RUNNING || i->state.status == STATE_PAUSED;
  int code = ran ? wait_exit_code(w) : -1;
  bool missing = rt->ops->state(rt, i->container, &i->state, err) != 0;
  if (missing && err->kind != ERR_MISSING) return -1;
  if (missing || i->state.status == STATE_REMOVING) {
    error_clear(err);
    if (code < 0) {
      ret->message = xstrdup("its container was removed before its end could be read");
      ret->exit_status = 120;
      return 0;
    }
    i->state.status = STATE_EXITED;
    i->state.exit_code = code;
  }
  settle_outcome(rt, loop, i, ret);
  return 0;
}

int follow_job(struct runtime *rt, struct loop *loop, struct history *h, const char *job_id,
               const struct follow_options *opt, struct outcome *ret, struct error *err) {
  struct job_info i = {0};
  struct wait *w = NULL;
  if (info_of(rt, job_id, &i, err)) return after_its_end(loop, h, job_id, 0, opt, ret, err);
  bool began = i.state.status != STATE_CREATED || i.state.ever_started;
  int rc = rt->ops->wait_begin(rt, i.container, false, &w, err);
  struct follower f;
  pass_begin(&f, loop);
  if (!rc && opt->output && began) rc = pass_output(rt, loop, &i, opt, &f, err);
  count(&f, ret);
  bool gone = rc && (err->kind == ERR_MISSING || err->kind == ERR_CONFLICT); /* just now, or going */
  if (!rc) rc = wait_end(loop, w, err);
  if (!rc && !recorded(loop, h, job_id, RECORD_MS, ret)) rc = end_of(rt, loop, &i, w, ret, err);
  if (!rc && opt->output) prove_whole(h, job_id, &i, opt, &f, ret);
  pass_end(&f, loop);
  wait_free(w);
  job_info_done(&i);
  return gone ? after_its_end(loop, h, job_id, RECORD_MS, opt, ret, err) : rc;
}
