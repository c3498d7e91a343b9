#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include <string.h>

/* By these proxies (nginx-proxy, acme-companion) find a backend. */
static const char *const routed[] = {"VIRTUAL_HOST", "VIRTUAL_HOST_MULTIPORTS", "LETSENCRYPT_HOST"};

/* While it is being made: {NAME: ["NAME=VALUE", origin]} in order. An entry without '=' takes the variable
 * away from what the image sets. */
static char *entry_name(const char *entry) {
  return xstrndup(entry, strcspn(entry, "="));
}

static void put(json_t *env, const char *name, const char *entry, const char *origin) {
  json_object_set_new(env, name, json_pack("[s, s]", entry, origin));
}

/* {NAME: "NAME=VALUE"} of an image. New reference. */
static json_t *image_env(const json_t *image) {
  json_t *map = json_object(), *item;
  size_t i;
  json_array_foreach(json_at(image, "Config.Env"), i, item) {
    const char *entry = json_string_value(item);
    if (!entry) continue;
    CLEANUP_FREE char *name = entry_name(entry);
    json_object_set(map, name, item);
  }
  return map;
}

/* The source's variables. With another image, those it merely has from its old one are left to the new one.
 */
static void from_source(struct clone *c, json_t *env, const json_t *old, const json_t *of_image) {
  size_t i;
  json_t *item;
  json_array_foreach(json_at(c->f->source, "Config.Env"), i, item) {
    const char *entry = json_string_value(item);
    if (!entry) continue;
    CLEANUP_FREE char *name = entry_name(entry);
    bool inherited = json_equal(json_object_get(old, name), item);
    if (inherited && c->f->replaced) {
      const json_t *theirs = json_object_get(of_image, name);
      if (!c->f->image || json_equal(theirs, item)) continue;
      plan_difference(c, "env %s: %s", name, theirs ? "the new image's value" : "not in the new image");
      continue;
    }
    put(env, name, entry, inherited ? "image" : c->origin);
  }
}

static bool is_routed(const char *name) {
  for (size_t i = 0; i < ARRAY_LEN(routed); i++)
    if (!strcmp(routed[i], name)) return true;
  return false;
}

static const char *why_dropped(const char *name) {
  return is_routed(name) ? "a proxy would send the application's traffic here (--keep-env keeps it)"
                         : "drop_env lists it";
}

/* Takes one variable out; when the image that runs has it, the request must say so. */
static void drop(struct clone *c, json_t *env, const json_t *of_image, const char *name) {
  bool in_image = json_object_get(of_image, name) != NULL;
  bool there = json_object_get(env, name) != NULL || in_image;
  if (!there || strv_has(&c->s->keep_env, name)) return;
  if (in_image)
    put(env, name, name, "");
  else
    json_object_del(env, name);
  plan_dropped(c, why_dropped(name), "environment variable %s", name);
}

static int add_settings(struct clone *c, json_t *env, struct error *err) {
  for (size_t i = 0; i < c->s->n_env; i++) {
    const struct env_setting *e = &c->s->env[i];
    bool dropped = is_routed(e->name) || strv_has(&c->s->drop_env, e->name);
    if (e->of_source && dropped && !strv_has(&c->s->keep_env, e->name)) {
      plan_dropped(c, why_dropped(e->name), "environment variable %s", e->name);
      continue;
    }
    CLEANUP_FREE char *entry = xprintf("%s=%s", e->name, e->value ? e->value : "");
    json_t *text = json_string(entry), *item = json_array(); /* json_pack() takes three times as long */
    bool bad = json_array_append_new(item, text) < 0;
    json_array_append_new(item, json_string(e->origin ? e->origin : "settings"));
    if (json_object_set_new(env, e->name, item) < 0 || bad)
      return error_set(err, ERR_CONFIG, "environment variable %s failed: its value is not UTF-8 (%s)",
                       e->name, e->origin ? e->origin : "settings");
  }
  return 0;
}

/* What execve(2) refuses would come back as the command's own exit status 1. */
static int check_sizes(const json_t *env, const json_t *of_image, const struct strv *argv,
                       struct error *err) {
  size_t total = 0;
  const char *name;
  json_t *item;
  json_object_foreach((json_t *)env, name, item) {
    size_t len = json_string_length(json_array_get(item, 0));
    if (len > LIMIT_ENV_STRING)
      return error_set(
          err, ERR_CONFIG,
          "environment variable %s failed: %zu bytes with its name, no kernel carries more than %u", name,
          len, LIMIT_ENV_STRING);
    total += len + 1 + sizeof(char *);
  }
  json_object_foreach((json_t *)of_image, name, item) {
    if (!json_object_get(env, name)) total += json_string_length(item) + 1 + sizeof(char *);
  }
  for (size_t i = 0; i < argv->n; i++) total += strlen(argv->v[i]) + 1 + sizeof(char *);
  if (total > LIMIT_ENV_TOTAL)
    return error_set(err, ERR_CONFIG,
                     "environment failed: %zu bytes with the command, no kernel carries more than %u", total,
                     LIMIT_ENV_TOTAL);
  return 0;
}

static void show(json_t *shown, const char *name, const char *origin) {
  json_t *row = json_object();
  json_object_set_new(row, "name", json_string(name));
  json_object_set_new(row, "origin", json_string(origin));
  json_array_append_new(shown, row);
}

static void store(struct clone *c, const json_t *env, const json_t *of_image) {
  json_t *list = json_array(), *shown = plan_list(c, "env"), *item;
  const char *name;
  json_object_foreach((json_t *)env, name, item) {
    const char *origin = json_string_value(json_array_get(item, 1));
    json_array_append(list, json_array_get(item, 0));
    if (strchr(json_string_value(json_array_get(item, 0)), '=')) show(shown, name, origin);
  }
  json_object_foreach((json_t *)of_image, name, item) {
    if (!json_object_get(env, name)) show(shown, name, "image");
  }
  if (json_array_size(list)) json_object_set(c->config, "Env", list);
  json_decref(list);
}

static void tell_new(struct clone *c, const json_t *old, const json_t *of_image) {
  const char *name;
  json_t *item;
  if (!c->f->replaced || !c->f->old_image) return;
  json_object_foreach((json_t *)of_image, name, item) {
    if (!json_object_get(old, name)) plan_difference(c, "env %s: new in the new image", name);
  }
}

int clone_env(struct clone *c, struct error *err) {
  CLEANUP_JSON json_t *env = json_object();
  CLEANUP_JSON json_t *old = image_env(c->f->old_image);
  CLEANUP_JSON json_t *of_image = image_env(c->f->image);
  from_source(c, env, old, of_image);
  tell_new(c, old, of_image);
  for (size_t i = 0; i < ARRAY_LEN(routed); i++) drop(c, env, of_image, routed[i]);
  for (size_t i = 0; i < c->s->drop_env.n; i++) drop(c, env, of_image, c->s->drop_env.v[i]);
  if (add_settings(c, env, err) < 0) return -1;
  if (check_sizes(env, of_image, &c->s->argv, err) < 0) return -1;
  store(c, env, of_image);
  return 0;
}
