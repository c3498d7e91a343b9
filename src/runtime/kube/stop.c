/* Ending the command. There are no signals on a cluster: deleting the pod is the stop signal, with the grace
 * that the pod carries, and deleting it again with a grace of one second is KILL. Never with none at all:
 * that removes the pod from the server and leaves the command running where nobody sees it. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTICE 23        /* job/job.h's JOB_STOP_NOTICE */
#define CONFIRM_MS 30000 /* behind the grace: node and controllers */
#define KILL_GRACE_S 1

static int pod_of(struct kube *k, const char *text, struct kube_id *id, json_t **ret, struct error *err) {
  struct kube_pods *p;
  if (kube_id_parse(text, id, err) < 0 || kube_pods_fresh(k, id->job, &p, err) < 0) return -1;
  json_t *pod = kube_pods_gone(p) ? NULL : kube_pods_first(p);
  if (!pod) return error_set(err, ERR_MISSING, "job %s has no pod", id->job);
  *ret = json_incref(pod);
  return 0;
}

/* On the Job, which stays when the pod goes: whoever reads the end knows that the deletion was asked for
 * through run-once. (Who may make Jobs may not always write to pods.) */
int kube_notice(struct kube *k, const struct kube_id *id, struct error *err) {
  char name[64];
  kube_job_name(id->job, name);
  CLEANUP_FREE char *path = kube_path(k, "batch/v1", "jobs", name, NULL);
  CLEANUP_JSON json_t *body = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", KUBE_NOTICE, "true");
  struct kube_request req = {.method = "PATCH", .path = path, .body = body};
  return kube_json(k, &req, "announcing the stop failed", NULL, err);
}

/* The Job shall have no pod any more: else its controller makes a second one, which waits for its ticket in
 * vain, and in the way of whoever clears away. Then the pod goes, with a grace that is ours. */
int kube_end_pod(struct kube *k, const struct kube_id *id, const json_t *pod, int64_t grace_s,
                 struct error *err) {
  char name[64];
  kube_job_name(id->job, name);
  CLEANUP_FREE char *path = kube_path(k, "batch/v1", "jobs", name, NULL);
  CLEANUP_JSON json_t *body = json_pack("{s:{s:i}}", "spec", "parallelism", 0);
  struct kube_request req = {.method = "PATCH", .path = path, .body = body};
  struct error none = ERROR_INIT;
  if (kube_json(k, &req, "stopping the Job failed", NULL, &none) < 0) trace(TRACE_RUNTIME, "%s", none.text);
  return kube_drop_pod(k, pod, grace_s, err);
}

static void on_change(void *data) {
  (void)data; /* the loop's step ends by itself */
}

/* Asked to stop before it was seen to begin. Should it begin all the same, it ends as one that runs. */
static int stop_pending(struct kube *k, const struct kube_id *id, int64_t grace_s, struct error *err) {
  struct kube_pods_user user = {.on_change = on_change};
  struct kube_view view;
  struct kube_pods *p;
  if (kube_look(k, id, &view, err) < 0) return -1;
  if (view.stage != VIEW_PENDING) return 0;
  if (kube_notice(k, id, err) < 0 || kube_pods(k, id->job, &p, err) < 0) return -1;
  kube_pods_add(p, &user);
  int rc = 0;
  if (kube_revoke(k, id, view.job_uid, p, ERR_CANCELLED) && kube_pods_began(p))
    rc = kube_end_pod(k, id, kube_pods_first(p), grace_s, err);
  kube_pods_take_out(p, &user);
  return rc;
}

int kube_signal(struct runtime *rt, const char *text, int signo, struct error *err) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_JSON json_t *pod = NULL;
  struct kube_id id;
  bool stops = signo == SIGTERM || signo == SIGINT || signo == SIGQUIT;
  if (!stops && signo != SIGKILL && signo != NOTICE)
    return error_set(err, ERR_ENGINE, "sending signal %d failed: a cluster takes no signals", signo);
  struct error fault = ERROR_INIT;
  bool no_pod = pod_of(k, text, &id, &pod, &fault) < 0;
  if (no_pod && fault.kind != ERR_MISSING) {
    if (err) *err = fault;
    return -1;
  }
  bool waits = no_pod || kube_status(pod, kube_container(pod), NULL) == KUBE_WAITING;
  if (signo == NOTICE) return kube_notice(k, &id, err);
  if (waits) return stop_pending(k, &id, stops ? -1 : KILL_GRACE_S, err);
  return kube_end_pod(k, &id, pod, stops ? -1 : KILL_GRACE_S, err);
}

static int await_end(struct kube *k, const struct kube_id *id, int64_t ms, struct error *err) {
  struct kube_pods_user user = {.on_change = on_change};
  struct kube_pods *p;
  int rc = 0;
  if (kube_pods(k, id->job, &p, err) < 0) return -1;
  kube_pods_add(p, &user);
  for (int64_t end = clock_ms() + ms, now;;) {
    struct kube_view view;
    if ((rc = kube_look(k, id, &view, err)) < 0 || view.stage == VIEW_ENDED) break;
    if ((now = clock_ms()) >= end) {
      rc = error_set(err, ERR_TIMEOUT, "stop failed: job %s did not end in time", id->job);
      break;
    }
    if ((rc = loop_interrupted(k->loop, err) == ERR_NONE ? 0 : -1) < 0) break;
    loop_step(k->loop, (int)(end - now));
  }
  kube_pods_take_out(p, &user);
  if (rc < 0 && err && err->kind == ERR_MISSING) rc = 0;
  return rc;
}

int kube_stop(struct runtime *rt, const char *text, int64_t grace_ms, struct error *err) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_JSON json_t *pod = NULL;
  struct error fault = ERROR_INIT;
  struct kube_id id;
  int64_t grace_s = (grace_ms + 999) / 1000;
  if (kube_id_parse(text, &id, err) < 0) return -1;
  bool no_pod = pod_of(k, text, &id, &pod, &fault) < 0;
  if (no_pod && fault.kind != ERR_MISSING) {
    if (err) *err = fault;
    return -1;
  }
  enum kube_phase phase = no_pod ? KUBE_WAITING : kube_status(pod, kube_container(pod), NULL);
  if (phase == KUBE_ENDED) return 0;
  if (grace_s < KILL_GRACE_S) grace_s = KILL_GRACE_S;
  if (phase == KUBE_WAITING ? stop_pending(k, &id, grace_s, err) < 0
                            : kube_end_pod(k, &id, pod, grace_s, err) < 0)
    return -1;
  return await_end(k, &id, grace_ms + CONFIRM_MS, err);
}
