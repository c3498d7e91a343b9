/* Which containers of the template run, and what each of them loses. */
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <string.h>

#define DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"
#define LIST_MAX 1024 /* bytes of a list inside a message */

json_t *kube_find_named(const json_t *list, const char *name) {
  size_t i;
  json_t *item;
  json_array_foreach((json_t *)list, i, item) {
    const char *is = json_str(item, "name");
    if (is && !strcmp(is, name)) return item;
  }
  return NULL;
}

bool kube_is_sidecar(const json_t *init_container) {
  const char *policy = json_str(init_container, "restartPolicy");
  return policy && !strcmp(policy, "Always");
}

static char *names(const json_t *list) {
  struct buf b;
  size_t i;
  json_t *item;
  buf_init(&b, LIST_MAX);
  json_array_foreach((json_t *)list, i, item) {
    const char *name = json_str(item, "name");
    if (buf_printf(&b, "%s%s", i ? ", " : "", name ? name : "?") < 0) break;
  }
  return buf_take(&b);
}

json_t *kube_choose_container(const struct settings *s, const json_t *pod_template, char **ret_note,
                              struct error *err) {
  const json_t *all = json_at(pod_template, "spec.containers");
  const char *wanted = s->kube.container;
  const char *from = s->source.text ? s->source.text : s->kube.template_file;
  *ret_note = NULL;
  if (json_array_size(all) == 0) {
    error_set(err, ERR_CONFIG, "%s failed: its pod template has no container", from ? from : "the source");
    return NULL;
  }
  if (wanted) {
    json_t *found = kube_find_named(all, wanted);
    CLEANUP_FREE char *there = names(all);
    if (!found)
      error_set(err, ERR_CONFIG, "--container %s failed: %s has no container of that name; it has: %s",
                wanted, from ? from : "the source", there);
    return found;
  }
  json_t *marked = json_object_get(json_at(pod_template, "metadata.annotations"), DEFAULT_CONTAINER);
  json_t *found = json_is_string(marked) ? kube_find_named(all, json_string_value(marked)) : NULL;
  if (found) return found;
  found = json_array_get(all, 0);
  if (json_array_size(all) > 1) {
    CLEANUP_FREE char *there = names(all);
    *ret_note = xprintf("%s has several containers (%s); the command runs in the first; --container chooses",
                        from ? from : "the source", there);
  }
  return found;
}

/* "http" of an httpGet or tcpSocket is looked up in the container's ports, which go. */
static void number_port(json_t *action, const json_t *ports) {
  const char *name = json_string_value(json_object_get(action, "port"));
  const json_t *port = name ? kube_find_named(ports, name) : NULL;
  if (port) json_object_set(action, "port", json_object_get(port, "containerPort"));
}

/* A native sidecar keeps what the others wait for: its startup probe and its hooks. */
static void strip(struct kube_copy *c, json_t *container, bool sidecar) {
  static const struct {
    const char *key, *why;
    bool of_sidecar;
  } rows[] = {{"livenessProbe", "it would kill the command", true},
              {"readinessProbe", "the copy serves nobody", true},
              {"startupProbe", "it would kill the command", false},
              {"lifecycle", "hooks are the application's", false},
              {"ports", "the copy serves nobody", true},
              {"resizePolicy", "a copy is not resized", true},
              {"restartPolicyRules", "the command runs once", true}};
  const char *name = json_str(container, "name");
  if (sidecar) {
    number_port(json_at(container, "startupProbe.httpGet"), json_at(container, "ports"));
    number_port(json_at(container, "startupProbe.tcpSocket"), json_at(container, "ports"));
  } else if (json_object_del(container, "restartPolicy") == 0) {
    kube_plan_dropped(c, "the command runs once", "restartPolicy of container %s", name);
  }
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    if ((!sidecar || rows[i].of_sidecar) && json_object_del(container, rows[i].key) == 0)
      kube_plan_dropped(c, rows[i].why, "%s of container %s", rows[i].key, name ? name : "?");
}

/* An emptyDir that a dropped init container would have filled for the chosen one. */
static void warn_of_empty(struct kube_copy *c, const json_t *init) {
  size_t i, k;
  json_t *a, *b;
  json_array_foreach(json_at(init, "volumeMounts"), i, a) {
    const char *volume = json_str(a, "name");
    if (!volume || !json_at(kube_find_named(json_at(c->spec, "volumes"), volume), "emptyDir")) continue;
    json_array_foreach(json_at(c->container, "volumeMounts"), k, b) {
      const char *other = json_str(b, "name");
      if (!other || strcmp(other, volume) != 0) continue;
      kube_plan_note(c,
                     "init container %s is left out, but it shares the emptyDir volume %s with container %s: "
                     "what it puts there will be missing; --init-containers runs it",
                     json_str(init, "name"), volume, json_str(c->container, "name"));
      break;
    }
  }
}

static void keep_init(struct kube_copy *c) {
  json_t *kept = json_array(), *item;
  size_t i;
  json_array_foreach(json_at(c->spec, "initContainers"), i, item) {
    const char *name = json_str(item, "name");
    bool sidecar = kube_is_sidecar(item);
    if (sidecar || c->s->kube.init_containers || (name && strv_has(&c->s->kube.with, name))) {
      strip(c, item, sidecar);
      json_array_append(kept, item);
      continue;
    }
    warn_of_empty(c, item);
    kube_plan_dropped(c, "it would do the application's start again (--init-containers keeps it)",
                      "init container %s", name ? name : "?");
  }
  if (json_array_size(kept))
    json_object_set(c->spec, "initContainers", kept);
  else
    json_object_del(c->spec, "initContainers");
  json_decref(kept);
}

static int check_with(const struct kube_copy *c, struct error *err) {
  for (size_t i = 0; i < c->s->kube.with.n; i++) {
    const char *name = c->s->kube.with.v[i];
    const json_t *containers = json_at(c->spec, "containers"), *init = json_at(c->spec, "initContainers");
    if (kube_find_named(containers, name) || kube_find_named(init, name)) continue;
    CLEANUP_FREE char *there = names(containers);
    return error_set(err, ERR_CONFIG, "--with %s failed: %s has no container of that name; it has: %s", name,
                     c->origin, there);
  }
  return 0;
}

int kube_template_containers(struct kube_copy *c, struct error *err) {
  CLEANUP_JSON json_t *shape =
      json_pack("{s:O*, s:O}", "metadata", json_at(c->f->pod_template, "metadata"), "spec", c->spec);
  char *note = NULL;
  c->container = kube_choose_container(c->s, shape, &note, err);
  if (!c->container) return -1;
  if (note) strv_take(c->notes, note);
  if (check_with(c, err) < 0) return -1;
  json_t *kept = json_array(), *item;
  size_t i;
  json_array_foreach(json_at(c->spec, "containers"), i, item) {
    const char *name = json_str(item, "name");
    if (item == c->container || (name && strv_has(&c->s->kube.with, name))) {
      strip(c, item, false);
      json_array_append(kept, item);
    } else {
      kube_plan_dropped(c, "only the chosen container runs (--with keeps it)", "container %s",
                        name ? name : "?");
    }
  }
  keep_init(c); /* looks at the chosen container, which is still in the old list */
  json_object_set_new(c->spec, "containers", kept);
  return 0;
}
