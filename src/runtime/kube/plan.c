/* The plan of a copy on Kubernetes: what is kept, what is dropped, from where. Never a value. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

json_t *kube_plan_list(struct kube_copy *c, const char *key) {
  json_t *list = json_object_get(c->plan, key);
  if (list) return list;
  list = json_array();
  json_object_set_new(c->plan, key, list);
  return list;
}

static char *vtext(const char *fmt, va_list ap) {
  char *text = NULL;
  if (vasprintf(&text, fmt, ap) < 0) return xstrdup("");
  return text;
}

void kube_plan_dropped(struct kube_copy *c, const char *why, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  CLEANUP_FREE char *what = vtext(fmt, ap);
  va_end(ap);
  json_array_append_new(kube_plan_list(c, "dropped"), json_pack("{s:s, s:s}", "what", what, "why", why));
}

void kube_plan_text(struct kube_copy *c, const char *key, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  CLEANUP_FREE char *text = vtext(fmt, ap);
  va_end(ap);
  json_array_append_new(kube_plan_list(c, key), json_string(text));
}

void kube_plan_note(struct kube_copy *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  strv_take(c->notes, vtext(fmt, ap));
  va_end(ap);
}

/* {"type", "source"} of a pod's volume: which object it comes from. */
static void describe_volume(const json_t *volume, const char **ret_type, const char **ret_source) {
  static const struct {
    const char *kind, *type, *name;
  } rows[] = {{"persistentVolumeClaim", "claim", "claimName"},
              {"configMap", "configMap", "name"},
              {"secret", "secret", "secretName"},
              {"hostPath", "hostPath", "path"},
              {"csi", "csi", "driver"},
              {"nfs", "nfs", "path"}};
  *ret_source = NULL;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    const json_t *part = json_object_get(volume, rows[i].kind);
    if (!part) continue;
    *ret_type = rows[i].type;
    *ret_source = json_str(part, rows[i].name);
    return;
  }
  const char *key;
  json_t *value;
  *ret_type = "volume";
  json_object_foreach((json_t *)volume, key, value) if (strcmp(key, "name") != 0) {
    *ret_type = key; /* emptyDir, projected, downwardAPI, ... name themselves */
    return;
  }
}

static const char *mount_origin(const struct kube_copy *c, const char *target) {
  for (size_t i = 0; i < c->s->n_mounts; i++)
    if (!strcmp(c->s->mounts[i].target, target))
      return c->s->mounts[i].origin ? c->s->mounts[i].origin : "settings";
  return c->origin;
}

static void show_mounts(struct kube_copy *c) {
  size_t i;
  json_t *m, *list = kube_plan_list(c, "mounts");
  json_array_foreach(json_at(c->container, "volumeMounts"), i, m) {
    const char *name = json_str(m, "name"), *target = json_str(m, "mountPath"), *type, *source;
    json_t *volume = name ? kube_find_named(json_at(c->spec, "volumes"), name) : NULL;
    if (!target) continue;
    describe_volume(volume, &type, &source);
    json_array_append_new(list,
                          json_pack("{s:s, s:s?, s:s, s:s, s:s}", "type", type, "source",
                                    source ? source : name, "target", target, "mode",
                                    json_is(m, "readOnly") ? "ro" : "rw", "origin", mount_origin(c, target)));
  }
}

/* "1000:2000" of the container's security context, else the pod's. For free(); NULL: the image's. */
static char *user_text(const struct kube_copy *c) {
  const json_t *contexts[] = {json_at(c->container, "securityContext"), json_at(c->spec, "securityContext")};
  json_t *user = NULL, *group = NULL;
  for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
    if (!user) user = json_at(contexts[i], "runAsUser");
    if (!group) group = json_at(contexts[i], "runAsGroup");
  }
  if (!user) return NULL;
  if (!group) return xprintf("%lld", (long long)json_integer_value(user));
  return xprintf("%lld:%lld", (long long)json_integer_value(user), (long long)json_integer_value(group));
}

static void show_containers(struct kube_copy *c) {
  static const char *const keys[] = {"containers", "initContainers"};
  for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
    size_t i;
    json_t *item;
    json_array_foreach(json_at(c->spec, keys[k]), i, item) {
      if (item == c->container) continue;
      kube_plan_text(c, "runs_beside", "%s%s", json_str(item, "name") ? json_str(item, "name") : "?",
                     k == 0                  ? ""
                     : kube_is_sidecar(item) ? " (native sidecar)"
                                             : " (init container)");
    }
  }
}

static void set_text(json_t *o, const char *key, const char *value) {
  json_object_set_new(o, key, value ? json_string(value) : json_null());
}

void kube_plan_finish(struct kube_copy *c, const struct prepared *p) {
  json_t *argv = json_array();
  for (size_t i = 0; i < p->argv.n; i++) json_array_append_new(argv, json_string(p->argv.v[i]));
  CLEANUP_FREE char *user = user_text(c);
  set_text(c->plan, "image", p->image);
  set_text(c->plan, "image_id", p->image_id);
  set_text(c->plan, "digest", p->digest);
  json_object_set_new(c->plan, "argv", argv);
  set_text(c->plan, "container", json_str(c->container, "name"));
  set_text(c->plan, "user", user);
  set_text(c->plan, "workdir", json_str(c->container, "workingDir"));
  set_text(c->plan, "hostname", json_str(c->spec, "hostname"));
  set_text(c->plan, "service_account", json_str(c->spec, "serviceAccountName"));
  json_object_set_new(c->plan, "stop_grace_ms", json_integer(p->stop_grace_ms));
  json_object_set_new(c->plan, "tty", json_boolean(p->tty));
  show_mounts(c);
  show_containers(c);
  json_t *resources = json_at(c->container, "resources");
  if (json_object_size(resources)) json_object_set(c->plan, "resources", resources);
  if (json_object_size(c->labels)) json_object_set(c->plan, "labels", c->labels);
  kube_plan_list(c, "env");
  kube_plan_list(c, "networks");
  kube_plan_list(c, "dropped");
}
