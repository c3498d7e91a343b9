/* What attach(), logs(), wait_begin() and watch() of a runtime hand out, for those who implement one: each
 * runtime's own struct begins with one of these, and the calls in runtime.h go through its members. All
 * members must be set; none is called with NULL. */
#ifndef RUNTIME_HANDLES_H
#define RUNTIME_HANDLES_H
#include "runtime/runtime.h"

struct stream_ops {
  void (*pause)(struct stream *s, bool paused);
  long (*send)(struct stream *s, const void *p, size_t n);
  int (*end_input)(struct stream *s);
  int (*fd)(const struct stream *s); /* -1: none */
  const char *(*gap)(const struct stream *s);
  void (*free)(struct stream *s); /* also from inside one of its handlers */
};
struct stream {
  const struct stream_ops *ops;
  const struct stream_mover *mover; /* NULL: none */
};

struct wait_ops {
  bool (*done)(const struct wait *w);
  int (*exit_code)(const struct wait *w);
  void (*free)(struct wait *w);
};
struct wait {
  const struct wait_ops *ops;
};

struct event_watch_ops {
  void (*free)(struct event_watch *w); /* also from inside its handler */
};
struct event_watch {
  const struct event_watch_ops *ops;
};
#endif
