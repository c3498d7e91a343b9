/* Where to: the kind of runtime and its endpoint. */
#include "base/alloc.h"
#include "cli/invocation.h"
#include "net/choose.h"
#include "runtime/kubernetes.h"
#include <string.h>

static const char *source_text(const struct options *o, const struct release *r) {
  const char *from = option_text(o, OPT_FROM);
  return from ? from : r ? r->from : NULL;
}

/* A source that is no source is told elsewhere. */
static bool is_workload(const char *from) {
  struct source_ref source = {0};
  struct error unsaid = ERROR_INIT;
  if (!from || source_parse(from, &source, &unsaid) < 0) return false;
  bool is = source.kind == SOURCE_WORKLOAD;
  source_done(&source);
  return is;
}

const char *invocation_runtime(const struct options *o, const struct release *r) {
  const char *kind = option_text(o, OPT_RUNTIME);
  if (!kind && r) kind = r->runtime;
  if (!kind) kind = is_workload(source_text(o, r)) ? "kubernetes" : "docker";
  return kind;
}

static int refuse(const struct options *o, const enum option_id *ids, size_t n, const char *why,
                  struct error *err) {
  for (size_t i = 0; i < n; i++) {
    const struct option_value *v = option_last(o, ids[i]);
    if (v && v->layer >= LAYER_COMMAND_LINE)
      return error_set(err, ERR_USAGE, "--%s: %s", option_rows[ids[i]].name, why);
  }
  return 0;
}

static int kubernetes(const struct options *o, const struct release *r, struct endpoint *ret,
                      struct error *err) {
  static const enum option_id docker_only[] = {OPT_HOST};
  if (refuse(o, docker_only, ARRAY_LEN(docker_only), "not for Kubernetes; use --kubeconfig and --context",
             err))
    return -1;
  const char *context = option_text(o, OPT_CONTEXT), *namespace = option_text(o, OPT_NAMESPACE);
  struct kubernetes_choice choice = {option_text(o, OPT_KUBECONFIG),
                                     context ? context
                                     : r     ? r->context
                                             : NULL,
                                     namespace ? namespace
                                     : r       ? r->kube.namespace
                                               : NULL};
  return kubernetes_choose(&choice, ret, err);
}

static int docker(const struct options *o, const struct release *r, bool podman, struct endpoint *ret,
                  struct error *err) {
  static const enum option_id kubernetes_only[] = {OPT_NAMESPACE,       OPT_KUBECONFIG, OPT_CONTAINER,
                                                   OPT_INIT_CONTAINERS, OPT_WITH,       OPT_VOLUMES_OF,
                                                   OPT_STREAMS};
  if (refuse(o, kubernetes_only, ARRAY_LEN(kubernetes_only),
             "only for Kubernetes; add --runtime kubernetes, or a source such as "
             "deployment/NAME",
             err))
    return -1;
  /* --host against RUN_ONCE_CONTEXT: the command line wins; both in one place are an error of the choice */
  const struct option_value *host = option_last(o, OPT_HOST), *context = option_last(o, OPT_CONTEXT);
  if (host && context && host->layer > context->layer) context = NULL;
  if (host && context && context->layer > host->layer) host = NULL;
  struct endpoint_choice choice = {host ? host->text : NULL, context ? context->text : NULL,
                                   r ? r->context : NULL, podman};
  return endpoint_choose(&choice, ret, err);
}

int invocation_target(const struct options *opts, const struct release *release, const char **ret_kind,
                      struct endpoint *ret, struct error *err) {
  const char *kind = invocation_runtime(opts, release);
  int rc = !strcmp(kind, "kubernetes") ? kubernetes(opts, release, ret, err)
                                       : docker(opts, release, !strcmp(kind, "podman"), ret, err);
  if (!rc) *ret_kind = kind;
  return rc;
}
