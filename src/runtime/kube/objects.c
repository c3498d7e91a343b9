/* The Secret and the Job of one run, from what prepare() made and who runs it: pure. */
#include "runtime/kube/objects.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/kube.h"
#include "runtime/kube/template.h"
#include <stdlib.h>
#include <string.h>

#define TTL_MIN_S 60        /* 0 would take pod and log away before anybody has read them */
#define TTL_DEFAULT_S 86400 /* without --keep-for */
#define BACKSTOP_S 300      /* after the pod's own deadline and grace: the Job's deletes the log, too */
#define DEADLINE_MAX_S 2147483647LL /* what the API takes */
#define REPLACEMENT_MINOR 29        /* podReplacementPolicy is there by default */

static int64_t seconds(int64_t ms) {
  int64_t s = (ms + 999) / 1000;
  return s > DEADLINE_MAX_S ? DEADLINE_MAX_S : s;
}

/* Values stand in the Secret, whose name prepare() did not know. */
static void name_references(json_t *container, const char *secret) {
  size_t i;
  json_t *entry;
  json_array_foreach(json_at(container, "env"), i, entry) {
    json_t *ref = json_at(entry, "valueFrom.secretKeyRef");
    const char *name = json_str(ref, "name");
    if (name && !*name) json_object_set_new(ref, "name", json_string(secret));
  }
}

/* Not optional: where the key is gone, the container does not start. First, so that no other variable fails
 * before it and says something else. */
static void add_ticket(json_t *container, const char *secret, const char *key) {
  json_t *env = json_at(container, "env");
  if (!env) {
    env = json_array();
    json_object_set_new(container, "env", env);
  }
  json_array_insert_new(env, 0,
                        json_pack("{s:s, s:{s:{s:s, s:s}}}", "name", "RUN_ONCE_JOB", "valueFrom",
                                  "secretKeyRef", "name", secret, "key", key));
}

/* The chosen container and what runs before it. Those beside it may be started, or started again, when the
 * ticket is gone already. */
static void give_tickets(json_t *spec, const char *chosen, const char *secret, const char *key) {
  size_t i;
  json_t *container;
  json_array_foreach(json_at(spec, "initContainers"), i, container) {
    if (!kube_is_sidecar(container)) add_ticket(container, secret, key);
  }
  container = kube_find_named(json_at(spec, "containers"), chosen ? chosen : "");
  if (!container) return;
  name_references(container, secret);
  add_ticket(container, secret, key);
}

/* *ret_job_s: the Job's own deadline, 0: none. */
static void set_deadlines(json_t *spec, const struct identity *who, int64_t *ret_job_s) {
  int64_t grace = json_int_or(spec, "terminationGracePeriodSeconds", 30);
  *ret_job_s = 0;
  if (who->stop_ms >= 0) {
    grace = seconds(who->stop_ms);
    json_object_set_new(spec, "terminationGracePeriodSeconds", json_integer(grace));
  }
  if (who->run_ms <= 0 || who->start_ms <= 0) return; /* one of both has no end: nor has the sum */
  int64_t pod_s = seconds(who->run_ms + who->start_ms);
  json_object_set_new(spec, "activeDeadlineSeconds", json_integer(pod_s));
  int64_t job_s = pod_s + grace + BACKSTOP_S;
  *ret_job_s = job_s > DEADLINE_MAX_S ? DEADLINE_MAX_S : job_s;
}

/* The template's own, then ours over them. */
static void set_metadata(json_t *pod_template, json_t *labels, json_t *annotations, const char *secret,
                         const char *chosen) {
  json_t *meta = json_object_in(pod_template, "metadata");
  json_t *to = json_object_in(meta, "labels"), *notes = json_object_in(meta, "annotations");
  json_object_update(to, labels);
  json_object_set_new(to, "run-once/object", json_string(secret));
  json_object_update(notes, annotations);
  json_object_set_new(notes, "run-once/container", json_string(chosen ? chosen : ""));
  /* Neither the cluster autoscaler nor Karpenter may move a command that cannot be started again. */
  json_object_set_new(notes, "cluster-autoscaler.kubernetes.io/safe-to-evict", json_string("false"));
  json_object_set_new(notes, "karpenter.sh/do-not-disrupt", json_string("true"));
}

static json_t *metadata(const struct kube *k, const char *name, json_t *labels, json_t *annotations) {
  return json_pack("{s:s, s:s, s:O, s:O}", "name", name, "namespace", k->namespace ? k->namespace : "default",
                   "labels", labels, "annotations", annotations);
}

json_t *kube_objects_pod(const struct prepared *p, const struct identity *who, int64_t *ret_job_s) {
  char name[64], key[64];
  const char *chosen = json_str(p->request, "container");
  json_t *labels, *annotations;
  json_t *pod_template = json_deep_copy(json_at(p->request, "job.spec.template"));
  json_t *spec = json_object_in(pod_template, "spec");
  kube_object_name(who->name, name);
  kube_ticket_key(who->id, key);
  kube_labels(who->labels, &labels, &annotations);
  set_metadata(pod_template, labels, annotations, name, chosen);
  give_tickets(spec, chosen, name, key);
  set_deadlines(spec, who, ret_job_s);
  json_decref(labels);
  json_decref(annotations);
  return pod_template;
}

static json_t *secret_of(const struct kube *k, const struct prepared *p, const struct identity *who,
                         const char *name, json_t *labels, json_t *annotations) {
  char key[64];
  json_t *values = json_deep_copy(json_at(p->request, "secret.stringData"));
  if (!values) values = json_object();
  kube_ticket_key(who->id, key);
  json_object_set_new(values, key, json_string(who->id));
  return json_pack("{s:s, s:s, s:o, s:s, s:o}", "apiVersion", "v1", "kind", "Secret", "metadata",
                   metadata(k, name, labels, annotations), "type", "Opaque", "stringData", values);
}

void kube_objects(const struct kube *k, const struct prepared *p, const struct identity *who,
                  const char *owner_uid, json_t **ret_secret, json_t **ret_job) {
  char name[64], job_name[64];
  int64_t job_s;
  json_t *labels, *annotations, *pod_template = kube_objects_pod(p, who, &job_s);
  kube_object_name(who->name, name);
  kube_job_name(who->id, job_name);
  kube_labels(who->labels, &labels, &annotations);
  int64_t ttl = who->keep_ms > 0 ? seconds(who->keep_ms) : TTL_DEFAULT_S;
  json_t *spec = json_pack("{s:i, s:i, s:i, s:I, s:o}", "backoffLimit", 0, "completions", 1, "parallelism", 1,
                           "ttlSecondsAfterFinished", (json_int_t)(ttl < TTL_MIN_S ? TTL_MIN_S : ttl),
                           "template", pod_template);
  if (job_s) json_object_set_new(spec, "activeDeadlineSeconds", json_integer(job_s));
  if (k->minor >= REPLACEMENT_MINOR) json_object_set_new(spec, "podReplacementPolicy", json_string("Failed"));
  json_t *meta = metadata(k, job_name, labels, annotations);
  if (owner_uid)
    json_object_set_new(meta, "ownerReferences",
                        json_pack("[{s:s, s:s, s:s, s:s}]", "apiVersion", "v1", "kind", "Secret", "name",
                                  name, "uid", owner_uid));
  *ret_secret = secret_of(k, p, who, name, labels, annotations);
  *ret_job = json_pack("{s:s, s:s, s:o, s:o}", "apiVersion", "batch/v1", "kind", "Job", "metadata", meta,
                       "spec", spec);
  json_decref(labels);
  json_decref(annotations);
}

json_t *kube_manifest(struct runtime *rt, const struct prepared *p, const struct identity *who) {
  json_t *secret, *job;
  kube_objects((const struct kube *)rt, p, who, NULL, &secret, &job);
  return json_pack("[o, o]", secret, job);
}
