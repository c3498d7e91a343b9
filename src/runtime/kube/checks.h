/* What is looked at before anything is created: claims that another pod holds, and whatever in the namespace
 * would take the copy for the application. The kube_judge_* are pure. */
#ifndef RUNTIME_KUBE_CHECKS_H
#define RUNTIME_KUBE_CHECKS_H
#include "runtime/kube/kube.h"
#include "runtime/kube/template.h"

/* claims.c. Of the claims that the copy mounts: one that is ReadWriteOnce and in use pins the copy to the
 * node of that pod; one that is ReadWriteOncePod and in use: ERR_NOT_INERT. ERR_MISSING: a claim is not
 * there. */
int kube_claims(struct kube *k, struct kube_copy *c, struct error *err);
/* claims: array of PersistentVolumeClaims; pods: all of the namespace. */
int kube_judge_claims(struct kube_copy *c, const json_t *claims, const json_t *pods, struct error *err);
json_t *kube_claims_of(const json_t *pod_spec); /* their names; new reference */

/* inert.c. labels: what the copy will have, also what admission adds. ERR_NOT_INERT names the Service. What
 * may not be listed is told in the plan; without sight of the Services a copy with labels of others is
 * ERR_PERMISSION. */
int kube_inert(struct kube *k, struct kube_copy *c, const json_t *labels, struct error *err);
int kube_judge_services(struct kube_copy *c, const json_t *services, const json_t *labels, struct error *err);
void kube_judge_policies(struct kube_copy *c, const json_t *policies, const json_t *labels);
/* v1: of policy/v1, where an empty selector selects every pod; before that it selected none. */
void kube_judge_budgets(struct kube_copy *c, const json_t *budgets, bool v1, const json_t *labels);

/* dry_run.c. The pod alone, as admission sees it: Pod Security, quota and LimitRange refuse here, for a Job
 * they would do so only after it was made. *ret_pod: as it came back, with what admission put in, new
 * reference; NULL: it may not be tried (the plan says so). */
int kube_dry_run(struct kube *k, struct kube_copy *c, const struct prepared *p, json_t **ret_pod,
                 struct error *err);
#endif
