/* Why a pod will not start. Pure: start.c says how long the reason has been there. What cannot heal by itself
 * ends at once, with the words of whoever knows: the registry, the kubelet, the scheduler; what may heal (a
 * Secret that is just being made, a node that is just being freed) gets some seconds. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <string.h>

#define AT_ONCE 0
#define BRIEF_MS 3000     /* kubelet and controllers catch up with an object that was just made */
#define SOME_MS 10000     /* a free node, a mount, a runtime that was busy */
#define REGISTRY_MS 25000 /* kubelet's second and third try lie 10 and 20 s behind */
#define MINUTES_MS 120000 /* volumes are attached at a cloud's pace */

struct verdict {
  enum error_kind kind;
  int64_t grace_ms;
  char words[1024];
};

static void say(struct verdict *v, enum error_kind kind, int64_t grace_ms, const char *a, const char *b) {
  *v = (struct verdict){.kind = kind, .grace_ms = grace_ms};
  snprintf(v->words, sizeof v->words, "%s%s%s", a, b && *b ? ": " : "", b ? b : "");
}

static bool any(const char *words, const char *const *marks) {
  for (; words && *marks; marks++)
    if (strcasestr(words, *marks)) return true;
  return false;
}

static bool is_one(const char *word, const char *const *list) {
  for (; word && *list; list++)
    if (!strcmp(word, *list)) return true;
  return false;
}

/* The newest event of one of these reasons, unless one that shows that it has healed came behind it (NULL:
 * none does). Events are in order, the newest last. Borrowed. */
static const char *event_message(json_t *events, const char *const *reasons, const char *const *healed) {
  const char *found = NULL;
  size_t i;
  json_t *e;
  json_array_foreach(events, i, e) {
    const char *reason = json_str(e, "reason"), *message = json_str(e, "message");
    if (message && is_one(reason, reasons)) found = message;
    if (healed && is_one(reason, healed)) found = NULL;
  }
  return found;
}

/* --- images --- */

static bool refused_for_good(const char *words) {
  static const char *const marks[] = {"not found",      "manifest unknown", "unauthorized",
                                      "denied",         "forbidden",        "invalid reference",
                                      "no such image",  "no basic auth",    "authentication required",
                                      "does not exist", "no match for",     NULL};
  return any(words, marks);
}

/* "Back-off pulling image" says nothing of why: the event of the pull does. */
static void image_fault(const char *reason, const char *message, const char *image, json_t *events,
                        struct verdict *v) {
  static const char *const failed[] = {"Failed", NULL};
  CLEANUP_FREE char *what = xprintf("image '%s' failed", image ? image : "?");
  const char *told = event_message(events, failed, NULL);
  bool silent = !message || !strncmp(message, "Back-off", 8);
  if (silent && told && strstr(told, "pull image")) message = told;
  if (!strcmp(reason, "InvalidImageName") || !strcmp(reason, "ErrImageNeverPull"))
    say(v, ERR_IMAGE, AT_ONCE, what, message ? message : reason);
  else if (!strcmp(reason, "ErrImagePull") || !strcmp(reason, "ImagePullBackOff"))
    say(v, ERR_IMAGE, refused_for_good(message) ? AT_ONCE : REGISTRY_MS, what, message ? message : reason);
  else
    say(v, ERR_IMAGE, SOME_MS, what, message ? message : reason);
}

static bool about_image(const char *reason) {
  static const char *const reasons[] = {
      "InvalidImageName",         "ErrImageNeverPull", "ErrImagePull",
      "ImagePullBackOff",         "ImageInspectError", "RegistryUnavailable",
      "SignatureValidationFailed"};
  for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
    if (!strcmp(reasons[i], reason)) return true;
  return false;
}

/* --- the container --- */

/* kubelet: 'secret "x" not found', "couldn't find key k in Secret ns/x", "container has runAsNonRoot and
 * image will run as root". */
static void config_fault(const char *message, struct verdict *v) {
  static const char *const missing[] = {"not found", "couldn't find key", "non-existent", NULL};
  static const char *const never[] = {"runAsNonRoot", "non-numeric user", NULL};
  if (any(message, missing))
    say(v, ERR_MISSING, BRIEF_MS, "start failed", message);
  else
    say(v, ERR_CONFIG, any(message, never) ? AT_ONCE : SOME_MS, "start failed", message);
}

static void runtime_fault(const char *reason, const char *message, struct verdict *v) {
  int code = kube_exec_fault(message);
  if (code)
    say(v, code == 126 ? ERR_NOT_EXECUTABLE : ERR_NOT_FOUND, AT_ONCE, "start failed", message);
  else
    say(v, ERR_ENGINE, SOME_MS, "start failed", message ? message : reason);
}

static void waiting_fault(const json_t *status, json_t *events, struct verdict *v) {
  static const char *const normal[] = {"ContainerCreating", "PodInitializing", NULL};
  const char *reason = json_str(status, "state.waiting.reason"),
             *message = json_str(status, "state.waiting.message");
  if (!reason || any(reason, normal)) return;
  if (about_image(reason))
    image_fault(reason, message, json_str(status, "image"), events, v);
  else if (!strcmp(reason, "CreateContainerConfigError"))
    config_fault(message, v);
  else
    runtime_fault(reason, message, v);
}

/* The one that counts, and every other that must be there before it: init containers, sidecars. */
static void containers_fault(const json_t *pod, json_t *events, struct verdict *v) {
  static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
  for (size_t k = 0; k < ARRAY_LEN(lists) && !v->kind; k++) {
    size_t i;
    json_t *s;
    json_array_foreach(json_at(pod, lists[k]), i, s) {
      if (!v->kind) waiting_fault(s, events, v);
    }
  }
}

/* --- the pod --- */

static const json_t *unscheduled(const json_t *pod) {
  size_t i;
  json_t *c;
  json_array_foreach(json_at(pod, "status.conditions"), i, c) {
    const char *type = json_str(c, "type"), *status = json_str(c, "status");
    if (type && status && !strcmp(type, "PodScheduled") && !strcmp(status, "False")) return c;
  }
  return NULL;
}

/* An autoscaler that has begun to make a node says so; then --start-timeout is the limit. */
static void schedule_fault(const json_t *pod, json_t *events, struct verdict *v) {
  static const char *const scaling[] = {"TriggeredScaleUp", NULL};
  static const char *const missing[] = {"persistentvolumeclaim", NULL};
  const json_t *c = unscheduled(pod);
  const char *reason = json_str(c, "reason"), *message = json_str(c, "message");
  if (!c || !reason || strcmp(reason, "Unschedulable") || event_message(events, scaling, NULL)) return;
  bool claim = any(message, missing) && strstr(message, "not found");
  say(v, claim ? ERR_MISSING : ERR_UNSCHEDULABLE, claim ? BRIEF_MS : SOME_MS,
      claim ? "start failed" : "start failed: no node can take the pod", message);
}

static void mount_fault(json_t *events, struct verdict *v) {
  static const char *const mounts[] = {"FailedMount", "FailedAttachVolume", "FailedMapVolume", NULL};
  static const char *const sandbox[] = {"FailedCreatePodSandBox", "NetworkNotReady", NULL};
  static const char *const missing[] = {"not found", "non-existent", "couldn't find key", NULL};
  static const char *const healed[] = {"Pulling", "Pulled", "Created", "Started", NULL};
  const char *message = event_message(events, mounts, healed);
  if (message)
    say(v, any(message, missing) ? ERR_MISSING : ERR_ENGINE, any(message, missing) ? BRIEF_MS : MINUTES_MS,
        "start failed", message);
  else if ((message = event_message(events, sandbox, healed)))
    say(v, ERR_ENGINE, SOME_MS * 3, "start failed", message);
}

/* The Job's controller could not make the pod at all: admission. */
static void create_fault(json_t *events, struct verdict *v) {
  static const char *const failed[] = {"FailedCreate", NULL};
  static const char *const quota[] = {"exceeded quota", "failed quota", NULL};
  static const char *const missing[] = {"not found", NULL};
  static const char *const never[] = {"forbidden",          "violates PodSecurity",
                                      "denied the request", "unable to validate against any",
                                      "is invalid",         NULL};
  const char *message = event_message(events, failed, NULL);
  if (!message) return;
  if (any(message, quota))
    say(v, ERR_QUOTA, AT_ONCE, "start failed", message);
  else if (any(message, missing))
    say(v, ERR_MISSING, BRIEF_MS, "start failed", message);
  else if (any(message, never))
    say(v, ERR_PERMISSION, AT_ONCE, "start failed", message);
  else
    say(v, ERR_ENGINE, SOME_MS, "start failed", message);
}

enum error_kind kube_hopeless(const json_t *pod, const char *container, json_t *events, int64_t waited_ms,
                              struct error *err) {
  struct verdict v = {.kind = ERR_NONE};
  (void)container; /* any other of the pod holds it up as well */
  if (!pod) {
    create_fault(events, &v);
  } else {
    schedule_fault(pod, events, &v);
    if (!v.kind) containers_fault(pod, events, &v);
    if (!v.kind) mount_fault(events, &v);
  }
  if (!v.kind || waited_ms < v.grace_ms) return ERR_NONE;
  (void)error_set(err, v.kind, "%s", v.words);
  return v.kind;
}
