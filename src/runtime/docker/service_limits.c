/* The host's half of a service's specification, and what of it Swarm alone reads. */
#include "base/alloc.h"
#include "data/hash.h"
#include "data/json.h"
#include "runtime/docker/service.h"
#include <stdlib.h>
#include <string.h>

static void set(json_t *to, const char *key, const json_t *value) {
  if (value && !json_is_null(value)) json_object_set_new(to, key, json_deep_copy(value));
}

static void tell(json_t *left_out, const char *why, const char *what, const char *name) {
  CLEANUP_FREE char *text = xprintf("%s %s", what, name);
  service_left_out(left_out, text, why);
}

/* "10.0.0.1 db replica" -> "db:10.0.0.1", "replica:10.0.0.1" */
static void add_hosts(json_t *host, const json_t *hosts) {
  json_t *list = json_array(), *item;
  size_t i;
  json_array_foreach(hosts, i, item) {
    CLEANUP_FREE char *line = xstrdup(json_string_value(item) ? json_string_value(item) : "");
    char *save = NULL, *address = strtok_r(line, " \t", &save), *name;
    while (address && (name = strtok_r(NULL, " \t", &save)))
      json_array_append_new(list, json_sprintf("%s:%s", name, address));
  }
  if (json_array_size(list)) json_object_set(host, "ExtraHosts", list);
  json_decref(list);
}

static void add_option(json_t *list, const char *prefix, const char *value) {
  if (value && *value) json_array_append_new(list, json_sprintf("%s%s", prefix, value));
}

/* The profile travels as base64. */
static void add_seccomp(json_t *list, const json_t *seccomp) {
  const char *mode = json_str(seccomp, "Mode"), *profile = json_str(seccomp, "Profile");
  size_t n;
  if (mode && !strcmp(mode, "unconfined")) add_option(list, "seccomp=", "unconfined");
  if (!mode || strcmp(mode, "custom") != 0 || !profile) return;
  CLEANUP_FREE char *text = base64_decode(profile, &n);
  add_option(list, "seccomp=", text);
}

static void add_privileges(json_t *host, const json_t *privileges) {
  json_t *list = json_array();
  const char *apparmor = json_str(privileges, "AppArmor.Mode");
  if (json_is(privileges, "SELinuxContext.Disable")) add_option(list, "label=", "disable");
  add_option(list, "label=user:", json_str(privileges, "SELinuxContext.User"));
  add_option(list, "label=role:", json_str(privileges, "SELinuxContext.Role"));
  add_option(list, "label=type:", json_str(privileges, "SELinuxContext.Type"));
  add_option(list, "label=level:", json_str(privileges, "SELinuxContext.Level"));
  add_seccomp(list, json_at(privileges, "Seccomp"));
  if (apparmor && !strcmp(apparmor, "disabled")) add_option(list, "apparmor=", "unconfined");
  if (json_is(privileges, "NoNewPrivileges")) add_option(list, "no-new-privileges=", "true");
  if (json_array_size(list)) json_object_set(host, "SecurityOpt", list);
  json_decref(list);
}

/* Every member of these objects that is not a row is named in the plan, never dropped in silence. to NULL:
 * taken care of elsewhere, or without meaning for the copy. */
struct row {
  const char *from, *to;
};
static const struct row container_rows[] = {
    {"Groups", "GroupAdd"},
    {"Init", "Init"},
    {"ReadOnly", "ReadonlyRootfs"},
    {"Mounts", "Mounts"},
    {"Ulimits", "Ulimits"},
    {"Sysctls", "Sysctls"},
    {"CapabilityAdd", "CapAdd"},
    {"CapabilityDrop", "CapDrop"},
    {"OomScoreAdj", "OomScoreAdj"},
    {"Image", NULL},
    {"Labels", NULL},
    {"Command", NULL},
    {"Args", NULL},
    {"Hostname", NULL},
    {"Env", NULL},
    {"Dir", NULL},
    {"User", NULL},
    {"Privileges", NULL},
    {"TTY", NULL},
    {"OpenStdin", NULL},
    {"StopSignal", NULL},
    {"StopGracePeriod", NULL},
    {"Healthcheck", NULL},
    {"Hosts", NULL},
    {"DNSConfig", NULL},
    {"Secrets", NULL}, /* refused, or in the place of which settings mount something */
    {"Configs", NULL},
    {"Isolation", NULL}, /* of Windows; "default" on Linux */
};
static const struct row limit_rows[] = {
    {"NanoCPUs", "NanoCpus"}, {"MemoryBytes", "Memory"}, {"Pids", "PidsLimit"}};
static const struct row dns_rows[] = {
    {"Nameservers", "Dns"}, {"Search", "DnsSearch"}, {"Options", "DnsOptions"}};

static void take(json_t *host, const json_t *from, const struct row *rows, size_t n, const char *what,
                 json_t *left_out) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)from, key, value) {
    size_t i = 0;
    while (i < n && strcmp(rows[i].from, key) != 0) i++;
    if (i == n)
      tell(left_out, "run-once does not know this setting of a service", what, key);
    else if (rows[i].to)
      set(host, rows[i].to, value);
  }
}
#define TAKE_ROWS(host, from, rows, what, left_out) take(host, from, rows, ARRAY_LEN(rows), what, left_out)

static void tell_generic(json_t *left_out, const json_t *resources) {
  size_t i;
  json_t *row;
  json_array_foreach(resources, i, row) {
    const char *kind = json_str(row, "DiscreteResourceSpec.Kind");
    if (!kind) kind = json_str(row, "NamedResourceSpec.Kind");
    tell(left_out, "only Swarm hands these out; the copy has none of it", "generic resource",
         kind ? kind : "?");
  }
}

static void tell_scheduling(json_t *left_out, const json_t *spec) {
  static const char scheduler[] = "only Swarm's scheduler reads it; the copy runs on this engine";
  const char *restart = json_str(spec, "RestartPolicy.Condition"), *log = json_str(spec, "LogDriver.Name");
  size_t i;
  json_t *item;
  json_array_foreach(json_at(spec, "Placement.Constraints"), i, item)
      tell(left_out, scheduler, "placement constraint", json_string_value(item));
  if (json_array_size(json_at(spec, "Placement.Preferences")))
    service_left_out(left_out, "placement preferences", scheduler);
  if (json_int_or(spec, "Resources.Reservations.MemoryBytes", 0))
    service_left_out(left_out, "memory reservation", scheduler);
  if (json_int_or(spec, "Resources.Reservations.NanoCPUs", 0))
    service_left_out(left_out, "processor reservation", scheduler);
  tell_generic(left_out, json_at(spec, "Resources.Reservations.GenericResources"));
  if (restart && strcmp(restart, "none") != 0)
    tell(left_out, "the command runs once", "restart policy", restart);
  if (log && *log) tell(left_out, "run-once reads the log itself (--log-driver)", "log driver", log);
}

void service_host(json_t *host, const json_t *spec, json_t *left_out) {
  const json_t *container = json_at(spec, "ContainerSpec");
  TAKE_ROWS(host, container, container_rows, "setting", left_out);
  TAKE_ROWS(host, json_at(spec, "Resources.Limits"), limit_rows, "limit", left_out);
  TAKE_ROWS(host, json_at(container, "DNSConfig"), dns_rows, "DNS setting", left_out);
  add_hosts(host, json_at(container, "Hosts"));
  add_privileges(host, json_at(container, "Privileges"));
  tell_scheduling(left_out, spec);
}
