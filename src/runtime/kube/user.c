/* A user's entry: who we are. What is not supported is refused, never skipped: requests of somebody else, or
 * of nobody, would go out in its place. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/kubeconfig.h"
#include <stdlib.h>
#include <string.h>

#define EXEC_V1 "client.authentication.k8s.io/v1"
#define EXEC_V1BETA1 "client.authentication.k8s.io/v1beta1"

extern char **environ;

static int line_of(const struct kubeconfig_entry *e, const char *key) {
  const struct yaml *y = e->map ? yaml_get(e->map, key) : NULL;
  return y ? y->line : 0;
}

static bool has(const struct kubeconfig_entry *e, const char *key) {
  const struct yaml *y = e->map ? yaml_get(e->map, key) : NULL;
  return y && y->kind != YAML_NULL && (y->kind == YAML_MAP || y->kind == YAML_LIST || *y->text);
}

static int refuse_others(const struct kubeconfig_entry *e, struct error *err) {
  if (has(e, "auth-provider")) {
    const struct yaml *y = yaml_get(e->map, "auth-provider"),
                      *name = y->kind == YAML_MAP ? yaml_get(y, "name") : NULL;
    return entry_fault(
        e, y->line, err,
        "auth-provider '%s' is not supported (kubectl has dropped it in 1.26); use an exec plugin",
        name && name->text ? name->text : "");
  }
  if (has(e, "username") || has(e, "password"))
    return entry_fault(
        e, line_of(e, has(e, "username") ? "username" : "password"), err,
        "username and password are not supported (no cluster takes them since 1.19); use a token, a "
        "client certificate or an exec plugin");
  return 0;
}

static int read_certificate(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  if (entry_pem(e, "client-certificate", &ret->cert, &ret->cert_data, err) < 0 ||
      entry_pem(e, "client-key", &ret->key, &ret->key_data, err) < 0)
    return -1;
  bool cert = ret->cert || ret->cert_data, key = ret->key || ret->key_data;
  if (cert != key)
    return entry_fault(
        e, 0, err, cert ? "client-certificate without client-key" : "client-key without client-certificate");
  return 0;
}

static int read_token(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  const char *token;
  CLEANUP_FREE char *file = NULL;
  if (entry_text(e, "token", &token, err) < 0 || entry_file(e, "tokenFile", &file, err) < 0) return -1;
  if (token && strpbrk(token, " \t"))
    return entry_fault(e, line_of(e, "token"), err, "token holds white space");
  if (token) json_object_set_new(ret->context, "token", json_string(token));
  if (file) json_object_set_new(ret->context, "token_file", json_string(file));
  return 0;
}

/* A plugin */

static int exec_words(const struct kubeconfig_entry *e, const struct yaml *l, json_t **ret,
                      struct error *err) {
  CLEANUP_JSON json_t *words = json_array();
  if (l && l->kind != YAML_NULL && l->kind != YAML_LIST)
    return entry_fault(e, l->line, err, "args must be a list, not %s", yaml_kind_name(l->kind));
  for (size_t i = 0; l && i < l->n; i++) {
    if (l->items[i]->kind == YAML_MAP || l->items[i]->kind == YAML_LIST)
      return entry_fault(e, l->items[i]->line, err, "args holds %s", yaml_kind_name(l->items[i]->kind));
    json_array_append_new(words, json_string(l->items[i]->text));
  }
  *ret = TAKE(words);
  return 0;
}

static int exec_env(const struct kubeconfig_entry *e, const struct yaml *l, json_t **ret, struct error *err) {
  CLEANUP_JSON json_t *env = json_array();
  if (l && l->kind != YAML_NULL && l->kind != YAML_LIST)
    return entry_fault(e, l->line, err, "env must be a list, not %s", yaml_kind_name(l->kind));
  for (size_t i = 0; l && i < l->n; i++) {
    const struct yaml *row = l->items[i], *name = row->kind == YAML_MAP ? yaml_get(row, "name") : NULL,
                      *value = row->kind == YAML_MAP ? yaml_get(row, "value") : NULL;
    if (!name || !name->text || !*name->text || strchr(name->text, '='))
      return entry_fault(e, row->line, err, "a row of env has no name");
    if (value && (value->kind == YAML_MAP || value->kind == YAML_LIST))
      return entry_fault(e, value->line, err, "the value of %s is %s", name->text,
                         yaml_kind_name(value->kind));
    json_array_append_new(env, json_pack("{s:s,s:s}", "name", name->text, "value", value ? value->text : ""));
  }
  *ret = TAKE(env);
  return 0;
}

/* The caller's environment, for a plugin that a guardian starts, whose own is wiped (base/process.h). */
static json_t *caller_environment(void) {
  json_t *rows = json_array();
  for (char **v = environ; *v; v++) {
    json_t *row = json_string(*v);
    if (row) json_array_append_new(rows, row); /* NULL: not UTF-8 */
  }
  return rows;
}

static int check_interactive(const struct kubeconfig_entry *e, const char *version, const char *mode,
                             int line, struct error *err) {
  if (!mode && !strcmp(version, EXEC_V1))
    return entry_fault(e, line, err, "exec: interactiveMode is required with %s (Never, IfAvailable)",
                       version);
  if (!mode || !strcmp(mode, "Never") || !strcmp(mode, "IfAvailable")) return 0;
  if (!strcmp(mode, "Always"))
    return entry_fault(
        e, line, err,
        "exec: its plugin asks on the terminal (interactiveMode: Always), which belongs to the job's "
        "command here; log in beforehand, or use a plugin that does not ask");
  return entry_fault(e, line, err, "exec: interactiveMode is '%s' (Never, IfAvailable or Always)", mode);
}

static int read_exec(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  const struct yaml *x = e->map ? yaml_get(e->map, "exec") : NULL;
  const char *version, *command, *hint, *mode;
  bool cluster_info;
  if (!x || x->kind == YAML_NULL) return 0;
  if (x->kind != YAML_MAP)
    return entry_fault(e, x->line, err, "exec must be a map, not %s", yaml_kind_name(x->kind));
  struct kubeconfig_entry in = *e;
  in.map = x;
  if (entry_text(&in, "apiVersion", &version, err) < 0 || entry_text(&in, "command", &command, err) < 0 ||
      entry_text(&in, "installHint", &hint, err) < 0 || entry_text(&in, "interactiveMode", &mode, err) < 0 ||
      entry_bool(&in, "provideClusterInfo", &cluster_info, err) < 0)
    return -1;
  if (!command) return entry_fault(e, x->line, err, "exec names no command");
  if (!version || (strcmp(version, EXEC_V1) != 0 && strcmp(version, EXEC_V1BETA1) != 0))
    return entry_fault(e, x->line, err, "exec: apiVersion is %s; %s and %s are supported",
                       version ? version : "missing", EXEC_V1BETA1, EXEC_V1);
  if (check_interactive(e, version, mode, x->line, err) < 0) return -1;
  CLEANUP_JSON json_t *args = NULL, *env = NULL;
  if (exec_words(e, yaml_get(x, "args"), &args, err) < 0 || exec_env(e, yaml_get(x, "env"), &env, err) < 0)
    return -1;
  CLEANUP_FREE char *program = strchr(command, '/') ? entry_path(e, command) : xstrdup(command);
  json_t *spec = json_object_in(ret->context, "exec"),
         *config = json_object_get(ret->context, "cluster_config");
  json_object_set_new(spec, "apiVersion", json_string(version));
  json_object_set_new(spec, "command", json_string(program));
  json_object_set_new(spec, "args", TAKE(args));
  json_object_set_new(spec, "env", TAKE(env));
  json_object_set_new(spec, "environ", caller_environment());
  json_object_set_new(spec, "provideClusterInfo", json_boolean(cluster_info));
  if (mode) json_object_set_new(spec, "interactiveMode", json_string(mode));
  if (hint) json_object_set_new(spec, "installHint", json_string(hint));
  if (config) json_object_set(spec, "cluster_config", config);
  return 0;
}

/* Acting as somebody else: these become header lines. */

static int check_words(const struct kubeconfig_entry *e, const struct yaml *y, const char *what,
                       struct error *err) {
  for (size_t i = 0; i < y->n; i++) {
    const struct yaml *v = y->items[i];
    if (v->kind == YAML_MAP || v->kind == YAML_LIST || !*v->text || strpbrk(v->text, "\r\n"))
      return entry_fault(e, v->line, err, "%s must be a list of names", what);
  }
  return 0;
}

static int read_groups(const struct kubeconfig_entry *e, json_t *who, struct error *err) {
  const struct yaml *y = e->map ? yaml_get(e->map, "as-groups") : NULL;
  if (!y || y->kind == YAML_NULL || (y->kind == YAML_LIST && !y->n)) return 0;
  if (y->kind != YAML_LIST) return entry_fault(e, y->line, err, "as-groups must be a list of names");
  if (check_words(e, y, "as-groups", err) < 0) return -1;
  json_t *groups = json_array();
  for (size_t i = 0; i < y->n; i++) json_array_append_new(groups, json_string(y->items[i]->text));
  json_object_set_new(who, "groups", groups);
  return 0;
}

static int read_extra(const struct kubeconfig_entry *e, json_t *who, struct error *err) {
  const struct yaml *y = e->map ? yaml_get(e->map, "as-user-extra") : NULL;
  if (!y || y->kind == YAML_NULL || (y->kind == YAML_MAP && !y->n)) return 0;
  if (y->kind != YAML_MAP) return entry_fault(e, y->line, err, "as-user-extra must be a map of lists");
  json_t *extra = json_object_in(who, "extra");
  for (size_t i = 0; i < y->n; i++) {
    const struct yaml *values = y->pairs[i].value;
    if (values->kind != YAML_LIST)
      return entry_fault(e, values->line, err, "as-user-extra must be a map of lists");
    if (check_words(e, values, "as-user-extra", err) < 0) return -1;
    json_t *l = json_array();
    for (size_t k = 0; k < values->n; k++) json_array_append_new(l, json_string(values->items[k]->text));
    json_object_set_new(extra, y->pairs[i].key, l);
  }
  return 0;
}

static int read_impersonation(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  const char *user, *uid;
  CLEANUP_JSON json_t *who = json_object();
  if (entry_text(e, "as", &user, err) < 0 || entry_text(e, "as-uid", &uid, err) < 0 ||
      read_groups(e, who, err) < 0 || read_extra(e, who, err) < 0)
    return -1;
  if (user) json_object_set_new(who, "user", json_string(user));
  if (uid) json_object_set_new(who, "uid", json_string(uid));
  if (!json_object_size(who)) return 0;
  if (!user) return entry_fault(e, 0, err, "as-groups, as-uid and as-user-extra need as: a user");
  json_object_set_new(ret->context, "impersonate", TAKE(who));
  return 0;
}

int user_apply(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  if (refuse_others(e, err) < 0 || read_certificate(e, ret, err) < 0 || read_token(e, ret, err) < 0 ||
      read_exec(e, ret, err) < 0 || read_impersonation(e, ret, err) < 0)
    return -1;
  return 0;
}
