#include "runtime/docker/references.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/labels.h"
#include <string.h>

int references_look(struct docker *d, const char *kind, const char *name, json_t **ret, struct error *err) {
  struct error why = ERROR_INIT;
  CLEANUP_FREE char *escaped = http_escape(name);
  CLEANUP_FREE char *path = xprintf("/%s/%s", kind, escaped);
  *ret = NULL;
  if (docker_json(d, path, ret, &why) == 0) return 0;
  if (why.kind == ERR_MISSING) return 0;
  if (err) *err = why;
  return error_prefix(err, "looking for %s failed", name);
}

static bool is_mode(const char *name) {
  return !strcmp(name, "none") || !strcmp(name, "host") || !strcmp(name, "bridge") ||
         !strcmp(name, "default") || !strncmp(name, "container:", 10);
}

/* "service:PROJECT/NAME" (a Compose file's network_mode): the network of that service's container. New
 * reference. */
static int join_service(struct docker *d, const char *name, json_t **ret, struct error *err) {
  const char *slash = strchr(name, '/');
  CLEANUP_FREE char *project = xstrndup(name + 8, (size_t)(slash - name - 8));
  CLEANUP_JSON json_t *filters =
      json_pack("{s:[o, o, s]}", "label", json_sprintf("%s=%s", LABEL_COMPOSE_SERVICE, slash + 1),
                json_sprintf("%s=%s", LABEL_COMPOSE_PROJECT, project), LABEL_COMPOSE_ONEOFF "=False");
  CLEANUP_FREE char *text = json_dumps(filters, JSON_COMPACT);
  CLEANUP_FREE char *escaped = http_escape(text);
  CLEANUP_FREE char *path = xprintf("/containers/json?filters=%s", escaped);
  CLEANUP_JSON json_t *list = NULL;
  if (docker_json(d, path, &list, err) < 0) return error_prefix(err, "network_mode failed");
  const char *id = json_str(json_array_get(list, 0), "Id");
  if (!id)
    return error_set(
        err, ERR_MISSING,
        "network_mode failed: service '%s' of project '%s' has no running container on this engine",
        slash + 1, project);
  *ret = json_sprintf("container:%s", id);
  return 0;
}

int references_networks(struct docker *d, const struct settings *s, json_t **ret, struct error *err) {
  *ret = NULL;
  if (!s->networks_set) return 0;
  CLEANUP_JSON json_t *list = json_array();
  for (size_t i = 0; i < s->networks.n; i++) {
    const char *name = s->networks.v[i];
    if (is_mode(name)) {
      json_array_append_new(list, json_string(name));
      continue;
    }
    if (!strncmp(name, "service:", 8) && strchr(name, '/')) {
      json_t *joined;
      if (join_service(d, name, &joined, err) < 0) return -1;
      json_array_append_new(list, joined);
      continue;
    }
    CLEANUP_JSON json_t *found = NULL;
    if (references_look(d, "networks", name, &found, err) < 0) return -1;
    if (!json_str(found, "Id") || !json_str(found, "Name"))
      return error_set(err, ERR_CONFIG, "network '%s' failed: it does not exist on the engine", name);
    json_array_append_new(
        list, json_pack("{s:s, s:s}", "Id", json_str(found, "Id"), "Name", json_str(found, "Name")));
  }
  *ret = json_incref(list);
  return 0;
}

/* One network of the source: by id, else by name. */
static int look_again(struct docker *d, const char *name, const char *id, json_t *renewed,
                      struct error *err) {
  CLEANUP_JSON json_t *by_id = NULL;
  CLEANUP_JSON json_t *by_name = NULL;
  if (id && *id && references_look(d, "networks", id, &by_id, err) < 0) return -1;
  if (by_id) return 0;
  if (references_look(d, "networks", name, &by_name, err) < 0) return -1;
  if (!json_str(by_name, "Id"))
    return error_set(err, ERR_CONFIG, "network '%s' of the source failed: it no longer exists on the engine",
                     name);
  json_object_set_new(renewed, name, json_string(json_str(by_name, "Id")));
  return 0;
}

int references_source(struct docker *d, const json_t *source, json_t **ret, struct error *err) {
  const char *name, *mode = json_str(source, "HostConfig.NetworkMode");
  json_t *endpoint;
  *ret = NULL;
  /* An engine does not remove a network that a running container is on. */
  if (json_is(source, "State.Running")) return 0;
  if (mode && (!strcmp(mode, "host") || !strcmp(mode, "none") || !strncmp(mode, "container:", 10))) return 0;
  CLEANUP_JSON json_t *renewed = json_object();
  json_object_foreach(json_at(source, "NetworkSettings.Networks"), name, endpoint) {
    if (!strcmp(name, "bridge")) continue;
    if (look_again(d, name, json_str(endpoint, "NetworkID"), renewed, err) < 0) return -1;
  }
  *ret = json_incref(renewed);
  return 0;
}

int references_volumes(struct docker *d, const struct settings *s, struct error *err) {
  if (s->create_volumes) return 0;
  for (size_t i = 0; i < s->n_mounts; i++) {
    const struct mount_setting *m = &s->mounts[i];
    if (m->kind != MOUNT_VOLUME || !m->source) continue;
    CLEANUP_JSON json_t *found = NULL;
    if (references_look(d, "volumes", m->source, &found, err) < 0) return -1;
    if (!found)
      return error_set(
          err, ERR_CONFIG,
          "volume '%s' for %s failed: it does not exist on the engine (--create-volumes makes it)", m->source,
          m->target);
  }
  return 0;
}
