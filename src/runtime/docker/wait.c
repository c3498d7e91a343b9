/* "Tell me when it has ended." The engine has registered the wait when the head is there (moby#35001), so
 * begin it before start. A wait answers 0 for a container that never ran, so the state counts as long as
 * there is one. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/follow.h"
#include "runtime/docker/ops.h"
#include "runtime/handles.h"
#include <stdlib.h>
#include <string.h>

struct docker_wait {
  struct wait base; /* first: the same pointer */
  struct follow follow;
  char answer[512]; /* {"StatusCode":N}; what is longer tells of an error */
  size_t n;
};

static void on_data(void *data, const char *p, size_t n) {
  struct docker_wait *w = data;
  size_t room = sizeof w->answer - w->n;
  if (n > room) n = room;
  memcpy(w->answer + w->n, p, n);
  w->n += n;
}
static void on_end(void *data, const struct error *err) {
  (void)data, (void)err;
}
static const struct follow_handlers handlers = {.on_data = on_data, .on_end = on_end};

static bool done(const struct wait *base) {
  return ((const struct docker_wait *)base)->follow.ended;
}

static int exit_code(const struct wait *base) {
  const struct docker_wait *w = (const struct docker_wait *)base;
  struct error none = ERROR_INIT;
  CLEANUP_JSON json_t *answer = w->n ? json_parse(w->answer, w->n, &none) : NULL;
  return (int)json_int_or(answer, "StatusCode", -1);
}

static void free_wait(struct wait *base) {
  struct docker_wait *w = (struct docker_wait *)base;
  follow_done(&w->follow);
  free(w);
}

static const struct wait_ops ops = {.done = done, .exit_code = exit_code, .free = free_wait};

int docker_wait_begin(struct runtime *rt, const char *id, bool next_exit, struct wait **ret,
                      struct error *err) {
  CLEANUP_FREE char *path =
      xprintf("/containers/%s/wait?condition=%s", id, next_exit ? "next-exit" : "not-running");
  struct follow_request req = {.method = "POST", .path = path, .what = "wait failed", .head_ms = 60000};
  struct docker_wait *w = xcalloc(1, sizeof *w);
  w->base.ops = &ops;
  if (follow_begin(&w->follow, (struct docker *)rt, &req, &handlers, w, err) < 0) {
    free(w);
    return -1;
  }
  *ret = &w->base;
  return 0;
}
