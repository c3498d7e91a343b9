/* The smallest Role that does for everything run-once can do in a namespace, as YAML. */
#include "base/alloc.h"
#include "base/limits.h"
#include "runtime/kube/access.h"
#include <stdlib.h>
#include <string.h>

static void add_verbs(struct strv *verbs, const char *text) {
  while (*text) {
    size_t n = strcspn(text, " ");
    CLEANUP_FREE char *verb = xstrndup(text, n);
    if (!strv_has(verbs, verb)) strv_add(verbs, verb);
    text += n + (text[n] == ' ');
  }
}

static bool same_right(const struct kube_right *a, const struct kube_right *b) {
  return !strcmp(a->group, b->group) && !strcmp(a->resource, b->resource);
}

/* All verbs that the table has for the resource of row i, "create, get"; for free(). NULL: told by an earlier
 * row. */
static char *verbs_of(size_t i) {
  struct strv verbs;
  struct buf b;
  for (size_t k = 0; k < i; k++)
    if (same_right(&kube_rights[k], &kube_rights[i])) return NULL;
  strv_init(&verbs);
  for (size_t k = i; k < kube_rights_n; k++)
    if (same_right(&kube_rights[k], &kube_rights[i])) add_verbs(&verbs, kube_rights[k].verbs);
  buf_init(&b, LIMIT_CONFIG_JSON);
  for (size_t k = 0; k < verbs.n; k++) buf_printf(&b, "%s%s", k ? ", " : "", verbs.v[k]);
  strv_done(&verbs);
  return buf_take(&b);
}

char *kube_role_yaml(const struct kube *k) {
  char *verbs[ARRAY_LEN(((struct kube_missing *)NULL)->verbs)] = {0};
  struct buf b;
  buf_init(&b, LIMIT_CONFIG_JSON);
  buf_printf(&b,
             "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: run-once\n"
             "  namespace: %s\nrules:\n",
             k->namespace);
  for (size_t i = 0; i < kube_rights_n; i++) verbs[i] = verbs_of(i);
  for (size_t i = 0; i < kube_rights_n; i++) {
    if (!verbs[i]) continue;
    const char *group = kube_rights[i].group;
    buf_printf(&b, "  - apiGroups: [%s]\n    resources: [%s", *group ? group : "\"\"",
               kube_rights[i].resource);
    for (size_t n = i + 1; n < kube_rights_n; n++) { /* others that need just the same */
      if (!verbs[n] || strcmp(kube_rights[n].group, group) != 0 || strcmp(verbs[n], verbs[i]) != 0) continue;
      buf_printf(&b, ", %s", kube_rights[n].resource);
      free(TAKE(verbs[n]));
    }
    buf_printf(&b, "]\n    verbs: [%s]\n", verbs[i]);
    free(TAKE(verbs[i]));
  }
  return buf_take(&b);
}
