#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/checks.h"
#include <string.h>

json_t *kube_claims_of(const json_t *pod_spec) {
  json_t *names = json_array(), *volume;
  size_t i;
  json_array_foreach(json_at(pod_spec, "volumes"), i, volume) {
    json_t *name = json_at(volume, "persistentVolumeClaim.claimName");
    if (json_is_string(name)) json_array_append(names, name);
  }
  return names;
}

static bool lists(const json_t *texts, const char *text) {
  size_t i;
  json_t *item;
  json_array_foreach((json_t *)texts, i, item) {
    const char *is = json_string_value(item);
    if (is && !strcmp(is, text)) return true;
  }
  return false;
}

/* Of the volume that is bound, else as asked for. */
static const json_t *modes_of(const json_t *claim) {
  const json_t *bound = json_at(claim, "status.accessModes");
  return json_array_size(bound) ? bound : json_at(claim, "spec.accessModes");
}

static bool ended(const json_t *pod) {
  const char *phase = json_str(pod, "status.phase");
  return phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
}

/* A pod that holds the claim; placed: one that has a node. */
static const json_t *user_of(const json_t *pods, const char *claim, bool placed) {
  size_t i;
  json_t *pod;
  json_array_foreach((json_t *)pods, i, pod) {
    if (ended(pod) || (placed && !json_str(pod, "spec.nodeName"))) continue;
    CLEANUP_JSON json_t *names = kube_claims_of(json_at(pod, "spec"));
    if (lists(names, claim)) return pod;
  }
  return NULL;
}

static json_t *array_in(json_t *o, const char *key) {
  json_t *list = json_object_get(o, key);
  if (json_is_array(list)) return list;
  list = json_array();
  json_object_set_new(o, key, list);
  return list;
}

/* By the node's name, beside what the source asks for: of several terms any may hold, so each gets it. Not
 * nodeName, which would pass over the scheduler and its sums. */
static void pin(json_t *spec, const char *node) {
  json_t *affinity = json_object_in(json_object_in(spec, "affinity"), "nodeAffinity");
  json_t *required = json_object_in(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
  json_t *terms = array_in(required, "nodeSelectorTerms"), *term;
  size_t i;
  if (json_array_size(terms) == 0) json_array_append_new(terms, json_object());
  json_array_foreach(terms, i, term) {
    json_array_append_new(
        array_in(term, "matchFields"),
        json_pack("{s:s, s:s, s:[s]}", "key", "metadata.name", "operator", "In", "values", node));
  }
}

int kube_judge_claims(struct kube_copy *c, const json_t *claims, const json_t *pods, struct error *err) {
  const char *node = NULL, *because = NULL;
  size_t i;
  json_t *claim;
  json_array_foreach((json_t *)claims, i, claim) {
    const char *name = json_str(claim, "metadata.name");
    const json_t *modes = modes_of(claim);
    if (!name) continue;
    const json_t *user = user_of(pods, name, false);
    if (user && lists(modes, "ReadWriteOncePod"))
      return error_set(
          err, ERR_NOT_INERT,
          "%s refused: claim %s is ReadWriteOncePod and in use by pod %s; stop that one, or run the "
          "command in it",
          c->origin, name, json_str(user, "metadata.name"));
    if (lists(modes, "ReadWriteMany") || !lists(modes, "ReadWriteOnce")) continue;
    user = user_of(pods, name, true);
    if (!user) continue;
    const char *there = json_str(user, "spec.nodeName");
    if (node && strcmp(node, there) != 0)
      return error_set(
          err, ERR_NOT_INERT,
          "%s refused: claim %s is in use on node %s, claim %s on node %s, and both are ReadWriteOnce: "
          "no node can have both",
          c->origin, because, node, name, there);
    node = there;
    because = name;
    kube_plan_text(c, "checked",
                   "claim %s is ReadWriteOnce and in use by pod %s: the copy goes to its node %s", name,
                   json_str(user, "metadata.name"), there);
  }
  if (node) pin(c->spec, node);
  return 0;
}

int kube_claims(struct kube *k, struct kube_copy *c, struct error *err) {
  CLEANUP_JSON json_t *names = kube_claims_of(c->spec);
  CLEANUP_JSON json_t *claims = json_array();
  CLEANUP_JSON json_t *pods = NULL;
  size_t i;
  json_t *name;
  if (json_array_size(names) == 0) return 0;
  json_array_foreach(names, i, name) {
    json_t *claim = NULL;
    CLEANUP_FREE char *path = kube_path(k, "", "persistentvolumeclaims", json_string_value(name), NULL);
    CLEANUP_FREE char *what = xprintf("%s failed: its claim", c->origin);
    if (kube_get(k, path, what, &claim, err) < 0) {
      if (err->kind != ERR_PERMISSION) return -1;
      error_clear(err);
      kube_plan_text(c, "checked", "not checked: claim %s, which may not be read here",
                     json_string_value(name));
      continue;
    }
    json_array_append_new(claims, claim);
  }
  if (json_array_size(claims) == 0) return 0;
  CLEANUP_FREE char *path = kube_path(k, "", "pods", NULL, NULL);
  if (kube_get(k, path, "looking for who uses the claims failed", &pods, err) < 0) return -1;
  return kube_judge_claims(c, claims, json_at(pods, "items"), err);
}
