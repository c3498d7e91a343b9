/* Events of one job's container, told by the engine. `since` lies in the past on purpose: the engine answers
 * the head before it subscribes (moby system_routes.go getEvents), and what it keeps of the last events
 * closes that gap. The label is the job's own, so nothing else can come with it. A second watch of the same
 * job (after contact was lost) tells all of it again: whether the start is still remembered tells a lost
 * connection from an engine that was restarted. */
#include "base/alloc.h"
#include "runtime/docker/events.h"
#include "runtime/docker/follow.h"
#include "runtime/docker/jsonstream.h"
#include "runtime/docker/ops.h"
#include "runtime/handles.h"
#include <stdlib.h>
#include <string.h>

struct docker_watch {
  struct event_watch base; /* first: the same pointer */
  struct follow follow;
  struct jsonstream rows;
  const struct watch_handlers *h;
  void *data;
  bool over;
  int busy; /* inside a handler: event_watch_free() waits */
  bool freed;
};

static void destroy(struct docker_watch *w) {
  follow_done(&w->follow);
  jsonstream_done(&w->rows);
  free(w);
}

static int on_row(void *data, json_t *o, struct error *err) {
  struct docker_watch *w = data;
  enum runtime_event event;
  int signal;
  int64_t ns;
  (void)err;
  if (!event_read(o, &event, &signal, &ns)) return 0;
  w->h->on_event(w->data, event, signal, ns);
  return w->freed;
}

static void lost(struct docker_watch *w) {
  if (w->over) return;
  w->over = true;
  w->h->on_event(w->data, EVENT_LOST, 0, 0);
}

static void on_data(void *data, const char *p, size_t n) {
  struct docker_watch *w = data;
  struct error fault = ERROR_INIT;
  if (w->over || w->freed) return;
  w->busy++;
  if (jsonstream_feed(&w->rows, p, n, on_row, w, &fault) < 0) lost(w);
  w->busy--;
  if (w->freed && !w->busy) destroy(w);
}

static void on_end(void *data, const struct error *err) {
  struct docker_watch *w = data;
  (void)err;
  if (w->freed) return;
  w->busy++;
  lost(w);
  w->busy--;
  if (w->freed && !w->busy) destroy(w);
}

static const struct follow_handlers handlers = {.on_data = on_data, .on_end = on_end};

/* Each event wakes us up: those that nobody asks about are not wanted. Podman has other names for some. */
#define WANTED "\"event\":[\"create\",\"start\",\"kill\",\"stop\",\"oom\",\"die\",\"destroy\",\"restart\"],"

static char *events_path(const struct docker *d, const char *job_id) {
  CLEANUP_FREE char *filters =
      xprintf("{%s\"type\":[\"container\"],\"label\":[\"run-once.id=%s\"]}", d->podman ? "" : WANTED, job_id);
  CLEANUP_FREE char *escaped = http_escape(filters);
  return xprintf("/events?since=1&filters=%s", escaped);
}

static void free_watch(struct event_watch *base) {
  struct docker_watch *w = (struct docker_watch *)base;
  w->freed = true;
  if (!w->busy) destroy(w);
}

static const struct event_watch_ops ops = {.free = free_watch};

int docker_watch(struct runtime *rt, const char *job_id, const struct watch_handlers *h, void *data,
                 struct event_watch **ret, struct error *err) {
  struct docker *d = (struct docker *)rt;
  CLEANUP_FREE char *path = events_path(d, job_id);
  struct follow_request req = {
      .method = "GET", .path = path, .what = "watching events failed", .head_ms = 60000, .hold = true};
  struct docker_watch *w = xcalloc(1, sizeof *w);
  w->base.ops = &ops;
  w->h = h;
  w->data = data;
  jsonstream_init(&w->rows);
  w->rows.keys = event_keys;
  if (follow_begin(&w->follow, d, &req, &handlers, w, err) < 0) {
    destroy(w);
    return -1;
  }
  *ret = &w->base;
  return 0;
}
