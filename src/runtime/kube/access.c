/* What may be done here, asked before anything is: one SelfSubjectRulesReview tells all rules of a namespace
 * at once; what it does not cover is asked for one by one (SelfSubjectAccessReview), because authorizers
 * other than RBAC cannot list their rules. */
#include "runtime/kube/access.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/kube/reach.h"
#include <stdlib.h>
#include <string.h>

#define REVIEWS "/apis/authorization.k8s.io/v1/"

/* In the order of the Role; rows of one group and the same verbs become one rule. */
const struct kube_right kube_rights[] = {
    {RIGHT_NEEDED, "batch", "jobs", "create get list watch patch delete", "the job itself"},
    {RIGHT_SECRETS, "", "secrets", "create get list patch delete",
     "its reservation, and the values of --env"},
    {RIGHT_NEEDED, "", "pods", "get list watch", "what becomes of it"},
    {RIGHT_NEEDED, "", "pods/log", "get", "its output"},
    {RIGHT_ATTACH, "", "pods/attach", "get create", "input and terminals (-i, -t)"},
    {RIGHT_USEFUL, "", "pods", "create",
     "a dry run, which tells of quotas and admission before anything is there"},
    {RIGHT_USEFUL, "", "pods", "patch delete", "stopping a job"},
    {RIGHT_USEFUL, "", "secrets", "update watch", "once-keys with recorded output"},
    {RIGHT_USEFUL, "", "events", "list watch", "why a pod does not start"},
    {RIGHT_USEFUL, "apps", "deployments", "get", "--from deployment/NAME"},
    {RIGHT_USEFUL, "apps", "statefulsets", "get", "--from statefulset/NAME"},
    {RIGHT_USEFUL, "apps", "daemonsets", "get", "--from daemonset/NAME"},
    {RIGHT_USEFUL, "apps", "replicasets", "get list", "which revision runs"},
    {RIGHT_USEFUL, "apps", "controllerrevisions", "get list", "which revision runs"},
    {RIGHT_USEFUL, "batch", "cronjobs", "get", "--from cronjob/NAME"},
    {RIGHT_USEFUL, "", "services", "list", "proof that no Service selects the copy"},
    {RIGHT_USEFUL, "", "persistentvolumeclaims", "get", "claims that only one node or pod may use"},
    {RIGHT_USEFUL, "policy", "poddisruptionbudgets", "list", "budgets that would count the copy"},
    {RIGHT_USEFUL, "networking.k8s.io", "networkpolicies", "list",
     "policies that select the application only"},
};
const size_t kube_rights_n = ARRAY_LEN(kube_rights);

/* Rules */

static bool holds(const json_t *list, const char *word) {
  size_t i;
  json_t *v;
  json_array_foreach(list, i, v) {
    const char *s = json_string_value(v);
    if (s && (!strcmp(s, "*") || !strcmp(s, word))) return true;
  }
  return false;
}

static bool holds_resource(const json_t *list, const char *resource) {
  const char *sub = strchr(resource, '/');
  CLEANUP_FREE char *any = sub ? xprintf("*%s", sub) : NULL;
  return holds(list, resource) || (any && holds(list, any));
}

bool kube_rules_allow(const json_t *rules, const char *group, const char *resource, const char *verb) {
  size_t i;
  json_t *r;
  json_array_foreach(rules, i, r) {
    if (json_array_size(json_object_get(r, "resourceNames"))) continue; /* some objects only */
    if (holds(json_object_get(r, "verbs"), verb) && holds(json_object_get(r, "apiGroups"), group) &&
        holds_resource(json_object_get(r, "resources"), resource))
      return true;
  }
  return false;
}

/* NULL: the server does not tell. */
static json_t *read_rules(struct kube *k, struct error *err) {
  CLEANUP_JSON json_t *body = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "authorization.k8s.io/v1", "kind",
                                        "SelfSubjectRulesReview", "spec", "namespace", k->namespace);
  struct kube_request req = {.method = "POST", .path = REVIEWS "selfsubjectrulesreviews", .body = body};
  CLEANUP_JSON json_t *answer = NULL;
  if (kube_json(k, &req, "asking what is allowed failed", &answer, err) < 0) return NULL;
  json_t *rules = json_at(answer, "status.resourceRules");
  return rules ? json_incref(rules) : json_array();
}

/* 1: allowed, 0: not, -1: it cannot be asked. */
static int ask(struct kube *k, const char *group, const char *resource, const char *verb, struct error *err) {
  CLEANUP_FREE char *plain = xstrndup(resource, strcspn(resource, "/"));
  const char *sub = strchr(resource, '/');
  CLEANUP_JSON json_t *body =
      json_pack("{s:s,s:s,s:{s:{s:s,s:s,s:s,s:s,s:s}}}", "apiVersion", "authorization.k8s.io/v1", "kind",
                "SelfSubjectAccessReview", "spec", "resourceAttributes", "namespace", k->namespace, "verb",
                verb, "group", group, "resource", plain, "subresource", sub ? sub + 1 : "");
  struct kube_request req = {.method = "POST", .path = REVIEWS "selfsubjectaccessreviews", .body = body};
  CLEANUP_JSON json_t *answer = NULL;
  if (kube_json(k, &req, "asking what is allowed failed", &answer, err) < 0) return -1;
  return json_is(answer, "status.allowed");
}

/* Does the fault only say that questions are not answered? Then whatever is forbidden says so itself. */
static bool unanswerable(const struct error *err) {
  return err->kind == ERR_PERMISSION || err->kind == ERR_MISSING;
}

/* The verbs of one row that are missing, "get, list"; NULL: none. */
static int missing_verbs(struct kube *k, const json_t *rules, const struct kube_right *r, char **ret,
                         struct error *err) {
  struct buf b;
  *ret = NULL;
  buf_init(&b, LIMIT_CONFIG_JSON);
  for (const char *p = r->verbs; *p;) {
    size_t n = strcspn(p, " ");
    CLEANUP_FREE char *verb = xstrndup(p, n);
    p += n + (p[n] == ' ');
    if (kube_rules_allow(rules, r->group, r->resource, verb)) continue;
    int allowed = ask(k, r->group, r->resource, verb, err);
    if (allowed < 0) {
      buf_done(&b);
      return -1;
    }
    if (!allowed) buf_printf(&b, "%s%s", b.len ? ", " : "", verb);
  }
  if (b.len) *ret = buf_take(&b);
  buf_done(&b);
  return 0;
}

int kube_missing(struct kube *k, unsigned needs, struct kube_missing *ret, struct error *err) {
  struct error fault = ERROR_INIT;
  CLEANUP_JSON json_t *rules = read_rules(k, &fault);
  *ret = (struct kube_missing){0};
  if (!rules && !unanswerable(&fault)) {
    if (err) *err = fault;
    return -1;
  }
  for (size_t i = 0; i < kube_rights_n; i++) {
    const struct kube_right *r = &kube_rights[i];
    char *verbs;
    if (!(r->need & needs)) continue;
    if (missing_verbs(k, rules, r, &verbs, &fault) < 0) {
      ret->unknown = unanswerable(&fault);
      if (ret->unknown) return 0;
      kube_missing_done(ret);
      if (err) *err = fault;
      return -1;
    }
    ret->verbs[i] = verbs;
    ret->any |= verbs != NULL;
  }
  return 0;
}

void kube_missing_done(struct kube_missing *m) {
  for (size_t i = 0; i < ARRAY_LEN(m->verbs); i++) free(m->verbs[i]);
  *m = (struct kube_missing){0};
}

char *kube_missing_text(const struct kube_right *r, const char *verbs) {
  return xprintf("%s %s%s%s", verbs, r->resource, *r->group ? "." : "", r->group);
}

int kube_access(struct kube *k, bool attach, bool secrets, struct error *err) {
  unsigned needs = RIGHT_NEEDED | (attach ? RIGHT_ATTACH : 0u) | (secrets ? RIGHT_SECRETS : 0u);
  struct kube_missing m;
  struct buf b;
  if (kube_missing(k, needs, &m, err) < 0) return -1;
  buf_init(&b, LIMIT_CONFIG_JSON);
  for (size_t i = 0; i < kube_rights_n; i++) {
    if (!m.verbs[i]) continue;
    CLEANUP_FREE char *text = kube_missing_text(&kube_rights[i], m.verbs[i]);
    buf_printf(&b, "%s%s", b.len ? "; " : "", text);
  }
  bool unknown = m.unknown;
  kube_missing_done(&m);
  CLEANUP_FREE char *text = buf_take(&b);
  if (unknown || !*text) return 0;
  return error_set(err, ERR_PERMISSION,
                   "namespace %s: not allowed to %s; `run-once doctor` prints the Role that would do",
                   k->namespace, text);
}
