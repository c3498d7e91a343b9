/* Docker's struct stream: who brings the bytes, and the way they take to the handlers. */
#ifndef RUNTIME_DOCKER_STREAM_H
#define RUNTIME_DOCKER_STREAM_H
#include "net/upgrade.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/follow.h"
#include "runtime/docker/frames.h"
#include "runtime/handles.h"

struct docker_stream {
  struct stream base; /* first: the same pointer */
  struct docker *d;
  const struct stream_handlers *h;
  void *data;
  struct upgrade *upgrade; /* attached; else NULL */
  struct follow follow;    /* a log; else empty */
  struct frames frames;
  bool tty, ended;
  int busy; /* inside a handler: stream_free() waits */
  bool freed;
};
struct docker_stream *docker_stream_new(struct docker *d, bool tty, const struct stream_handlers *h,
                                        void *data);
/* Bytes as they came, and their end. s may be gone afterwards. */
void docker_stream_take(struct docker_stream *s, const char *p, size_t n);
/* Of attached streams: on_next and on_front of struct upgrade_handlers. */
size_t docker_stream_next(struct docker_stream *s, bool *ret_front);
size_t docker_stream_front(struct docker_stream *s, int from, const char *p, size_t n);
void docker_stream_finish(struct docker_stream *s, const struct error *err);
#endif
