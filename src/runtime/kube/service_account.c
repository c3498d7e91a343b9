/* The cluster of the pod that we run in (client-go, rest/config.go InClusterConfig): its address from the
 * environment, a token that is rotated, the authority's certificate beside it. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/kube/kubeconfig.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";

/* First line of FOLDER/namespace, for free(); NULL: it says nothing. */
static char *own_namespace(void) {
  const char *variable = getenv("POD_NAMESPACE");
  CLEANUP_FREE char *path = xprintf("%s/namespace", service_account_folder);
  struct error ignored = ERROR_INIT;
  struct buf text;
  if (variable && *variable) return xstrdup(variable);
  if (file_read(path, LIMIT_TOKEN, &text, &ignored) < 0) return NULL;
  CLEANUP_FREE char *all = buf_take(&text);
  all[strcspn(all, " \t\r\n")] = '\0';
  return *all ? TAKE(all) : NULL;
}

int service_account_apply(const char *namespace, struct endpoint *ret, struct error *err) {
  const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
  CLEANUP_FREE char *token = xprintf("%s/token", service_account_folder);
  CLEANUP_FREE char *ca = xprintf("%s/ca.crt", service_account_folder);
  char why[128];
  if (!host || !*host || !port || !*port || !file_exists(token)) return 1;
  CLEANUP_FREE char *url = xprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
  if (cluster_server(url, ret, why, sizeof why) < 0)
    return error_set(err, ERR_CONFIG, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: %s %s", url, why);
  if (file_exists(ca)) ret->ca = TAKE(ca);
  CLEANUP_FREE char *own = namespace ? xstrdup(namespace) : own_namespace();
  json_object_set_new(ret->context, "server", json_string(url));
  json_object_set_new(ret->context, "token_file", json_string(token));
  json_object_set_new(ret->context, "namespace", json_string(own ? own : "default"));
  ret->why = xstrdup("service account of this pod");
  return 0;
}
