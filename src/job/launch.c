/* Before and after the job: id, actor, result file, guardian, loop, runtime, signals. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/process.h"
#include "data/hash.h"
#include "io/signals.h"
#include "io/tty.h"
#include "job/guardian.h"
#include "job/job.h"
#include "job/live.h"
#include "job/order.h"
#include "job/regain.h"
#include "job/state.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOB_ID_CHARS 12 /* 60 bits: unique for label look-ups, short enough to type */

static void command_recorded(const struct job_request *req, struct outcome *o) {
  const struct strv *argv = &req->settings->argv;
  if (!req->redact_args || argv->n < 2) {
    strv_copy(&o->command, argv);
    return;
  }
  struct buf all;
  buf_init(&all, 4u << 20);
  for (size_t i = 0; i < argv->n; i++) buf_append(&all, argv->v[i], strlen(argv->v[i]) + 1);
  char hash[65];
  sha256_hex(all.data ? all.data : "", all.len, hash);
  buf_done(&all);
  strv_add(&o->command, argv->v[0]);
  strv_take(&o->command, xprintf("sha256:%s", hash));
}

static void outcome_begin(const struct job_request *req, const char *kind, const struct endpoint *ep,
                          struct outcome *o) {
  random_id(o->id, JOB_ID_CHARS);
  actor_find(req->actor, o);
  o->reason = xstrdup(req->reason);
  o->lock = xstrdup(req->lock);
  o->once = xstrdup(req->once);
  free(o->source);
  o->source = xstrdup(req->settings->source.text);
  free(o->release_name);
  o->release_name = xstrdup(req->settings->name);
  free(o->image);
  o->image = xstrdup(req->settings->image);
  o->runtime_kind = xstrdup(kind);
  o->endpoint = xstrdup(ep->text);
  o->created_at = clock_rfc3339(clock_wall_ns());
  command_recorded(req, o);
}

static void fail(struct job *j, const struct error *err, bool result) {
  outcome_not_started(j->o, err);
  job_say(j, "%s", j->o->message);
  if (result) job_write_result(j);
  ledger_word(j->ledger, WORD_DONE);
}

static int open_runtime(struct job *j, const char *kind, const struct endpoint *ep, struct error *err) {
  j->loop = loop_new();
  if (runtime_open(kind, j->loop, ep, &j->rt, err)) return -1;
  j->rt->helpers = (struct runtime_helpers){j->ledger->job_id, &j->ledger->helpers};
  return 0;
}

static void job_close(struct job *j) {
  tty_restore();
  timer_free(j->start_timer);
  job_streams_close(j);
  rejoin_free(j);
  event_watch_free(j->watch);
  input_free(j->input);
  output_free(j->output);
  if (j->rt) j->rt->ops->free(j->rt);
  signals_done();
  loop_free(j->loop);
  prepared_done(&j->prepared);
  free(j->cid);
}

static void carry_out(struct job *j, const char *kind, const struct endpoint *ep) {
  struct error err = ERROR_INIT;
  process_expect_memory();
  if (open_runtime(j, kind, ep, &err) ||
      signals_init(j->loop, j->req->settings->tty, job_on_signal, j, &err)) {
    fail(j, &err, true);
  } else {
    loop_set_interrupt(j->loop, (struct interrupt){job_interrupted, j});
    job_carry_out(j);
  }
  job_close(j);
}

int job_launch(const struct job_request *req, const char *kind, const struct endpoint *ep,
               struct history *history, say_fn *say, void *say_data, struct outcome *o) {
  struct error err = ERROR_INIT;
  struct job *j = xcalloc(1, sizeof *j);
  j->req = req;
  j->history = history;
  j->say = say;
  j->say_data = say_data;
  j->o = o;
  j->phase_start = clock_ms();
  j->sig.had_terminal = job_has_terminal();
  outcome_begin(req, kind, ep, o);
  j->ledger = ledger_new();
  snprintf(j->ledger->job_id, sizeof j->ledger->job_id, "%s", o->id);
  job_publish(j);
  struct guardian_task task = {req, kind, ep, history, j->ledger, live_hold(o->id)};
  live_engine(task.live_fd, ep->text);
  if (!getcwd(j->ledger->folder, sizeof j->ledger->folder)) j->ledger->folder[0] = '\0';
  if (!(j->guardian = guardian_fork(&task, &err)))
    fail(j, &err, true);
  else if (req->result && result_begin(req->result, o, &err)) /* from here the guardian completes it */
    fail(j, &err, false);
  else
    carry_out(j, kind, ep);
  job_say_rest(j, true);
  strv_done(&j->unsaid);
  int status = o->exit_status, word = atomic_load(&j->ledger->word);
  bool done = word == WORD_DONE;
  if (done && !atomic_load(&j->ledger->settle_owed) && !atomic_load(&j->ledger->helpers))
    guardian_dismiss(j->guardian);
  else
    guardian_release(j->guardian);
  if (done) live_drop(o->id, task.live_fd);
  ledger_free(j->ledger);
  free(j->guardian);
  free(j);
  return status;
}
