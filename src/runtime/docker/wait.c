/* "Tell me when it has ended." The engine has registered the wait when the head is there (moby#35001), so
 * begin it before start. Its body is not read: a wait answers 0 for a container that never ran, so only the
 * state counts. */
#include "base/alloc.h"
#include "runtime/docker/follow.h"
#include "runtime/docker/ops.h"
#include <stdlib.h>

struct wait {
  struct follow follow;
};

static void on_data(void *data, const char *p, size_t n) {
  (void)data, (void)p, (void)n;
}
static void on_end(void *data, const struct error *err) {
  (void)data, (void)err;
}
static const struct follow_handlers handlers = {.on_data = on_data, .on_end = on_end};

int docker_wait_begin(struct runtime *rt, const char *id, bool next_exit, struct wait **ret,
                      struct error *err) {
  CLEANUP_FREE char *path =
      xprintf("/containers/%s/wait?condition=%s", id, next_exit ? "next-exit" : "not-running");
  struct follow_request req = {.method = "POST", .path = path, .what = "wait failed", .head_ms = 60000};
  struct wait *w = xcalloc(1, sizeof *w);
  if (follow_begin(&w->follow, (struct docker *)rt, &req, &handlers, w, err) < 0) {
    free(w);
    return -1;
  }
  *ret = w;
  return 0;
}

bool wait_done(const struct wait *w) {
  return w->follow.ended;
}

void wait_free(struct wait *w) {
  if (!w) return;
  follow_done(&w->follow);
  free(w);
}
