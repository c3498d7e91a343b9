/* The environment of the chosen container: the source's, less what is dropped, under what is given. Values
 * that are given stand in the Secret; the pod's spec only refers to them. */
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <string.h>

#define SECRET_MAX (1u << 20) /* all of a Secret's values: Kubernetes' own limit */
#define TICKET_VARIABLE "RUN_ONCE_JOB"

static const char *const routed[] = {"VIRTUAL_HOST", "VIRTUAL_HOST_MULTIPORTS", "LETSENCRYPT_HOST"};

static bool is_routed(const char *name) {
  for (size_t i = 0; i < ARRAY_LEN(routed); i++)
    if (!strcmp(routed[i], name)) return true;
  return false;
}

static bool is_dropped(const struct kube_copy *c, const char *name) {
  return (is_routed(name) || strv_has(&c->s->drop_env, name)) && !strv_has(&c->s->keep_env, name);
}

static const char *why_dropped(const char *name) {
  return is_routed(name) ? "a proxy would send the application's traffic here (--keep-env keeps it)"
                         : "drop_env lists it";
}

/* metadata.labels['app'], of a label that the copy does not have: the value that the application sees. */
static const char *lost_value(const struct kube_copy *c, const char *path) {
  static const struct {
    const char *path, *list;
  } rows[] = {{"metadata.labels['", "metadata.labels"}, {"metadata.annotations['", "metadata.annotations"}};
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    size_t len = strlen(rows[i].path), all = strlen(path);
    if (strncmp(path, rows[i].path, len) != 0 || all < len + 2) continue;
    CLEANUP_FREE char *key = xstrndup(path + len, all - len - 2);
    const json_t *kept = i == 0 ? c->labels : c->annotations;
    if (json_object_get(kept, key)) return NULL;
    return json_string_value(json_object_get(json_at(c->f->pod_template, rows[i].list), key));
  }
  return NULL;
}

/* "deployment/web, secret shop-db key url" for free(). */
static char *origin_of(const struct kube_copy *c, const json_t *entry) {
  static const struct {
    const char *key, *word;
  } rows[] = {{"secretKeyRef", "secret"}, {"configMapKeyRef", "config map"}};
  const json_t *from = json_at(entry, "valueFrom");
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    const json_t *ref = json_object_get(from, rows[i].key);
    const char *name = json_str(ref, "name"), *key = json_str(ref, "key");
    if (ref) return xprintf("%s, %s %s key %s", c->origin, rows[i].word, name ? name : "?", key ? key : "?");
  }
  const char *path = json_str(from, "fieldRef.fieldPath");
  return path ? xprintf("%s, field %s", c->origin, path) : xstrdup(c->origin);
}

static void show(struct kube_copy *c, const char *name, const char *origin) {
  json_array_append_new(kube_plan_list(c, "env"), json_pack("{s:s, s:s}", "name", name, "origin", origin));
}

static void from_source(struct kube_copy *c, json_t *env) {
  size_t i;
  json_t *entry;
  json_array_foreach(json_at(c->container, "env"), i, entry) {
    const char *name = json_str(entry, "name");
    const char *path = json_str(entry, "valueFrom.fieldRef.fieldPath");
    if (!name || !strcmp(name, TICKET_VARIABLE) || settings_env_value(c->s, name)) continue;
    if (is_dropped(c, name)) {
      kube_plan_dropped(c, why_dropped(name), "environment variable %s", name);
      continue;
    }
    const char *lost = path ? lost_value(c, path) : NULL;
    json_array_append(env, entry);
    if (lost) {
      CLEANUP_FREE char *literal = kube_escape_word(lost);
      json_array_set_new(env, json_array_size(env) - 1,
                         json_pack("{s:s, s:s}", "name", name, "value", literal));
    }
    CLEANUP_FREE char *origin = origin_of(c, entry);
    show(c, name, origin);
  }
}

static void show_whole_sources(struct kube_copy *c) {
  static const struct {
    const char *key, *word;
  } rows[] = {{"secretRef.name", "secret"}, {"configMapRef.name", "config map"}};
  size_t i;
  json_t *from;
  json_array_foreach(json_at(c->container, "envFrom"), i, from) for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
    const char *name = json_str(from, rows[k].key), *prefix = json_str(from, "prefix");
    if (name)
      kube_plan_text(c, "env_from", "%s %s%s%s", rows[k].word, name, prefix ? ", each with prefix " : "",
                     prefix ? prefix : "");
  }
  bool blind = json_array_size(json_at(c->container, "envFrom")) && c->s->drop_env.n;
  if (blind)
    kube_plan_text(
        c, "checked",
        "not checked: whether envFrom brings a variable that drop_env lists; it cannot be dropped there");
}

/* Keys of a Secret are letters, digits, '-', '_' and '.'; the dot keeps them apart from "ticket". */
static char *key_of(const char *name, size_t i) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (strlen(name) <= 200 && !name[strspn(name, allowed)]) return xprintf("env.%s", name);
  return xprintf("env-%zu", i);
}

static int check_size(const struct env_setting *e, size_t *total, struct error *err) {
  const char *origin = e->origin ? e->origin : "settings";
  size_t value = e->value ? strlen(e->value) : 0, len = strlen(e->name) + 1 + value;
  *total += value;
  if (len > LIMIT_ENV_STRING)
    return error_set(
        err, ERR_CONFIG,
        "environment variable %s failed: %zu bytes with its name, no kernel carries more than %u", e->name,
        len, LIMIT_ENV_STRING);
  if (*total > SECRET_MAX)
    return error_set(
        err, ERR_CONFIG,
        "environment failed: with variable %s (%s) the values given are over %u bytes, more than "
        "a Secret holds; put them into one of your own, which the source refers to",
        e->name, origin, SECRET_MAX);
  return 0;
}

static int from_settings(struct kube_copy *c, json_t *env, struct error *err) {
  size_t total = 0;
  for (size_t i = 0; i < c->s->n_env; i++) {
    const struct env_setting *e = &c->s->env[i];
    const char *origin = e->origin ? e->origin : "settings";
    if (e->of_source && is_dropped(c, e->name)) {
      kube_plan_dropped(c, why_dropped(e->name), "environment variable %s", e->name);
      continue;
    }
    if (!strcmp(e->name, TICKET_VARIABLE))
      return error_set(err, ERR_CONFIG,
                       "environment variable %s failed: on Kubernetes it is run-once's own (%s)", e->name,
                       origin);
    if (check_size(e, &total, err) < 0) return -1;
    CLEANUP_FREE char *key = key_of(e->name, i);
    if (json_object_set_new(c->values, key, json_string(e->value ? e->value : "")) < 0)
      return error_set(err, ERR_CONFIG, "environment variable %s failed: its value is not UTF-8 (%s)",
                       e->name, origin);
    json_array_append_new(env, json_pack("{s:s, s:{s:{s:s, s:s}}}", "name", e->name, "valueFrom",
                                         "secretKeyRef", "name", "", "key", key));
    show(c, e->name, origin);
  }
  return 0;
}

int kube_template_env(struct kube_copy *c, struct error *err) {
  json_t *env = json_array();
  /* First, since $(NAME) in a value of the source's refers to what stands above it. */
  int rc = from_settings(c, env, err);
  from_source(c, env);
  show_whole_sources(c);
  if (json_array_size(env))
    json_object_set(c->container, "env", env);
  else
    json_object_del(c->container, "env");
  json_decref(env);
  return rc;
}
