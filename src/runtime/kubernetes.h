/* Which cluster, by the contract's section 7. Clients: cli/invocation.c. The runtime behind it is
 * runtime/kube/. */
#ifndef RUNTIME_KUBERNETES_H
#define RUNTIME_KUBERNETES_H
#include "net/endpoint.h"

struct kubernetes_choice {
  const char *kubeconfig; /* --kubeconfig: this file alone; NULL: $KUBECONFIG, a list, else ~/.kube/config,
                             else the service account of the pod that this runs in */
  const char *context;    /* --context, else the release file's; NULL: current-context */
  const char *namespace;  /* --namespace, else the release file's; NULL: the context's, else "default" */
};
/* Reads files only; no credential plugin is started. ret->text is the server's URL, ret->why says which file
 * and context, ret->context holds namespace and user (runtime/kube/kube.h); ERR_CONFIG naming the file
 * otherwise. */
int kubernetes_choose(const struct kubernetes_choice *c, struct endpoint *ret, struct error *err);
#endif
