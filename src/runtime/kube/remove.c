/* Taking a job away. Without force it is the fence: it fails while the command may run, and when it succeeds
 * no start in flight can begin it any more. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH "batch/v1"
#define PODS_MS 60000 /* behind the pod's grace: for kubelet and controllers to take it away */
#define AGAIN_MS 250

/* A Job that makes no pod. Its template must be valid, and is never used. */
static json_t *fence_body(const char *name, const char *job_id) {
  return json_pack("{s:s, s:s, s:{s:s, s:{s:s, s:s}}, s:{s:i, s:i, s:{s:{s:s, s:[{s:s, s:s}]}}}}",
                   "apiVersion", BATCH, "kind", "Job", "metadata", "name", name, "labels", KUBE_LABEL_ID,
                   job_id, KUBE_LABEL_FENCE, "true", "spec", "parallelism", 0, "backoffLimit", 0, "template",
                   "spec", "restartPolicy", "Never", "containers", "name", "none", "image",
                   "none.invalid/none");
}

/* ERR_CONFLICT: a start has arrived. */
static int put_up(struct kube *k, const char *job_id, char uid[64], struct error *err) {
  char name[64];
  kube_job_name(job_id, name);
  CLEANUP_FREE char *path = kube_path(k, BATCH, "jobs", NULL, NULL);
  CLEANUP_JSON json_t *body = fence_body(name, job_id), *made = NULL;
  struct kube_request req = {.method = "POST", .path = path, .body = body, .changes = true};
  if (kube_json(k, &req, "removing the job failed", &made, err) < 0) return -1;
  const char *text = json_str(made, "metadata.uid");
  snprintf(uid, 64, "%s", text ? text : "");
  return 0;
}

/* Never started: the name is taken first, then the ticket goes, then the fence. What arrives behind that has
 * neither ticket nor owner. */
static int fence(struct kube *k, const struct kube_id *id, const struct kube_view *view, struct error *err) {
  char uid[64];
  snprintf(uid, sizeof uid, "%s", view->fenced ? view->job_uid : "");
  if (!view->fenced && put_up(k, id->job, uid, err) < 0) return -1;
  if (kube_drop_secret(k, id, err) < 0) return -1;
  return kube_drop_job(k, id->job, uid, err);
}

/* Until no pod is left: a lock's name must not be free before. */
static int await_pods(struct kube *k, const struct kube_id *id, struct error *err) {
  int64_t until = clock_ms() + PODS_MS;
  for (int64_t pause = AGAIN_MS;; pause = pause < 2000 ? pause * 2 : pause) {
    struct error seen = ERROR_INIT;
    CLEANUP_JSON json_t *job = NULL;
    if (kube_job(k, id->job, &job, &seen) < 0) {
      if (seen.kind == ERR_MISSING) return 0;
      if (err) *err = seen;
      return -1;
    }
    long long grace = json_int_or(job, "spec.template.spec.terminationGracePeriodSeconds", 30);
    if (clock_ms() > until + grace * 1000)
      return error_set(err, ERR_TIMEOUT, "removal of job %s is under way but does not end", id->job);
    loop_pause(k->loop, pause);
  }
}

/* The order is the lock's: the Secret last, and not by the garbage collector, which would take a dependent at
 * once. */
static int remove_running(struct kube *k, const struct kube_id *id, const struct kube_view *view,
                          struct error *err) {
  if (kube_free_secret(k, id, err) < 0) return -1;
  if (kube_drop_job(k, id->job, view->job_uid, err) < 0 || await_pods(k, id, err) < 0) return -1;
  return kube_drop_secret(k, id, err);
}

/* A second pod that waits for its ticket has nothing that a grace would be for, and kubelets take a minute to
 * see that. With the Secret gone it cannot begin: here and in revoke.c, and nowhere else, a pod is taken off
 * the server at once. */
static void drop_in_vain(struct kube *k, const struct kube_id *id) {
  struct kube_pods *p = kube_pods_known(k, id->job);
  struct error none = ERROR_INIT;
  for (size_t i = 0; i < kube_pods_count(p); i++) {
    const json_t *pod = kube_pods_in_vain(p, i);
    if (pod && kube_drop_pod(k, pod, 0, &none) < 0) trace(TRACE_RUNTIME, "%s", none.text);
  }
}

/* The command has ended, so the lock is free already, and nobody waits for the pod to be cleared away. */
static int remove_ended(struct kube *k, const struct kube_id *id, const struct kube_view *view,
                        struct error *err) {
  if (view->job && kube_drop_job(k, id->job, view->job_uid, err) < 0) return -1;
  if (kube_drop_secret(k, id, err) < 0) return -1;
  drop_in_vain(k, id);
  return 0;
}

int kube_remove(struct runtime *rt, const char *text, bool force, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_id id;
  struct kube_view view;
  struct error fault = ERROR_INIT;
  if (kube_id_parse(text, &id, err) < 0) return -1;
  struct kube_life *l = kube_life_of(k, id.job);
  if (l && (l->revoked || !l->sent)) return kube_drop_secret(k, &id, err); /* nothing is on the wire */
  if (kube_look(k, &id, &view, &fault) < 0) {
    if (fault.kind == ERR_MISSING) return 0;
    if (err) *err = fault;
    return -1;
  }
  if (view.stage == VIEW_ENDED) return remove_ended(k, &id, &view, err);
  if (view.stage == VIEW_CREATED) return fence(k, &id, &view, err);
  if (force) return remove_running(k, &id, &view, err);
  return error_set(err, ERR_CONFLICT, "removing the job failed: its command runs, or may begin any moment");
}

/* The kept Job goes on without the name that is the lock: first nothing of it hangs on the Secret any more.
 */
int kube_rename(struct runtime *rt, const char *text, const char *name, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_id id;
  char job[64];
  if (kube_id_parse(text, &id, err) < 0) return -1;
  kube_job_name(id.job, job);
  CLEANUP_FREE char *path = kube_path(k, BATCH, "jobs", job, NULL);
  CLEANUP_JSON json_t *body =
      json_pack("{s:{s:n, s:{s:s}}}", "metadata", "ownerReferences", "annotations", KUBE_NAME, name);
  struct kube_request req = {.method = "PATCH", .path = path, .body = body};
  CLEANUP_FREE char *what = xprintf("renaming the job to %s failed", name);
  struct error fault = ERROR_INIT;
  int rc = kube_json(k, &req, what, NULL, &fault);
  if (rc < 0 && fault.kind != ERR_MISSING) {
    if (err) *err = fault;
    return -1;
  }
  if (rc < 0) trace(TRACE_RUNTIME, "%s", fault.text); /* no Job: only the name is left */
  return kube_drop_secret(k, &id, err);
}
