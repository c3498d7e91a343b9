/* Which of a workload's pods is the release, and by which digest its image runs: pure. */
#ifndef RUNTIME_KUBE_ROLLOUT_H
#define RUNTIME_KUBE_ROLLOUT_H
#include "base/error.h"
#include "base/strv.h"
#include "runtime/settings.h"

/* The pods of a list that belong to this workload by their controller (their labels matched already), run,
 * and are not being deleted; a job's or a pod's own too when they have ended. New reference: an array. */
json_t *kube_rollout_pods(const json_t *workload, const char *type, const json_t *list);
/* "app=web,tier in (a,b)" of a selector, unescaped; for free(). NULL: it selects nothing. */
char *kube_selector_text(const json_t *selector);
/* Does a LabelSelector ({"matchLabels", "matchExpressions"}) select these labels? An empty one does. */
bool kube_selects(const json_t *selector, const json_t *labels);

/* The pod whose revision is the release: the only revision that runs, or that of --image-of. *ret is
 * borrowed, NULL: none runs. ERR_ROLLOUT with the list when several revisions run, ERR_CONFIG when --image-of
 * fits none.
 */
int kube_rollout_choose(const struct settings *s, const json_t *pods, const json_t **ret, struct error *err);
/* "pod-template-hash", "controller-revision-hash" of the pod; NULL: it has none. Borrowed. */
const char *kube_rollout_revision(const json_t *pod);
/* Is that the revision that the workload's own template describes? false also when it cannot be told. */
bool kube_rollout_current(const json_t *workload, const char *type, const json_t *pod);

/* By the digest that the container runs: "repo@sha256:..." for free(), else NULL and in *ret_why why it
 * cannot be told, for free(). ERR_ROLLOUT when pods of the chosen one's revision run different digests and
 * --image-of chose none. That a tag has moved is noted when another pod of the workload shows it. */
int kube_rollout_pin(const struct settings *s, const json_t *pods, const json_t *chosen,
                     const char *container, const char *reference, char **ret, char **ret_why,
                     struct strv *notes, struct error *err);
/* reference ("shop:1") and a status' imageID ("docker-pullable://shop@sha256:..") -> "shop@sha256:.."; NULL:
 * the id is no digest of a registry. For free(). */
char *kube_pin(const char *reference, const char *image_id);
/* "registry:5000/team/shop:1@sha256:.." -> "shop". For free(). */
char *kube_image_name(const char *reference);
#endif
