/* One container's log (all of it, or one of its streams where the server can tell them apart) as a stream of
 * bytes: followed while the container runs, read to its end when it has ended, taken up again at the same
 * byte after every cut (cursor.h). */
#ifndef RUNTIME_KUBE_LOG_H
#define RUNTIME_KUBE_LOG_H
#include "runtime/kube/cursor.h"
#include "runtime/kube/kube.h"

struct kube_log_handlers {
  void (*on_bytes)(void *data, int fd, const char *p, size_t n);
  /* Once. NULL: all that there is was delivered. Else contact is lost (ERR_LOST, ERR_UNREACHABLE, ...), or
   * the server refuses (ERR_PERMISSION). */
  void (*on_over)(void *data, int fd, const struct error *err);
};
struct kube_log_request {
  const char *pod, *container;
  int fd;       /* 1 or 2, for the handlers */
  bool split;   /* only that stream of the container's */
  bool running; /* it has not ended: follow, until kube_log_ended() was called and all is there */
  bool once;    /* only one reading of what is there now */
};
struct kube_log;
/* cursor: the caller's, stays until kube_log_free(). Handlers come from loop_step(). */
struct kube_log *kube_log_open(struct kube *k, const struct kube_log_request *req, struct cursor *cursor,
                               const struct kube_log_handlers *h, void *data);
/* Its pod is being deleted: a kubelet throws the log away within a second of the container's end, often
 * before the end is told. */
void kube_log_closing(struct kube_log *l);
void kube_log_ended(struct kube_log *l); /* the container has ended */
void kube_log_pause(struct kube_log *l, bool paused);
/* Bytes were, or may be, lost: why. NULL: none that is known. */
const char *kube_log_gap(const struct kube_log *l);
void kube_log_free(struct kube_log *l); /* NULL is fine; also from inside a handler */
#endif
