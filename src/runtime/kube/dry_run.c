/* A pod as the job's will be, which the server judges and does not keep: ?dryRun=All. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/checks.h"
#include "runtime/kube/objects.h"
#include <string.h>

/* Not of the pod but of the trying: no right to create pods, or a webhook that cannot be asked without
 * effects. */
static bool untried(const struct error *err) {
  return (err->kind == ERR_PERMISSION && strstr(err->text, "cannot create resource \"pods\"")) ||
         strstr(err->text, "does not support dry run");
}

int kube_dry_run(struct kube *k, struct kube_copy *c, const struct prepared *p, json_t **ret_pod,
                 struct error *err) {
  CLEANUP_JSON json_t *labels = json_pack("{s:s}", "run-once.id", "dry-run");
  struct identity who = {.id = "dry-run", .name = "run-once.dry-run", .labels = labels, .stop_ms = -1};
  int64_t unused;
  CLEANUP_JSON json_t *pod = kube_objects_pod(p, &who, &unused);
  CLEANUP_FREE char *path = kube_path(k, "", "pods", NULL, "?dryRun=All");
  CLEANUP_FREE char *what = xprintf("%s failed: its copy is refused", c->origin);
  *ret_pod = NULL;
  json_object_set_new(pod, "apiVersion", json_string("v1"));
  json_object_set_new(pod, "kind", json_string("Pod"));
  json_object_set_new(json_object_in(pod, "metadata"), "generateName", json_string("run-once-dry-run-"));
  struct kube_request req = {.method = "POST", .path = path, .body = pod};
  if (kube_json(k, &req, what, ret_pod, err) < 0) {
    if (!untried(err)) return -1;
    kube_plan_text(c, "checked", "not checked: whether the cluster takes the pod (%s)", err->text);
    error_clear(err);
    return 0;
  }
  kube_plan_text(c, "checked", "the cluster takes such a pod (dry run)");
  return 0;
}
