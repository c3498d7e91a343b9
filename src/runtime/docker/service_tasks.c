/* Which task of a Swarm service stands for the release: what is running, not what was asked for. */
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/docker/service.h"
#include <stdlib.h>
#include <string.h>

#define ID_MIN 4      /* letters of an id; fewer are a slot that is not there */
#define LIST_MAX 1024 /* bytes of a list inside a message */

struct replica {
  const json_t *task, *container; /* container NULL: on another node */
  const char *id, *image, *image_id;
  long long slot; /* 0: of a global service, which has one on each node */
  char name[128]; /* "web.1", "web.NODE" */
};
struct replicas {
  struct replica *v;
  size_t n;
};

static const json_t *container_of(const json_t *containers, const char *task_id) {
  size_t i;
  json_t *row;
  json_array_foreach(containers, i, row) {
    const char *of = json_string_value(json_object_get(json_at(row, "Labels"), LABEL_SWARM_TASK));
    if (of && !strcmp(of, task_id)) return row;
  }
  return NULL;
}

static void read_task(const json_t *service, const json_t *task, const json_t *containers,
                      struct replica *ret) {
  const char *node = json_str(task, "NodeID"), *image = json_str(task, "Spec.ContainerSpec.Image");
  *ret = (struct replica){.task = task,
                          .id = json_str(task, "ID"),
                          .image = image ? image : "?",
                          .slot = json_int_or(task, "Slot", 0)};
  ret->container = container_of(containers, ret->id);
  ret->image_id = ret->container ? json_str(ret->container, "ImageID") : NULL;
  if (ret->slot)
    snprintf(ret->name, sizeof ret->name, "%s.%lld", json_str(service, "Spec.Name"), ret->slot);
  else
    snprintf(ret->name, sizeof ret->name, "%s.%s", json_str(service, "Spec.Name"), node ? node : "?");
}

static int by_slot(const void *a, const void *b) {
  const struct replica *x = a, *y = b;
  return x->slot != y->slot ? (x->slot < y->slot ? -1 : 1) : strcmp(x->name, y->name);
}

/* One that is being shut down, or is lost with its node, is not the application any more. */
static struct replicas running(const json_t *service, const json_t *tasks, const json_t *containers) {
  struct replicas all = {xcalloc(json_array_size(tasks) + 1, sizeof(struct replica)), 0};
  size_t i;
  json_t *task;
  json_array_foreach(tasks, i, task) {
    const char *state = json_str(task, "Status.State"), *wanted = json_str(task, "DesiredState");
    if (!json_str(task, "ID") || !state || strcmp(state, "running") != 0) continue;
    if (!wanted || (strcmp(wanted, "running") != 0 && strcmp(wanted, "complete") != 0)) continue;
    read_task(service, task, containers, &all.v[all.n++]);
  }
  qsort(all.v, all.n, sizeof *all.v, by_slot);
  return all;
}

/* "shop:1@sha256:0123.." -> the beginning of its digest; else of the id that this engine tells. */
static const char *short_digest(const struct replica *r) {
  const char *at = strstr(r->image, "@sha256:"), *id = r->image_id;
  if (at) return at + 8;
  if (!id) return "on another node";
  return !strncmp(id, "sha256:", 7) ? id + 7 : id;
}

/* "web.1 (shop:1 0123456789ab), ..." for free() */
static char *listing(const struct replicas *all) {
  struct buf b;
  buf_init(&b, LIST_MAX);
  for (size_t i = 0; i < all->n; i++) {
    const struct replica *r = &all->v[i];
    const char *digest = short_digest(r);
    int cut = strspn(digest, "0123456789abcdef") >= 12 ? 12 : (int)strlen(digest);
    if (buf_printf(&b, "%s%s (%.*s %.*s)", i ? ", " : "", r->name, (int)strcspn(r->image, "@"), r->image, cut,
                   digest) < 0) {
      char *text = buf_take(&b), *more = xprintf("%s and more", text);
      free(text);
      return more;
    }
  }
  return buf_take(&b);
}

/* By slot ("1"), by name ("web.1"), or by the beginning of the task's or its container's id. */
static bool fits(const struct replica *r, const char *want, int how) {
  if (how == 0) return r->slot && strspn(want, "0123456789") == strlen(want) && atoll(want) == r->slot;
  if (how == 1) return !strcmp(r->name, want);
  const char *container = r->container ? json_str(r->container, "Id") : NULL;
  size_t n = strlen(want);
  return n >= ID_MIN && (!strncmp(r->id, want, n) || (container && !strncmp(container, want, n)));
}

static int choose_named(const struct replicas *all, const struct settings *s, const struct replica **ret,
                        struct error *err) {
  const struct replica *found = NULL;
  size_t hits = 0;
  for (int how = 0; how < 3 && !found; how++) {
    for (size_t i = 0; i < all->n; i++) {
      if (!fits(&all->v[i], s->image_of, how)) continue;
      found = &all->v[i];
      hits++;
    }
  }
  CLEANUP_FREE char *text = listing(all);
  if (all->n == 0)
    return error_set(err, ERR_CONFIG, "--image-of %s failed: no task of %s is running", s->image_of,
                     s->source.text);
  if (!found)
    return error_set(err, ERR_CONFIG, "--image-of %s failed: no task of %s is called that; there are: %s",
                     s->image_of, s->source.text, text);
  if (hits > 1)
    return error_set(err, ERR_CONFIG, "--image-of %s failed: it fits %zu tasks of %s: %s", s->image_of, hits,
                     s->source.text, text);
  *ret = found;
  return 0;
}

/* With a tag alone each node may have an image of its own: then what this engine tells of its containers
 * counts. */
static bool same_image(const struct replica *a, const struct replica *b) {
  if (strcmp(a->image, b->image) != 0) return false;
  return strchr(a->image, '@') || !a->image_id || !b->image_id || !strcmp(a->image_id, b->image_id);
}

static bool half_done(const char *update) {
  static const char *const states[] = {"updating", "paused", "rollback_started", "rollback_paused"};
  for (size_t i = 0; update && i < ARRAY_LEN(states); i++)
    if (!strcmp(update, states[i])) return true;
  return false;
}

static int refuse_roll_out(const json_t *service, const struct replicas *all, const struct settings *s,
                           struct error *err) {
  const char *update = json_str(service, "UpdateStatus.State");
  bool several = false;
  for (size_t i = 1; i < all->n; i++) several = several || !same_image(&all->v[0], &all->v[i]);
  if (!several && !half_done(update)) return 0;
  CLEANUP_FREE char *text = listing(all);
  if (several)
    return error_set(err, ERR_ROLLOUT,
                     "%s refused: its tasks run more than one image, a roll-out is half done: %s; "
                     "--image-of REPLICA chooses",
                     s->source.text, text);
  return error_set(err, ERR_ROLLOUT,
                   "%s refused: a roll-out is half done, Swarm says '%s': %s; --image-of REPLICA chooses",
                   s->source.text, update, text);
}

/* One on this engine is preferred: its volumes are here. */
static const struct replica *nearest(const struct replicas *all) {
  for (size_t i = 0; i < all->n; i++)
    if (all->v[i].container) return &all->v[i];
  return &all->v[0];
}

static int choose(const json_t *service, const struct replicas *all, const struct settings *s,
                  const struct replica **ret, struct strv *notes, struct error *err) {
  if (s->image_of) return choose_named(all, s, ret, err);
  if (all->n == 0) {
    strv_take(notes, xprintf("%s: none of its tasks is running; what Swarm would start is the source",
                             s->source.text));
    return 0;
  }
  if (refuse_roll_out(service, all, s, err) < 0) return -1;
  *ret = nearest(all);
  return 0;
}

int service_choose(const json_t *service, const json_t *tasks, const json_t *containers,
                   const struct settings *s, const json_t **ret_task, const json_t **ret_container,
                   struct strv *notes, struct error *err) {
  struct replicas all = running(service, tasks, containers);
  const struct replica *chosen = NULL;
  int rc = choose(service, &all, s, &chosen, notes, err);
  if (rc == 0) {
    *ret_task = chosen ? chosen->task : NULL;
    *ret_container = chosen ? chosen->container : NULL;
  }
  free(all.v);
  return rc;
}
