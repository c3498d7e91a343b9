/* Making the container: sent once, then what create itself cannot do on every engine (further networks,
 * files).
 */
#include "base/alloc.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/mounts.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include <stdlib.h>
#include <string.h>

#define CREATE_MS 300000 /* a slow disk copies an image's volume contents during create */
#define CALL_MS 60000

/* An engine that ends in the middle of a removal forgets the container before its volumes: by their labels
 * they are found again. Whoever the source's label was meant for, it was not meant for the copy. */
static void label_volumes(json_t *body, json_t *labels) {
  json_t *host = json_copy(json_object_in(body, "HostConfig")), *mounts, *m;
  size_t i;
  json_object_set_new(body, "HostConfig", host);
  if (!json_array_size(json_at(host, "Mounts"))) return;
  mounts = json_deep_copy(json_at(host, "Mounts"));
  json_object_set_new(host, "Mounts", mounts);
  json_array_foreach(mounts, i, m) if (mount_is_anonymous(m))
      json_object_set(json_object_in(m, "VolumeOptions"), "Labels", labels);
}

/* What was prepared, with the job's labels over it. */
json_t *docker_body(struct runtime *rt, const struct prepared *p, const struct identity *who) {
  json_t *body = json_copy(p->request);
  json_t *labels = json_copy(json_object_in(body, "Labels"));
  if (who->labels) json_object_update(labels, who->labels);
  json_object_set_new(body, "Labels", labels);
  if (who->labels && podman_labels_volumes(((struct docker *)rt)->podman)) label_volumes(body, who->labels);
  return body;
}

static char *create_path(const struct docker *d, const struct prepared *p, const struct identity *who) {
  CLEANUP_FREE char *name = http_escape(who->name);
  const char *platform = json_str(p->private_parts, "platform");
  if (!platform || d->api_minor < 41) return xprintf("/containers/create?name=%s", name);
  CLEANUP_FREE char *escaped = http_escape(platform);
  return xprintf("/containers/create?name=%s&platform=%s", name, escaped);
}

static int create_fault(const struct http_response *r, struct error *err) {
  docker_fault(r, "create failed", err);
  if (err && r->status == 404 && strcasestr(err->text, "no such image")) err->kind = ERR_IMAGE;
  return -1;
}

static int read_created(const struct http_response *r, char **ret_id, struct error *err) {
  if (r->status != 201) return create_fault(r, err);
  CLEANUP_JSON json_t *answer = json_parse(r->body.data ? r->body.data : "", r->body.len, err);
  if (!answer) {
    if (err) err->kind = ERR_LOST; /* the container is there: look for it */
    return error_prefix(err, "the engine's answer to create");
  }
  const char *id = json_str(answer, "Id");
  if (!id) return error_set(err, ERR_LOST, "create failed: the engine's answer has no Id");
  size_t i;
  json_t *warning;
  json_array_foreach(json_at(answer, "Warnings"), i, warning) {
    trace(TRACE_RUNTIME, "create: %s", json_string_value(warning));
  }
  *ret_id = xstrdup(id);
  return 0;
}

static int connect_network(struct docker *d, const char *id, const json_t *entry, struct error *err) {
  const char *network = json_str(entry, "network"), *name = json_str(entry, "name");
  json_t *config = json_at(entry, "config");
  if (!network) return 0;
  CLEANUP_FREE char *escaped = http_escape(network);
  CLEANUP_FREE char *path = xprintf("/networks/%s/connect", escaped);
  CLEANUP_FREE char *what = xprintf("joining network %s failed", name ? name : network);
  CLEANUP_JSON json_t *body = json_pack("{s:s, s:O*}", "Container", id, "EndpointConfig", config);
  struct http_response r;
  if (docker_call(d, "POST", path, body, true, CALL_MS, &r, err) < 0) return error_prefix(err, "%s", what);
  int rc = r.status == 200 ? 0 : docker_fault(&r, what, err);
  /* Joined already, by a try whose answer was lost (moby daemon/container_operations.go answers 403). */
  if (rc < 0 && r.status == 403 && r.body.len && strstr(r.body.data, "already exists in network")) rc = 0;
  http_response_done(&r);
  return rc;
}

/* Networks and late files: what the engine's own create cannot do in one call. May be repeated. */
int docker_complete(struct runtime *rt, const struct prepared *p, const char *id, struct error *err) {
  struct docker *d = (struct docker *)rt;
  size_t i;
  json_t *entry;
  json_array_foreach(json_at(p->private_parts, "connect"), i, entry) {
    if (connect_network(d, id, entry, err) < 0) return -1;
  }
  return docker_late_copy(d, p, id, err);
}

int docker_create(struct runtime *rt, const struct prepared *p, const struct identity *who, char **ret_id,
                  struct error *err) {
  struct docker *d = (struct docker *)rt;
  struct http_response r;
  *ret_id = NULL;
  CLEANUP_FREE char *path = create_path(d, p, who);
  CLEANUP_JSON json_t *body = docker_body(rt, p, who);
  if (docker_call(d, "POST", path, body, true, CREATE_MS, &r, err) < 0)
    return error_prefix(err, "create failed");
  int rc = read_created(&r, ret_id, err);
  http_response_done(&r);
  return rc < 0 ? -1 : docker_complete(rt, p, *ret_id, err);
}

/* A create in flight is not listed yet: not found proves nothing for some seconds. */
int docker_find(struct runtime *rt, const char *job_id, char **ret_id, struct error *err) {
  CLEANUP_JSON json_t *filters = json_pack("{s:[o]}", "label", json_sprintf("run-once.id=%s", job_id));
  CLEANUP_FREE char *text = json_dumps(filters, JSON_COMPACT);
  CLEANUP_FREE char *escaped = http_escape(text);
  CLEANUP_FREE char *path = xprintf("/containers/json?all=1&filters=%s", escaped);
  CLEANUP_JSON json_t *list = NULL;
  if (docker_json_as((struct docker *)rt, path, "looking for the job's container failed", &list, err) < 0)
    return -1;
  const char *id = json_str(json_array_get(list, 0), "Id");
  if (!id) return error_set(err, ERR_MISSING, "job %s: no container on the engine", job_id);
  *ret_id = xstrdup(id);
  return 0;
}
