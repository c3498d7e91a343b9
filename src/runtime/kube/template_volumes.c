/* Volumes of the copy: those that a kept container mounts, a StatefulSet's claims if asked for, those given.
 */
#include "base/alloc.h"
#include "base/parse.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <string.h>

static const char *const container_lists[] = {"containers", "initContainers"};
static const char *const mount_lists[] = {"volumeMounts", "volumeDevices"};

/* Takes mounts out of every kept container; true: there was one. */
static bool unmount(struct kube_copy *c, const char *volume) {
  size_t i, k;
  json_t *container;
  bool found = false;
  for (size_t l = 0; l < ARRAY_LEN(container_lists); l++) {
    json_array_foreach(json_at(c->spec, container_lists[l]), i, container) {
      for (size_t m = 0; m < ARRAY_LEN(mount_lists); m++) {
        json_t *mounts = json_at(container, mount_lists[m]);
        for (k = json_array_size(mounts); k-- > 0;) {
          const char *name = json_str(json_array_get(mounts, k), "name");
          if (!name || strcmp(name, volume) != 0) continue;
          json_array_remove(mounts, k);
          found = true;
        }
      }
    }
  }
  return found;
}

static bool mounted(const struct kube_copy *c, const char *volume) {
  size_t i;
  json_t *container;
  for (size_t l = 0; l < ARRAY_LEN(container_lists); l++)
    json_array_foreach(json_at(c->spec, container_lists[l]), i,
                       container) for (size_t m = 0; m < ARRAY_LEN(mount_lists); m++) {
      if (kube_find_named(json_at(container, mount_lists[m]), volume)) return true;
    }
  return false;
}

static json_t *volumes(struct kube_copy *c) {
  json_t *list = json_at(c->spec, "volumes");
  if (json_is_array(list)) return list;
  list = json_array();
  json_object_set_new(c->spec, "volumes", list);
  return list;
}

static void remove_volume(struct kube_copy *c, const char *name) {
  json_t *list = json_at(c->spec, "volumes");
  for (size_t i = json_array_size(list); i-- > 0;) {
    const char *is = json_str(json_array_get(list, i), "name");
    if (is && !strcmp(is, name)) json_array_remove(list, i);
  }
}

/* The pod's own token, which the server adds to every pod: "kube-api-access-xxxxx", "NAME-token-xxxxx". */
static void drop_tokens(struct kube_copy *c) {
  json_t *list = json_at(c->spec, "volumes");
  if (!c->f->of_pod) return;
  for (size_t i = json_array_size(list); i-- > 0;) {
    json_t *volume = json_array_get(list, i);
    const char *name = json_str(volume, "name"), *secret = json_str(volume, "secret.secretName");
    bool projected = name && !strncmp(name, "kube-api-access-", 16) && json_at(volume, "projected");
    bool legacy = name && secret && !strcmp(name, secret) && strstr(name, "-token-");
    if (!projected && !legacy) continue;
    CLEANUP_FREE char *copy = xstrdup(name);
    unmount(c, copy);
    json_array_remove(list, i);
  }
}

/* A StatefulSet's claims belong to one replica each. */
static int stateful(struct kube_copy *c, struct error *err) {
  const char *pod = c->s->kube.volumes_of;
  size_t i;
  json_t *claim;
  if (pod && json_array_size(c->f->claim_templates) == 0)
    return error_set(err, ERR_CONFIG, "--volumes-of %s failed: %s has no volumeClaimTemplates", pod,
                     c->origin);
  json_array_foreach((json_t *)c->f->claim_templates, i, claim) {
    const char *name = json_str(claim, "metadata.name");
    if (!name) continue;
    remove_volume(c, name);
    if (pod) {
      CLEANUP_FREE char *claim_name = xprintf("%s-%s", name, pod);
      json_array_append_new(volumes(c), json_pack("{s:s, s:{s:s}}", "name", name, "persistentVolumeClaim",
                                                  "claimName", claim_name));
    } else if (unmount(c, name)) {
      kube_plan_dropped(c, "it belongs to one replica (--volumes-of POD takes that one's)", "volume %s",
                        name);
    }
  }
  return 0;
}

static void drop_unused(struct kube_copy *c) {
  json_t *list = json_at(c->spec, "volumes");
  for (size_t i = json_array_size(list); i-- > 0;) {
    const char *name = json_str(json_array_get(list, i), "name");
    if (name && mounted(c, name)) continue;
    kube_plan_dropped(c, "no container that runs mounts it", "volume %s", name ? name : "?");
    json_array_remove(list, i);
  }
  if (list && json_array_size(list) == 0) json_object_del(c->spec, "volumes");
}

static int refuse(const struct mount_setting *m, const char *why, struct error *err) {
  return error_set(err, ERR_CONFIG, "volume %s%s%s failed: %s (%s)", m->source ? m->source : "",
                   m->source ? ":" : "", m->target, why, m->origin ? m->origin : "settings");
}

static int tmpfs(const struct mount_setting *m, json_t *volume, struct error *err) {
  json_t *dir = json_pack("{s:s}", "medium", "Memory");
  json_object_set_new(volume, "emptyDir", dir);
  if (!m->options || !*m->options) return 0;
  int64_t bytes;
  if (strncmp(m->options, "size=", 5) != 0 || parse_size(m->options + 5, &bytes) < 0)
    return refuse(m, "of a tmpfs's options Kubernetes has only size=", err);
  json_object_set_new(dir, "sizeLimit", json_sprintf("%lld", (long long)bytes));
  return 0;
}

static int make_volume(const struct mount_setting *m, json_t *volume, struct error *err) {
  if (m->kind == MOUNT_BIND)
    return refuse(m,
                  "a folder of one machine is not there on the cluster's nodes; name a claim "
                  "(CLAIM:/TARGET), or write the volume into kubernetes.template",
                  err);
  if (m->kind == MOUNT_TMPFS) return tmpfs(m, volume, err);
  if (m->options && *m->options && strcmp(m->options, "nocopy") != 0)
    return refuse(m, "Kubernetes has no such mount options", err);
  if (m->source)
    json_object_set_new(volume, "persistentVolumeClaim", json_pack("{s:s}", "claimName", m->source));
  else
    json_object_set_new(volume, "emptyDir", json_object());
  return 0;
}

/* What is mounted at the target already makes room. */
static json_t *make_room(struct kube_copy *c, const char *target) {
  json_t *mounts = json_at(c->container, "volumeMounts");
  if (!mounts) {
    mounts = json_array();
    json_object_set_new(c->container, "volumeMounts", mounts);
  }
  for (size_t i = json_array_size(mounts); i-- > 0;) {
    const char *path = json_str(json_array_get(mounts, i), "mountPath");
    if (path && !strcmp(path, target)) json_array_remove(mounts, i);
  }
  return mounts;
}

static int given(struct kube_copy *c, struct error *err) {
  for (size_t i = 0; i < c->s->n_mounts; i++) {
    const struct mount_setting *m = &c->s->mounts[i];
    CLEANUP_FREE char *name = xprintf("run-once-%zu", i);
    CLEANUP_JSON json_t *volume = json_pack("{s:s}", "name", name);
    if (make_volume(m, volume, err) < 0) return -1;
    json_t *mount = json_pack("{s:s, s:s}", "name", name, "mountPath", m->target);
    if (m->read_only) json_object_set_new(mount, "readOnly", json_true());
    json_array_append_new(make_room(c, m->target), mount);
    json_array_append(volumes(c), volume);
  }
  return 0;
}

int kube_template_volumes(struct kube_copy *c, struct error *err) {
  drop_tokens(c);
  if (stateful(c, err) < 0 || given(c, err) < 0) return -1;
  drop_unused(c);
  return 0;
}
