/* The pod of a job alone, for a dry run: template complete as kube_objects() makes it. */
#ifndef RUNTIME_KUBE_OBJECTS_H
#define RUNTIME_KUBE_OBJECTS_H
#include "runtime/kube/kube.h"

/* {"metadata", "spec"}, new reference. *ret_job_s: the Job's own deadline in seconds, 0: none. */
json_t *kube_objects_pod(const struct prepared *p, const struct identity *who, int64_t *ret_job_s);
#endif
