/* What there is of a job. The pod tells; where there is none, the Job, and the Secret's ticket: it is taken
 * out when the first pod runs, so a Job without pod and ticket had one that ran, and that somebody removed.
 */
#include "base/alloc.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note_job(struct kube_view *v, const char *uid) {
  v->job = true;
  snprintf(v->job_uid, sizeof v->job_uid, "%s", uid ? uid : "");
}

static void gone(struct kube_view *v, enum state_end end, bool began) {
  v->stage = VIEW_ENDED;
  v->state.status = STATE_DEAD;
  v->state.ever_started = began;
  v->state.exit_code = -1;
  v->state.end = end;
}

static void pending(struct kube_view *v) {
  v->stage = VIEW_PENDING;
  v->state.status = STATE_RUNNING; /* it may begin any moment: nobody may take it for never started */
}

/* Is the ticket still there? 1, 0; -1: err. Without the Secret it is not. */
static int has_ticket(struct kube *k, const struct kube_id *id, struct error *err) {
  CLEANUP_JSON json_t *secret = NULL;
  struct error fault = ERROR_INIT;
  if (kube_secret(k, id, &secret, &fault) == 0) return kube_has_ticket(secret, id->job);
  if (fault.kind == ERR_MISSING) return 0;
  if (err) *err = fault;
  return -1;
}

const char *kube_job_over(const json_t *job) {
  size_t i;
  json_t *c;
  json_array_foreach(json_at(job, "status.conditions"), i, c) {
    const char *type = json_str(c, "type"), *status = json_str(c, "status"), *reason = json_str(c, "reason");
    bool over = type && (!strcmp(type, "Complete") || !strcmp(type, "Failed"));
    if (over && status && !strcmp(status, "True")) return reason ? reason : "";
  }
  return NULL;
}

static void copy_time(char *to, size_t size, const char *from) {
  snprintf(to, size, "%s", from ? from : "");
}

/* No pod that tells anything. */
static int look_at_job(struct kube *k, const struct kube_id *id, struct kube_view *v, struct error *err) {
  CLEANUP_JSON json_t *job = NULL, *secret = NULL;
  struct error fault = ERROR_INIT;
  if (kube_job(k, id->job, &job, &fault) < 0 && fault.kind != ERR_MISSING) {
    if (err) *err = fault;
    return -1;
  }
  if (kube_secret(k, id, &secret, &fault) < 0 && fault.kind != ERR_MISSING) {
    if (err) *err = fault;
    return -1;
  }
  if (!job && !secret)
    return error_set(err, ERR_MISSING, "job %s: neither Secret nor Job in namespace %s", id->job,
                     k->namespace);
  copy_time(v->state.created_at, sizeof v->state.created_at,
            json_str(secret ? secret : job, "metadata.creationTimestamp"));
  bool ticket = kube_has_ticket(secret, id->job);
  if (job) note_job(v, json_str(job, "metadata.uid"));
  v->fenced = json_object_get(json_at(job, "metadata.labels"), KUBE_LABEL_FENCE) != NULL;
  const char *over = kube_job_over(job);
  if (kube_never_began(secret)) {
    gone(v, END_DELETED, false);
  } else if (!job || v->fenced) {
    v->stage = VIEW_CREATED;
    v->state.status = STATE_CREATED;
    if (!ticket) gone(v, END_GONE, true);
  } else if (over) {
    gone(v, !strcmp(over, "DeadlineExceeded") ? END_DEADLINE : END_GONE, !ticket);
  } else if (!ticket) {
    gone(v, END_GONE, true);
  } else {
    pending(v);
  }
  return 0;
}

/* A pod that waits: for its first start; or, as a second one, for a ticket that is gone; or it is deleted,
 * and what its node has made of it is not told yet. */
static int look_at_waiting(struct kube *k, const struct kube_id *id, const struct kube_pods *p,
                           struct kube_view *v, struct error *err) {
  const struct kube_life *l = kube_life_of(k, id->job);
  bool doubtful = kube_pods_doubtful(p);
  if (kube_pods_node_lost(p)) {
    gone(v, END_NODE_LOST, true);
    return 0;
  }
  bool going = doubtful && kube_deletion(kube_pods_first(p));
  int ticket = going || (l && !l->ticket_out && !doubtful) ? 1 : has_ticket(k, id, err);
  if (ticket < 0) return -1;
  if (ticket)
    pending(v);
  else
    gone(v, END_GONE, true);
  return 0;
}

/* An end that its kubelet made up, of a pod that nobody saw begin: whether it did is not known. */
static void doubt(struct kube *k, const struct kube_id *id, const struct kube_pods *p, struct kube_view *v) {
  struct error none = ERROR_INIT;
  if (v->state.end != END_DELETED || kube_pods_began(p) || !kube_made_up(kube_pods_first(p))) return;
  if (!kube_life_of(k, id->job) && has_ticket(k, id, &none) == 0) return; /* somebody did */
  gone(v, END_GONE, true);
}

/* Deleted: through run-once, or by somebody else? Best effort: without an answer it was somebody. */
static void who_deleted(struct kube *k, const struct kube_id *id, struct kube_view *v) {
  CLEANUP_JSON json_t *job = NULL;
  struct error none = ERROR_INIT;
  const struct kube_life *l = kube_life_of(k, id->job);
  if (l && l->late && (v->state.end == END_DELETED || (l->late_surely && v->state.end == END_UNTOLD))) {
    v->state.end = END_DEADLINE_START;
    return;
  }
  if (v->state.end != END_DELETED || kube_job(k, id->job, &job, &none) < 0) return;
  if (json_object_get(json_at(job, "metadata.annotations"), KUBE_NOTICE)) v->state.end = END_STOPPED;
}

int kube_look(struct kube *k, const struct kube_id *id, struct kube_view *ret, struct error *err) {
  struct kube_pods *p;
  struct kube_view v = {.state = {.exit_code = -1}};
  if (kube_pods_fresh(k, id->job, &p, err) < 0) return -1;
  const json_t *pod = kube_pods_first(p);
  enum kube_phase phase = pod ? kube_pods_status(p, &v.state) : KUBE_WAITING;
  bool is_gone = kube_pods_gone(p), began = kube_pods_began(p);
  int rc = 0;
  if (pod) note_job(&v, kube_controller_uid(pod));
  bool none = !pod || (is_gone && !began && phase != KUBE_ENDED);
  if (none && kube_pods_revoked(p)) {
    gone(&v, END_DELETED, false);
  } else if (none) {
    rc = look_at_job(k, id, &v, err);
  } else if (phase == KUBE_ENDED) {
    v.stage = VIEW_ENDED;
    who_deleted(k, id, &v);
    doubt(k, id, p, &v);
  } else if (is_gone) {
    gone(&v, END_GONE, true);
  } else if (phase == KUBE_WAITING && !began && kube_pods_revoked(p)) {
    pending(&v); /* on its way out */
  } else if (phase == KUBE_WAITING && !began) {
    rc = look_at_waiting(k, id, p, &v, err);
  } else {
    v.stage = VIEW_RUNNING;
    v.state.status = STATE_RUNNING;
    if (kube_pods_node_lost(p)) v.state.end = END_NODE_LOST;
  }
  if (rc == 0) *ret = v;
  return rc;
}

/* Whoever sees the first pod run takes the ticket out; once a process is enough. */
static void take_ticket(struct kube *k, const struct kube_id *id, const struct kube_view *v) {
  struct kube_life *l = kube_life_of(k, id->job);
  struct kube_pods *p;
  struct error none = ERROR_INIT;
  if (v->stage != VIEW_RUNNING || (l && l->ticket_out)) return;
  if (kube_pods_fresh(k, id->job, &p, &none) < 0 || kube_pods_ticket_out(p)) return;
  if (kube_take_ticket(k, id, v->job_uid, &none) < 0) {
    trace(TRACE_RUNTIME, "the ticket stays: %s", none.text);
    return;
  }
  kube_pods_note_ticket(p);
  if (l) l->ticket_out = true;
}

int kube_state(struct runtime *rt, const char *text, struct container_state *ret, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_id id;
  struct kube_view view;
  if (kube_id_parse(text, &id, err) < 0 || kube_look(k, &id, &view, err) < 0) return -1;
  take_ticket(k, &id, &view);
  *ret = view.state;
  return 0;
}
