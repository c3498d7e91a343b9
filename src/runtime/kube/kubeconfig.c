/* Which cluster: context -> cluster, user and namespace. */
#include "runtime/kube/kubeconfig.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kubernetes.h"
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 400 /* bytes of a complaint that list names; some files hold hundreds */

static int check_namespace(const char *name, struct error *err) {
  size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
  if (n && !name[n] && n <= 63 && *name != '-' && name[n - 1] != '-') return 0;
  return error_set(err, ERR_CONFIG,
                   "namespace '%.80s' is no name (lower-case letters, digits and '-', at most 63)", name);
}

static int no_kubeconfig(const struct kubernetes_choice *c, struct error *err) {
  if (c->context)
    return error_set(err, ERR_CONFIG,
                     "context '%s': there is no kubeconfig (KUBECONFIG, ~/.kube/config); use "
                     "--kubeconfig FILE",
                     c->context);
  return error_set(
      err, ERR_CONFIG,
      "no cluster: there is no kubeconfig (KUBECONFIG, ~/.kube/config) and this is no pod with a "
      "service account; use --kubeconfig FILE");
}

static int no_context(const struct kubeconfig *k, const char *name, const char *said_by, struct error *err) {
  CLEANUP_FREE char *files = kubeconfig_names(k), *known = kubeconfig_list(k, "contexts");
  if (strlen(known) > LIST_MAX) memcpy(known + LIST_MAX - 4, "...", 4);
  if (!*known) return error_set(err, ERR_CONFIG, "%s: there is no context in it", files);
  if (!name)
    return error_set(err, ERR_CONFIG, "%s: no current-context is set; choose one with --context (%s)", files,
                     known);
  return error_set(err, ERR_CONFIG, "%s: context '%s'%s%s is not there (%s)", files, name,
                   said_by ? ", the current-context of " : "", said_by ? said_by : "", known);
}

/* The entry that a context names by `key`. 1: it names none. */
static int follow(const struct kubeconfig *k, const struct kubeconfig_entry *context, const char *list,
                  const char *key, struct kubeconfig_entry *ret, struct error *err) {
  const char *name;
  if (entry_text(context, key, &name, err) < 0) return -1;
  if (!name) return 1;
  if (kubeconfig_find(k, list, key, name, ret)) return 0;
  CLEANUP_FREE char *files = kubeconfig_names(k);
  return entry_fault(context, yaml_get(context->map, key)->line, err, "%s '%s' is not in %s", key, name,
                     files);
}

static int choose_namespace(const struct kubernetes_choice *c, const struct kubeconfig_entry *context,
                            struct endpoint *ret, struct error *err) {
  const char *namespace = NULL;
  if (entry_text(context, "namespace", &namespace, err) < 0) return -1;
  if (c->namespace) namespace = c->namespace;
  if (!namespace) namespace = "default";
  json_object_set_new(ret->context, "namespace", json_string(namespace));
  return 0;
}

static int apply(const struct kubernetes_choice *c, const struct kubeconfig *k, struct endpoint *ret,
                 struct error *err) {
  struct kubeconfig_entry context, cluster, user;
  const char *said_by = NULL, *name = c->context ? c->context : kubeconfig_current(k, &said_by);
  int rc;
  if (!name || !kubeconfig_find(k, "contexts", "context", name, &context))
    return no_context(k, name, said_by, err);
  if ((rc = follow(k, &context, "clusters", "cluster", &cluster, err)) != 0)
    return rc < 0 ? -1 : entry_fault(&context, 0, err, "it names no cluster");
  json_object_set_new(ret->context, "name", json_string(name));
  json_object_set_new(ret->context, "cluster", json_string(cluster.name));
  ret->why = xprintf("context %s (%s)", name, context.file->path);
  if (choose_namespace(c, &context, ret, err) < 0 || cluster_apply(&cluster, ret, err) < 0) return -1;
  rc = follow(k, &context, "users", "user", &user, err);
  if (rc == 0) {
    json_object_set_new(ret->context, "user", json_string(user.name));
    rc = user_apply(&user, ret, err);
  }
  return rc < 0 ? -1 : 0; /* without a user: anonymous, as kubectl has it */
}

int kubernetes_choose(const struct kubernetes_choice *c, struct endpoint *ret, struct error *err) {
  struct kubeconfig k;
  struct endpoint ep = {.context = json_object()};
  int rc = kubeconfig_read(c->kubeconfig, &k, err);
  if (rc == 0) {
    if (k.n)
      rc = apply(c, &k, &ep, err);
    else if (c->context || (rc = service_account_apply(c->namespace, &ep, err)) > 0)
      rc = no_kubeconfig(c, err);
    kubeconfig_done(&k);
  }
  if (rc == 0) rc = check_namespace(json_str(ep.context, "namespace"), err);
  if (rc == 0)
    *ret = ep;
  else
    endpoint_done(&ep);
  return rc;
}
