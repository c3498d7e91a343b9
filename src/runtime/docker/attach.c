/* Attaching: the upgraded connection that carries output and input. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include "runtime/docker/stream.h"
#include <string.h>

/* The engine looks for detach keys in a TTY's input too, and holds back what might begin them: by default ^P,
 * which every shell user types. Ours are found on this side; this row nobody types (none cannot be asked
 * for). */
#define NOBODY_TYPES "ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@,ctrl-^"

static void on_data(void *data, const char *p, size_t n) {
  docker_stream_take(data, p, n);
}
static size_t on_next(void *data, bool *ret_front) {
  return docker_stream_next(data, ret_front);
}
static size_t on_front(void *data, int from, const char *p, size_t n) {
  return docker_stream_front(data, from, p, n);
}
static uint64_t pieces(void *data) {
  const struct docker_stream *s = data;
  return s->frames.begun;
}
static void on_end(void *data, const struct error *err) {
  docker_stream_finish(data, err);
}
static void on_writable(void *data) {
  struct docker_stream *s = data;
  if (!s->freed && s->h->on_writable) s->h->on_writable(s->data);
}
static const struct upgrade_handlers handlers = {.on_data = on_data,
                                                 .on_end = on_end,
                                                 .on_writable = on_writable,
                                                 .on_next = on_next,
                                                 .on_front = on_front,
                                                 .pieces = pieces};

/* Podman prepares an ended one for another run when somebody attaches, and forgets how it ended
 * (docker_read_state): not asked for, and when it ends just then its stream, which never would, is none.
 * *ret_ran: it was under way. */
static int may_attach(struct docker *d, const char *id, bool *ret_ran, struct error *err) {
  struct container_state state;
  *ret_ran = false;
  if (!d->podman) return 0;
  if (docker_state(&d->base, id, &state, err) < 0) return -1;
  if (state.status == STATE_EXITED || state.status == STATE_DEAD)
    return error_set(err, ERR_CONFLICT, "container %.12s has ended", id);
  *ret_ran = state.ever_started;
  return 0;
}

int docker_attach(struct runtime *rt, const char *id, bool tty, bool input, const struct stream_handlers *h,
                  void *data, struct stream **ret, struct error *err) {
  struct docker *d = (struct docker *)rt;
  bool ran;
  if (may_attach(d, id, &ran, err) < 0) return error_prefix(err, "attach failed");
  /* Podman looks for them in every input, and takes none for an answer. */
  CLEANUP_FREE char *keys = http_escape(d->podman ? "" : NOBODY_TYPES);
  bool ask = input && (tty || d->podman);
  CLEANUP_FREE char *rest = xprintf("/containers/%s/attach?stream=1&stdout=1&stderr=1%s%s%s", id,
                                    input ? "&stdin=1" : "", ask ? "&detachKeys=" : "", ask ? keys : "");
  CLEANUP_FREE char *path = docker_path(d, rest);
  int64_t begun = clock_ms();
  struct docker_stream *s = docker_stream_new(d, tty, h, data);
  int rc = upgrade_open(d->http, path, &handlers, s, &s->upgrade, err);
  trace(TRACE_RUNTIME, "POST %.*s: %s, %lld ms", (int)strcspn(path, "?"), path, rc < 0 ? "refused" : "101",
        (long long)(clock_ms() - begun));
  if (rc < 0) {
    stream_free(&s->base);
    if (d->podman) podman_fault(err); /* attaching prepares the container: a missing command shows here */
    return error_prefix(err, "attach failed");
  }
  if (ran && may_attach(d, id, &ran, err) < 0) {
    stream_free(&s->base);
    return error_prefix(err, "attach failed");
  }
  *ret = &s->base;
  return 0;
}
