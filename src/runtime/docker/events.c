#include "runtime/docker/events.h"
#include "base/alloc.h"
#include "base/parse.h"
#include "data/json.h"
#include <string.h>

static const struct {
  const char *action;
  enum runtime_event event;
} known[] = {
    {"create", EVENT_CREATE},   {"start", EVENT_START}, {"kill", EVENT_KILL},       {"stop", EVENT_STOP},
    {"oom", EVENT_OOM},         {"die", EVENT_DIE},     {"destroy", EVENT_DESTROY}, {"pause", EVENT_PAUSE},
    {"restart", EVENT_RESTART}, {"died", EVENT_DIE},    {"remove", EVENT_DESTROY}, /* Podman's words */
};

const char *const event_keys[] = {"Type", "Action", "status", "time", "timeNano", "Actor.Attributes.signal",
                                  NULL};

static int64_t event_time(const json_t *o) {
  int64_t ns = json_int_or(o, "timeNano", 0), s = json_int_or(o, "time", 0);
  return ns > 0 ? ns : s > 0 && s < INT64_MAX / 1000000000 ? s * 1000000000 : 0;
}

bool event_read(const json_t *o, enum runtime_event *ret, int *ret_signal, int64_t *ret_time_ns) {
  const char *type = json_str(o, "Type"), *action = json_str(o, "Action"), *signal;
  int64_t number = 0;
  if (!action) action = json_str(o, "status");
  if (!action || (type && strcmp(type, "container") != 0)) return false;
  for (size_t i = 0; i < ARRAY_LEN(known); i++) {
    if (strcmp(action, known[i].action) != 0) continue;
    signal = json_str(o, "Actor.Attributes.signal");
    if (known[i].event == EVENT_KILL && signal) (void)parse_int(signal, 1, 64, &number);
    *ret = known[i].event;
    *ret_signal = (int)number;
    *ret_time_ns = event_time(o);
    return true;
  }
  return false;
}
