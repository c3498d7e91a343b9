/* One container that exists: start, state, signal, stop, resize, rename, remove. Always by id. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MS 60000
#define REMOVAL_MS 60000 /* for a removal that somebody else has begun */

/* A request on a container without answer body. 0 for 2xx and 304; else the fault, "what: words". */
static int act(struct docker *d, const char *method, const char *id, const char *rest, bool changes,
               int64_t timeout_ms, const char *what, struct error *err) {
  CLEANUP_FREE char *path = xprintf("/containers/%s%s", id, rest);
  struct http_response r;
  if (docker_call(d, method, path, NULL, changes, timeout_ms, &r, err) < 0)
    return error_prefix(err, "%s", what);
  bool good = (r.status >= 200 && r.status < 300) || r.status == 304;
  int rc = good ? 0 : docker_fault(&r, what, err);
  http_response_done(&r);
  return rc;
}

static const char *real_time(const char *s) {
  return s && clock_parse_rfc3339(s) > 0 ? s : "";
}

/* False: no status that we know, or an end without its exit code; neither may pass for an end with 0. */
static bool read_status(const json_t *state, int *ret) {
  static const struct {
    const char *name;
    int status;
  } known[] = {
      {"created", STATE_CREATED},    {"running", STATE_RUNNING},
      {"paused", STATE_PAUSED},      {"restarting", STATE_RESTARTING},
      {"removing", STATE_REMOVING},  {"exited", STATE_EXITED},
      {"dead", STATE_DEAD}, /* from here on Podman's words */
      {"configured", STATE_CREATED}, {"initialized", STATE_CREATED},
      {"stopping", STATE_RUNNING},   {"stopped", STATE_EXITED},
  };
  const char *status = json_str(state, "Status");
  bool code = json_is_integer(json_at(state, "ExitCode"));
  for (size_t i = 0; status && i < ARRAY_LEN(known); i++) {
    if (strcmp(status, known[i].name) != 0) continue;
    *ret = known[i].status;
    return code || (*ret != STATE_EXITED && *ret != STATE_DEAD);
  }
  return false;
}

/* What is not known counts as running: nobody removes it or takes it for ended. */
void docker_read_state(const json_t *inspect, struct container_state *ret) {
  const json_t *state = json_at(inspect, "State");
  const char *error = json_str(state, "Error");
  const char *created = json_str(inspect, "Created");
  int status;
  if (!read_status(state, &status)) status = STATE_RUNNING;
  *ret = (struct container_state){.status = status};
  snprintf(ret->started_at, sizeof ret->started_at, "%s", real_time(json_str(state, "StartedAt")));
  snprintf(ret->finished_at, sizeof ret->finished_at, "%s", real_time(json_str(state, "FinishedAt")));
  snprintf(ret->created_at, sizeof ret->created_at, "%s", real_time(created));
  ret->ever_started = *ret->started_at;
  ret->exit_code = (int)json_int_or(state, "ExitCode", 0);
  /* Podman prepares one that has ended anew when somebody attaches to it, and its exit status is gone. */
  if (status == STATE_CREATED && *ret->started_at && *ret->finished_at) {
    ret->status = STATE_EXITED;
    ret->exit_code = -1;
  }
  ret->oom_killed = json_is(state, "OOMKilled");
  snprintf(ret->error, sizeof ret->error, "%s", error ? error : "");
  error_one_line(ret->error, sizeof ret->error);
}

int docker_state(struct runtime *rt, const char *id, struct container_state *ret, struct error *err) {
  CLEANUP_FREE char *path = xprintf("/containers/%s/json", id);
  CLEANUP_JSON json_t *inspect = NULL;
  static const char *const keys[] = {"State", "Created", NULL};
  static const char what[] = "reading the container's state failed";
  if (docker_json_part((struct docker *)rt, path, what, keys, &inspect, err) < 0) return -1;
  int status;
  if (!json_str(inspect, "State.Status"))
    return error_set(err, ERR_ENGINE, "the engine's answer about container %.12s has no State.Status", id);
  if (!read_status(json_at(inspect, "State"), &status))
    return error_set(err, ERR_ENGINE,
                     "the engine's answer about container %.12s is not understood: State.Status '%s'%s", id,
                     json_str(inspect, "State.Status"),
                     json_at(inspect, "State.ExitCode") ? "" : " without an ExitCode");
  docker_read_state(inspect, ret);
  if (ret->status == STATE_EXITED) ret->stopped = podman_stopped((struct docker *)rt, id);
  return 0;
}

/* Whether a start that was refused ran after all only the state tells. The engine marks one that failed
 * because of the command by 400 and by the exit code of the container, which stays `created` (moby
 * daemon/errors.go). The words are no guide: a missing bind source says "no such file" too. */
int docker_start(struct runtime *rt, const char *id, struct error *err) {
  struct error fault = ERROR_INIT, unread = ERROR_INIT;
  struct container_state state;
  if (act((struct docker *)rt, "POST", id, "/start", true, CALL_MS, "start failed", &fault) == 0) return 0;
  bool look = fault.http_status == 400 || fault.http_status >= 500;
  if (look && docker_state(rt, id, &state, &unread) == 0) {
    if (state.ever_started) return 0;
    if (fault.http_status == 400 && state.status == STATE_CREATED) {
      if (state.exit_code == 126) fault.kind = ERR_NOT_EXECUTABLE;
      if (state.exit_code == 127) fault.kind = ERR_NOT_FOUND;
    }
  }
  if (err) *err = fault;
  return -1;
}

int docker_signal(struct runtime *rt, const char *id, int signo, struct error *err) {
  CLEANUP_FREE char *rest = xprintf("/kill?signal=%d", signo);
  CLEANUP_FREE char *what = xprintf("sending signal %d failed", signo);
  return act((struct docker *)rt, "POST", id, rest, true, CALL_MS, what, err);
}

/* Asking twice for a stop is harmless: it may be sent again over a new connection. */
int docker_stop(struct runtime *rt, const char *id, int64_t grace_ms, struct error *err) {
  CLEANUP_FREE char *rest = xprintf("/stop?t=%lld", (long long)((grace_ms + 999) / 1000));
  return act((struct docker *)rt, "POST", id, rest, false, grace_ms + CALL_MS, "stop failed", err);
}

/* Right after start the engine may not have the terminal yet (docker/cli tty.go tries 10 times too). */
int docker_resize(struct runtime *rt, const char *id, int rows, int cols, struct error *err) {
  CLEANUP_FREE char *rest = xprintf("/resize?h=%d&w=%d", rows, cols);
  if (rows <= 0 || cols <= 0) return 0;
  for (int try = 1;; try++) {
    struct error fault = ERROR_INIT;
    if (act((struct docker *)rt, "POST", id, rest, false, CALL_MS, "resize failed", &fault) == 0) return 0;
    if (fault.http_status == 0 || fault.http_status == 404 || try == 10) {
      if (err) *err = fault;
      return -1;
    }
    if (docker_sleep((struct docker *)rt, 10 * try, err) < 0) return -1;
  }
}

int docker_rename(struct runtime *rt, const char *id, const char *name, struct error *err) {
  CLEANUP_FREE char *escaped = http_escape(name);
  CLEANUP_FREE char *rest = xprintf("/rename?name=%s", escaped);
  CLEANUP_FREE char *what = xprintf("renaming the container to %s failed", name);
  return act((struct docker *)rt, "POST", id, rest, true, CALL_MS, what, err);
}

/* Somebody's removal is under way: over when the engine does not know the id any more. */
static int await_removal(struct docker *d, const char *id, struct error *err) {
  int64_t until = clock_ms() + REMOVAL_MS;
  for (int64_t pause = 20;; pause = pause < 1000 ? pause * 2 : 1000) {
    struct container_state state;
    struct error seen = ERROR_INIT;
    if (docker_state(&d->base, id, &state, &seen) < 0) {
      if (seen.kind == ERR_MISSING) return 0;
      if (err) *err = seen;
      return -1;
    }
    if (clock_ms() > until)
      return error_set(err, ERR_TIMEOUT, "removal of container %.12s is under way but does not end", id);
    if (docker_sleep(d, pause, err) < 0) return -1;
  }
}

/* By id a second try cannot hit anything else: it may be sent again. */
int docker_remove(struct runtime *rt, const char *id, bool force, struct error *err) {
  struct error fault = ERROR_INIT;
  /* Podman asks politely first, for as long as its stop takes. */
  bool podman = ((struct docker *)rt)->podman;
  const char *rest = !force ? "?v=1" : podman ? "?v=1&force=1&timeout=0" : "?v=1&force=1";
  if (act((struct docker *)rt, "DELETE", id, rest, false, CALL_MS, "removal failed", &fault) == 0) return 0;
  if (fault.kind == ERR_CONFLICT && strstr(fault.text, "already in progress")) {
    if (await_removal((struct docker *)rt, id, err) < 0) return -1;
    fault.kind = ERR_MISSING;
  }
  if (err) *err = fault;
  return fault.kind == ERR_MISSING ? 0 : -1;
}

/* By the count of its control group, or, where there is none, by the processes of it (which the engine asks
 * its host's ps for): docs.docker.com, ContainerStats and ContainerTop. Podman has no daemon to come back. */
bool docker_alive(struct runtime *rt, const char *id) {
  struct docker *d = (struct docker *)rt;
  CLEANUP_FREE char *stats = xprintf("/containers/%s/stats?stream=false&one-shot=true", id),
                    *top = xprintf("/containers/%s/top", id);
  CLEANUP_JSON json_t *counted = NULL, *listed = NULL;
  if (d->podman) return true;
  if (docker_json(d, stats, &counted, NULL) == 0) {
    const json_t *pids = json_at(counted, "pids_stats");
    if (json_int_or(pids, "current", 0) > 0) return true;
  }
  return docker_json(d, top, &listed, NULL) == 0 && json_array_size(json_at(listed, "Processes")) > 0;
}
