/* What must be asked about a Swarm service. */
#include "runtime/docker/service.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include "runtime/docker/references.h"
#include <string.h>

/* An engine that is no manager says so in its own words, and what to do. */
static int ask(struct docker *d, const struct settings *s, const char *path, json_t **ret,
               struct error *err) {
  CLEANUP_FREE char *what = xprintf("%s failed", s->source.text);
  return docker_json_as(d, path, what, ret, err);
}

/* GET KIND?filters=FILTERS, which are taken over. */
static int ask_list(struct docker *d, const struct settings *s, const char *kind, json_t *filters,
                    json_t **ret, struct error *err) {
  CLEANUP_FREE char *text = json_dumps(filters, JSON_COMPACT);
  CLEANUP_FREE char *escaped = http_escape(text);
  CLEANUP_FREE char *path = xprintf("%s?filters=%s", kind, escaped);
  json_decref(filters);
  return ask(d, s, path, ret, err);
}

static int ask_service(struct docker *d, const struct settings *s, json_t **ret, struct error *err) {
  CLEANUP_FREE char *escaped = http_escape(s->source.name);
  CLEANUP_FREE char *path = xprintf("/services/%s", escaped);
  if (ask(d, s, path, ret, err) < 0) return -1;
  if (json_str(*ret, "ID") && json_str(*ret, "Spec.Name")) return 0;
  json_unref(ret);
  *ret = NULL;
  return error_set(err, ERR_ENGINE, "%s failed: the engine's answer is no service", s->source.text);
}

/* Each by its id: names of networks may be ambiguous. */
static int ask_networks(struct docker *d, const struct settings *s, json_t *wanted, json_t **ret,
                        struct error *err) {
  CLEANUP_JSON json_t *list = json_array();
  size_t i;
  json_t *row;
  json_array_foreach(wanted, i, row) {
    const char *target = json_str(row, "Target");
    json_t *found = NULL;
    if (s->networks_set || !target) continue;
    if (references_look(d, "networks", target, &found, err) < 0) return -1;
    if (!json_str(found, "Id") || !json_str(found, "Name")) {
      json_decref(found);
      return error_set(err, ERR_CONFIG, "network '%s' of %s failed: it does not exist on the engine", target,
                       s->source.text);
    }
    json_array_append_new(list, found);
  }
  *ret = json_incref(list);
  return 0;
}

static bool mounted_by_settings(const struct settings *s, const char *target) {
  for (size_t i = 0; target && i < s->n_mounts; i++)
    if (!strcmp(s->mounts[i].target, target)) return true;
  return false;
}

/* A volume that the tasks have on another node is not on this one; it must not be made in silence. */
static int check_volumes(struct docker *d, const struct settings *s, const json_t *document,
                         struct error *err) {
  size_t i;
  json_t *m;
  if (s->create_volumes) return 0;
  json_array_foreach(json_at(document, "HostConfig.Mounts"), i, m) {
    const char *name = json_str(m, "Source"), *target = json_str(m, "Target"), *type = json_str(m, "Type");
    json_t *found = NULL;
    if (!type || strcmp(type, "volume") != 0 || !name || !*name || mounted_by_settings(s, target)) continue;
    if (references_look(d, "volumes", name, &found, err) < 0) return -1;
    json_decref(found);
    if (!found)
      return error_set(err, ERR_CONFIG,
                       "volume '%s' of %s failed: it does not exist on this engine (the service's tasks may "
                       "have it on another node; --create-volumes makes an empty one)",
                       name, s->source.text);
  }
  return 0;
}

/* The one thing that must not be overlooked: the command may work on other data than the service. */
static void note_other_node(const struct settings *s, const json_t *task, const json_t *document,
                            struct strv *notes) {
  size_t i;
  json_t *m;
  json_array_foreach(json_at(document, "HostConfig.Mounts"), i, m) {
    const char *source = json_str(m, "Source"), *target = json_str(m, "Target");
    /* A driver's own volume, such as one over NFS, is the same one everywhere. */
    if (!source || !*source || json_at(m, "VolumeOptions.DriverConfig") || mounted_by_settings(s, target))
      continue;
    strv_take(notes, xprintf("%s: no task runs on this engine (one runs on node %s): %s at %s is what this "
                             "engine has of it",
                             s->source.text, json_str(task, "NodeID"), source, target));
  }
}

static int make_document(struct docker *d, const struct settings *s, const json_t *service,
                         const json_t *task, const json_t *container, json_t **ret, struct strv *notes,
                         struct error *err) {
  CLEANUP_JSON json_t *networks = NULL;
  CLEANUP_JSON json_t *document = NULL;
  const char *image_id = container ? json_str(container, "ImageID") : NULL;
  if (ask_networks(d, s, service_networks(service, task), &networks, err) < 0) return -1;
  if (service_document(service, task, networks, image_id, s, &document, err) < 0) return -1;
  if (check_volumes(d, s, document, err) < 0) return -1;
  if (task && !container) note_other_node(s, task, document, notes);
  *ret = json_incref(document);
  return 0;
}

int service_find(struct docker *d, const struct settings *s, json_t **ret, struct strv *notes,
                 struct error *err) {
  CLEANUP_JSON json_t *service = NULL;
  CLEANUP_JSON json_t *tasks = NULL;
  CLEANUP_JSON json_t *containers = NULL;
  const json_t *task, *container;
  if (d->podman) return error_set(err, ERR_USAGE, "%s failed: Podman has no Swarm services", s->source.text);
  if (ask_service(d, s, &service, err) < 0) return -1;
  const char *id = json_str(service, "ID");
  /* Those that are meant to run, a job's too: its history may be long. */
  json_t *running = json_pack("{s:[s], s:[s, s]}", "service", id, "desired-state", "running", "complete");
  if (ask_list(d, s, "/tasks", running, &tasks, err) < 0) return -1;
  json_t *of_it = json_pack("{s:[o]}", "label", json_sprintf("%s=%s", LABEL_SWARM_SERVICE, id));
  if (ask_list(d, s, "/containers/json", of_it, &containers, err) < 0) return -1;
  if (service_choose(service, tasks, containers, s, &task, &container, notes, err) < 0) return -1;
  return make_document(d, s, service, task, container, ret, notes, err);
}
