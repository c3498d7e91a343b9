/* The order of a job's life (contract section 5). The steps are in begin.c, run.c, end.c. */
#include "job/job.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "io/tty.h"
#include "job/follow.h"
#include "job/guardian.h"
#include "job/lock.h"
#include "job/once.h"
#include "job/order.h"
#include "job/regain.h"
#include "job/settle.h"
#include "job/state.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_full(void *data, bool full) {
  struct job *j = data;
  if (j->stream) stream_pause(j->stream, full);
}

static void on_broken(void *data, int fd, int no) {
  struct job *j = data;
  const char *which = fd == 2 ? "stderr" : "stdout";
  if (j->req->epipe_stop) j->epipe = true;
  job_say(j, "%s is no longer read (%s); the command %s", which, strerror(no),
          j->req->epipe_stop ? "is stopped (--on-epipe stop)" : "goes on");
}

static void on_complete(void *data) {
  struct job *j = data;
  j->ledger->input_sent = input_sent(j->input);
  atomic_store(&j->ledger->input_complete, true);
  atomic_store(&j->ledger->input_done_at, clock_ms());
}

static void on_detach(void *data) {
  struct job *j = data;
  j->left = j->ev.detached_keys = true;
}

static int make_streams(struct job *j, struct error *err) {
  static const struct output_handlers out = {on_full, on_broken};
  static const struct input_handlers in = {on_complete, on_detach};
  struct output_options opt = {j->req->timestamps, j->req->prefix};
  struct settings *s = j->req->settings;
  char keys[16];
  size_t n = 0;
  if (s->tty &&
      input_keys(j->req->detach_keys ? j->req->detach_keys : "ctrl-p,ctrl-q", keys, sizeof keys, &n, err))
    return -1;
  j->output = output_new(j->loop, &opt, &out, j);
  if (s->open_stdin) j->input = input_new(j->loop, s->tty, keys, n, &in, j);
  j->ledger->tty = s->tty;
  j->ledger->input_forwarded = s->open_stdin && !s->tty;
  return 0;
}

static bool same_words(const struct strv *a, const struct strv *b) {
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->v[i], b->v[i]) != 0) return false;
  return true;
}

/* --if-locked attach: the holder's output and end become ours, if it runs the same thing. 1: done, -1:
 * refused. */
static int join_holder(struct job *j, const char *id, struct error *err) {
  struct job_info held = {0};
  if (j->rt->ops->by_name(j->rt, j->name, &held, err)) return -1;
  const char *image = j->prepared.image_id ? j->prepared.image_id : j->prepared.image;
  bool same = same_words(&held.argv, &j->prepared.argv) && held.image &&
              (!strcmp(held.image, image) || !strcmp(held.image, j->prepared.image));
  CLEANUP_FREE char *command = xstrdup(held.command);
  job_info_done(&held);
  if (!same)
    return error_set(err, ERR_LOCKED,
                     "lock '%s' is held by job %s, which runs something else (%s): not attached to",
                     j->o->lock, id, command ? command : "?");
  job_say(j, "lock '%s' is held by job %s, which runs the same command: attached to it", j->o->lock, id);
  struct follow_options opt = {true, 0, j->req->reconnect_for};
  char own[sizeof j->o->id];
  memcpy(own, j->o->id, sizeof own);
  if (follow_job(j->rt, j->loop, j->history, id, &opt, j->o, err)) return -1;
  if (j->o->gap == 0) job_say(j, "job %s has just ended: not all of its output can be had any more", id);
  memcpy(j->o->id, own, sizeof own);
  j->o->original_id = xstrdup(id);
  job_write_result(j);
  ledger_word(j->ledger, WORD_DONE);
  return 1;
}

/* The lock is the name: looked at before a pull that would be for nothing, decided by create. */
static int take_name(struct job *j, struct error *err) {
  if (j->o->lock)
    lock_container_name(j->prepared.app, j->o->lock, j->name, sizeof j->name);
  else
    snprintf(j->name, sizeof j->name, "run-once.%s", j->o->id);
  struct job_info held = {0};
  struct error none = ERROR_INIT;
  if (!j->o->lock || j->rt->ops->by_name(j->rt, j->name, &held, &none)) return 0;
  job_info_done(&held);
  CLEANUP_FREE char *other = NULL;
  int rc = lock_conflict(j, &other, err);
  return rc ? (rc < 0 ? -1 : 0) : join_holder(j, other, err);
}

static int create(struct job *j, struct error *err) {
  for (;;) {
    if (!job_create(j, err)) return 0;
    if (err->kind != ERR_CONFLICT || !j->o->lock || j->cid) return -1;
    CLEANUP_FREE char *other = NULL;
    int rc = lock_conflict(j, &other, err);
    if (rc <= 0) return rc ? -1 : join_holder(j, other, err);
    error_clear(err);
  }
}

/* The word is ahead of the line: a guardian looks whether the line is there. */
static int write_intent(struct job *j, struct error *err) {
  job_publish(j);
  ledger_word(j->ledger, WORD_INTENT);
  if (!history_append(j->history, "intent", j->o, NULL, err)) return 0;
  ledger_word(j->ledger, WORD_NOTHING);
  return -1;
}

static void on_start_deadline(void *data) {
  (void)data;
}

static int begin(struct job *j, struct error *err) {
  if (j->rt->ops->connect(j->rt, err) || job_prepare(j, err)) return -1;
  const struct runtime_info *info = j->rt->ops->info(j->rt);
  free(j->o->runtime_version);
  j->o->runtime_version = xstrdup(info->version);
  job_phase(j, PHASE_RESOLVE);
  int answered = j->req->once ? once_begin(j, err) : 0;
  if (answered) return answered;
  if (j->req->start_timeout) {
    j->start_deadline = clock_ms() + j->req->start_timeout;
    j->start_timer = loop_timer(j->loop, j->req->start_timeout, on_start_deadline, j);
  }
  if ((answered = take_name(j, err))) return answered;
  free(j->o->target_name);
  j->o->target_name = xstrdup(j->name);
  job_phase(j, PHASE_LOCK);
  if (job_pull(j, err)) return -1;
  job_phase(j, PHASE_PULL);
  for (size_t i = 0; i < j->prepared.notes.n && !j->req->quiet; i++) job_say(j, "%s", j->prepared.notes.v[i]);
  if (write_intent(j, err)) return -1;
  if (job_watch(j, err)) return -1;
  if ((answered = create(j, err))) return answered;
  job_publish(j);
  if (make_streams(j, err)) return -1;
  return job_start(j, err);
}

void job_tell_guardian(struct job *j) {
  if (!j->req->timeout) return; /* there is nothing that it would have to do for us */
  int fd = j->stream ? stream_fd(j->stream) : -1;
  if (fd >= 0)
    guardian_stream(j->guardian, fd);
  else
    guardian_wake(j->guardian);
}

static void attached(struct job *j) {
  struct error err = ERROR_INIT;
  job_tell_guardian(j);
  if (j->req->settings->tty) {
    j->sig.resized = true;
    if (j->req->settings->open_stdin && tty_raw(STDIN_FILENO, &err)) job_say(j, "%s", err.text);
  }
  if (j->input) input_stream(j->input, j->stream);
  atomic_store(&j->ledger->settle_owed, settle_wanted(j));
  job_run_phase(j);
  tty_restore();
}

static void detach(struct job *j) {
  atomic_store(&j->ledger->settle_owed, settle_wanted(j));
  j->left = true;
  j->o->verdict = VERDICT_DETACHED;
  j->o->exit_status = 0;
  free(j->o->message);
  j->o->message = xstrdup("left running; its guardian records the end");
}

void job_carry_out(struct job *j) {
  struct error err = ERROR_INIT;
  int rc = begin(j, &err);
  if (rc > 0) return; /* answered by another job's end */
  if (rc < 0) {
    job_abandon(j, &err);
    return;
  }
  job_phase(j, PHASE_START);
  job_publish(j);
  if (j->req->detach)
    detach(j);
  else
    attached(j);
  job_phase(j, PHASE_RUN);
  job_conclude(j);
}
