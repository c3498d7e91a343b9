#include "runtime/kube/rollout.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <string.h>

#define LIST_MAX 1024 /* bytes of a list inside a message */

const char *kube_rollout_revision(const json_t *pod) {
  static const char *const keys[] = {"pod-template-hash", "controller-revision-hash"};
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
    const char *hash = json_string_value(json_object_get(json_at(pod, "metadata.labels"), keys[i]));
    if (hash) return hash;
  }
  return NULL;
}

static const json_t *controller(const json_t *pod) {
  size_t i;
  json_t *owner;
  json_array_foreach(json_at(pod, "metadata.ownerReferences"), i,
                     owner) if (json_is(owner, "controller")) return owner;
  return NULL;
}

static bool same(const char *a, const char *b) {
  return a && b && !strcmp(a, b);
}

/* A Deployment's pods belong to its ReplicaSets, which it calls NAME-HASH. */
static bool belongs(const json_t *workload, const char *type, const json_t *pod) {
  const json_t *owner = controller(pod);
  const char *name = json_str(workload, "metadata.name"), *uid = json_str(workload, "metadata.uid");
  if (!strcmp(type, "pod")) return true;
  if (!owner) return false;
  if (!strcmp(type, "cronjob")) return same(json_str(owner, "kind"), "Job");
  if (strcmp(type, "deployment") != 0) return same(json_str(owner, "uid"), uid);
  const char *hash = json_string_value(json_object_get(json_at(pod, "metadata.labels"), "pod-template-hash"));
  if (!hash || !name || !same(json_str(owner, "kind"), "ReplicaSet")) return false;
  CLEANUP_FREE char *set = xprintf("%s-%s", name, hash);
  return same(json_str(owner, "name"), set);
}

json_t *kube_rollout_pods(const json_t *workload, const char *type, const json_t *list) {
  bool once = !strcmp(type, "pod") || !strcmp(type, "job"); /* what ended is still that one's image */
  json_t *pods = json_array(), *pod;
  size_t i;
  json_array_foreach((json_t *)list, i, pod) {
    const char *phase = json_str(pod, "status.phase");
    bool runs = same(phase, "Running") && !json_str(pod, "metadata.deletionTimestamp");
    if ((runs || once) && belongs(workload, type, pod)) json_array_append(pods, pod);
  }
  return pods;
}

static const json_t *status_of(const json_t *pod, const char *container) {
  static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
  for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
    const json_t *found = container ? kube_find_named(json_at(pod, lists[i]), container)
                                    : json_array_get(json_at(pod, lists[i]), 0);
    if (found) return found;
  }
  return NULL;
}

static const char *name_of(const json_t *pod) {
  const char *name = json_str(pod, "metadata.name");
  return name ? name : "?";
}

static const char *digest_of(const char *image_id) {
  const char *at = image_id ? strrchr(image_id, '@') : NULL;
  return at ? at + 1 : image_id ? image_id : "?";
}

/* "web-7d4-x (revision 7d4, shop:1 sha256:0123456789ab), ..." for free() */
static char *listing(const json_t *pods, const char *container) {
  struct buf b;
  size_t i;
  json_t *pod;
  buf_init(&b, LIST_MAX);
  json_array_foreach((json_t *)pods, i, pod) {
    const json_t *status = status_of(pod, container);
    const char *revision = kube_rollout_revision(pod), *image = json_str(status, "image");
    if (buf_printf(&b, "%s%s (revision %s, %s %.19s)", i ? ", " : "", name_of(pod), revision ? revision : "-",
                   image ? image : "?", digest_of(json_str(status, "imageID"))) >= 0)
      continue;
    CLEANUP_FREE char *text = buf_take(&b);
    return xprintf("%s and more", text);
  }
  return buf_take(&b);
}

static int choose_named(const struct settings *s, const json_t *pods, const json_t **ret, struct error *err) {
  size_t i;
  json_t *pod;
  const char *want = !strncmp(s->image_of, "pod/", 4) ? s->image_of + 4 : s->image_of;
  json_array_foreach((json_t *)pods, i, pod) {
    if (strcmp(name_of(pod), want) != 0) continue;
    *ret = pod;
    return 0;
  }
  CLEANUP_FREE char *text = listing(pods, s->kube.container);
  return error_set(err, ERR_CONFIG, "--image-of %s failed: no running pod of %s is called that; there %s%s",
                   s->image_of, s->source.text, *text ? "are: " : "is none", text);
}

int kube_rollout_choose(const struct settings *s, const json_t *pods, const json_t **ret, struct error *err) {
  size_t i;
  json_t *pod;
  *ret = json_array_get(pods, 0);
  if (s->image_of) return choose_named(s, pods, ret, err);
  const char *first = kube_rollout_revision(*ret);
  json_array_foreach((json_t *)pods, i, pod) {
    const char *revision = kube_rollout_revision(pod);
    if (same(revision, first) || (!revision && !first)) continue;
    CLEANUP_FREE char *text = listing(pods, s->kube.container);
    return error_set(
        err, ERR_ROLLOUT,
        "%s refused: pods of more than one revision run, a roll-out is half done: %s; --image-of "
        "POD chooses",
        s->source.text, text);
  }
  return 0;
}

bool kube_rollout_current(const json_t *workload, const char *type, const json_t *pod) {
  long long seen = json_int_or(workload, "status.observedGeneration", -1);
  const char *hash = kube_rollout_revision(pod);
  if (strcmp(type, "deployment") != 0 && strcmp(type, "statefulset") != 0 && strcmp(type, "daemonset") != 0)
    return true;
  if (!hash || seen < 0 || seen != json_int_or(workload, "metadata.generation", -2)) return false;
  if (!strcmp(type, "statefulset")) return same(json_str(workload, "status.updateRevision"), hash);
  bool daemons = !strcmp(type, "daemonset");
  long long all = json_int_or(workload, daemons ? "status.currentNumberScheduled" : "status.replicas", -1);
  return all ==
         json_int_or(workload, daemons ? "status.updatedNumberScheduled" : "status.updatedReplicas", 0);
}

/* --- the digest --- */

/* Where the name of the repository ends: before ":tag" and "@digest". */
static size_t repository(const char *reference) {
  size_t len = strcspn(reference, "@");
  const char *colon = memrchr(reference, ':', len), *slash = memrchr(reference, '/', len);
  return colon && (!slash || colon > slash) ? (size_t)(colon - reference) : len;
}

/* "shop" and "docker.io/library/shop" are one repository. */
static char *normal(const char *reference, size_t len) {
  static const char *const hosts[] = {"docker.io/", "index.docker.io/"};
  for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
    size_t n = strlen(hosts[i]);
    if (len > n && !strncmp(reference, hosts[i], n)) reference += n, len -= n;
  }
  if (len > 8 && !strncmp(reference, "library/", 8)) reference += 8, len -= 8;
  return xstrndup(reference, len);
}

char *kube_pin(const char *reference, const char *image_id) {
  if (!image_id) return NULL;
  const char *scheme = strstr(image_id, "://");
  if (scheme) image_id = scheme + 3;
  const char *at = strchr(image_id, '@');
  if (!at || at == image_id || !strchr(at, ':')) return NULL;
  CLEANUP_FREE char *ours = normal(reference, repository(reference));
  CLEANUP_FREE char *theirs = normal(image_id, repository(image_id));
  /* As the template names it, for which its pull secrets are; another name only if the node knows no other.
   */
  if (!strcmp(ours, theirs)) return xprintf("%.*s%s", (int)repository(reference), reference, at);
  return xstrdup(image_id);
}

char *kube_image_name(const char *reference) {
  if (!reference) return xstrdup("image");
  size_t len = repository(reference);
  const char *slash = memrchr(reference, '/', len);
  return slash ? xstrndup(slash + 1, len - (size_t)(slash + 1 - reference)) : xstrndup(reference, len);
}

static int other_digest(const struct settings *s, const json_t *pods, const json_t *chosen,
                        const char *container, const char *other, const char *reference, struct strv *notes,
                        struct error *err) {
  const char *is = digest_of(json_str(status_of(chosen, container), "imageID"));
  if (s->image_of || s->image) {
    strv_take(notes, xprintf("the tag of %s has moved: pods of %s run it as %s and as %s", reference,
                             s->source.text, is, other));
    return 0;
  }
  CLEANUP_FREE char *text = listing(pods, container);
  return error_set(
      err, ERR_ROLLOUT,
      "%s refused: its pods run more than one image, the tag of %s has moved: %s; --image-of POD "
      "chooses",
      s->source.text, reference, text);
}

int kube_rollout_pin(const struct settings *s, const json_t *pods, const json_t *chosen,
                     const char *container, const char *reference, char **ret, char **ret_why,
                     struct strv *notes, struct error *err) {
  size_t i;
  json_t *pod;
  *ret = *ret_why = NULL;
  if (strchr(reference, '@')) { /* pinned by the workload itself */
    *ret = xstrdup(reference);
    return 0;
  }
  if (!chosen) {
    *ret_why = xprintf("not pinned: none of the pods of %s runs, so the image is %s by its tag",
                       s->source.text, reference);
    return 0;
  }
  const char *id = json_str(status_of(chosen, container), "imageID");
  json_array_foreach((json_t *)pods, i, pod) {
    const char *other = json_str(status_of(pod, container), "imageID"),
               *revision = kube_rollout_revision(chosen);
    bool apart = id && other && *id && *other && strcmp(digest_of(id), digest_of(other)) != 0;
    if (!apart || (revision && !same(kube_rollout_revision(pod), revision))) continue;
    if (other_digest(s, pods, chosen, container, digest_of(other), reference, notes, err) < 0) return -1;
    break;
  }
  *ret = kube_pin(reference, id);
  if (!*ret)
    *ret_why = xprintf("not pinned: the node of pod %s knows no registry's digest of %s", name_of(chosen),
                       reference);
  return 0;
}
