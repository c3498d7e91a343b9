/* A container's output (and input): attached over an upgraded connection, or read from the engine's log. Both
 * end in the same struct, so that nobody above sees a difference. */
#include "runtime/docker/stream.h"
#include "base/alloc.h"
#include <stdint.h>
#include <stdlib.h>

static void destroy(struct docker_stream *s) {
  upgrade_free(s->upgrade);
  follow_done(&s->follow);
  frames_done(&s->frames);
  free(s);
}

static int on_payload(void *data, int fd, const char *p, size_t n) {
  struct docker_stream *s = data;
  s->h->on_output(s->data, fd, p, n);
  return s->freed;
}

static void end(struct docker_stream *s, const struct error *err) {
  if (s->ended) return;
  s->ended = true;
  if (s->h->on_end) s->h->on_end(s->data, err);
}

void docker_stream_take(struct docker_stream *s, const char *p, size_t n) {
  struct error fault = ERROR_INIT;
  if (s->ended || s->freed) return;
  s->busy++;
  if (frames_feed(&s->frames, p, n, on_payload, s, &fault) < 0) end(s, &fault);
  s->busy--;
  if (s->freed && !s->busy) destroy(s);
}

size_t docker_stream_next(struct docker_stream *s, bool *ret_front) {
  const struct stream_mover *m = s->base.mover;
  int fd = 0;
  *ret_front = false;
  size_t n = m && !s->ended ? frames_next(&s->frames, &fd) : SIZE_MAX;
  if (n == SIZE_MAX || !m->ready(s->data, s->frames.fd)) return SIZE_MAX;
  *ret_front = fd != 0;
  return n;
}

size_t docker_stream_front(struct docker_stream *s, int from, const char *p, size_t n) {
  size_t k = s->base.mover->move(s->data, s->frames.fd, from, p, n);
  frames_moved(&s->frames, k);
  return k;
}

void docker_stream_finish(struct docker_stream *s, const struct error *err) {
  struct error cut = ERROR_INIT;
  if (s->freed) return;
  if (!err && !frames_whole(&s->frames)) {
    error_set(&cut, ERR_LOST, "the output was cut in the middle of a frame");
    err = &cut;
  }
  s->busy++;
  end(s, err);
  s->busy--;
  if (s->freed && !s->busy) destroy(s);
}

static void pause_stream(struct stream *base, bool paused) {
  struct docker_stream *s = (struct docker_stream *)base;
  if (s->upgrade) upgrade_pause(s->upgrade, paused);
  if (s->follow.x) http_pause(s->follow.x, paused);
}

static long send_input(struct stream *base, const void *p, size_t n) {
  struct docker_stream *s = (struct docker_stream *)base;
  return s->upgrade ? (long)upgrade_send(s->upgrade, p, n) : -1;
}

/* With a TTY a half-close ends the output at once (protocols: moby internal/stream/attach.go): never. */
static int end_input(struct stream *base) {
  struct docker_stream *s = (struct docker_stream *)base;
  if (!s->upgrade) return -1;
  return s->tty ? 0 : upgrade_half_close(s->upgrade);
}

static int descriptor(const struct stream *base) {
  const struct docker_stream *s = (const struct docker_stream *)base;
  return s->upgrade ? upgrade_fd(s->upgrade) : -1;
}

/* The job core compares what it got with the log. */
static const char *gap(const struct stream *base) {
  (void)base;
  return NULL;
}

/* From inside a handler: freed when the handler has returned. */
static void free_stream(struct stream *base) {
  struct docker_stream *s = (struct docker_stream *)base;
  s->freed = true;
  if (!s->busy) destroy(s);
}

static const struct stream_ops ops = {.pause = pause_stream,
                                      .send = send_input,
                                      .end_input = end_input,
                                      .fd = descriptor,
                                      .gap = gap,
                                      .free = free_stream};

struct docker_stream *docker_stream_new(struct docker *d, bool tty, const struct stream_handlers *h,
                                        void *data) {
  struct docker_stream *s = xcalloc(1, sizeof *s);
  s->base.ops = &ops;
  s->d = d;
  s->h = h;
  s->data = data;
  s->tty = tty;
  frames_init(&s->frames, tty);
  return s;
}
