/* What the engine holds of jobs whose container is gone, and what it remembers of them. Both are asked for
 * while settling only. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/docker/events.h"
#include "runtime/docker/jsonstream.h"
#include "runtime/docker/mounts.h"
#include "runtime/docker/ops.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MS 60000
#define CLAIM "run-once.once."
/* Dangling: no container, running or not, refers to it. */
#define OF_JOBS "{\"label\":[\"run-once.id\"],\"dangling\":[\"true\"]}"

/* A volume that somebody named is never taken for one of ours, whatever its labels say. */
static bool read_volume(const json_t *v, struct leftover *ret) {
  const char *name = json_str(v, "Name"), *made = json_str(v, "CreatedAt");
  const json_t *labels = json_at(v, "Labels");
  const char *id = json_string_value(json_object_get(labels, "run-once.id"));
  const char *host = json_string_value(json_object_get(labels, "run-once.host"));
  if (!name || !id || !*id) return false;
  bool claim = !strncmp(name, CLAIM, strlen(CLAIM));
  if (!claim && !volume_is_anonymous(name)) return false;
  *ret = (struct leftover){.job_id = xstrdup(id),
                           .host = xstrdup(host),
                           .name = xstrdup(claim ? name + strlen(CLAIM) : name),
                           .claim = claim,
                           .made_ns = made ? clock_parse_rfc3339(made) : 0};
  return true;
}

int docker_leftovers(struct runtime *rt, struct leftover_list *ret, struct error *err) {
  CLEANUP_FREE char *filters = http_escape(OF_JOBS);
  CLEANUP_FREE char *path = xprintf("/volumes?filters=%s", filters);
  CLEANUP_JSON json_t *answer = NULL;
  if (docker_json_as((struct docker *)rt, path, "listing volumes failed", &answer, err) < 0) return -1;
  json_t *list = json_at(answer, "Volumes"), *v;
  size_t i;
  *ret = (struct leftover_list){.items = xcalloc(json_array_size(list) + 1, sizeof *ret->items)};
  json_array_foreach(list, i, v) if (read_volume(v, &ret->items[ret->n])) ret->n++;
  return 0;
}

/* Without force: the engine refuses one that a container under way refers to already. */
int docker_leftover_remove(struct runtime *rt, const struct leftover *l, struct error *err) {
  static const char what[] = "removing a volume that was left failed";
  if (l->claim || !volume_is_anonymous(l->name))
    return error_set(err, ERR_CONFLICT, "%s: %s is not an anonymous one", what, l->name);
  return docker_volume_remove((struct docker *)rt, l->name, what, err);
}

#define KEPT 256 /* moby daemon/events/events.go, eventsLimit */

struct reading {
  const char *job_id;
  size_t n;
  int64_t oldest_ns;         /* of everything it tells; 0: nothing */
  bool made, started, start; /* started: by any event behind the start */
};

static int on_row(void *data, json_t *o, struct error *err) {
  struct reading *r = data;
  enum runtime_event event;
  int signal;
  int64_t ns = json_int_or(o, "timeNano", 0), s = json_int_or(o, "time", 0), unused;
  (void)err;
  r->n++;
  if (ns <= 0 && s > 0 && s < INT64_MAX / 1000000000) ns = s * 1000000000;
  if (ns > 0 && (!r->oldest_ns || ns < r->oldest_ns)) r->oldest_ns = ns;
  const char *id = json_string_value(json_object_get(json_at(o, "Actor.Attributes"), "run-once.id"));
  if (!id || strcmp(id, r->job_id) != 0 || !event_read(o, &event, &signal, &unused)) return 0;
  r->made = true; /* whatever happened to it: it was there */
  if (event != EVENT_CREATE && event != EVENT_DESTROY) r->started = true;
  if (event == EVENT_START) r->start = true;
  return 0;
}

/* All that the engine remembers; until a second from now, so that the last one's are there, too. */
static bool read_memory(struct docker *d, struct reading *got) {
  int64_t now = d->base.ops->clock_ns(&d->base);
  CLEANUP_FREE char *path = xprintf("/events?since=1&until=%" PRId64, now / 1000000000 + 1);
  struct error err = ERROR_INIT;
  struct http_response r;
  struct jsonstream rows;
  if (!now || docker_call(d, "GET", path, NULL, false, CALL_MS, &r, &err) < 0) return false;
  jsonstream_init(&rows);
  const char *text = r.body.data ? r.body.data : "";
  bool read = r.status == 200 && !jsonstream_feed(&rows, text, r.body.len, on_row, got, &err) &&
              jsonstream_whole(&rows);
  jsonstream_done(&rows);
  http_response_done(&r);
  return read;
}

/* The engine keeps its last events, and none over its own restart. Only if one of them is older than that
 * moment are all since then among them. */
enum recall docker_recall(struct runtime *rt, const char *job_id, int64_t since_ns) {
  struct reading got = {.job_id = job_id};
  bool read = read_memory((struct docker *)rt, &got);
  if (got.started) return got.start ? RECALL_ALL : RECALL_STARTED;
  bool reaches = read && got.oldest_ns && got.oldest_ns + RUNTIME_CLOCK_NS < since_ns;
  if (!reaches) return RECALL_NOT_TOLD;
  return got.made ? RECALL_MADE : RECALL_NEVER;
}

bool docker_memory_full(struct runtime *rt) {
  struct reading got = {.job_id = ""};
  return !read_memory((struct docker *)rt, &got) || got.n >= KEPT;
}
