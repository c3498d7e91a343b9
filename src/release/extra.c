/* Compose's further keys, into settings.extra in the forms that runtime/settings.h lists. */
#include "base/alloc.h"
#include "base/parse.h"
#include "data/json.h"
#include "release/keys.h"
#include <stdlib.h>
#include <string.h>

/* json_string() refuses what is not UTF-8; a variable of the caller may hold anything. */
static int put(struct reading *in, const struct key *k, int line, json_t *value, struct error *err) {
  if (json_object_set_new(in->settings->extra, k->name, value) == 0) return 0;
  return complain(in, line, k->name, err, "is not UTF-8");
}

int read_extra_text(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_BOOL) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, k, value, &text, err);
  if (rc) return rc;
  bool ours = !strcmp(text, "docker") || !strcmp(text, "podman") || !strcmp(text, "kubernetes");
  if (!strcmp(k->name, "runtime") && ours)
    return complain(in, value->line, k->name, err,
                    "in a task this is the OCI runtime; runtime: %s belongs at the top of the file", text);
  return put(in, k, value->line, json_string(text), err);
}

static json_t *array_of(const struct strv *texts) {
  json_t *array = json_array();
  for (size_t i = 0; i < texts->n; i++)
    if (json_array_append_new(array, json_string(texts->v[i]))) {
      json_decref(array);
      return NULL;
    }
  return array;
}

static int read_list(struct reading *in, const struct key *k, const struct yaml *value, bool one,
                     struct error *err) {
  struct strv texts = {0};
  if (value->kind == YAML_NULL) return 0; /* a key with nothing behind it is not given */
  int rc = value_list(in, k, value, one, &texts, err);
  if (rc == 0) rc = put(in, k, value->line, array_of(&texts), err);
  strv_done(&texts);
  return rc;
}

int read_extra_list(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_list(in, k, value, false, err);
}

int read_extra_one_or_list(struct reading *in, const struct key *k, const struct yaml *value,
                           struct error *err) {
  return read_list(in, k, value, true, err);
}

int read_extra_int(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  int64_t min = -1, max = INT64_MAX, number;
  if (!strcmp(k->name, "mem_swappiness")) min = 0, max = 100;
  if (!strcmp(k->name, "oom_score_adj")) min = -1000, max = 1000;
  if (value->kind != YAML_INT && value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, k, value, &text, err);
  if (rc) return rc;
  if (parse_int(text, min, max, &number) == 0) return put(in, k, value->line, json_integer(number), err);
  if (max == INT64_MAX)
    return complain(in, value->line, k->name, err, "expected a number from %d, found '%s'", (int)min, text);
  return complain(in, value->line, k->name, err, "expected a number from %d to %d, found '%s'", (int)min,
                  (int)max, text);
}

int read_extra_size(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  int64_t bytes = -1;
  if (value->kind == YAML_BOOL) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, k, value, &text, err);
  if (rc) return rc;
  bool unlimited = !strcmp(k->name, "memswap_limit") && !strcmp(text, "-1");
  if (!unlimited && parse_size(text, &bytes))
    return complain(in, value->line, k->name, err, "expected %s, found '%s'", k->expect, text);
  return put(in, k, value->line, json_integer(bytes), err);
}

static int add_host(struct reading *in, const struct key *k, int line, const char *text, struct strv *hosts,
                    struct error *err) {
  size_t n = strcspn(text, ":=");
  const char *address = text + n + 1;
  if (!n || !text[n] || !*address)
    return complain(in, line, k->name, err, "expected HOST:ADDRESS, found '%s'", text);
  size_t length = strlen(address);
  bool brackets = *address == '[' && address[length - 1] == ']'; /* IPv6 */
  strv_take(hosts,
            xprintf("%.*s:%.*s", (int)n, text, (int)(length - (brackets ? 2 : 0)), address + brackets));
  return 0;
}

/* {host: address} or {host: [address, ...]} as HOST=ADDRESS texts. */
static int hosts_of_map(struct reading *in, const struct key *k, const struct yaml *map, struct strv *ret,
                        struct error *err) {
  int rc = 0;
  for (size_t i = 0; i < map->n && rc >= 0; i++) {
    struct strv addresses = {0};
    rc = value_list(in, k, map->pairs[i].value, true, &addresses, err);
    for (size_t j = 0; j < addresses.n; j++)
      strv_take(ret, xprintf("%s=%s", map->pairs[i].key, addresses.v[j]));
    strv_done(&addresses);
  }
  return rc < 0 ? rc : 0;
}

int read_extra_hosts(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv texts = {0}, hosts = {0};
  if (value->kind == YAML_NULL) return 0;
  int rc = value->kind == YAML_MAP ? hosts_of_map(in, k, value, &texts, err)
                                   : value_list(in, k, value, false, &texts, err);
  for (size_t i = 0; i < texts.n && rc == 0; i++) rc = add_host(in, k, value->line, texts.v[i], &hosts, err);
  if (rc == 0) rc = put(in, k, value->line, array_of(&hosts), err);
  strv_done(&texts);
  strv_done(&hosts);
  return rc;
}

/* Maps are laid over by name, as environment and labels. */
static json_t *object_of(struct reading *in, const struct key *k) {
  return json_object_in(in->settings->extra, k->name);
}

static int set_sysctl(struct reading *in, const struct key *k, int line, const char *name, const char *value,
                      struct error *err) {
  if (!value) return complain(in, line, k->name, err, "'%s' has no value", name);
  if (json_object_set_new(object_of(in, k), name, json_string(value)) == 0) return 0;
  return complain(in, line, k->name, err, "'%s' is not UTF-8", name);
}

int read_extra_sysctls(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  object_of(in, k);
  return value_pairs(in, k, value, set_sysctl, err);
}

static int limit_number(struct reading *in, const struct yaml *value, const char *name, int64_t *ret,
                        struct error *err) {
  const struct key of_limit = {.name = name, .expect = "a number (-1: unlimited)"};
  CLEANUP_FREE char *text = NULL;
  if (value->kind == YAML_BOOL || value->kind == YAML_FLOAT) return wrong_type(in, &of_limit, value, err);
  int rc = value_text(in, &of_limit, value, &text, err);
  if (rc == 0 && parse_int(text, -1, INT64_MAX, ret))
    return complain(in, value->line, name, err, "expected %s, found '%s'", of_limit.expect, text);
  return rc;
}

static int read_limit(struct reading *in, const struct yaml_pair *pair, json_t *all, struct error *err) {
  const struct yaml *soft = pair->value, *hard = pair->value;
  CLEANUP_FREE char *name = xprintf("ulimits.%s", pair->key);
  int64_t low = -1, high = -1;
  if (pair->value->kind == YAML_MAP) {
    soft = yaml_get(pair->value, "soft");
    hard = yaml_get(pair->value, "hard");
    if (!soft || !hard || pair->value->n != 2)
      return complain(in, pair->line, name, err, "expected a number, or soft and hard");
  }
  int rc = limit_number(in, soft, name, &low, err);
  if (rc == 0) rc = limit_number(in, hard, name, &high, err);
  if (rc == 0) json_object_set_new(all, pair->key, json_pack("{s:I,s:I}", "soft", low, "hard", high));
  return rc;
}

int read_extra_ulimits(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  json_t *all = object_of(in, k);
  for (size_t i = 0; i < value->n; i++)
    if (read_limit(in, &value->pairs[i], all, err) < 0) return -1;
  return 0;
}

/* Compose's long form of a device, as the short one. */
static int device_of_map(struct reading *in, const struct key *k, const struct yaml *map, struct strv *ret,
                         struct error *err) {
  static const char *const names[] = {"source", "target", "permissions"};
  struct strv parts = {0};
  size_t known = 0;
  int rc = 0;
  for (size_t i = 0; i < ARRAY_LEN(names) && rc == 0; i++) {
    const struct yaml *part = yaml_get(map, names[i]);
    char *text = NULL;
    known += part != NULL;
    if (part) rc = value_text(in, k, part, &text, err);
    if (rc == 0) strv_take(&parts, text ? text : xstrdup(i == 2 ? "rwm" : parts.n ? parts.v[0] : ""));
  }
  if (rc == 0 && (known != map->n || !*parts.v[0]))
    rc = complain(in, map->line, k->name, err, "expected a map of source, target and permissions");
  if (rc == 0) strv_take(ret, xprintf("%s:%s:%s", parts.v[0], parts.v[1], parts.v[2]));
  strv_done(&parts);
  return rc;
}

int read_extra_devices(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv devices = {0};
  int rc = 0;
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n && rc == 0; i++) {
    const struct yaml *item = value->items[i];
    char *text = NULL;
    if (item->kind == YAML_MAP) {
      rc = device_of_map(in, k, item, &devices, err);
    } else {
      rc = value_text(in, k, item, &text, err);
      if (rc == 0) strv_take(&devices, text);
    }
  }
  if (rc == 0) rc = put(in, k, value->line, array_of(&devices), err);
  strv_done(&devices);
  return rc;
}
