/* For doctor: what this engine is beside its version, and what about it will bite. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/docker/ops.h"
#include <stdlib.h>
#include <string.h>

#define CLOCK_APART_NS (5 * INT64_C(1000000000))

static void fact(struct strv *facts, const char *name, const char *value) {
  if (value && *value) strv_take(facts, xprintf("%s: %s", name, value));
}

static const char *or_unknown(const json_t *info, const char *key) {
  const char *value = json_str(info, key);
  return value ? value : "unknown";
}

static void examine_limits(const json_t *info, struct strv *findings) {
  static const struct {
    const char *key, *text;
  } limits[] = {{"MemoryLimit", "the engine cannot limit memory: --memory has no effect"},
                {"CpuCfsQuota", "the engine cannot limit processor time: --cpus has no effect"}};
  for (size_t i = 0; i < ARRAY_LEN(limits); i++)
    if (json_is_false(json_object_get(info, limits[i].key))) strv_add(findings, limits[i].text);
}

static void examine_clock(struct docker *d, struct strv *facts, struct strv *findings) {
  if (!d->clock_known) return;
  int64_t apart = d->clock_offset_ns < 0 ? -d->clock_offset_ns : d->clock_offset_ns;
  if (apart <= CLOCK_APART_NS)
    fact(facts, "clock", "agrees with this machine's");
  else
    strv_take(findings,
              xprintf("the engine's clock is %lld s %s this machine's: times in records are the engine's",
                      (long long)(apart / 1000000000), d->clock_offset_ns < 0 ? "behind" : "ahead of"));
}

static void examine_info(struct docker *d, const json_t *info, struct strv *facts, struct strv *findings) {
  CLEANUP_FREE char *machine = xprintf("%s, %s, kernel %s", or_unknown(info, "OperatingSystem"),
                                       or_unknown(info, "Architecture"), or_unknown(info, "KernelVersion"));
  CLEANUP_FREE char *cgroup =
      xprintf("version %s, driver %s", or_unknown(info, "CgroupVersion"), or_unknown(info, "CgroupDriver"));
  fact(facts, "host", json_str(info, "Name"));
  fact(facts, "machine", machine);
  fact(facts, "storage", json_str(info, "Driver"));
  fact(facts, "cgroups", cgroup);
  fact(facts, "default log driver", json_str(info, "LoggingDriver"));
  fact(facts, "live-restore",
       d->podman                             ? "not needed: containers do not hang on Podman's service"
       : json_is(info, "LiveRestoreEnabled") ? "on"
                                             : "off: a restart of the engine ends running jobs");
  examine_limits(info, findings);
  examine_clock(d, facts, findings);
  size_t i;
  json_t *warning;
  json_array_foreach(json_at(info, "Warnings"), i, warning) {
    if (json_is_string(warning))
      strv_take(findings, xprintf("the engine says: %s", json_string_value(warning)));
  }
}

/* Endpoints with authorization plug-ins may allow a ping and nothing else: look whether containers may be
 * listed. */
static int examine_permission(struct docker *d, struct strv *facts, struct strv *findings,
                              struct error *err) {
  struct error fault = ERROR_INIT;
  CLEANUP_JSON json_t *list = NULL;
  if (docker_json(d, "/containers/json?limit=1", &list, &fault) == 0) {
    fact(facts, "permission", "containers may be listed");
    return 0;
  }
  if (fault.kind == ERR_PERMISSION) {
    strv_take(findings, xprintf("containers may not be listed: %s", fault.text));
    return 0;
  }
  if (err) *err = fault;
  return -1;
}

int docker_examine(struct runtime *rt, struct strv *ret_facts, struct strv *ret_findings, struct error *err) {
  struct docker *d = (struct docker *)rt;
  CLEANUP_JSON json_t *info = NULL;
  if (docker_json_as(d, "/info", "asking the engine for its settings failed", &info, err) < 0) return -1;
  d->info.live_restore = d->podman || json_is(info, "LiveRestoreEnabled");
  examine_info(d, info, ret_facts, ret_findings);
  return examine_permission(d, ret_facts, ret_findings, err);
}
