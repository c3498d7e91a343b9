#include "runtime/handles.h"

void stream_set_mover(struct stream *s, const struct stream_mover *m) {
  s->mover = m;
}

void stream_pause(struct stream *s, bool paused) {
  s->ops->pause(s, paused);
}

long stream_send(struct stream *s, const void *p, size_t n) {
  return s->ops->send(s, p, n);
}

int stream_end_input(struct stream *s) {
  return s->ops->end_input(s);
}

int stream_fd(const struct stream *s) {
  return s->ops->fd(s);
}

const char *stream_gap(const struct stream *s) {
  return s->ops->gap(s);
}

void stream_free(struct stream *s) {
  if (s) s->ops->free(s);
}

bool wait_done(const struct wait *w) {
  return w->ops->done(w);
}

int wait_exit_code(const struct wait *w) {
  return w->ops->exit_code(w);
}

void wait_free(struct wait *w) {
  if (w) w->ops->free(w);
}

void event_watch_free(struct event_watch *w) {
  if (w) w->ops->free(w);
}
