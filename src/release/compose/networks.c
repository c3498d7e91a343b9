/* networks: and network_mode: of a service, and the names that Compose gives to what a project declares. */
#include "base/alloc.h"
#include "base/parse.h"
#include "release/compose/compose.h"
#include <stdlib.h>
#include <string.h>

/* external: true, or (old) external: {name: X}. */
static int is_external(const struct yaml *definition, const char **name, bool *ret, struct error *err) {
  const struct yaml *value = yaml_get(definition, "external");
  *ret = false;
  if (!value || value->kind == YAML_NULL) return 0;
  if (value->kind == YAML_MAP) {
    const char *text = compose_text(yaml_get(value, "name"));
    if (text && *text) *name = text;
    *ret = true;
    return 0;
  }
  if (compose_text(value) && parse_bool(value->text, ret) == 0) return 0;
  return compose_complain(value, "external", err, "expected true or false");
}

int compose_name(struct compose *c, const char *kind, const char *name, const struct yaml *at, char **ret,
                 struct error *err) {
  const struct yaml *all = yaml_get(c->model, kind), *definition = yaml_get(all, name);
  bool external, of_default = !strcmp(kind, "networks") && !strcmp(name, "default");
  if (!definition && !of_default)
    return compose_complain(at, kind, err, "'%s' is not declared under %s: at the top of the file", name,
                            kind);
  const char *given = compose_text(yaml_get(definition, "name"));
  if (is_external(definition, &given, &external, err)) return -1;
  if (given && *given)
    *ret = xstrdup(given);
  else
    *ret = external ? xstrdup(name) : xprintf("%s_%s", c->project, name);
  return 0;
}

struct joined {
  const char *name;
  int64_t priority;
  const struct yaml *at;
};

/* Compose's order: the first is the container's main network. */
static int by_priority(const void *a, const void *b) {
  const struct joined *x = a, *y = b;
  if (x->priority != y->priority) return x->priority < y->priority ? 1 : -1;
  return strcmp(x->name, y->name);
}

static int read_membership(struct reading *in, const struct key *k, const struct yaml_pair *pair,
                           struct joined *ret, struct error *err) {
  static const char *const dropped[] = {"aliases", "ipv4_address", "ipv6_address", "link_local_ips",
                                        "mac_address"};
  static const char *const without[] = {"driver_opts", "interface_name", "gw_priority"};
  const struct yaml *map = pair->value;
  *ret = (struct joined){pair->key, 0, map};
  if (map->kind != YAML_MAP && map->kind != YAML_NULL)
    return complain(in, pair->line, k->name, err, "%s: expected a map, found %s", pair->key,
                    yaml_kind_name(map->kind));
  for (size_t i = 0; i < map->n; i++) {
    const struct yaml_pair *p = &map->pairs[i];
    bool known = key_ignored(p->key);
    for (size_t j = 0; j < ARRAY_LEN(dropped); j++) {
      if (strcmp(p->key, dropped[j]) != 0) continue;
      known = true;
      compose_left_out(in->settings, "the application's traffic must not reach the copy", "%s on network %s",
                       p->key, pair->key);
    }
    for (size_t j = 0; j < ARRAY_LEN(without); j++) {
      if (strcmp(p->key, without[j]) != 0) continue;
      known = true;
      compose_left_out(in->settings, "run-once does not set it", "%s on network %s", p->key, pair->key);
    }
    if (!strcmp(p->key, "priority")) {
      const char *text = compose_text(p->value);
      known = true;
      if (!text || parse_int(text, INT32_MIN, INT32_MAX, &ret->priority))
        return complain(in, p->line, k->name, err, "priority: expected a whole number");
    }
    if (!known) return complain(in, p->line, k->name, err, "%s: unknown key '%s'", pair->key, p->key);
  }
  return 0;
}

int read_service_networks(struct reading *in, const struct key *k, const struct yaml *value,
                          struct error *err) {
  static const struct yaml nothing = {.kind = YAML_NULL};
  const struct yaml *mode =
      yaml_get(yaml_get(yaml_get(in->compose->model, "services"), in->compose->service), "network_mode");
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  if (compose_text(mode) && *mode->text) {
    if (value->n) return complain(in, value->line, k->name, err, "cannot be combined with network_mode");
    return 0;
  }
  size_t n = value->n;
  CLEANUP_FREE struct joined *all = xcalloc(n + 1, sizeof(*all));
  for (size_t i = 0; i < n; i++)
    if (read_membership(in, k, &value->pairs[i], &all[i], err)) return -1;
  if (n == 0) all[n++] = (struct joined){"default", 0, &nothing};
  qsort(all, n, sizeof(*all), by_priority);
  in->settings->networks_set = true;
  for (size_t i = 0; i < n; i++) {
    char *name = NULL;
    if (compose_name(in->compose, "networks", all[i].name, all[i].at, &name, err)) return -1;
    strv_take(&in->settings->networks, name);
  }
  return 0;
}

/* service:NAME is left to the runtime, which finds the container of that service of the project. */
int read_service_network_mode(struct reading *in, const struct key *k, const struct yaml *value,
                              struct error *err) {
  const struct yaml *services = yaml_get(in->compose->model, "services");
  const char *text = compose_text(value);
  if (!text) return wrong_type(in, k, value, err);
  if (!*text) return 0;
  in->settings->networks_set = true;
  if (strncmp(text, "service:", 8) != 0) {
    strv_add(&in->settings->networks, text);
    return 0;
  }
  if (!yaml_get(services, text + 8))
    return complain(in, value->line, k->name, err, "there is no service '%s'", text + 8);
  strv_take(&in->settings->networks, xprintf("service:%s/%s", in->compose->project, text + 8));
  return 0;
}
