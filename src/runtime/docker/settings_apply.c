/* The settings over the request: scalars replace, lists grow, maps go by name. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include <string.h>

enum shape { SCALAR, LIST, MAP, THROTTLES };

/* Compose's further keys. config: into Config, else HostConfig. */
static const struct key {
  const char *name, *field;
  enum shape shape;
  bool config;
} keys[] = {
    {"cap_add", "CapAdd", LIST, false},
    {"cap_drop", "CapDrop", LIST, false},
    {"security_opt", "SecurityOpt", LIST, false},
    {"group_add", "GroupAdd", LIST, false},
    {"extra_hosts", "ExtraHosts", LIST, false},
    {"dns", "Dns", LIST, false},
    {"dns_search", "DnsSearch", LIST, false},
    {"dns_opt", "DnsOptions", LIST, false},
    {"sysctls", "Sysctls", MAP, false},
    {"shm_size", "ShmSize", SCALAR, false},
    {"pids_limit", "PidsLimit", SCALAR, false},
    {"pid", "PidMode", SCALAR, false},
    {"ipc", "IpcMode", SCALAR, false},
    {"userns_mode", "UsernsMode", SCALAR, false},
    {"cgroup_parent", "CgroupParent", SCALAR, false},
    {"oom_score_adj", "OomScoreAdj", SCALAR, false},
    {"mem_swappiness", "MemorySwappiness", SCALAR, false},
    {"memswap_limit", "MemorySwap", SCALAR, false},
    {"runtime", "Runtime", SCALAR, false},
    {"domainname", "Domainname", SCALAR, true},
    {"memory", "Memory", SCALAR, false},
    {"nano_cpus", "NanoCpus", SCALAR, false},
    {"mem_reservation", "MemoryReservation", SCALAR, false},
    {"cpu_shares", "CpuShares", SCALAR, false},
    {"cpu_period", "CpuPeriod", SCALAR, false},
    {"cpu_quota", "CpuQuota", SCALAR, false},
    {"cpu_rt_period", "CpuRealtimePeriod", SCALAR, false},
    {"cpu_rt_runtime", "CpuRealtimeRuntime", SCALAR, false},
    {"cpuset", "CpusetCpus", SCALAR, false},
    {"oom_kill_disable", "OomKillDisable", SCALAR, false},
    {"uts", "UTSMode", SCALAR, false},
    {"cgroup", "CgroupnsMode", SCALAR, false},
    {"isolation", "Isolation", SCALAR, false},
    {"storage_opt", "StorageOpt", MAP, false},
    {"annotations", "Annotations", MAP, false},
    {"device_cgroup_rules", "DeviceCgroupRules", LIST, false},
    {"blkio_weight", "BlkioWeight", SCALAR, false},
    {"blkio_weight_device", "BlkioWeightDevice", THROTTLES, false},
    {"blkio_device_read_bps", "BlkioDeviceReadBps", THROTTLES, false},
    {"blkio_device_read_iops", "BlkioDeviceReadIOps", THROTTLES, false},
    {"blkio_device_write_bps", "BlkioDeviceWriteBps", THROTTLES, false},
    {"blkio_device_write_iops", "BlkioDeviceWriteIOps", THROTTLES, false},
};

static bool array_has(const json_t *a, const json_t *v) {
  size_t i;
  json_t *item;
  json_array_foreach(a, i, item) if (json_equal(item, v)) return true;
  return false;
}

static json_t *array_in(json_t *o, const char *key) {
  json_t *a = json_object_get(o, key);
  if (json_is_array(a)) return a;
  a = json_array();
  json_object_set_new(o, key, a);
  return a;
}

/* "NET_ADMIN", "net_admin" and "CAP_NET_ADMIN" are one; engines write down the last. */
static const char *capability(const json_t *v) {
  const char *name = json_string_value(v);
  if (!name) return "";
  return strncasecmp(name, "CAP_", 4) ? name : name + 4;
}

static void capability_drop(json_t *a, const json_t *v) {
  for (size_t i = json_array_size(a); i-- > 0;)
    if (!strcasecmp(capability(json_array_get(a, i)), capability(v))) json_array_remove(a, i);
}

/* {"path", "rate" or "weight"} as the engine spells it. */
static void apply_throttles(json_t *list, const json_t *value) {
  size_t i;
  json_t *item;
  json_array_foreach(value, i, item) {
    json_t *weight = json_at(item, "weight");
    json_array_append_new(list,
                          json_pack("{s:O, s:O}", "Path", json_at(item, "path"), weight ? "Weight" : "Rate",
                                    weight ? weight : json_at(item, "rate")));
  }
}

static void apply_device_requests(json_t *host, const json_t *value) {
  json_t *list = array_in(host, "DeviceRequests"), *item;
  size_t i;
  json_array_foreach(value, i, item) json_array_append_new(
      list, json_pack("{s:O, s:O, s:O, s:[O], s:O}", "Driver", json_at(item, "driver"), "Count",
                      json_at(item, "count"), "DeviceIDs", json_at(item, "device_ids"), "Capabilities",
                      json_at(item, "capabilities"), "Options", json_at(item, "options")));
}

static void apply_key(json_t *into, const struct key *k, json_t *value) {
  size_t i;
  json_t *item;
  if (k->shape == SCALAR) {
    json_object_set(into, k->field, value);
  } else if (k->shape == MAP) {
    json_object_update(json_object_in(into, k->field), value);
  } else if (k->shape == THROTTLES) {
    apply_throttles(array_in(into, k->field), value);
  } else {
    json_t *list = array_in(into, k->field);
    json_array_foreach(value, i, item) if (!array_has(list, item)) json_array_append(list, item);
  }
}

/* A capability that is added now is no longer dropped, and the other way round. */
static void settle_capabilities(json_t *host, const json_t *extra) {
  size_t i;
  json_t *cap;
  json_array_foreach(json_at(extra, "cap_add"), i, cap) capability_drop(json_at(host, "CapDrop"), cap);
  json_array_foreach(json_at(extra, "cap_drop"), i, cap) capability_drop(json_at(host, "CapAdd"), cap);
}

/* {"nofile": {"soft": 1, "hard": 2}} over [{"Name": "nofile", "Soft": 1, "Hard": 2}]. */
static void apply_ulimits(json_t *host, json_t *ulimits) {
  json_t *list = array_in(host, "Ulimits"), *limit;
  const char *name;
  json_object_foreach(ulimits, name, limit) {
    for (size_t i = json_array_size(list); i-- > 0;) {
      const char *is = json_str(json_array_get(list, i), "Name");
      if (is && !strcmp(is, name)) json_array_remove(list, i);
    }
    json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "Name", name, "Soft",
                                          (json_int_t)json_int_or(limit, "soft", 0), "Hard",
                                          (json_int_t)json_int_or(limit, "hard", 0)));
  }
}

/* "vendor.com/class=name" is a CDI device, else HOST[:CONTAINER[:rwm]]. */
static void apply_device(json_t *host, const char *text) {
  if (*text != '/' && strchr(text, '=')) {
    json_array_append_new(array_in(host, "DeviceRequests"),
                          json_pack("{s:s, s:[s]}", "Driver", "cdi", "DeviceIDs", text));
    return;
  }
  CLEANUP_FREE char *copy = xstrdup(text);
  char *inside = strchr(copy, ':'), *mode = NULL;
  if (inside) {
    *inside++ = '\0';
    mode = strchr(inside, ':');
    if (mode) *mode++ = '\0';
    if (*inside != '/' && !mode) { /* HOST:rwm */
      mode = inside;
      inside = NULL;
    }
  }
  json_t *list = array_in(host, "Devices");
  const char *place = inside ? inside : copy;
  for (size_t i = json_array_size(list); i-- > 0;) {
    const char *is = json_str(json_array_get(list, i), "PathInContainer");
    if (is && !strcmp(is, place)) json_array_remove(list, i);
  }
  json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "PathOnHost", copy, "PathInContainer", place,
                                        "CgroupPermissions", mode ? mode : "rwm"));
}

static int apply_extra(struct clone *c, const json_t *extra, struct error *err) {
  const char *name;
  json_t *value, *item;
  size_t i;
  json_object_foreach((json_t *)extra, name, value) {
    const struct key *k = NULL;
    for (i = 0; i < ARRAY_LEN(keys); i++)
      if (!strcmp(keys[i].name, name)) k = &keys[i];
    if (k) {
      apply_key(k->config ? c->config : c->host, k, value);
    } else if (!strcmp(name, "device_requests")) {
      apply_device_requests(c->host, value);
    } else if (!strcmp(name, "ulimits")) {
      apply_ulimits(c->host, value);
    } else if (!strcmp(name, "devices")) {
      json_array_foreach(value, i, item) if (json_is_string(item))
          apply_device(c->host, json_string_value(item));
    } else {
      return error_set(err, ERR_CONFIG, "%s: the Docker runtime does not know this key", name);
    }
  }
  return 0;
}

/* Limits that would contradict the new one go. */
static void apply_memory(struct clone *c) {
  if (c->s->memory < 0) return;
  json_object_set_new(c->host, "Memory", json_integer(c->s->memory));
  if (json_int_or(c->host, "MemorySwap", 0) > 0 && !json_at(c->s->extra, "memswap_limit"))
    json_object_del(c->host, "MemorySwap");
  if (c->s->memory > 0 && json_int_or(c->host, "MemoryReservation", 0) > c->s->memory) {
    plan_dropped(c, "it is above the memory limit given", "memory reservation");
    json_object_del(c->host, "MemoryReservation");
  }
}

static void apply_cpus(struct clone *c) {
  if (c->s->nano_cpus < 0) return;
  json_object_set_new(c->host, "NanoCpus", json_integer(c->s->nano_cpus));
  json_object_del(c->host, "CpuPeriod");
  json_object_del(c->host, "CpuQuota");
}

static void apply_privileged(struct clone *c) {
  if (c->s->privileged == TRI_UNSET) return;
  bool was = json_is(c->host, "Privileged"), is = c->s->privileged == TRI_YES;
  json_object_set_new(c->host, "Privileged", json_boolean(is));
  if (was == is) return;
  /* The engine wrote these down for the other case. */
  json_object_del(c->host, "MaskedPaths");
  json_object_del(c->host, "ReadonlyPaths");
}

int settings_apply(struct clone *c, struct error *err) {
  if (apply_extra(c, json_at(c->s->described, "extra"), err) < 0 || apply_extra(c, c->s->extra, err) < 0)
    return -1;
  settle_capabilities(c->host, c->s->extra);
  apply_memory(c);
  apply_cpus(c);
  apply_privileged(c);
  if (c->s->user) json_object_set_new(c->config, "User", json_string(c->s->user));
  if (c->s->workdir) json_object_set_new(c->config, "WorkingDir", json_string(c->s->workdir));
  if (c->s->init != TRI_UNSET) json_object_set_new(c->host, "Init", json_boolean(c->s->init == TRI_YES));
  if (c->s->read_only != TRI_UNSET)
    json_object_set_new(c->host, "ReadonlyRootfs", json_boolean(c->s->read_only == TRI_YES));
  return 0;
}
