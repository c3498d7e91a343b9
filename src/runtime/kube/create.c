/* The reservation: a Secret whose name is test-and-set. The Job that start() will send is made along with it,
 * since it is then that everything about the job is known. */
#include "base/alloc.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a Job alone has to tell: by which name it was made, and of which Secret it hangs. */
static void annotate(json_t *object, const struct identity *who) {
  char name[64];
  kube_object_name(who->name, name);
  json_t *notes = json_object_in(json_object_in(object, "metadata"), "annotations");
  json_object_set_new(notes, KUBE_NAME, json_string(who->name));
  json_object_set_new(notes, KUBE_LABEL_OBJECT, json_string(name));
}

/* A grace of none would take the pod from the server before its end is read. */
static void keep_readable(json_t *job) {
  static const char key[] = "terminationGracePeriodSeconds";
  json_t *spec = json_at(job, "spec.template.spec");
  if (json_int_or(spec, key, 30) < 1) json_object_set_new(spec, key, json_integer(1));
}

/* Deleted in the background, by hand or with its Job, a lock's Secret frees the name under a pod that still
 * runs: that one has the lock. */
static int give_way(struct kube *k, const struct kube_id *id, struct error *err) {
  json_t *list = NULL, *pod = NULL;
  int rc = kube_stray(k, id->name, id->job, &list, &pod, err);
  if (rc == 0 && pod)
    rc = error_set(err, ERR_CONFLICT,
                   "create failed: pod %s of an earlier job under the same name has not ended, though its "
                   "Job was deleted",
                   json_str(pod, "metadata.name"));
  json_decref(list);
  if (rc < 0) {
    struct interrupt before = loop_set_interrupt(k->loop, (struct interrupt){0});
    struct error none = ERROR_INIT;
    if (kube_drop_secret(k, id, &none) < 0) trace(TRACE_RUNTIME, "giving way: %s", none.text);
    loop_set_interrupt(k->loop, before);
  }
  return rc;
}

static int post(struct kube *k, json_t *secret, json_t **ret, struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", NULL, NULL);
  struct kube_request req = {.method = "POST", .path = path, .body = secret, .changes = true};
  if (kube_json(k, &req, "create failed", ret, err) == 0) return 0;
  if (err->kind == ERR_ENGINE && err->http_status == 0)
    err->kind = ERR_LOST; /* made, but its answer is garbled */
  return -1;
}

int kube_create(struct runtime *rt, const struct prepared *p, const struct identity *who, char **ret_id,
                struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_life *l = kube_life(k, who->id);
  CLEANUP_JSON json_t *secret = NULL, *made = NULL;
  struct error fault = ERROR_INIT;
  *ret_id = NULL;
  json_decref(TAKE(l->job));
  kube_objects(k, p, who, NULL, &secret, &l->job);
  annotate(secret, who);
  annotate(l->job, who);
  keep_readable(l->job);
  if (post(k, secret, &made, &fault) < 0) {
    if (err) *err = fault;
    return -1;
  }
  struct kube_id id = {0};
  snprintf(id.name, sizeof id.name, "%s",
           json_str(made, "metadata.name") ? json_str(made, "metadata.name") : "");
  snprintf(id.uid, sizeof id.uid, "%s", json_str(made, "metadata.uid") ? json_str(made, "metadata.uid") : "");
  snprintf(id.job, sizeof id.job, "%s", who->id);
  bool lock = json_object_get(who->labels, "run-once.lock") != NULL;
  if (lock && give_way(k, &id, err) < 0) return -1;
  *ret_id = kube_id_text(id.name, id.uid, id.job);
  return 0;
}

/* Nothing hangs on the Secret but itself; a lock's needs the look behind it that the lost answer cut short.
 */
int kube_complete(struct runtime *rt, const struct prepared *p, const char *id, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_id parts;
  char plain[64];
  (void)p;
  if (kube_id_parse(id, &parts, err) < 0) return -1;
  kube_job_name(parts.job, plain);
  return strcmp(plain, parts.name) ? give_way(k, &parts, err) : 0;
}

/* The Secret, or, of a job that is kept without it, the Job. */
int kube_find(struct runtime *rt, const char *job_id, char **ret_id, struct error *err) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_FREE char *selector = xprintf(KUBE_LABEL_ID "=%s", job_id);
  CLEANUP_FREE char *secrets = kube_list_path(k, "", "secrets", selector);
  CLEANUP_FREE char *jobs = kube_list_path(k, "batch/v1", "jobs", selector);
  CLEANUP_JSON json_t *made = NULL, *started = NULL;
  if (kube_get(k, secrets, "looking for the job failed", &made, err) < 0) return -1;
  const json_t *secret = json_array_get(json_at(made, "items"), 0);
  if (secret) {
    *ret_id = kube_id_text(json_str(secret, "metadata.name"), json_str(secret, "metadata.uid"), job_id);
    return 0;
  }
  if (kube_get(k, jobs, "looking for the job failed", &started, err) < 0) return -1;
  const json_t *job = json_array_get(json_at(started, "items"), 0);
  if (!job)
    return error_set(err, ERR_MISSING, "job %s: neither Secret nor Job in namespace %s", job_id,
                     k->namespace);
  *ret_id = kube_id_of_job(job, job_id);
  return 0;
}
