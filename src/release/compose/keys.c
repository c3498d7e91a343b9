/* The keys of a service, as the Compose specification names them. */
#include "base/alloc.h"
#include "base/parse.h"
#include "release/compose/compose.h"
#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct settings, member)
#define TEXT "a string"
#define BOOL "true or false"
#define LIST "a list of strings"
#define TEXT_OR_LIST "a string or a list of strings"
#define SIZE "a size such as 512m or 2g"
#define NUMBER "a whole number"
#define MAP_OR_LIST "a map, or a list of NAME=VALUE"
#define READ(name, merge, read, offset, expect)                                                              \
  { {name, NULL, 0, 0, read, offset, expect, NULL}, merge, FATE_READ, NULL }
#define SILENT(name, merge)                                                                                  \
  { {name, NULL, 0, 0, NULL, 0, NULL, NULL}, merge, FATE_SILENT, NULL }
#define LEFT_OUT(name, merge, why)                                                                           \
  { {name, NULL, 0, 0, NULL, 0, NULL, NULL}, merge, FATE_LEFT_OUT, why }
#define REFUSED(name, merge, why)                                                                            \
  { {name, NULL, 0, 0, NULL, 0, NULL, NULL}, merge, FATE_REFUSED, why }

static const char one_off[] = "it is about running the service, not about what its container is";
static const char traffic[] = "the application's traffic must not reach the copy";

/* In the order in which they are read: env_file before environment. SILENT: what the run itself says instead
 * (command), what was done before reading (extends, profiles), or what never reaches a container. */
/* clang-format off */
static const struct service_key keys[] = {
    READ("image", MERGE_REPLACE, read_service_image, 0, TEXT),
    READ("env_file", MERGE_FILES, read_service_env_file, 0, "a path, or a list of paths or of {path, required, format}"),
    READ("environment", MERGE_PAIRS, read_service_environment, 0, MAP_OR_LIST),
    READ("entrypoint", MERGE_REPLACE, read_service_words, 0, TEXT_OR_LIST),
    READ("user", MERGE_REPLACE, read_text, AT(user), TEXT),
    READ("working_dir", MERGE_REPLACE, read_text, AT(workdir), TEXT),
    READ("platform", MERGE_REPLACE, read_text, AT(platform), TEXT),
    READ("stop_signal", MERGE_REPLACE, read_text, AT(stop_signal), TEXT),
    READ("stop_grace_period", MERGE_REPLACE, read_service_period, AT(stop_grace_ms), "a duration such as 90s or 1m30s"),
    READ("init", MERGE_REPLACE, read_tri, AT(init), BOOL),
    READ("read_only", MERGE_REPLACE, read_tri, AT(read_only), BOOL),
    READ("privileged", MERGE_REPLACE, read_tri, AT(privileged), BOOL),
    READ("volumes", MERGE_VOLUMES, read_service_volumes, 0, "a list of SOURCE:TARGET[:OPTIONS] or of maps"),
    READ("tmpfs", MERGE_ONE, read_service_tmpfs, 0, TEXT_OR_LIST),
    READ("secrets", MERGE_MOUNTS, read_service_secrets, 0, "a list of names or of maps"),
    READ("configs", MERGE_MOUNTS, read_service_configs, 0, "a list of names or of maps"),
    READ("networks", MERGE_NAMES, read_service_networks, 0, "a list of names, or a map"),
    READ("network_mode", MERGE_REPLACE, read_service_network_mode, 0, TEXT),
    READ("mem_limit", MERGE_REPLACE, read_size, AT(memory), SIZE),
    READ("cpus", MERGE_REPLACE, read_cpus, AT(nano_cpus), "a number such as 1.5"),
    READ("mem_reservation", MERGE_REPLACE, read_extra_size, 0, SIZE),
    READ("memswap_limit", MERGE_REPLACE, read_extra_size, 0, SIZE " or -1"),
    READ("mem_swappiness", MERGE_REPLACE, read_extra_int, 0, NUMBER),
    READ("shm_size", MERGE_REPLACE, read_extra_size, 0, SIZE),
    READ("pids_limit", MERGE_REPLACE, read_extra_int, 0, NUMBER),
    READ("oom_score_adj", MERGE_REPLACE, read_extra_int, 0, NUMBER),
    READ("oom_kill_disable", MERGE_REPLACE, read_service_flag, 0, BOOL),
    READ("cpu_shares", MERGE_REPLACE, read_service_number, 0, NUMBER),
    READ("cpu_period", MERGE_REPLACE, read_service_number, 0, "microseconds, or a duration"),
    READ("cpu_quota", MERGE_REPLACE, read_service_number, 0, "microseconds, or a duration"),
    READ("cpu_rt_period", MERGE_REPLACE, read_service_number, 0, "microseconds, or a duration"),
    READ("cpu_rt_runtime", MERGE_REPLACE, read_service_number, 0, "microseconds, or a duration"),
    READ("cpuset", MERGE_REPLACE, read_service_text, 0, TEXT),
    READ("deploy", MERGE_MAP, read_service_deploy, 0, "a map"),
    READ("blkio_config", MERGE_MAP, read_service_blkio, 0, "a map"),
    READ("gpus", MERGE_REPLACE, read_service_gpus, 0, "all, or a list of maps"),
    READ("ulimits", MERGE_MAP, read_extra_ulimits, 0, "a map of numbers or of {soft, hard}"),
    READ("sysctls", MERGE_PAIRS, read_extra_sysctls, 0, MAP_OR_LIST),
    READ("storage_opt", MERGE_MAP, read_service_map, 0, "a map"),
    READ("annotations", MERGE_PAIRS, read_service_map, 0, MAP_OR_LIST),
    READ("cap_add", MERGE_LIST, read_extra_list, 0, LIST),
    READ("cap_drop", MERGE_LIST, read_extra_list, 0, LIST),
    READ("security_opt", MERGE_LIST, read_service_security, 0, LIST),
    READ("group_add", MERGE_LIST, read_extra_list, 0, LIST),
    READ("device_cgroup_rules", MERGE_LIST, read_service_list, 0, LIST),
    READ("devices", MERGE_DEVICES, read_service_devices, 0, "a list of SOURCE[:TARGET[:rwm]] or of maps"),
    READ("extra_hosts", MERGE_HOSTS, read_service_hosts, 0, "a list of HOST=ADDRESS or a map"),
    READ("dns", MERGE_ONE, read_extra_one_or_list, 0, TEXT_OR_LIST),
    READ("dns_search", MERGE_ONE, read_extra_one_or_list, 0, TEXT_OR_LIST),
    READ("dns_opt", MERGE_LIST, read_extra_list, 0, LIST),
    READ("domainname", MERGE_REPLACE, read_extra_text, 0, TEXT),
    READ("runtime", MERGE_REPLACE, read_service_text, 0, TEXT),
    READ("pid", MERGE_REPLACE, read_service_namespace, 0, TEXT),
    READ("ipc", MERGE_REPLACE, read_service_namespace, 0, TEXT),
    READ("uts", MERGE_REPLACE, read_service_text, 0, TEXT),
    READ("cgroup", MERGE_REPLACE, read_service_text, 0, "host or private"),
    READ("cgroup_parent", MERGE_REPLACE, read_extra_text, 0, TEXT),
    READ("userns_mode", MERGE_REPLACE, read_extra_text, 0, TEXT),
    READ("isolation", MERGE_REPLACE, read_service_text, 0, TEXT),
    READ("labels", MERGE_PAIRS, read_service_labels, 0, MAP_OR_LIST),
    READ("hostname", MERGE_REPLACE, read_service_hostname, 0, TEXT),
    READ("links", MERGE_LIST, read_service_links, 0, "a list of services"),
    READ("depends_on", MERGE_NAMES, read_service_depends, 0, "a list of services, or a map"),

    SILENT("build", MERGE_BUILD),
    SILENT("command", MERGE_REPLACE),
    SILENT("extends", MERGE_REPLACE),
    SILENT("profiles", MERGE_LIST),
    SILENT("tty", MERGE_REPLACE),
    SILENT("stdin_open", MERGE_REPLACE),
    SILENT("attach", MERGE_REPLACE),
    SILENT("scale", MERGE_REPLACE),
    SILENT("expose", MERGE_LIST),
    SILENT("develop", MERGE_MAP),
    SILENT("pull_policy", MERGE_REPLACE), /* --pull says */

    LEFT_OUT("ports", MERGE_REPLACE, traffic),
    LEFT_OUT("restart", MERGE_REPLACE, "the copy runs once"),
    LEFT_OUT("healthcheck", MERGE_MAP, "a run-once command is not probed"),
    LEFT_OUT("container_name", MERGE_REPLACE, "two containers cannot have one name"),
    LEFT_OUT("mac_address", MERGE_REPLACE, "two containers cannot have one address"),
    LEFT_OUT("logging", MERGE_MAP, "run-once reads the log itself (--log-driver)"),
    LEFT_OUT("label_file", MERGE_ONE, "no label of the source is copied"),
    LEFT_OUT("post_start", MERGE_REPLACE, one_off),
    LEFT_OUT("pre_stop", MERGE_REPLACE, one_off),

    REFUSED("external_links", MERGE_LIST, "links to containers of other projects are not supported; put both on one network"),
    REFUSED("volumes_from", MERGE_LIST, "is not supported; name the volumes under volumes:"),
    REFUSED("credential_spec", MERGE_MAP, "is for Windows containers, which are not supported"),
    REFUSED("cpu_count", MERGE_REPLACE, "is for Windows containers, which are not supported"),
    REFUSED("cpu_percent", MERGE_REPLACE, "is for Windows containers, which are not supported"),
    REFUSED("provider", MERGE_MAP, "the service is no container but a provider's"),
    REFUSED("use_api_socket", MERGE_REPLACE, "is not supported; mount the socket under volumes:"),
    REFUSED("models", MERGE_NAMES, "is not supported"),
};
/* clang-format on */

static const char *const top[] = {"name",    "version", "services", "networks", "volumes",
                                  "secrets", "configs", "include",  "models"};

const struct service_key *service_key(const char *name) {
  for (size_t i = 0; i < ARRAY_LEN(keys); i++)
    if (!strcmp(keys[i].key.name, name)) return &keys[i];
  return NULL;
}

const struct service_key *service_keys(size_t *ret_n) {
  *ret_n = ARRAY_LEN(keys);
  return keys;
}

static int unknown(const struct yaml_pair *pair, const char *where, const char *near, struct error *err) {
  const struct yaml at = {.file = pair->value->file, .line = pair->line};
  CLEANUP_FREE char *key = xprintf("%s%.60s", where, pair->key);
  if (near) return compose_complain(&at, key, err, "unknown key; did you mean '%s'?", near);
  return compose_complain(&at, key, err, "unknown key");
}

static int check_service(const struct yaml_pair *service, struct error *err) {
  const char *known[ARRAY_LEN(keys)];
  const struct yaml *map = service->value;
  if (map->kind == YAML_NULL) return 0;
  CLEANUP_FREE char *where = xprintf("services.%.60s.", service->key);
  if (map->kind != YAML_MAP)
    return compose_complain(map, service->key, err, "expected a map, found %s", yaml_kind_name(map->kind));
  for (size_t i = 0; i < map->n; i++) {
    if (key_ignored(map->pairs[i].key) || service_key(map->pairs[i].key)) continue;
    for (size_t j = 0; j < ARRAY_LEN(keys); j++) known[j] = keys[j].key.name;
    return unknown(&map->pairs[i], where, nearest_word(map->pairs[i].key, known, ARRAY_LEN(known)), err);
  }
  return 0;
}

int compose_check_keys(const struct yaml *root, struct error *err) {
  for (size_t i = 0; i < root->n; i++) {
    const struct yaml_pair *pair = &root->pairs[i];
    bool known = key_ignored(pair->key), is_map = false;
    for (size_t j = 0; j < ARRAY_LEN(top); j++)
      if (!strcmp(pair->key, top[j])) {
        known = true;
        is_map = j >= 2 && j <= 6;
      }
    if (!known) return unknown(pair, "", nearest_word(pair->key, top, ARRAY_LEN(top)), err);
    if (is_map && pair->value->kind != YAML_MAP && pair->value->kind != YAML_NULL)
      return compose_complain(pair->value, pair->key, err, "expected a map, found %s",
                              yaml_kind_name(pair->value->kind));
  }
  const struct yaml *services = yaml_get(root, "services");
  for (size_t i = 0; services && i < services->n; i++)
    if (check_service(&services->pairs[i], err)) return -1;
  return 0;
}
