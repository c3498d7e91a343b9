/* struct stream inside: who brings the bytes, and the way they take to the handlers. */
#ifndef RUNTIME_DOCKER_STREAM_H
#define RUNTIME_DOCKER_STREAM_H
#include "net/upgrade.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/follow.h"
#include "runtime/docker/frames.h"

struct stream {
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
struct stream *stream_new(struct docker *d, bool tty, const struct stream_handlers *h, void *data);
/* Bytes as they came, and their end. s may be gone afterwards. */
void stream_take(struct stream *s, const char *p, size_t n);
void stream_finish(struct stream *s, const struct error *err);
#endif
