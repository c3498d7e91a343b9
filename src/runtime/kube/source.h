/* Where the pod template comes from: a workload of the cluster, a file of the user's own, or nowhere
 * (image/REF).
 */
#ifndef RUNTIME_KUBE_SOURCE_H
#define RUNTIME_KUBE_SOURCE_H
#include "runtime/kube/kube.h"

struct kube_source {
  json_t *workload;     /* NULL: image/REF, or a file */
  json_t *pod_template; /* of the revision that runs; NULL: image/REF */
  json_t *pods;         /* array: those that run, kube_rollout_pods() */
  const json_t *chosen; /* one of them, NULL: none */
  bool own_file, of_pod;
  char *kind, *name, *id, *app; /* NULL: none */
};
/* ERR_MISSING, ERR_ROLLOUT, ERR_CONFIG, ERR_PERMISSION. *ret is kube_source_done() in any case. */
int kube_source_find(struct kube *k, const struct settings *s, struct kube_source *ret, struct strv *notes,
                     struct error *err);
void kube_source_done(struct kube_source *src);

/* template_file.c: the user's own Job or PodTemplate, YAML or JSON -> *ret_template {"metadata", "spec"} and
 * the whole object; new references. Namespace: that of the job, which a namespace in the file must equal.
 * ERR_CONFIG with file and line. */
int kube_template_file(const char *path, const char *namespace, json_t **ret_object, json_t **ret_template,
                       struct error *err);
#endif
