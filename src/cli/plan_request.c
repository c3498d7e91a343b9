/* A request for people: names of variables, not their values. */
#include "base/alloc.h"
#include "cli/plan.h"
#include "data/json.h"
#include <string.h>

static json_t *hidden(const json_t *value) {
  CLEANUP_FREE char *text = xprintf("<set, %zu bytes>", json_string_length(value));
  return json_string(text);
}

static json_t *hide_pair(const char *pair) {
  const char *equals = strchr(pair, '=');
  if (!equals) return json_string(pair);
  CLEANUP_FREE char *text = xprintf("%.*s=<set, %zu bytes>", (int)(equals - pair), pair, strlen(equals + 1));
  return json_string(text);
}

/* ["NAME=VALUE"] of an engine, [{"name", "value"}] of a container in a pod. */
static void hide_env(json_t *env) {
  size_t i;
  json_t *entry;
  json_array_foreach(env, i, entry) {
    json_t *value = json_object_get(entry, "value");
    if (json_is_string(entry))
      json_array_set_new(env, i, hide_pair(json_string_value(entry)));
    else if (json_is_string(value))
      json_object_set_new(entry, "value", hidden(value));
  }
}

static void hide_map(json_t *map) {
  const char *key;
  json_t *value;
  json_object_foreach(map, key, value) {
    if (json_is_string(value)) json_object_set_new(map, key, hidden(value));
  }
}

static void hide_pod(json_t *spec) {
  static const char *const lists[] = {"containers", "initContainers"};
  size_t i;
  json_t *container;
  for (size_t l = 0; l < ARRAY_LEN(lists); l++)
    json_array_foreach(json_at(spec, lists[l]), i, container) hide_env(json_at(container, "env"));
}

json_t *plan_request(const json_t *body, bool show_values) {
  json_t *request = json_deep_copy(body), *object;
  size_t i;
  if (show_values) return request;
  hide_env(json_object_get(request, "Env"));
  hide_env(json_at(request, "TaskTemplate.ContainerSpec.Env"));
  json_array_foreach(request, i, object) {
    hide_map(json_at(object, "stringData"));
    hide_pod(json_at(object, "spec.template.spec"));
  }
  return request;
}
