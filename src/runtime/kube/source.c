#include "runtime/kube/source.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/kube/rollout.h"
#include <stdlib.h>
#include <string.h>

#define CRONJOB_V1_MINOR 21

static const struct {
  const char *type, *group, *resource;
} workloads[] = {{"deployment", "apps/v1", "deployments"},
                 {"statefulset", "apps/v1", "statefulsets"},
                 {"daemonset", "apps/v1", "daemonsets"},
                 {"replicaset", "apps/v1", "replicasets"},
                 {"cronjob", "batch/v1", "cronjobs"},
                 {"job", "batch/v1", "jobs"},
                 {"pod", "", "pods"}};

void kube_source_done(struct kube_source *src) {
  json_decref(src->workload);
  json_decref(src->pod_template);
  json_decref(src->pods);
  char *texts[] = {src->kind, src->name, src->id, src->app};
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) free(texts[i]);
  *src = (struct kube_source){0};
}

static int get(struct kube *k, const char *group, const char *resource, const char *name, const char *what,
               json_t **ret, struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, group, resource, name, NULL);
  return kube_get(k, path, what, ret, err);
}

static int get_workload(struct kube *k, const struct settings *s, json_t **ret, struct error *err) {
  CLEANUP_FREE char *what = xprintf("%s in namespace %s failed", s->source.text, k->namespace);
  for (size_t i = 0; i < ARRAY_LEN(workloads); i++) {
    if (strcmp(workloads[i].type, s->source.type) != 0) continue;
    bool old = !strcmp(s->source.type, "cronjob") && k->minor < CRONJOB_V1_MINOR;
    return get(k, old ? "batch/v1beta1" : workloads[i].group, workloads[i].resource, s->source.name, what,
               ret, err);
  }
  return error_set(err, ERR_USAGE, "%s failed: Kubernetes has no such source", s->source.text);
}

/* {"metadata", "spec"} inside the workload; borrowed. A pod is one itself. */
static json_t *template_of(const char *type, json_t *workload) {
  if (!strcmp(type, "pod")) return workload;
  return json_at(workload, !strcmp(type, "cronjob") ? "spec.jobTemplate.spec.template" : "spec.template");
}

/* --- pods --- */

/* Of a CronJob: those of the jobs that run now. For free(); NULL: there are none to look for. */
static char *selector_of(const char *type, const json_t *workload) {
  if (strcmp(type, "cronjob") != 0) return kube_selector_text(json_at(workload, "spec.selector"));
  struct buf b;
  size_t i;
  json_t *ref;
  buf_init(&b, 8192);
  json_array_foreach(json_at(workload, "status.active"), i, ref) {
    const char *uid = json_str(ref, "uid");
    if (uid) buf_printf(&b, "%s%s", b.len ? "," : "controller-uid in (", uid);
  }
  if (b.len) buf_puts(&b, ")");
  char *text = buf_take(&b);
  if (*text) return text;
  free(text);
  return NULL;
}

static int list_pods(struct kube *k, const struct settings *s, const json_t *workload, json_t **ret,
                     struct error *err) {
  const char *type = s->source.type;
  if (!strcmp(type, "pod")) {
    CLEANUP_JSON json_t *alone = json_pack("[O]", workload);
    *ret = kube_rollout_pods(workload, type, alone);
    return 0;
  }
  CLEANUP_FREE char *selector = selector_of(type, workload);
  *ret = json_array();
  if (!selector) return 0;
  CLEANUP_FREE char *escaped = http_escape(selector);
  CLEANUP_FREE char *query = xprintf("?labelSelector=%s", escaped);
  CLEANUP_FREE char *path = kube_path(k, "", "pods", NULL, query);
  CLEANUP_FREE char *what = xprintf("%s failed: listing its pods", s->source.text);
  CLEANUP_JSON json_t *list = NULL;
  if (kube_get(k, path, what, &list, err) < 0) return -1;
  json_decref(*ret);
  *ret = kube_rollout_pods(workload, type, json_at(list, "items"));
  return 0;
}

/* --- the template of the revision that runs, where it is not the workload's newest --- */

static int get_revision(struct kube *k, const struct settings *s, const json_t *pod, json_t **ret,
                        struct error *err) {
  const char *type = s->source.type, *hash = kube_rollout_revision(pod);
  if (!hash)
    return error_set(err, ERR_CONFIG, "%s failed: pod %s tells no revision", s->source.text,
                     json_str(pod, "metadata.name"));
  bool whole = !strcmp(type, "statefulset"); /* its hash is the name already */
  CLEANUP_FREE char *name = whole ? xstrdup(hash) : xprintf("%s-%s", s->source.name, hash);
  CLEANUP_FREE char *what = xprintf("%s failed: reading revision %s, which runs", s->source.text, hash);
  CLEANUP_JSON json_t *object = NULL;
  bool set = !strcmp(type, "deployment");
  if (get(k, "apps/v1", set ? "replicasets" : "controllerrevisions", name, what, &object, err) < 0) return -1;
  json_t *found = json_at(object, set ? "spec.template" : "data.spec.template");
  if (!found) return error_set(err, ERR_ENGINE, "%s: it holds no template", what);
  *ret = json_deep_copy(found);
  json_object_del(*ret, "$patch");
  return 0;
}

static bool same_part(const json_t *a, const json_t *b, const char *path) {
  const json_t *x = json_at(a, path), *y = json_at(b, path);
  return (!x && !y) || json_equal(x, y);
}

/* The two templates differ in the hash that the controller adds to the labels, if in nothing else. */
static bool same_release(const json_t *a, const json_t *b) {
  return same_part(a, b, "spec") && same_part(a, b, "metadata.annotations");
}

static int choose(struct kube *k, const struct settings *s, struct kube_source *ret, struct strv *notes,
                  struct error *err) {
  const char *type = s->source.type;
  if (kube_rollout_choose(s, ret->pods, &ret->chosen, err) < 0) return -1;
  if (ret->chosen && !kube_rollout_current(ret->workload, type, ret->chosen)) {
    if (get_revision(k, s, ret->chosen, &ret->pod_template, err) < 0) return -1;
    /* A controller that has not counted its pods yet, or a newest revision that does not run: only the second
     * is worth a word. */
    if (!same_release(template_of(type, ret->workload), ret->pod_template))
      strv_take(notes, xprintf("%s: its newest revision is not the one that runs; revision %s is the release",
                               s->source.text, kube_rollout_revision(ret->chosen)));
    return 0;
  }
  ret->pod_template = json_incref(template_of(type, ret->workload));
  if (ret->pod_template) return 0;
  return error_set(err, ERR_ENGINE, "%s failed: the server's answer holds no pod template", s->source.text);
}

/* A pod's and a template's name says little: its label is better. A workload's own name comes first. */
static char *app_of(const struct settings *s, const json_t *object, const json_t *pod_template,
                    bool workload) {
  static const char label[] = "app.kubernetes.io/name";
  const char *name = json_str(object, "metadata.name");
  const char *app = json_string_value(json_object_get(json_at(object, "metadata.labels"), label));
  if (!app) app = json_string_value(json_object_get(json_at(pod_template, "metadata.labels"), label));
  if (workload && name && strcmp(s->source.type, "pod") != 0) return xstrdup(name);
  return xstrdup(app ? app : name);
}

static int find_workload(struct kube *k, const struct settings *s, struct kube_source *ret,
                         struct strv *notes, struct error *err) {
  if (get_workload(k, s, &ret->workload, err) < 0 || list_pods(k, s, ret->workload, &ret->pods, err) < 0 ||
      choose(k, s, ret, notes, err) < 0)
    return -1;
  ret->of_pod = !strcmp(s->source.type, "pod");
  ret->kind = xstrdup(s->source.type);
  ret->name = xstrdup(s->source.name);
  ret->id = xstrdup(json_str(ret->workload, "metadata.uid"));
  ret->app = app_of(s, ret->workload, ret->pod_template, true);
  return 0;
}

static int find_file(struct kube *k, const struct settings *s, struct kube_source *ret, struct error *err) {
  CLEANUP_JSON json_t *object = NULL;
  if (kube_template_file(s->kube.template_file, k->namespace, &object, &ret->pod_template, err) < 0)
    return -1;
  const char *kind = json_str(object, "kind"), *name = json_str(object, "metadata.name");
  ret->own_file = true;
  ret->kind = xstrdup(kind);
  ret->name = xstrdup(name ? name : s->kube.template_file);
  ret->app = app_of(s, object, ret->pod_template, false);
  return 0;
}

int kube_source_find(struct kube *k, const struct settings *s, struct kube_source *ret, struct strv *notes,
                     struct error *err) {
  enum source_kind kind = s->source.kind;
  *ret = (struct kube_source){0};
  if (s->image_of && kind != SOURCE_WORKLOAD)
    return error_set(err, ERR_USAGE, "--image-of failed: only a workload has replicas to choose from");
  if (kind == SOURCE_WORKLOAD && s->kube.template_file)
    return error_set(
        err, ERR_CONFIG,
        "%s and kubernetes.template %s failed: both say what the pod looks like; give one of them, "
        "and with the template an image: if its own is not meant",
        s->source.text, s->kube.template_file);
  if (kind == SOURCE_WORKLOAD) return find_workload(k, s, ret, notes, err);
  if (kind != SOURCE_NONE && kind != SOURCE_IMAGE)
    return error_set(
        err, ERR_USAGE,
        "%s failed: Kubernetes has no such source; it knows deployment/, statefulset/, daemonset/, "
        "replicaset/, cronjob/, job/, pod/ and image/",
        s->source.text);
  return s->kube.template_file ? find_file(k, s, ret, err) : 0;
}
