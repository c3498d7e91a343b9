#include "runtime/docker/source.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/docker/labels.h"
#include "runtime/docker/service.h"
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1024 /* bytes of a list inside a message */

struct replica {
  const char *id, *name, *image, *image_id, *project, *number, *state;
  long long created;
  bool running;
};
struct replicas {
  struct replica *v;
  size_t n;
};

static const char *label(const json_t *row, const char *name) {
  return json_string_value(json_object_get(json_at(row, "Labels"), name));
}

static struct replica read_replica(const json_t *row) {
  const char *name = json_string_value(json_array_get(json_at(row, "Names"), 0));
  const char *state = json_str(row, "State");
  struct replica r = {.id = json_str(row, "Id"),
                      .name = name ? name + (*name == '/') : "?",
                      .image = json_str(row, "Image"),
                      .image_id = json_str(row, "ImageID"),
                      .project = label(row, LABEL_COMPOSE_PROJECT),
                      .number = label(row, LABEL_COMPOSE_NUMBER),
                      .state = state ? state : "?",
                      .created = json_int_or(row, "Created", 0)};
  r.running = !strcmp(r.state, "running") || !strcmp(r.state, "paused") || !strcmp(r.state, "restarting");
  if (!r.image) r.image = "?";
  if (!r.image_id) r.image_id = "?";
  if (!r.project) r.project = "?";
  return r;
}

/* One-off containers (Compose's and ours) are not the application. */
static struct replicas read_replicas(const json_t *list) {
  struct replicas all = {xcalloc(json_array_size(list) + 1, sizeof(struct replica)), 0};
  size_t i;
  json_t *row;
  json_array_foreach(list, i, row) {
    const char *oneoff = label(row, LABEL_COMPOSE_ONEOFF);
    if (label(row, "run-once.id") || (oneoff && !strcasecmp(oneoff, "True")) || !json_str(row, "Id"))
      continue;
    all.v[all.n++] = read_replica(row);
  }
  return all;
}

static int by_number(const void *a, const void *b) {
  const struct replica *x = a, *y = b;
  long m = x->number ? strtol(x->number, NULL, 10) : 0, n = y->number ? strtol(y->number, NULL, 10) : 0;
  return m != n ? (m < n ? -1 : 1) : strcmp(x->name, y->name);
}

static const char *short_id(const char *id) {
  return !strncmp(id, "sha256:", 7) ? id + 7 : id;
}

/* "shop-web-1 (image shop:1, 0123456789ab, running), ..." for free() */
static char *listing(const struct replicas *all) {
  struct buf b;
  buf_init(&b, LIST_MAX);
  for (size_t i = 0; i < all->n; i++) {
    const struct replica *r = &all->v[i];
    if (buf_printf(&b, "%s%s (%s %.12s, %s)", i ? ", " : "", r->name, r->image, short_id(r->image_id),
                   r->state) < 0) {
      char *text = buf_take(&b), *more = xprintf("%s and more", text);
      free(text);
      return more;
    }
  }
  return buf_take(&b);
}

static int several_projects(const struct replicas *all, const struct settings *s, struct error *err) {
  struct strv seen;
  strv_init(&seen);
  for (size_t i = 0; i < all->n; i++)
    if (!strv_has(&seen, all->v[i].project)) strv_add(&seen, all->v[i].project);
  int rc = 0;
  if (seen.n > 1) {
    struct buf b;
    buf_init(&b, LIST_MAX);
    for (size_t i = 0; i < seen.n; i++)
      if (buf_printf(&b, "%s%s", i ? ", " : "", seen.v[i]) < 0) break;
    CLEANUP_FREE char *text = buf_take(&b);
    rc = error_set(err, ERR_CONFIG, "%s failed: several projects have it: %s; say compose/PROJECT/%s",
                   s->source.text, text, s->source.name);
  }
  strv_done(&seen);
  return rc;
}

/* By container number, by name, or by the beginning of the id; one letter is a number that is not there. */
static int choose_named(const struct replicas *all, const struct settings *s, const struct replica **ret,
                        struct error *err) {
  const char *want = s->image_of + (*s->image_of == '/');
  const struct replica *found = NULL;
  size_t hits = 0;
  for (int how = 0; how < 3 && !found; how++) {
    for (size_t i = 0; i < all->n; i++) {
      const struct replica *r = &all->v[i];
      bool hit = how == 0   ? r->number && !strcmp(r->number, want)
                 : how == 1 ? !strcmp(r->name, want)
                            : want[0] && want[1] && !strncmp(r->id, want, strlen(want));
      if (!hit) continue;
      found = r;
      hits++;
    }
  }
  CLEANUP_FREE char *text = listing(all);
  if (!found)
    return error_set(err, ERR_CONFIG, "--image-of %s failed: no replica of %s is called that; there are: %s",
                     s->image_of, s->source.text, text);
  if (hits > 1)
    return error_set(err, ERR_CONFIG, "--image-of %s failed: it fits %zu replicas of %s: %s", s->image_of,
                     hits, s->source.text, text);
  *ret = found;
  return 0;
}

static int choose_running(const struct replicas *running, const struct settings *s,
                          const struct replica **ret, struct error *err) {
  for (size_t i = 1; i < running->n; i++) {
    if (!strcmp(running->v[i].image_id, running->v[0].image_id)) continue;
    CLEANUP_FREE char *text = listing(running);
    return error_set(err, ERR_ROLLOUT,
                     "%s refused: its replicas run more than one image, a roll-out is half done: %s; "
                     "--image-of REPLICA chooses",
                     s->source.text, text);
  }
  *ret = &running->v[0];
  return 0;
}

static const struct replica *newest(const struct replicas *all) {
  const struct replica *found = &all->v[0];
  for (size_t i = 1; i < all->n; i++)
    if (all->v[i].created > found->created) found = &all->v[i];
  return found;
}

static int choose(struct replicas *all, const struct settings *s, const struct replica **ret,
                  struct strv *notes, struct error *err) {
  if (several_projects(all, s, err) < 0) return -1;
  if (all->n == 0 && s->source.project)
    return error_set(err, ERR_MISSING,
                     "%s failed: project '%s' has no container of a service '%s' on this engine",
                     s->source.text, s->source.project, s->source.name);
  if (all->n == 0)
    return error_set(err, ERR_MISSING, "%s failed: no Compose service '%s' has a container on this engine",
                     s->source.text, s->source.name);
  qsort(all->v, all->n, sizeof *all->v, by_number);
  if (s->image_of) return choose_named(all, s, ret, err);
  struct replicas running = {xcalloc(all->n, sizeof *all->v), 0};
  for (size_t i = 0; i < all->n; i++)
    if (all->v[i].running) running.v[running.n++] = all->v[i];
  const struct replica *chosen = NULL;
  int rc = 0;
  if (running.n) {
    rc = choose_running(&running, s, &chosen, err);
    for (size_t i = 0; chosen && i < all->n; i++)
      if (all->v[i].id == chosen->id) *ret = &all->v[i];
  } else {
    *ret = newest(all);
    strv_take(notes, xprintf("%s: none of its containers is running; the newest is the source: %s (%s)",
                             s->source.text, (*ret)->name, (*ret)->state));
  }
  free(running.v);
  return rc;
}

int source_choose(const json_t *list, const struct settings *s, char **ret_id, struct strv *notes,
                  struct error *err) {
  struct replicas all = read_replicas(list);
  const struct replica *chosen = NULL;
  int rc = choose(&all, s, &chosen, notes, err);
  if (rc == 0) *ret_id = xstrdup(chosen->id);
  free(all.v);
  return rc;
}

static int inspect(struct docker *d, const struct settings *s, const char *id, json_t **ret,
                   struct error *err) {
  CLEANUP_FREE char *escaped = http_escape(id);
  CLEANUP_FREE char *path = xprintf("/containers/%s/json", escaped);
  struct http_response r;
  if (docker_call(d, "GET", path, NULL, false, SOURCE_CALL_MS, &r, err) < 0) return -1;
  json_t *found = NULL;
  CLEANUP_FREE char *what = xprintf("%s failed", s->source.text);
  if (r.status != 200)
    docker_fault(&r, what, err);
  else if (!(found = json_parse(r.body.data ? r.body.data : "", r.body.len, err)))
    error_prefix(err, "%s: the engine's answer", what);
  http_response_done(&r);
  if (!found) return -1;
  if (!json_is_object(json_at(found, "Config")) || !json_str(found, "Id")) {
    json_decref(found);
    return error_set(err, ERR_ENGINE, "%s: the engine's answer is no container", what);
  }
  *ret = found;
  return 0;
}

static int list_service(struct docker *d, const struct settings *s, json_t **ret, struct error *err) {
  CLEANUP_JSON json_t *labels =
      json_pack("[o]", json_sprintf("%s=%s", LABEL_COMPOSE_SERVICE, s->source.name));
  if (s->source.project)
    json_array_append_new(labels, json_sprintf("%s=%s", LABEL_COMPOSE_PROJECT, s->source.project));
  CLEANUP_JSON json_t *filters = json_pack("{s:O}", "label", labels);
  CLEANUP_FREE char *text = json_dumps(filters, JSON_COMPACT);
  CLEANUP_FREE char *escaped = http_escape(text);
  CLEANUP_FREE char *path = xprintf("/containers/json?all=1&filters=%s", escaped);
  if (docker_json(d, path, ret, err) < 0) return error_prefix(err, "%s failed", s->source.text);
  return 0;
}

static int find_service(struct docker *d, const struct settings *s, json_t **ret, struct strv *notes,
                        struct error *err) {
  CLEANUP_JSON json_t *list = NULL;
  CLEANUP_FREE char *id = NULL;
  if (list_service(d, s, &list, err) < 0 || source_choose(list, s, &id, notes, err) < 0) return -1;
  return inspect(d, s, id, ret, err);
}

int source_find(struct docker *d, const struct settings *s, json_t **ret, struct strv *notes,
                struct error *err) {
  enum source_kind kind = s->source.kind;
  if (s->image_of && kind != SOURCE_COMPOSE && kind != SOURCE_SERVICE)
    return error_set(err, ERR_USAGE,
                     "--image-of failed: only a compose/ or service/ source has replicas to choose from");
  switch (kind) {
  case SOURCE_NONE:
  case SOURCE_IMAGE:
  case SOURCE_COMPOSE_FILE: /* read already: its settings are the ground of ours */
    *ret = NULL;
    return 0;
  case SOURCE_CONTAINER:
    return inspect(d, s, s->source.name, ret, err);
  case SOURCE_COMPOSE:
    return find_service(d, s, ret, notes, err);
  case SOURCE_SERVICE:
    return service_find(d, s, ret, notes, err);
  case SOURCE_WORKLOAD:
    break;
  }
  return error_set(err, ERR_USAGE,
                   "%s failed: the docker runtime has no such source; it needs a Kubernetes "
                   "runtime, which this version does not have",
                   s->source.text);
}
