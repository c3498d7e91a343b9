#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/checks.h"
#include "runtime/kube/rollout.h"
#include <string.h>

#define BUDGETS_V1_MINOR 21

static const char *name_of(const json_t *object) {
  const char *name = json_str(object, "metadata.name");
  return name ? name : "?";
}

/* A Service's selector is a map, and an empty one selects nothing. */
int kube_judge_services(struct kube_copy *c, const json_t *services, const json_t *labels,
                        struct error *err) {
  size_t i;
  json_t *service;
  json_array_foreach((json_t *)services, i, service) {
    json_t *map = json_at(service, "spec.selector");
    if (json_object_size(map) == 0) continue;
    CLEANUP_JSON json_t *selector = json_pack("{s:O}", "matchLabels", map);
    if (!kube_selects(selector, labels)) continue;
    CLEANUP_FREE char *text = kube_selector_text(selector);
    return error_set(
        err, ERR_NOT_INERT,
        "%s refused: Service %s (%s) would send the application's traffic to the copy; leave out the "
        "label that it selects by",
        c->origin, name_of(service), text);
  }
  kube_plan_text(c, "checked", "none of %zu Services of the namespace selects the copy",
                 json_array_size(services));
  return 0;
}

static bool is_empty(const json_t *selector) {
  return json_object_size(json_at(selector, "matchLabels")) == 0 &&
         json_array_size(json_at(selector, "matchExpressions")) == 0;
}

static const json_t *labels_of_source(const struct kube_copy *c) {
  return json_at(c->f->pod_template, "metadata.labels");
}

static void warn(struct kube_copy *c, char *text) {
  kube_plan_text(c, "checked", "%s", text);
  strv_take(c->notes, text);
}

void kube_judge_policies(struct kube_copy *c, const json_t *policies, const json_t *labels) {
  size_t i;
  json_t *policy;
  json_array_foreach((json_t *)policies, i, policy) {
    const json_t *selector = json_at(policy, "spec.podSelector");
    if (is_empty(selector)) {
      warn(c, xprintf("NetworkPolicy %s has an empty selector: it selects the copy, too", name_of(policy)));
    } else if (c->f->pod_template && kube_selects(selector, labels_of_source(c)) &&
               !kube_selects(selector, labels)) {
      CLEANUP_FREE char *text = kube_selector_text(selector);
      warn(c,
           xprintf("NetworkPolicy %s (%s) selects the application but not the copy: what may be reached can "
                   "differ; --keep-label keeps a label",
                   name_of(policy), text));
    }
  }
}

void kube_judge_budgets(struct kube_copy *c, const json_t *budgets, bool v1, const json_t *labels) {
  size_t i;
  json_t *budget;
  json_array_foreach((json_t *)budgets, i, budget) {
    const json_t *selector = json_at(budget, "spec.selector");
    bool empty = is_empty(selector);
    if (!selector || (empty && !v1)) continue;
    if (empty)
      warn(c,
           xprintf("PodDisruptionBudget %s has an empty selector: it counts the copy, too", name_of(budget)));
    else if (kube_selects(selector, labels))
      warn(c,
           xprintf("PodDisruptionBudget %s selects the copy: it counts it as one of the application's pods",
                   name_of(budget)));
    else if (c->f->pod_template && kube_selects(selector, labels_of_source(c)))
      kube_plan_text(c, "checked", "PodDisruptionBudget %s selects the application but not the copy",
                     name_of(budget));
  }
}

/* 1: listed; 0: it may not be, or this server does not have it. */
static int list(struct kube *k, const char *group, const char *resource, json_t **ret, struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, group, resource, NULL, NULL);
  CLEANUP_FREE char *what = xprintf("listing the %s of the namespace failed", resource);
  if (kube_get(k, path, what, ret, err) == 0) return 1;
  if (err->kind != ERR_PERMISSION && err->kind != ERR_MISSING) return -1;
  return 0;
}

static bool only_ours(const json_t *labels) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)labels, key, value) if (strncmp(key, "run-once/", 9) != 0) return false;
  return true;
}

static int services(struct kube *k, struct kube_copy *c, const json_t *labels, struct error *err) {
  CLEANUP_JSON json_t *found = NULL;
  int rc = list(k, "", "services", &found, err);
  if (rc < 0) return -1;
  if (rc) return kube_judge_services(c, json_at(found, "items"), labels, err);
  if (!only_ours(labels))
    return error_prefix(err, "%s: that no Service selects the copy cannot be shown", c->origin);
  error_clear(err);
  kube_plan_text(
      c, "checked",
      "not checked: Services, which may not be listed here; the copy has no label that one could know");
  return 0;
}

int kube_inert(struct kube *k, struct kube_copy *c, const json_t *labels, struct error *err) {
  bool v1 = k->minor >= BUDGETS_V1_MINOR;
  CLEANUP_JSON json_t *policies = NULL;
  CLEANUP_JSON json_t *budgets = NULL;
  if (services(k, c, labels, err) < 0) return -1;
  int rc = list(k, "networking.k8s.io/v1", "networkpolicies", &policies, err);
  if (rc < 0) return -1;
  if (rc)
    kube_judge_policies(c, json_at(policies, "items"), labels);
  else
    kube_plan_text(c, "checked", "not checked: NetworkPolicies, which may not be listed here");
  rc = list(k, v1 ? "policy/v1" : "policy/v1beta1", "poddisruptionbudgets", &budgets, err);
  if (rc < 0) return -1;
  if (rc)
    kube_judge_budgets(c, json_at(budgets, "items"), v1, labels);
  else
    kube_plan_text(c, "checked", "not checked: PodDisruptionBudgets, which may not be listed here");
  error_clear(err);
  return 0;
}
