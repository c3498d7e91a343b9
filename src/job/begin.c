/* From settings to a running command. Every step that could leave something writes its word first. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "job/lock.h"
#include "job/owed.h"
#include "job/progress.h"
#include "job/state.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static char *copy(const char *s) {
  return s && *s ? xstrdup(s) : NULL;
}
static void replace(char **to, char *s) {
  free(*to);
  *to = s;
}

/* What prepare() found goes into the outcome, for whoever has to write it. */
static void adopt(struct job *j) {
  struct prepared *p = &j->prepared;
  struct outcome *o = j->o;
  replace(&o->runtime_kind, copy(j->rt->ops->info(j->rt)->kind));
  replace(&o->release_name, copy(p->release_name));
  replace(&o->image, copy(p->image));
  replace(&o->image_id, copy(p->image_id));
  replace(&o->digest, copy(p->digest));
  const struct runtime_info *info = j->rt->ops->info(j->rt);
  replace(&o->target_kind, copy(info->target ? info->target : "container"));
  replace(&o->target_namespace, copy(info->namespace));
  replace(&o->target_name, copy(j->name));
  j->ledger->stop_grace_ms = j->req->stop_grace >= 0 ? j->req->stop_grace : p->stop_grace_ms;
  j->ledger->memory_limit = p->memory_limit;
  snprintf(j->ledger->stop_signal, sizeof j->ledger->stop_signal, "%s",
           p->stop_signal ? p->stop_signal : "SIGTERM");
}

int job_prepare(struct job *j, struct error *err) {
  prepared_done(&j->prepared);
  memset(&j->prepared, 0, sizeof j->prepared);
  if (j->rt->ops->prepare(j->rt, j->req->settings, &j->prepared, err)) return -1;
  adopt(j);
  return 0;
}

int job_pull(struct job *j, struct error *err) {
  bool absent = !j->prepared.image_id;
  if (absent && j->req->pull == PULL_NEVER)
    return error_set(
        err, ERR_IMAGE,
        "image '%s' failed: it is not on the engine, and --pull never forbids fetching it (pull it "
        "first, or leave --pull at missing)",
        j->prepared.image);
  bool built = !j->req->settings->image && json_str(j->req->settings->described, "built");
  if (!absent && (built || j->req->pull != PULL_ALWAYS)) return 0;
  struct progress *bars = progress_new(j->req->progress, j->req->quiet);
  struct pull_progress pp = {progress_layer, bars};
  CLEANUP_FREE char *image = xstrdup(j->prepared.image);
  int rc = j->rt->ops->pull(j->rt, j->req->settings, image, &pp, err);
  progress_free(bars);
  if (rc) return -1;
  if (job_prepare(j, err)) return -1;
  if (j->prepared.image_id) return 0;
  return error_set(err, ERR_IMAGE,
                   "pull of '%s' failed: the engine said it was done but does not have the image", image);
}

static void created(struct job *j) {
  snprintf(j->ledger->container_id, sizeof j->ledger->container_id, "%s", j->cid);
  replace(&j->o->target_id, copy(j->cid));
  ledger_word(j->ledger, WORD_CREATED);
}

static struct owed owed_of(struct job *j, bool forward) {
  struct owed o = {.rt = j->rt,
                   .loop = j->loop,
                   .job_id = j->o->id,
                   .cid = xstrdup(j->cid),
                   .reconnect_for = j->req->reconnect_for};
  o.f.word = (enum word)atomic_load(&j->ledger->word);
  o.f.forward = forward;
  return o;
}

/* The answer of create never came: the label is the client's own, so it can be found. 0: found, go on. */
static int settle_create(struct job *j, struct error *err) {
  bool forward = err->kind == ERR_LOST || err->kind == ERR_TIMEOUT; /* else the user wants none of it */
  j->cleaning = true;
  struct owed o = owed_of(j, forward);
  o.give_up = &j->sig.cancel;
  enum action a = owed_run(&o);
  j->cleaning = false;
  if (a == ACT_LEAVE) job_interrupted(j, err); /* says so, if it was */
  bool found = a == ACT_START;
  if (found) j->cid = TAKE(o.cid);
  j->create_doubt = a == ACT_LEAVE;
  if (a == ACT_RECORD_NEVER) ledger_word(j->ledger, WORD_INTENT);
  owed_done(&o);
  return found ? j->rt->ops->complete(j->rt, &j->prepared, j->cid, err) : -1;
}

/* An engine that failed half-way may have left it: then it is there to be removed. */
static void look_after_failure(struct job *j, const struct error *why) {
  struct error none = ERROR_INIT;
  if (why->http_status >= 500) (void)j->rt->ops->find(j->rt, j->o->id, &j->cid, &none);
  if (!j->cid) ledger_word(j->ledger, WORD_INTENT);
}

int job_create(struct job *j, struct error *err) {
  CLEANUP_FREE char *name = xstrdup(j->name);
  json_t *l = job_labels(j->req, j->o, j->prepared.app, j->once_ours ? j->once_claim : NULL);
  struct identity who = {j->o->id,          name, l, j->req->timeout, j->req->start_timeout, j->req->keep_for,
                         j->req->stop_grace};
  ledger_word(j->ledger, WORD_CREATE);
  int rc = j->rt->ops->create(j->rt, &j->prepared, &who, &j->cid, err);
  json_decref(l);
  bool doubtful = rc && !j->cid &&
                  (err->kind == ERR_LOST || err->kind == ERR_TIMEOUT || err->kind == ERR_CANCELLED ||
                   err->kind == ERR_DEADLINE_START);
  if (doubtful)
    rc = settle_create(j, err);
  else if (rc && !j->cid)
    look_after_failure(j, err);
  if (j->cid) created(j);
  return rc;
}

/* Interrupted in the very moment in which the command began: the signal is the command's. */
static void pass_on(struct job *j) {
  if (!j->sig.cancel) return;
  j->sig.cancel = false;
  job_on_signal(j, j->sig.cancel_signal);
}

/* The answer of start never came. 0: it began, or contact is lost and the run phase finds out. */
static int settle_start(struct job *j, struct error *err) {
  struct error lost = *err;
  struct owed o = owed_of(j, true);
  enum action a = owed_run(&o);
  owed_done(&o);
  if (a == ACT_RECORD_UNKNOWN) j->ev.removed_first = true;
  if (a != ACT_RECORD_NEVER) return 0;
  ledger_word(j->ledger, WORD_INTENT);
  free(TAKE(j->cid));
  return error_set(err, ERR_ENGINE, "start failed: no answer (%s); the command never began", lost.text);
}

int job_start(struct job *j, struct error *err) {
  if (!j->req->detach && (job_attach(j, err) || j->rt->ops->wait_begin(j->rt, j->cid, true, &j->wait, err)))
    return -1;
  if (job_interrupted(j, err) != ERR_NONE) return -1;
  job_phase(j, PHASE_CREATE);
  j->ledger->starting_at = clock_ms();
  ledger_word(j->ledger, WORD_STARTING);
  job_tell_guardian(j);
  waiting_begin(j);
  int rc = j->rt->ops->start(j->rt, j->cid, err);
  waiting_end(j);
  if (!rc)
    j->ev.start_acked = true;
  else if (err->kind == ERR_LOST || err->kind == ERR_TIMEOUT) {
    if (settle_start(j, err)) return -1;
  } else {
    return -1;
  }
  j->started_at = j->last_output = clock_ms();
  atomic_store(&j->ledger->last_output, j->started_at);
  j->ledger->deadline_at = j->req->timeout ? j->started_at + j->req->timeout : 0;
  ledger_word(j->ledger, WORD_STARTED);
  pass_on(j);
  error_clear(err);
  return 0;
}
