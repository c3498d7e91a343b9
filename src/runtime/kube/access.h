/* What a run needs to be allowed, as a table: access reviews (access.c), the Role that grants it (role.c),
 * and doctor's lines (examine.c). manifests/role.yaml is this table, too. */
#ifndef RUNTIME_KUBE_ACCESS_H
#define RUNTIME_KUBE_ACCESS_H
#include "runtime/kube/kube.h"

enum kube_need {
  RIGHT_NEEDED = 1,  /* no job without */
  RIGHT_ATTACH = 2,  /* for -i and -t */
  RIGHT_SECRETS = 4, /* for the reservation and values */
  RIGHT_USEFUL = 8   /* something is left out, unchecked or unexplained without */
};
struct kube_right {
  enum kube_need need;
  const char *group, *resource, *verbs; /* verbs: spaces between */
  const char *what;                     /* what it is for */
};
extern const struct kube_right kube_rights[];
extern const size_t kube_rights_n;

/* Pure: do these rules (status.resourceRules of a SelfSubjectRulesReview) allow it for all objects? */
bool kube_rules_allow(const json_t *rules, const char *group, const char *resource, const char *verb);

struct kube_missing {
  char *verbs[32]; /* of kube_rights[i], "get, list"; NULL: all of them are allowed, or were not asked for */
  bool any;
  bool unknown; /* the server does not say what is allowed */
};
/* `needs`: enum kube_need, or'ed. */
int kube_missing(struct kube *k, unsigned needs, struct kube_missing *ret, struct error *err);
void kube_missing_done(struct kube_missing *m);
char *kube_missing_text(const struct kube_right *r,
                        const char *verbs); /* "get, list jobs.batch", for free() */
#endif
