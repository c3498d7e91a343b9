#include "runtime/docker/frames.h"
#include "base/alloc.h"
#include "base/limits.h"
#include <stdlib.h>
#include <string.h>

#define COMPLAINT_MAX 4096u /* of an engine's own words inside a stream */
#define RUN_MAX 65536u      /* of payload told in one piece */
#define LARGE 16384u        /* three system calls cost as much as two copies of some 4 KiB */

void frames_init(struct frames *f, bool raw) {
  *f = (struct frames){.raw = raw};
  buf_init(&f->complaint, COMPLAINT_MAX);
}

void frames_done(struct frames *f) {
  free(f->run);
  buf_done(&f->complaint);
}

bool frames_whole(const struct frames *f) {
  return f->n_head == 0 && f->left == 0;
}

size_t frames_next(const struct frames *f, int *ret_fd) {
  *ret_fd = 0;
  if (f->raw || !f->large) return SIZE_MAX;
  if (!f->left) return sizeof f->head - f->n_head;
  if (f->left >= LARGE) *ret_fd = f->fd;
  return f->left;
}

void frames_moved(struct frames *f, size_t n) {
  f->left -= n;
}

static int complain(const struct frames *f, struct error *err) {
  return error_set(err, ERR_ENGINE, "the engine broke the output off: %s",
                   f->complaint.len ? f->complaint.data : "no reason given");
}

/* The 8 bytes are there: what follows them. */
static int begin_frame(struct frames *f, struct error *err) {
  unsigned char type = f->head[0];
  size_t len = (size_t)f->head[4] << 24 | (size_t)f->head[5] << 16 | (size_t)f->head[6] << 8 | f->head[7];
  if (type > 3 || f->head[1] || f->head[2] || f->head[3])
    return error_set(err, ERR_ENGINE, "output is not framed as expected: frame of type %u", type);
  if (len > LIMIT_FRAME)
    return error_set(err, ERR_ENGINE, "output is not framed as expected: frame of %zu bytes", len);
  f->n_head = 0;
  f->begun++;
  f->left = len;
  f->large = len >= LARGE && type != 3;
  f->fd = type == 3 ? 0 : type == 2 ? 2 : 1;
  return type == 3 && len == 0 ? complain(f, err) : 0;
}

static int flush(struct frames *f, frames_fn *fn, void *data) {
  size_t n = f->n_run;
  f->n_run = 0;
  return n && fn(data, f->run_fd, f->run, n) ? 1 : 0;
}

/* At once, or together with what follows in the same read. */
static int tell(struct frames *f, const char *p, size_t n, bool more, frames_fn *fn, void *data) {
  bool joins = f->n_run && f->run_fd == f->fd && f->n_run + n <= RUN_MAX;
  if (!joins && flush(f, fn, data)) return 1;
  if (!joins && (!more || n >= LARGE)) return fn(data, f->fd, p, n) ? 1 : 0;
  if (!f->run) f->run = xmalloc(RUN_MAX);
  memcpy(f->run + f->n_run, p, n);
  f->n_run += n;
  f->run_fd = f->fd;
  return 0;
}

/* Takes what is there of the present payload. */
static int payload(struct frames *f, const char *p, size_t n, bool more, frames_fn *fn, void *data,
                   struct error *err) {
  f->left -= n;
  if (f->fd != 0) return tell(f, p, n, more, fn, data);
  size_t room = f->complaint.cap - f->complaint.len;
  (void)buf_append(&f->complaint, p, n < room ? n : room);
  return f->left == 0 ? complain(f, err) : 0;
}

int frames_feed(struct frames *f, const char *p, size_t n, frames_fn *fn, void *data, struct error *err) {
  if (f->raw) return n > 0 && fn(data, 1, p, n) ? 1 : 0;
  while (n > 0) {
    size_t take = f->left > 0 ? f->left : sizeof f->head - f->n_head;
    int r = 0;
    if (take > n) take = n;
    if (f->left > 0) {
      r = payload(f, p, take, take < n, fn, data, err);
    } else {
      memcpy(f->head + f->n_head, p, take);
      f->n_head += take;
      if (f->n_head == sizeof f->head) r = begin_frame(f, err);
    }
    if (r < 0) flush(f, fn, data);
    if (r) return r; /* f may be gone: fn ended it */
    p += take;
    n -= take;
  }
  return flush(f, fn, data);
}
