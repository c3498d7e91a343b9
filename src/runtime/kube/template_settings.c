/* Settings that go over the chosen container, and those that Kubernetes cannot have. */
#include "base/alloc.h"
#include "base/parse.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <stdlib.h>
#include <string.h>

int64_t kube_quantity(const char *text) {
  static const struct {
    const char *suffix;
    double factor;
  } rows[] = {{"", 1},
              {"m", 1e-3},
              {"k", 1e3},
              {"M", 1e6},
              {"G", 1e9},
              {"T", 1e12},
              {"P", 1e15},
              {"Ki", 1024.},
              {"Mi", 1048576.},
              {"Gi", 1073741824.},
              {"Ti", 1099511627776.},
              {"Pi", 1125899906842624.}};
  char *end;
  double n = strtod(text, &end);
  if (end == text || !(n >= 0)) return -1;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    if (strcmp(end, rows[i].suffix) != 0) continue;
    double bytes = n * rows[i].factor;
    int64_t whole = bytes < 9e18 ? (int64_t)bytes : -1;
    return whole >= 0 && (double)whole < bytes ? whole + 1 : whole;
  }
  return -1;
}

static json_t *context(struct kube_copy *c) {
  return json_object_in(c->container, "securityContext");
}

/* "1000" or "1000:2000": the cluster does not look into the image's /etc/passwd. */
static int set_user(struct kube_copy *c, struct error *err) {
  const char *user = c->s->user;
  int64_t uid, gid;
  if (!user) return 0;
  const char *colon = strchr(user, ':');
  CLEANUP_FREE char *first = colon ? xstrndup(user, (size_t)(colon - user)) : xstrdup(user);
  if (parse_int(first, 0, 2147483647, &uid) < 0 || (colon && parse_int(colon + 1, 0, 2147483647, &gid) < 0))
    return error_set(
        err, ERR_CONFIG,
        "user '%s' failed: Kubernetes takes numbers only, such as --user 1000 or --user 1000:1000", user);
  json_object_set_new(context(c), "runAsUser", json_integer(uid));
  if (colon) json_object_set_new(context(c), "runAsGroup", json_integer(gid));
  return 0;
}

/* Cores of a cpu quantity ("250m", "1.5"), bytes of any other. */
static double amount(const char *what, const char *text) {
  if (strcmp(what, "cpu") != 0) return (double)kube_quantity(text);
  char *end;
  double n = strtod(text, &end);
  return *end == 'm' ? n / 1000 : n;
}

static void set_limit(struct kube_copy *c, const char *what, double limit, char *text) {
  json_t *resources = json_object_in(c->container, "resources");
  json_object_set_new(json_object_in(resources, "limits"), what, json_string(text));
  const char *asked = json_str(json_at(resources, "requests"), what);
  if (asked && amount(what, asked) > limit) { /* would be refused */
    kube_plan_text(c, "differences", "%s request: lowered to the limit given", what);
    json_object_set_new(json_object_in(resources, "requests"), what, json_string(text));
  }
  free(text);
}

static void set_limits(struct kube_copy *c) {
  const struct settings *s = c->s;
  if (s->memory > 0) set_limit(c, "memory", (double)s->memory, xprintf("%lld", (long long)s->memory));
  if (s->nano_cpus > 0) {
    int64_t milli = (s->nano_cpus + 999999) / 1000000;
    set_limit(c, "cpu", (double)milli / 1000, xprintf("%lldm", (long long)milli));
  }
}

/* "linux/arm64" -> which nodes. */
static void set_platform(struct kube_copy *c) {
  const char *platform = c->s->platform;
  if (!platform || !*platform) return;
  json_t *nodes = json_object_in(c->spec, "nodeSelector");
  const char *slash = strchr(platform, '/');
  CLEANUP_FREE char *os = slash ? xstrndup(platform, (size_t)(slash - platform)) : xstrdup(platform);
  json_object_set_new(nodes, "kubernetes.io/os", json_string(os));
  if (!slash) return;
  CLEANUP_FREE char *arch = xstrndup(slash + 1, strcspn(slash + 1, "/"));
  json_object_set_new(nodes, "kubernetes.io/arch", json_string(arch));
}

/* --- Compose's further keys; each returns false when Kubernetes cannot have that value --- */

static bool add_capabilities(struct kube_copy *c, const json_t *list, const char *key) {
  json_t *to = json_object_in(context(c), "capabilities"), *word, *names = json_at(to, key);
  size_t i;
  if (!names) {
    names = json_array();
    json_object_set_new(to, key, names);
  }
  json_array_foreach((json_t *)list, i, word) {
    const char *name = json_string_value(word);
    if (!name) return false;
    json_array_append_new(names, json_string(strncmp(name, "CAP_", 4) ? name : name + 4));
  }
  return true;
}

static bool cap_add(struct kube_copy *c, const json_t *list) {
  return add_capabilities(c, list, "add");
}
static bool cap_drop(struct kube_copy *c, const json_t *list) {
  return add_capabilities(c, list, "drop");
}

static bool group_add(struct kube_copy *c, const json_t *list) {
  json_t *to = json_array(), *word;
  size_t i;
  bool good = true;
  json_array_foreach((json_t *)list, i, word) {
    int64_t gid;
    const char *text = json_string_value(word);
    if (text && parse_int(text, 0, 2147483647, &gid) == 0)
      json_array_append_new(to, json_integer(gid));
    else
      good = false;
  }
  json_object_set_new(json_object_in(c->spec, "securityContext"), "supplementalGroups", to);
  return good;
}

static bool extra_hosts(struct kube_copy *c, const json_t *list) {
  json_t *to = json_at(c->spec, "hostAliases"), *word;
  size_t i;
  if (!to) {
    to = json_array();
    json_object_set_new(c->spec, "hostAliases", to);
  }
  json_array_foreach((json_t *)list, i, word) {
    const char *text = json_string_value(word), *colon = text ? strchr(text, ':') : NULL;
    if (!colon || !strcmp(colon + 1, "host-gateway")) return false;
    CLEANUP_FREE char *host = xstrndup(text, (size_t)(colon - text));
    json_array_append_new(to, json_pack("{s:s, s:[s]}", "ip", colon + 1, "hostnames", host));
  }
  return true;
}

static bool dns(struct kube_copy *c, const json_t *list) {
  json_object_set_new(json_object_in(c->spec, "dnsConfig"), "nameservers", json_deep_copy(list));
  return true;
}
static bool dns_search(struct kube_copy *c, const json_t *list) {
  json_object_set_new(json_object_in(c->spec, "dnsConfig"), "searches", json_deep_copy(list));
  return true;
}
static bool dns_opt(struct kube_copy *c, const json_t *list) {
  json_t *to = json_array(), *word;
  size_t i;
  json_object_set_new(json_object_in(c->spec, "dnsConfig"), "options", to);
  json_array_foreach((json_t *)list, i, word) {
    const char *text = json_string_value(word), *colon = text ? strchr(text, ':') : NULL;
    if (!text) return false;
    CLEANUP_FREE char *name = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));
    json_array_append_new(to, json_pack("{s:s, s:s*}", "name", name, "value", colon ? colon + 1 : NULL));
  }
  return true;
}

static bool sysctls(struct kube_copy *c, const json_t *map) {
  json_t *to = json_array(), *value;
  const char *key;
  json_object_set_new(json_object_in(c->spec, "securityContext"), "sysctls", to);
  json_object_foreach((json_t *)map, key, value)
      json_array_append_new(to, json_pack("{s:s, s:s*}", "name", key, "value", json_string_value(value)));
  return true;
}

static bool security_opt(struct kube_copy *c, const json_t *list) {
  json_t *word;
  size_t i;
  json_array_foreach((json_t *)list, i, word) {
    const char *text = json_string_value(word);
    if (!text || strncmp(text, "no-new-privileges", 17) != 0 || strstr(text, "false")) return false;
    json_object_set_new(context(c), "allowPrivilegeEscalation", json_false());
  }
  return true;
}

static bool runtime_class(struct kube_copy *c, const json_t *name) {
  json_object_set(c->spec, "runtimeClassName", (json_t *)name);
  return json_is_string(name);
}

static const struct {
  const char *key;
  bool (*set)(struct kube_copy *c, const json_t *value);
} further[] = {{"cap_add", cap_add},         {"cap_drop", cap_drop}, {"group_add", group_add},
               {"extra_hosts", extra_hosts}, {"dns", dns},           {"dns_search", dns_search},
               {"dns_opt", dns_opt},         {"sysctls", sysctls},   {"security_opt", security_opt},
               {"runtime", runtime_class}};

static bool has_nothing(const json_t *value) {
  return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
         (json_is_object(value) && json_object_size(value) == 0);
}

static bool set_further(struct kube_copy *c, const char *key, const json_t *value) {
  for (size_t i = 0; i < ARRAY_LEN(further); i++)
    if (!strcmp(further[i].key, key)) return further[i].set(c, value);
  return false;
}

/* All that cannot be, in one complaint. */
static int refuse(struct kube_copy *c, struct error *err) {
  const struct settings *s = c->s;
  const struct {
    bool given;
    const char *name;
  } rows[] = {
      {s->networks_set && s->networks.n, "networks"}, {s->init == TRI_YES, "init"},
      {s->stop_signal != NULL, "stop_signal"},        {s->log_driver != NULL, "log-driver"},
      {s->create_volumes, "create-volumes"},          {s->described != NULL, "a Compose file as source"}};
  CLEANUP_FREE char *all = NULL;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    if (!rows[i].given) continue;
    char *longer = xprintf("%s%s%s", all ? all : "", all ? ", " : "", rows[i].name);
    free(all);
    all = longer;
  }
  const char *key;
  json_t *value;
  json_object_foreach(s->extra, key, value) {
    if (has_nothing(value) || set_further(c, key, value)) continue;
    char *longer = xprintf("%s%s%s", all ? all : "", all ? ", " : "", key);
    free(all);
    all = longer;
  }
  if (!all) return 0;
  return error_set(
      err, ERR_CONFIG,
      "settings failed: Kubernetes cannot have these: %s; leave them out there, or write what is "
      "meant into kubernetes.template",
      all);
}

int kube_template_settings(struct kube_copy *c, struct error *err) {
  const struct settings *s = c->s;
  if (refuse(c, err) < 0 || set_user(c, err) < 0) return -1;
  if (s->workdir) json_object_set_new(c->container, "workingDir", json_string(s->workdir));
  if (s->read_only != TRI_UNSET)
    json_object_set_new(context(c), "readOnlyRootFilesystem", json_boolean(s->read_only == TRI_YES));
  if (s->privileged != TRI_UNSET)
    json_object_set_new(context(c), "privileged", json_boolean(s->privileged == TRI_YES));
  set_limits(c);
  set_platform(c);
  return 0;
}
