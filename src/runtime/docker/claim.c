/* Once-records. A volume is test-and-set: creating one that exists answers the first creator's labels
 * (experiments, section 6), and neither container prune nor system prune takes it. Its files are reached
 * through a container that is never started. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "data/hash.h"
#include "data/json.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/tar.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MS 60000
#define CREATE_MS 300000
#define MOUNTED_AT "/.run-once"
#define CARRIER_LABEL                                                                                        \
  "run-once.carrier" /* of the container that is never started; its value the key's hash */
#define CARRIER_BY_LABEL "run-once.carrier-of" /* the job's id: of struct runtime_helpers */
#define CARRIER_STALE_MS 600000                /* left behind by one that died: two requests take less */

static char *volume_name(const char *key_hash) {
  return xprintf("run-once.once.%s", key_hash);
}

static int volume_labels(const struct http_response *r, long good, const char *what, json_t **ret_labels,
                         struct error *err) {
  if (r->status != good) return docker_fault(r, what, err);
  CLEANUP_JSON json_t *answer = json_parse(r->body.data ? r->body.data : "", r->body.len, err);
  if (!answer) return error_prefix(err, "%s: the engine's answer", what);
  json_t *labels = json_at(answer, "Labels");
  *ret_labels = labels ? json_incref(labels) : json_object();
  return 0;
}

/* Asking again answers the same labels: it may be sent again. */
int docker_claim(struct runtime *rt, const char *key_hash, json_t *labels, json_t **ret_labels,
                 struct error *err) {
  static const char what[] = "writing the once-record failed";
  CLEANUP_FREE char *name = volume_name(key_hash);
  CLEANUP_JSON json_t *body =
      json_pack("{s:s, s:s, s:O*}", "Name", name, "Driver", "local", "Labels", labels);
  struct http_response r;
  if (docker_call((struct docker *)rt, "POST", "/volumes/create", body, false, CALL_MS, &r, err) < 0)
    return error_prefix(err, what);
  struct error fault = ERROR_INIT;
  int rc = volume_labels(&r, 201, what, ret_labels, &fault);
  http_response_done(&r);
  /* Podman looks and makes in two steps: who lost between them is told so, and then asks. */
  if (rc < 0 && fault.kind == ERR_CONFLICT) return docker_claim_read(rt, key_hash, ret_labels, err);
  if (rc < 0 && err) *err = fault;
  return rc;
}

int docker_claim_read(struct runtime *rt, const char *key_hash, json_t **ret_labels, struct error *err) {
  static const char what[] = "reading the once-record failed";
  CLEANUP_FREE char *name = volume_name(key_hash);
  CLEANUP_FREE char *path = xprintf("/volumes/%s", name);
  struct http_response r;
  if (docker_call((struct docker *)rt, "GET", path, NULL, false, CALL_MS, &r, err) < 0)
    return error_prefix(err, what);
  int rc = volume_labels(&r, 200, what, ret_labels, err);
  http_response_done(&r);
  return rc;
}

int docker_volume_remove(struct docker *d, const char *name, const char *what, struct error *err) {
  CLEANUP_FREE char *path = xprintf("/volumes/%s", name);
  struct http_response r;
  if (docker_call(d, "DELETE", path, NULL, false, CALL_MS, &r, err) < 0) return error_prefix(err, "%s", what);
  int rc = r.status == 204 || r.status == 404 ? 0 : docker_fault(&r, what, err);
  http_response_done(&r);
  return rc;
}

int docker_claim_free(struct runtime *rt, const char *key_hash, struct error *err) {
  CLEANUP_FREE char *name = volume_name(key_hash);
  return docker_volume_remove((struct docker *)rt, name, "removing the once-record failed", err);
}

/* Carriers that somebody left behind when he died between two requests, or that an engine did in the middle
 * of their removal ("dead"); label: of one key, or of all. Best effort. */
static int sweep_carriers(struct docker *d, const char *label, int64_t stale_ms) {
  CLEANUP_FREE char *filters = xprintf("{\"label\":[\"%s\"]}", label);
  CLEANUP_FREE char *escaped = http_escape(filters);
  CLEANUP_FREE char *path = xprintf("/containers/json?all=1&filters=%s", escaped);
  CLEANUP_JSON json_t *list = NULL;
  size_t i;
  json_t *entry;
  int swept = 0;
  if (docker_json(d, path, &list, NULL) < 0) return 0;
  int64_t now = d->base.ops->clock_ns(&d->base);
  json_array_foreach(list, i, entry) {
    const char *id = json_str(entry, "Id");
    int64_t created = json_int_or(entry, "Created", 0);
    bool stale = !stale_ms || (now && created > 0 && now / 1000000000 - created > stale_ms / 1000);
    if (id && stale) swept += docker_remove(&d->base, id, false, NULL) == 0;
  }
  return swept;
}

int docker_claim_sweep(struct runtime *rt, const char *by, int64_t stale_ms) {
  CLEANUP_FREE char *label = by ? xprintf(CARRIER_BY_LABEL "=%s", by) : xstrdup(CARRIER_LABEL);
  return sweep_carriers((struct docker *)rt, label, by ? 0 : stale_ms);
}

/* The volume's folder as a bind, not the volume by its name: naming one that was removed in this moment would
 * make it anew, nobody's, and a volume that is mounted cannot be removed. */
static json_t *carrier_body(const struct docker *d, const char *key_hash, const char *folder,
                            const char *image) {
  return json_pack("{s:s, s:[], s:[s], s:b, s:{s:s, s:s*}, s:{s:s, s:[{s:s, s:s, s:s}]}}", "Image", image,
                   "Entrypoint", "Cmd", "none", "NetworkDisabled", 1, "Labels", CARRIER_LABEL, key_hash,
                   CARRIER_BY_LABEL, d->base.helpers.job_id, "HostConfig", "NetworkMode", "none", "Mounts",
                   "Type", "bind", "Source", folder, "Target", MOUNTED_AT);
}

static void count(struct docker *d, int more) {
  if (d->base.helpers.standing) atomic_fetch_add(d->base.helpers.standing, more);
}

/* The carrier goes also when the user has interrupted: nothing may stay. */
static int remove_carrier(struct docker *d, const char *id, struct error *err) {
  struct interrupt interrupt = loop_set_interrupt(d->loop, (struct interrupt){0});
  int rc = docker_remove(&d->base, id, false, err);
  loop_set_interrupt(d->loop, interrupt);
  return rc;
}

/* One that is known to be there. The work's own fault stands before that of the removal. */
static int drop_carrier(struct docker *d, const char *id, int rc, struct error *err) {
  if (remove_carrier(d, id, rc < 0 ? NULL : err) < 0) return -1;
  count(d, -1);
  return rc;
}

/* Sent once; an answer that is lost leaves a carrier, found by its name. */
static int try_carrier(struct docker *d, const char *key_hash, const char *folder, const char *image,
                       char **ret_id, struct error *err) {
  static const char what[] = "reaching the once-record failed";
  char random[17];
  random_id(random, sizeof random - 1);
  CLEANUP_FREE char *name = xprintf("run-once.carrier.%s", random);
  CLEANUP_FREE char *path = xprintf("/containers/create?name=%s", name);
  CLEANUP_JSON json_t *body = carrier_body(d, key_hash, folder, image);
  struct http_response r;
  count(d, 1);
  if (docker_call(d, "POST", path, body, true, CREATE_MS, &r, err) < 0) {
    if (err->kind == ERR_UNREACHABLE)
      count(d, -1);
    else
      (void)remove_carrier(d, name, NULL); /* and perhaps it is only made behind this */
    return error_prefix(err, what);
  }
  CLEANUP_JSON json_t *answer = NULL;
  int rc = 0;
  if (r.status != 201)
    rc = docker_fault(&r, what, err);
  else
    answer = json_parse(r.body.data ? r.body.data : "", r.body.len, NULL);
  http_response_done(&r);
  if (rc < 0) return count(d, -1), -1;
  const char *id = json_str(answer, "Id");
  *ret_id = xstrdup(id ? id : name); /* nobody else has that name */
  return 0;
}

/* Nothing hangs on a carrier: one whose answer was lost is taken away, and another is made under another
 * name. */
static int make_carrier(struct docker *d, const char *key_hash, const char *folder, const char *image,
                        char **ret_id, struct error *err) {
  struct error fault = ERROR_INIT;
  int rc = try_carrier(d, key_hash, folder, image, ret_id, &fault);
  if (rc < 0 && fault.kind == ERR_LOST) rc = try_carrier(d, key_hash, folder, image, ret_id, &fault);
  if (rc < 0 && err) *err = fault;
  return rc;
}

/* Where the engine keeps the volume; for free(). ERR_MISSING: the record was freed meanwhile. */
static int find_folder(struct docker *d, const char *key_hash, char **ret, struct error *err) {
  CLEANUP_FREE char *name = volume_name(key_hash);
  CLEANUP_FREE char *path = xprintf("/volumes/%s", name);
  CLEANUP_JSON json_t *volume = NULL;
  if (docker_json_as(d, path, "reading the once-record failed", &volume, err) < 0) return -1;
  const char *folder = json_str(volume, "Mountpoint");
  if (!folder || !*folder)
    return error_set(err, ERR_ENGINE, "reading the once-record failed: volume %s has no folder", name);
  *ret = xstrdup(folder);
  return 0;
}

/* Its folder was there when it was asked for: freed since, and perhaps taken anew already. Docker's words,
 * and Podman's. */
static bool folder_gone(const struct error *err) {
  return strstr(err->text, "bind source path does not exist") ||
         strstr(err->text, "no such file or directory");
}

/* A fault on the way to a record that was freed meanwhile is that it is missing. */
static void freed_meanwhile(struct docker *d, const char *key_hash, struct error *err) {
  struct error none = ERROR_INIT;
  json_t *labels = NULL;
  if (err && folder_gone(err)) {
    err->kind = ERR_MISSING;
    return;
  }
  if (docker_claim_read(&d->base, key_hash, &labels, &none) == 0)
    json_decref(labels);
  else if (none.kind == ERR_MISSING && err)
    *err = none;
}

int docker_claim_store(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                       const void *p, size_t n, struct error *err) {
  struct docker *d = (struct docker *)rt;
  struct tar_entry entry = {.name = file, .type = '0', .mode = 0600, .data = p, .size = n};
  CLEANUP_FREE char *id = NULL, *folder = NULL, *label = xprintf(CARRIER_LABEL "=%s", key_hash);
  struct buf tar;
  if (find_folder(d, key_hash, &folder, err) < 0) return -1;
  sweep_carriers(d, label, CARRIER_STALE_MS);
  entry.mtime = clock_wall_ns() / 1000000000;
  buf_init(&tar, LIMIT_JSON);
  int rc = tar_add(&tar, &entry, err);
  if (rc == 0) rc = tar_end(&tar, err);
  if (rc == 0) rc = make_carrier(d, key_hash, folder, image, &id, err);
  if (rc == 0) rc = docker_archive_put(d, id, MOUNTED_AT, tar.data, tar.len, err);
  if (id) rc = drop_carrier(d, id, rc, err);
  if (rc < 0) freed_meanwhile(d, key_hash, err);
  buf_done(&tar);
  return rc;
}

struct found {
  char *data;
  size_t n;
};

static int on_member(void *data, const struct tar_entry *e, struct error *err) {
  struct found *f = data;
  (void)err;
  if (e->type != '0' || f->data) return 0;
  f->data = xmalloc(e->size + 1);
  memcpy(f->data, e->data, e->size);
  f->data[e->size] = 0;
  f->n = e->size;
  return 0;
}

int docker_claim_load(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                      char **ret, size_t *ret_n, struct error *err) {
  struct docker *d = (struct docker *)rt;
  CLEANUP_FREE char *id = NULL, *folder = NULL;
  CLEANUP_FREE char *path = xprintf(MOUNTED_AT "/%s", file);
  struct found found = {0};
  struct buf tar;
  if (find_folder(d, key_hash, &folder, err) < 0) return -1;
  buf_init(&tar, LIMIT_JSON);
  int rc = make_carrier(d, key_hash, folder, image, &id, err);
  if (rc == 0) rc = docker_archive_get(d, id, path, &tar, err);
  if (rc == 0) rc = tar_each(tar.data ? tar.data : "", tar.len, on_member, &found, err);
  if (rc == 0 && !found.data) rc = error_set(err, ERR_MISSING, "%s: not a file in the once-record", file);
  if (id) rc = drop_carrier(d, id, rc, err);
  buf_done(&tar);
  if (rc < 0) {
    freed_meanwhile(d, key_hash, err);
    free(found.data);
    return -1;
  }
  *ret = found.data;
  *ret_n = found.n;
  return 0;
}
