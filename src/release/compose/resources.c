/* deploy.resources, blkio_config, gpus, and numbers with units of their own. */
#include "base/alloc.h"
#include "base/parse.h"
#include "data/json.h"
#include "release/compose/compose.h"
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Go's durations, "1m30.5s", in nanoseconds; -1: none. */
static double go_duration(const char *s) {
  static const struct {
    const char *unit;
    double ns;
  } units[] = {{"ns", 1},   {"us", 1e3},   {"\xc2\xb5s", 1e3}, {"ms", 1e6},    {"s", 1e9},
               {"m", 6e10}, {"h", 3.6e12}, {"d", 8.64e13},     {"w", 6.048e14}};
  double all = 0;
  if (!*s) return -1;
  while (*s) {
    char *end;
    if (!isdigit((unsigned char)*s) && *s != '.') return -1;
    double number = strtod(s, &end);
    size_t n = 0, i;
    while (end[n] && !isdigit((unsigned char)end[n]) && end[n] != '.') n++;
    for (i = 0; i < ARRAY_LEN(units); i++)
      if (strlen(units[i].unit) == n && !strncmp(units[i].unit, end, n)) break;
    if (i == ARRAY_LEN(units)) return -1;
    all += number * units[i].ns;
    s = end + n;
  }
  return all < 9e18 ? all : -1;
}

int read_service_period(struct reading *in, const struct key *k, const struct yaml *value,
                        struct error *err) {
  const char *text = compose_text(value);
  double ns = text ? go_duration(text) : -1;
  if (ns < 0) return read_duration(in, k, value, err);
  in->settings->stop_grace_ms = (int64_t)((ns + 5e5) / 1e6);
  return 0;
}

int read_service_number(struct reading *in, const struct key *k, const struct yaml *value,
                        struct error *err) {
  const char *text = compose_text(value);
  int64_t number;
  if (!text || value->kind == YAML_BOOL) return wrong_type(in, k, value, err);
  if (parse_int(text, -1, INT64_MAX, &number)) {
    double ns = go_duration(text);
    if (ns < 0 || !strcmp(k->name, "cpu_shares"))
      return complain(in, value->line, k->name, err, "expected %s, found '%s'", k->expect, text);
    number = (int64_t)(ns / 1e3);
  }
  json_object_set_new(in->settings->extra, k->name, json_integer(number));
  return 0;
}

int read_service_hosts(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_extra_hosts(in, k, value, err);
}

static int unknown(struct reading *in, const char *where, const struct yaml_pair *pair, struct error *err) {
  return complain(in, pair->line, where, err, "unknown key '%s'", pair->key);
}

static int texts_of(const struct yaml *value, json_t *list) {
  for (size_t i = 0; value && i < value->n; i++) {
    if (value->kind != YAML_LIST || !compose_text(value->items[i])) return -1;
    json_array_append_new(list, json_string(value->items[i]->text));
  }
  return value && value->kind != YAML_LIST && value->kind != YAML_NULL ? -1 : 0;
}

/* options: of a device, a map or a list of NAME=VALUE. */
static void options_of(const struct yaml *value, json_t *map) {
  for (size_t i = 0; i < value->n; i++) {
    const char *text = compose_text(value->kind == YAML_MAP ? value->pairs[i].value : value->items[i]);
    if (!text) continue;
    if (value->kind == YAML_MAP) {
      json_object_set_new(map, value->pairs[i].key, json_string(text));
    } else {
      CLEANUP_FREE char *name = xstrndup(text, strcspn(text, "="));
      json_object_set_new(map, name, json_string(text[strlen(name)] ? text + strlen(name) + 1 : ""));
    }
  }
}

static int read_device(struct reading *in, const char *where, const struct yaml *item, bool gpu,
                       struct error *err) {
  json_t *device = json_pack("{s:s, s:i, s:[], s:[], s:{}}", "driver", "", "count", 0, "device_ids",
                             "capabilities", "options");
  CLEANUP_JSON json_t *owner = json_pack("[o]", device);
  bool counted = false;
  if (item->kind != YAML_MAP) return complain(in, item->line, where, err, "expected a map");
  for (size_t i = 0; i < item->n; i++) {
    const struct yaml_pair *p = &item->pairs[i];
    const char *text = compose_text(p->value);
    int64_t count = -1;
    if (!strcmp(p->key, "capabilities") || !strcmp(p->key, "device_ids")) {
      if (texts_of(p->value, json_object_get(device, p->key)))
        return complain(in, p->line, where, err, "%s: expected a list of strings", p->key);
      counted = counted || (p->key[0] == 'd' && p->value->n);
    } else if (!strcmp(p->key, "driver") && text) {
      json_object_set_new(device, "driver", json_string(text));
    } else if (!strcmp(p->key, "options")) {
      options_of(p->value, json_object_get(device, "options"));
    } else if (!strcmp(p->key, "count") && text &&
               (!strcmp(text, "all") || parse_int(text, -1, INT32_MAX, &count) == 0)) {
      json_object_set_new(device, "count", json_integer(count));
      counted = true;
    } else {
      return unknown(in, where, p, err);
    }
  }
  json_t *capabilities = json_object_get(device, "capabilities");
  if (gpu) json_array_append_new(capabilities, json_string("gpu"));
  if (!counted) json_object_set_new(device, "count", json_integer(-1));
  json_t *all = json_object_get(in->settings->extra, "device_requests");
  if (!all) json_object_set_new(in->settings->extra, "device_requests", all = json_array());
  json_array_append(all, device);
  return 0;
}

static int read_devices(struct reading *in, const char *where, const struct yaml *list, bool gpu,
                        struct error *err) {
  if (list->kind == YAML_NULL) return 0;
  if (list->kind != YAML_LIST) return complain(in, list->line, where, err, "expected a list");
  for (size_t i = 0; i < list->n; i++)
    if (read_device(in, where, list->items[i], gpu, err)) return -1;
  return 0;
}

int read_service_gpus(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  static const struct yaml empty = {.kind = YAML_MAP};
  const char *text = compose_text(value);
  if (!text) return read_devices(in, k->name, value, true, err);
  if (!strcmp(text, "all")) return read_device(in, k->name, &empty, true, err);
  return wrong_type(in, k, value, err);
}

/* The same limit said twice must be the same. */
static int set_limit(struct reading *in, const char *key, const struct yaml *value, int64_t was, int64_t now,
                     const char *other, struct error *err) {
  if (was < 0 || was == now || now == 0) return 0;
  return complain(in, value->line, key, err, "differs from %s:, which says it too", other);
}

static int read_limits(struct reading *in, const struct yaml *map, struct error *err) {
  static const struct key memory = {.name = "deploy.resources.limits.memory",
                                    .offset = offsetof(struct settings, memory),
                                    .expect = "a size such as 512m or 2g"};
  static const struct key cpus = {.name = "deploy.resources.limits.cpus",
                                  .offset = offsetof(struct settings, nano_cpus),
                                  .expect = "a number such as 1.5"};
  struct settings *s = in->settings;
  for (size_t i = 0; i < map->n; i++) {
    const struct yaml *value = map->pairs[i].value;
    int64_t was, number;
    if (!strcmp(map->pairs[i].key, "memory")) {
      was = s->memory;
      if (read_size(in, &memory, value, err) ||
          set_limit(in, memory.name, value, was, s->memory, "mem_limit", err))
        return -1;
    } else if (!strcmp(map->pairs[i].key, "cpus")) {
      was = s->nano_cpus;
      if (read_cpus(in, &cpus, value, err) || set_limit(in, cpus.name, value, was, s->nano_cpus, "cpus", err))
        return -1;
    } else if (!strcmp(map->pairs[i].key, "pids")) {
      if (!compose_text(value) || parse_int(value->text, -1, INT64_MAX, &number))
        return complain(in, value->line, "deploy.resources.limits.pids", err, "expected a whole number");
      if (number > 0) json_object_set_new(s->extra, "pids_limit", json_integer(number));
    } else if (!key_ignored(map->pairs[i].key)) {
      return unknown(in, "deploy.resources.limits", &map->pairs[i], err);
    }
  }
  return 0;
}

static int read_reservations(struct reading *in, const struct yaml *map, struct error *err) {
  static const char where[] = "deploy.resources.reservations";
  for (size_t i = 0; i < map->n; i++) {
    const struct yaml_pair *p = &map->pairs[i];
    int64_t bytes;
    if (!strcmp(p->key, "memory")) {
      if (!compose_text(p->value) || parse_size(p->value->text, &bytes))
        return complain(in, p->line, "deploy.resources.reservations.memory", err, "expected a size");
      json_object_set_new(in->settings->extra, "mem_reservation", json_integer(bytes));
    } else if (!strcmp(p->key, "devices")) {
      if (read_devices(in, "deploy.resources.reservations.devices", p->value, false, err)) return -1;
    } else if (strcmp(p->key, "cpus") != 0 && strcmp(p->key, "generic_resources") != 0 &&
               !key_ignored(p->key)) {
      return unknown(in, where, p, err); /* cpus and generic resources are for the scheduler of a cluster */
    }
  }
  return 0;
}

int read_service_deploy(struct reading *in, const struct key *k, const struct yaml *value,
                        struct error *err) {
  static const char *const cluster[] = {"mode",          "replicas",        "labels",    "endpoint_mode",
                                        "update_config", "rollback_config", "placement", "restart_policy"};
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml_pair *p = &value->pairs[i];
    bool known = key_ignored(p->key) || !strcmp(p->key, "resources");
    for (size_t j = 0; j < ARRAY_LEN(cluster); j++) known = known || !strcmp(p->key, cluster[j]);
    if (!known) return unknown(in, k->name, p, err);
  }
  const struct yaml *resources = yaml_get(value, "resources");
  for (size_t i = 0; resources && i < resources->n; i++) {
    const struct yaml_pair *p = &resources->pairs[i];
    bool limits = resources->kind == YAML_MAP && !strcmp(p->key, "limits");
    if (resources->kind != YAML_MAP || (!limits && strcmp(p->key, "reservations") != 0))
      return complain(in, resources->line, "deploy.resources", err, "expected a map of limits, reservations");
    if (p->value->kind == YAML_NULL) continue;
    if (p->value->kind != YAML_MAP) return complain(in, p->line, "deploy.resources", err, "expected a map");
    if (limits ? read_limits(in, p->value, err) : read_reservations(in, p->value, err)) return -1;
  }
  return 0;
}

static int read_throttle(struct reading *in, const struct yaml_pair *list, const char *amount,
                         struct error *err) {
  CLEANUP_FREE char *where = xprintf("blkio_config.%s", list->key), *name = xprintf("blkio_%s", list->key);
  json_t *all = json_array();
  json_object_set_new(in->settings->extra, name, all);
  if (list->value->kind != YAML_LIST) return complain(in, list->line, where, err, "expected a list");
  for (size_t i = 0; i < list->value->n; i++) {
    const struct yaml *item = list->value->items[i];
    const char *path = compose_text(yaml_get(item, "path")), *text = compose_text(yaml_get(item, amount));
    int64_t number;
    if (!path || !text || item->n != 2 || parse_size(text, &number))
      return complain(in, item->line, where, err, "expected path and %s", amount);
    json_array_append_new(all, json_pack("{s:s, s:I}", "path", path, amount, (json_int_t)number));
  }
  return 0;
}

int read_service_blkio(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  static const char *const rates[] = {"device_read_bps", "device_read_iops", "device_write_bps",
                                      "device_write_iops"};
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml_pair *p = &value->pairs[i];
    const char *amount = strcmp(p->key, "weight_device") ? NULL : "weight";
    for (size_t j = 0; j < ARRAY_LEN(rates); j++)
      if (!strcmp(p->key, rates[j])) amount = "rate";
    int64_t weight;
    if (amount) {
      if (read_throttle(in, p, amount, err)) return -1;
    } else if (!strcmp(p->key, "weight")) {
      if (!compose_text(p->value) || parse_int(p->value->text, 0, 1000, &weight))
        return complain(in, p->line, "blkio_config.weight", err, "expected a number from 0 to 1000");
      json_object_set_new(in->settings->extra, "blkio_weight", json_integer(weight));
    } else {
      return unknown(in, k->name, p, err);
    }
  }
  return 0;
}
