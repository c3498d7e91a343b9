#include "runtime/docker/podman.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/ops.h"
#include "runtime/registry.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DOCKER_STOP_TIMEOUT 10
#define TELLS_LATE_MS 2000 /* events are polled for every 250 ms, and a process of its own notes the end */

/* "dead" is no word of Podman's, and attach has made a container initialized that never ran. */
const char podman_ended[] =
    "{\"label\":[\"run-once.id\"],\"status\":[\"created\",\"initialized\",\"exited\",\"stopped\"]}";

bool podman_answered(const struct http_response *r) {
  CLEANUP_FREE char *api = http_header(r, "Libpod-API-Version");
  CLEANUP_FREE char *server = http_header(r, "Server");
  return api || (server && !strncasecmp(server, "Libpod", 6));
}

int podman_note(struct docker *d, const struct http_response *r, struct error *err) {
  d->podman = podman_answered(r);
  if (!d->podman && d->want_podman)
    return error_set(err, ERR_CONFIG,
                     "runtime podman failed: the engine at %s is Docker; leave --runtime away, or name "
                     "Podman's socket with --host",
                     d->info.endpoint);
  CLEANUP_FREE char *version = http_header(r, "Libpod-API-Version");
  d->podman_major = version ? atoi(version) : 0;
  d->info.kind = d->podman ? "podman" : "docker";
  /* conmon keeps a container, its output and its end; the service only tells of them. */
  if (d->podman) d->info.live_restore = true;
  d->info.tells_late_ms = d->podman ? TELLS_LATE_MS : 0;
  return 0;
}

/* Podman takes every "no such file" for a missing command, also that of a working folder: the command is
 * meant only where the OCI runtime says so itself (runc, then crun). */
static bool about_command(const char *text) {
  return strstr(text, "exec: ") || strstr(text, "executable file") || strstr(text, "open executable");
}

void podman_fault(struct error *err) {
  static const struct {
    const char *words;
    enum error_kind kind;
    bool command;
  } known[] = {
      {"name is already in use", ERR_CONFLICT, false},
      {"already exists", ERR_CONFLICT, false},
      {"container state improper", ERR_CONFLICT, false},
      {"no such container", ERR_MISSING, false},
      {"no such volume", ERR_MISSING, false},
      {"command that was not found", ERR_NOT_FOUND, true},
      {"OCI permission denied", ERR_NOT_EXECUTABLE, true},
      {"is a directory", ERR_NOT_EXECUTABLE, true},
  };
  if (!err) return;
  for (size_t i = 0; i < ARRAY_LEN(known); i++) {
    if (!strstr(err->text, known[i].words) || (known[i].command && !about_command(err->text))) continue;
    err->kind = known[i].kind;
    if (known[i].kind == ERR_CONFLICT) err->http_status = 409;
    if (known[i].kind == ERR_MISSING) err->http_status = 404;
    return;
  }
}

/* k8s-file is capped in one file: conmon begins it anew. json-file is another name of it. */
json_t *podman_log_config(const char *driver, int64_t max) {
  json_t *options = json_object();
  if (!driver) driver = "k8s-file";
  if (max > 0 && (!strcmp(driver, "k8s-file") || !strcmp(driver, "json-file")))
    json_object_set_new(options, "max-size", json_sprintf("%" PRId64, max));
  return json_pack("{s:s, s:o}", "Type", driver, "Config", options);
}

int podman_adjust(json_t *request, struct error *err) {
  static const char *const drivers[] = {"k8s-file", "json-file", "journald", "none", "passthrough"};
  const char *driver = json_str(request, "HostConfig.LogConfig.Type");
  for (size_t i = 0; driver && i < ARRAY_LEN(drivers); i++)
    if (!strcmp(driver, drivers[i])) driver = NULL;
  if (driver)
    return error_set(
        err, ERR_CONFIG,
        "--log-driver %s failed: Podman does not have it; k8s-file (the default there), journald "
        "and none it has",
        driver);
  if (json_array_size(json_at(request, "HostConfig.Links")))
    return error_set(err, ERR_CONFIG,
                     "links failed: Podman has none; containers of one network reach each other by name");
  /* Podman 4 takes none for 0: whoever stops it kills it. */
  if (!json_is_integer(json_object_get(request, "StopTimeout")))
    json_object_set_new(request, "StopTimeout", json_integer(DOCKER_STOP_TIMEOUT));
  return 0;
}

bool podman_stopped(struct docker *d, const char *id) {
  static const char *const keys[] = {"State", NULL};
  struct error none = ERROR_INIT;
  if (d->podman_major < 5) return false;
  CLEANUP_FREE char *path = xprintf("/libpod/containers/%s/json", id);
  CLEANUP_JSON json_t *inspect = NULL;
  /* What stands in between may know Docker's API only. */
  if (docker_json_part(d, path, "reading who ended the container failed", keys, &inspect, &none) < 0)
    return false;
  return json_is(json_at(inspect, "State"), "StoppedByUser");
}

bool podman_labels_volumes(bool podman) {
  return !podman;
}

int podman_open(struct loop *loop, const struct endpoint *ep, struct runtime **ret, struct error *err) {
  if (docker_open(loop, ep, ret, err) < 0) return -1;
  struct docker *d = (struct docker *)*ret;
  d->want_podman = true;
  d->info.kind = "podman";
  return 0;
}
