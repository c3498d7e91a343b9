/* The objects of a job one by one: what is asked of them, and how each goes. Everything by name and uid. */
#include "runtime/kube/life.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH "batch/v1"

static void life_done(struct kube_life *l) {
  json_decref(l->job);
  free(l);
}

struct kube_life *kube_life(struct kube *k, const char *job_id) {
  if (k->life && !strcmp(k->life->job_id, job_id)) return k->life;
  if (k->life) life_done(k->life);
  k->life = xcalloc(1, sizeof *k->life);
  snprintf(k->life->job_id, sizeof k->life->job_id, "%s", job_id);
  return k->life;
}

struct kube_life *kube_life_of(struct kube *k, const char *job_id) {
  return k->life && !strcmp(k->life->job_id, job_id) ? k->life : NULL;
}

void kube_life_free(struct kube *k) {
  kube_pods_free(TAKE(k->pods));
  if (k->life) life_done(TAKE(k->life));
}

char *kube_list_path(const struct kube *k, const char *group, const char *resource, const char *selector) {
  CLEANUP_FREE char *escaped = http_escape(selector);
  CLEANUP_FREE char *query = xprintf("?labelSelector=%s", escaped);
  return kube_path(k, group, resource, NULL, query);
}

static bool same_uid(const struct kube_id *id, const json_t *o) {
  const char *uid = json_str(o, "metadata.uid");
  return uid && !strcmp(uid, id->uid);
}

/* --- the Secret --- */

int kube_secret(struct kube *k, const struct kube_id *id, json_t **ret, struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", id->name, NULL);
  json_t *secret = NULL;
  if (kube_get(k, path, "reading the job's Secret failed", &secret, err) < 0) return -1;
  if (same_uid(id, secret)) {
    *ret = secret;
    return 0;
  }
  json_decref(secret);
  return error_set(err, ERR_MISSING, "the Secret of job %s is gone", id->job);
}

bool kube_has_ticket(const json_t *secret, const char *job_id) {
  char key[64];
  kube_ticket_key(job_id, key);
  return json_object_get(json_at(secret, "data"), key) != NULL;
}

static json_t *owner(const char *api, const char *kind, const char *name, const char *uid) {
  return json_pack("[{s:s, s:s, s:s, s:s}]", "apiVersion", api, "kind", kind, "name", name, "uid", uid);
}

/* The uid in the patch is a precondition: another Secret of that name answers 409. */
static int patch_secret(struct kube *k, const struct kube_id *id, json_t *owners, json_t *data,
                        struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", id->name, NULL);
  CLEANUP_JSON json_t *body =
      json_pack("{s:{s:s, s:o}}", "metadata", "uid", id->uid, "ownerReferences", owners);
  if (data) json_object_set_new(body, "data", data);
  struct kube_request req = {.method = "PATCH", .path = path, .body = body};
  struct error fault = ERROR_INIT;
  if (kube_json(k, &req, "writing the job's Secret failed", NULL, &fault) == 0) return 0;
  if (fault.kind == ERR_MISSING || fault.kind == ERR_CONFLICT) return 0;
  if (err) *err = fault;
  return -1;
}

int kube_take_ticket(struct kube *k, const struct kube_id *id, const char *job_uid, struct error *err) {
  char key[64], job[64];
  kube_ticket_key(id->job, key);
  kube_job_name(id->job, job);
  json_t *owners = job_uid && *job_uid ? owner(BATCH, "Job", job, job_uid) : json_null();
  return patch_secret(k, id, owners, json_pack("{s:n}", key), err);
}

int kube_free_secret(struct kube *k, const struct kube_id *id, struct error *err) {
  return patch_secret(k, id, json_null(), NULL, err);
}

int kube_note_never(struct kube *k, const struct kube_id *id, struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", id->name, NULL);
  CLEANUP_JSON json_t *body =
      json_pack("{s:{s:s, s:{s:s}}}", "metadata", "uid", id->uid, "annotations", KUBE_NEVER, "true");
  struct kube_request req = {.method = "PATCH", .path = path, .body = body};
  return kube_json(k, &req, "writing the job's Secret failed", NULL, err);
}

bool kube_never_began(const json_t *secret) {
  return json_object_get(json_at(secret, "metadata.annotations"), KUBE_NEVER) != NULL;
}

/* --- deleting --- */

/* DELETE with its uid as precondition: what is gone, or is another's by now, is no fault. */
static int drop(struct kube *k, const char *path, const char *uid, const char *policy, int64_t grace_s,
                const char *what, struct error *err) {
  CLEANUP_JSON json_t *body = json_pack("{s:s, s:s}", "kind", "DeleteOptions", "apiVersion", "v1");
  if (uid && *uid && strcmp(uid, "-") != 0)
    json_object_set_new(body, "preconditions", json_pack("{s:s}", "uid", uid));
  if (policy) json_object_set_new(body, "propagationPolicy", json_string(policy));
  if (grace_s >= 0) json_object_set_new(body, "gracePeriodSeconds", json_integer(grace_s));
  struct kube_request req = {.method = "DELETE", .path = path, .body = body};
  struct error fault = ERROR_INIT;
  if (kube_json(k, &req, what, NULL, &fault) == 0) return 0;
  if (fault.kind == ERR_MISSING || fault.kind == ERR_CONFLICT) return 0;
  if (err) *err = fault;
  return -1;
}

int kube_drop_secret(struct kube *k, const struct kube_id *id, struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", id->name, NULL);
  if (!strcmp(id->uid, "-")) return 0;
  return drop(k, path, id->uid, NULL, -1, "removing the job's Secret failed", err);
}

int kube_drop_job(struct kube *k, const char *job_id, const char *uid, struct error *err) {
  char name[64];
  kube_job_name(job_id, name);
  CLEANUP_FREE char *path = kube_path(k, BATCH, "jobs", name, NULL);
  return drop(k, path, uid, "Foreground", -1, "removing the Job failed", err);
}

int kube_drop_pod(struct kube *k, const json_t *pod, int64_t grace_s, struct error *err) {
  const char *name = json_str(pod, "metadata.name");
  CLEANUP_FREE char *path = kube_path(k, "", "pods", name ? name : "", NULL);
  return drop(k, path, json_str(pod, "metadata.uid"), NULL, grace_s, "deleting the pod failed", err);
}

/* Nothing about it may have changed, or else the server refuses: what its node tells meanwhile counts. */
int kube_tear_away(struct kube *k, const json_t *pod, struct error *err) {
  const char *name = json_str(pod, "metadata.name"), *uid = json_str(pod, "metadata.uid");
  const char *version = json_str(pod, "metadata.resourceVersion");
  CLEANUP_FREE char *path = kube_path(k, "", "pods", name ? name : "", NULL);
  CLEANUP_JSON json_t *body = json_pack("{s:s, s:s, s:i, s:{s:s, s:s}}", "kind", "DeleteOptions",
                                        "apiVersion", "v1", "gracePeriodSeconds", 0, "preconditions", "uid",
                                        uid ? uid : "", "resourceVersion", version ? version : "");
  struct kube_request req = {.method = "DELETE", .path = path, .body = body};
  return kube_json(k, &req, "taking the pod off the server failed", NULL, err);
}

/* --- the Job, and pods of others --- */

int kube_job(struct kube *k, const char *job_id, json_t **ret, struct error *err) {
  char name[64];
  kube_job_name(job_id, name);
  CLEANUP_FREE char *path = kube_path(k, BATCH, "jobs", name, NULL);
  return kube_get(k, path, "reading the Job failed", ret, err);
}

char *kube_id_of_job(const json_t *job, const char *job_id) {
  const json_t *annotations = json_at(job, "metadata.annotations");
  const char *name = json_string_value(json_object_get(annotations, KUBE_LABEL_OBJECT)), *uid = NULL;
  char plain[64];
  size_t i;
  json_t *owner_of;
  kube_job_name(job_id, plain);
  json_array_foreach(json_at(job, "metadata.ownerReferences"), i, owner_of) {
    const char *kind = json_str(owner_of, "kind");
    if (kind && !strcmp(kind, "Secret")) uid = json_str(owner_of, "uid");
  }
  return kube_id_text(name ? name : plain, uid, job_id);
}

int kube_stray(struct kube *k, const char *name, const char *not_job, json_t **ret_list, json_t **ret_pod,
               struct error *err) {
  CLEANUP_FREE char *selector = xprintf(KUBE_LABEL_OBJECT "=%s", name);
  CLEANUP_FREE char *path = kube_list_path(k, "", "pods", selector);
  size_t i;
  json_t *pod;
  *ret_list = *ret_pod = NULL;
  if (kube_get(k, path, "looking for pods under the lock failed", ret_list, err) < 0) return -1;
  json_array_foreach(json_at(*ret_list, "items"), i, pod) {
    const char *job = json_string_value(json_object_get(json_at(pod, "metadata.labels"), KUBE_LABEL_ID));
    bool other = !job || !not_job || strcmp(job, not_job) != 0;
    if (other && kube_status(pod, kube_container(pod), NULL) != KUBE_ENDED) *ret_pod = pod;
  }
  return 0;
}
