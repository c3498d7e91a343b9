/* What a pod says of the command in it. Pure. By the container's own state, never by the pod's phase: a
 * sidecar may linger, and an evicted pod's phase tells nothing of the command. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/kube/pods.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCKS_NS INT64_C(5000000000) /* those of a node and of the API server are at most so far apart */
#define NEVER_STARTED 128             /* containerd's exit code of a container that could not be started */

const char *kube_container(const json_t *pod) {
  const char *name =
      json_string_value(json_object_get(json_at(pod, "metadata.annotations"), "run-once/container"));
  return name ? name : json_str(json_array_get(json_at(pod, "spec.containers"), 0), "name");
}

static const json_t *status_in(const json_t *pod, const char *list, const char *container) {
  size_t i;
  json_t *s;
  json_array_foreach(json_at(pod, list), i, s) {
    const char *name = json_str(s, "name");
    if (name && container && !strcmp(name, container)) return s;
  }
  return NULL;
}

const json_t *kube_container_status(const json_t *pod, const char *container) {
  return status_in(pod, "status.containerStatuses", container);
}

static const json_t *condition(const json_t *pod, const char *type) {
  size_t i;
  json_t *c;
  json_array_foreach(json_at(pod, "status.conditions"), i, c) {
    const char *name = json_str(c, "type"), *value = json_str(c, "status");
    if (name && value && !strcmp(name, type) && !strcmp(value, "True")) return c;
  }
  return NULL;
}

/* "" stands for never: the Go zero time and 1970, which containerd writes. */
static const char *real_time(const char *s) {
  return s && clock_parse_rfc3339(s) > 0 ? s : "";
}

/* kubelet's own words for a pod that it ended, or would not take: kubelet/eviction, preemption, nodeshutdown,
 * lifecycle/predicate.go. */
static enum state_end end_by_reason(const char *reason) {
  static const struct {
    const char *reason;
    enum state_end end;
  } rows[] = {{"Evicted", END_EVICTED},      {"Preempting", END_EVICTED},        {"Preempted", END_EVICTED},
              {"Terminated", END_EVICTED},   {"NodeShutdown", END_EVICTED},      {"Shutdown", END_EVICTED},
              {"NodeAffinity", END_EVICTED}, {"DeadlineExceeded", END_DEADLINE}, {"NodeLost", END_NODE_LOST}};
  for (size_t i = 0; reason && i < ARRAY_LEN(rows); i++)
    if (!strcmp(reason, rows[i].reason)) return rows[i].end;
  return END_UNTOLD;
}

/* Condition DisruptionTarget, 1.25 and newer. PodGC deletes pods whose node is gone. */
static enum state_end end_by_disruption(const json_t *pod) {
  const json_t *c = condition(pod, "DisruptionTarget");
  const char *reason = json_str(c, "reason");
  if (!c) return END_UNTOLD;
  return reason && !strcmp(reason, "DeletionByPodGC") ? END_NODE_LOST : END_EVICTED;
}

/* When deletion was asked for: the timestamp lies the grace ahead. 0: it was not. */
static int64_t deletion_ns(const json_t *pod) {
  const char *at = json_str(pod, "metadata.deletionTimestamp");
  int64_t ns = at ? clock_parse_rfc3339(at) : 0;
  return ns ? ns - json_int_or(pod, "metadata.deletionGracePeriodSeconds", 0) * 1000000000 : 0;
}

/* Was it the deletion that ended the command? One time is the API server's, the other the node's, and both
 * have whole seconds: shortly behind the end it may have been. Whoever saw the one without the other knows
 * better (pods.c). */
static bool deleted_before(const json_t *pod, const char *finished_at) {
  int64_t asked = deletion_ns(pod), finished = clock_parse_rfc3339(finished_at);
  return asked && (!finished || asked <= finished + CLOCKS_NS);
}

static enum state_end who_ended(const json_t *pod, const struct container_state *s) {
  enum state_end by_reason = end_by_reason(json_str(pod, "status.reason"));
  if (by_reason) return by_reason;
  bool deleted = deleted_before(pod, s->finished_at);
  enum state_end disrupted = end_by_disruption(pod);
  if (disrupted && (deleted || !deletion_ns(pod))) return disrupted;
  return deleted ? END_DELETED : END_UNTOLD;
}

static void words_into(struct container_state *s, const char *words) {
  snprintf(s->error, sizeof s->error, "%s", words ? words : "");
  error_one_line(s->error, sizeof s->error);
}

/* runc and crun name the command they could not execute; a mount that failed says "no such file", too. */
int kube_exec_fault(const char *words) {
  static const char *const by[] = {"exec: \"", "exec /", "exec: /", "open executable", "executable file"};
  bool exec = false;
  for (size_t i = 0; words && i < ARRAY_LEN(by); i++) exec = exec || strstr(words, by[i]);
  if (!exec) return 0;
  if (strstr(words, "permission denied") || strstr(words, "Permission denied") ||
      strstr(words, "is a directory") || strstr(words, "exec format error"))
    return 126;
  return strstr(words, "not found") || strcasestr(words, "no such file") ? 127 : 0;
}

/* The runtime could not start it: containerd's and CRI-O's reason, and dockershim's, whose code is docker's.
 */
static bool never_ran(const json_t *terminated) {
  static const char *const reasons[] = {"StartError", "ContainerCannotRun", "ContainerStartError"};
  const char *reason = json_str(terminated, "reason");
  for (size_t i = 0; reason && i < ARRAY_LEN(reasons); i++)
    if (!strcmp(reason, reasons[i])) return true;
  return false;
}

static void read_terminated(const json_t *t, struct container_state *s) {
  const char *reason = json_str(t, "reason"), *message = json_str(t, "message");
  s->exit_code = (int)json_int_or(t, "exitCode", -1);
  s->oom_killed = reason && !strcmp(reason, "OOMKilled");
  snprintf(s->started_at, sizeof s->started_at, "%s", real_time(json_str(t, "startedAt")));
  snprintf(s->finished_at, sizeof s->finished_at, "%s", real_time(json_str(t, "finishedAt")));
  s->status = STATE_EXITED;
  s->ever_started = true;
  if (never_ran(t)) {
    int code = kube_exec_fault(message);
    s->status = STATE_DEAD;
    s->ever_started = false;
    if (s->exit_code != 126 && s->exit_code != 127) s->exit_code = code ? code : NEVER_STARTED;
    s->started_at[0] = '\0';
  }
  words_into(s, message);
}

/* The container is gone, and the kubelet does not know how it ended (kubelet_pods.go): 137 is made up, and
 * before 1.21 a 0 without anything beside it. One that is busy says so of a pod that is being deleted; then
 * that is what ended it. */
static bool unknown_end(const json_t *t) {
  const char *reason = json_str(t, "reason");
  return reason && *reason ? !strcmp(reason, "ContainerStatusUnknown")
                           : !*real_time(json_str(t, "finishedAt"));
}

bool kube_made_up(const json_t *pod) {
  const json_t *status = kube_container_status(pod, kube_container(pod));
  const json_t *t = json_at(status, "state.terminated");
  return t && unknown_end(t) && !*real_time(json_str(t, "startedAt"));
}

/* An init container that failed: the command was never begun. */
static bool init_failed(const json_t *pod, struct container_state *s) {
  size_t i;
  json_t *c;
  json_array_foreach(json_at(pod, "status.initContainerStatuses"), i, c) {
    const json_t *t = json_at(c, "state.terminated");
    const char *message = json_str(t, "message"), *name = json_str(c, "name");
    long long code = json_int_or(t, "exitCode", 0);
    if (!t || !code) continue;
    snprintf(s->error, sizeof s->error, "init container %s ended with status %lld%s%.300s", name ? name : "?",
             code, message ? ": " : "", message ? message : "");
    error_one_line(s->error, sizeof s->error);
    return true;
  }
  return false;
}

/* A pod that is over without a word about the container: refused by its node, or ended by it. Kubelets before
 * 1.22 forget the containers at a deadline and at an eviction, so where a node had taken it it may have run.
 */
static void read_over(const json_t *pod, struct container_state *s) {
  const char *reason = json_str(pod, "status.reason"), *message = json_str(pod, "status.message");
  bool init = init_failed(pod, s);
  bool taken = json_str(pod, "spec.nodeName") && end_by_reason(reason) && strcmp(reason, "NodeAffinity") != 0;
  const json_t *waiting = json_at(kube_container_status(pod, kube_container(pod)), "state.waiting");
  s->exit_code = -1;
  s->ever_started = taken && !waiting && !init;
  s->status = s->ever_started ? STATE_EXITED : STATE_DEAD;
  if (!init)
    snprintf(s->error, sizeof s->error, "%s%s%.400s", reason ? reason : "the pod has failed",
             message ? ": " : "", message ? message : "");
  error_one_line(s->error, sizeof s->error);
  s->end = who_ended(pod, s);
}

static bool lost(const json_t *pod) {
  const char *phase = json_str(pod, "status.phase"), *reason = json_str(pod, "status.reason");
  return (phase && !strcmp(phase, "Unknown")) || (reason && !strcmp(reason, "NodeLost"));
}

static bool over(const json_t *pod) {
  const char *phase = json_str(pod, "status.phase");
  return phase && (!strcmp(phase, "Failed") || !strcmp(phase, "Succeeded"));
}

static enum kube_phase read_phase(const json_t *pod, const char *container, struct container_state *s) {
  const json_t *status = kube_container_status(pod, container);
  const json_t *t = json_at(status, "state.terminated"), *running = json_at(status, "state.running");
  if (!t && !running) t = json_at(status, "lastState.terminated"); /* before a restart that does not come */
  if (t) {
    read_terminated(t, s);
    s->end = who_ended(pod, s);
    if (unknown_end(t)) s->exit_code = -1;
    if (unknown_end(t) && s->end == END_UNTOLD) s->end = END_NODE_LOST;
    return KUBE_ENDED;
  }
  if (running) {
    s->ever_started = true;
    snprintf(s->started_at, sizeof s->started_at, "%s", real_time(json_str(running, "startedAt")));
  }
  if (lost(pod)) {
    s->end = END_NODE_LOST;
    return KUBE_LOST;
  }
  if (running && !over(pod)) {
    s->end = who_ended(pod, s); /* being deleted: of no weight before it has ended */
    return KUBE_RUNNING;
  }
  if (!over(pod)) return KUBE_WAITING;
  bool ran = s->ever_started;
  read_over(pod, s);
  if (ran) s->ever_started = true, s->status = STATE_EXITED;
  return KUBE_ENDED;
}

enum kube_phase kube_status(const json_t *pod, const char *container, struct container_state *ret) {
  struct container_state s = {.status = STATE_RUNNING, .exit_code = -1};
  snprintf(s.created_at, sizeof s.created_at, "%s", real_time(json_str(pod, "metadata.creationTimestamp")));
  enum kube_phase phase = read_phase(pod, container, &s);
  if (ret) *ret = s;
  return phase;
}

bool kube_deletion(const json_t *pod) {
  return deletion_ns(pod) != 0;
}

bool kube_untouched(const json_t *pod) {
  static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses",
                                      "status.ephemeralContainerStatuses"};
  bool touched = false;
  for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
    size_t i;
    json_t *s;
    json_array_foreach(json_at(pod, lists[k]), i, s) {
      touched = touched || json_at(s, "state.running") || json_at(s, "state.terminated") ||
                json_at(s, "lastState.terminated") || json_is(s, "started");
    }
  }
  return !touched;
}

/* kubelet: "couldn't find key ticket-ID in Secret ...". */
bool kube_missed_ticket(const json_t *pod, const char *job_id) {
  char key[64];
  const char *words = json_str(kube_container_status(pod, kube_container(pod)), "state.waiting.message");
  kube_ticket_key(job_id, key);
  return words && strstr(words, key);
}

bool kube_silent(const json_t *pod) {
  return !json_array_size(json_at(pod, "spec.readinessGates")) && condition(pod, "ContainersReady") &&
         !condition(pod, "Ready");
}

/* What a wait is for, in words; an image is worth naming. */
char *kube_waiting_words(const json_t *pod, const char *container) {
  const json_t *scheduled = condition(pod, "PodScheduled");
  const json_t *status = kube_container_status(pod, container);
  const char *reason = json_str(status, "state.waiting.reason");
  if (!pod || (!scheduled && !json_str(pod, "spec.nodeName"))) return xstrdup("scheduling");
  const char *image = json_str(status, "image");
  if (reason && image && (strstr(reason, "Image") || strstr(reason, "ImagePull")))
    return xprintf("pulling %s", image);
  size_t i;
  json_t *c;
  json_array_foreach(json_at(pod, "status.initContainerStatuses"), i, c) {
    if (json_at(c, "state.running") && !json_is(c, "started"))
      return xprintf("running init container %s", json_str(c, "name"));
  }
  return xstrdup("creating");
}

const char *kube_controller_uid(const json_t *pod) {
  size_t i;
  json_t *o;
  json_array_foreach(json_at(pod, "metadata.ownerReferences"), i, o) {
    const char *kind = json_str(o, "kind");
    if (kind && !strcmp(kind, "Job")) return json_str(o, "uid");
  }
  return NULL;
}
