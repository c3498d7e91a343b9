#include "job/output.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_SIZE 4096
#define SMALL_WRITE 4096 /* PIPE_BUF: a POLLOUT pipe takes that much without blocking */

enum way { WAY_NONBLOCK, WAY_SOCKET, WAY_SMALL, WAY_FILE };

/* One of our descriptors 1 and 2. */
struct sink {
  struct output *owner;
  int fd;  /* as callers name it: 1 or 2 */
  int out; /* what is written to: fd, or a reopened copy that may be O_NONBLOCK */
  enum way way;
  bool movable; /* a pipe: splice(2) works */
  struct watch *watch;
  struct buf queue;
  int spill; /* unlinked temporary file; -1 none */
  off_t spill_read, spill_end;
  bool broken, line_open;
  int64_t bytes;
  struct stream_hash *hash;
  char tail[TAIL_SIZE];
  size_t tail_len;
};

struct output {
  struct loop *loop;
  struct output_options opt;
  struct output_handlers h;
  void *data;
  struct sink sinks[2];
  bool spilling, full;
  int64_t lost;
};

/* Never O_NONBLOCK on the shared descriptor: pipes and terminals are opened anew, sockets asked each time. */
static void sink_open(struct sink *s) {
  struct stat st;
  s->out = s->fd;
  s->way = WAY_SMALL;
  if (fstat(s->fd, &st)) {
    s->broken = true; /* closed: whoever closed it wants no output */
    return;
  }
  if (S_ISREG(st.st_mode)) s->way = WAY_FILE;
  if (S_ISSOCK(st.st_mode)) s->way = WAY_SOCKET;
  if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) return;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
  int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return;
  s->out = fd;
  s->way = WAY_NONBLOCK;
  s->movable = S_ISFIFO(st.st_mode);
}

static ssize_t sink_write(struct sink *s, const char *p, size_t n) {
  ssize_t k;
  do {
    if (s->way == WAY_SOCKET)
      k = send(s->out, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
      k = write(s->out, p, s->way == WAY_SMALL && n > SMALL_WRITE ? SMALL_WRITE : n);
  } while (k < 0 && errno == EINTR);
  return k;
}

static void sink_break(struct sink *s, int no) {
  if (s->broken) return;
  s->broken = true;
  buf_clear(&s->queue);
  s->spill_read = s->spill_end;
  watch_set(s->watch, 0);
  if (s->owner->h.on_broken) s->owner->h.on_broken(s->owner->data, s->fd, no);
}

static bool sink_empty(const struct sink *s) {
  return !s->queue.len && s->spill_read == s->spill_end;
}

static int64_t sink_waiting(const struct sink *s) {
  return s->broken ? 0 : (int64_t)s->queue.len + (s->spill_end - s->spill_read);
}

/* Also what waits in the temporary file: else it would go on growing when nothing is owed any more. */
static void full_check(struct output *o) {
  int64_t a = sink_waiting(&o->sinks[0]), b = sink_waiting(&o->sinks[1]), most = a > b ? a : b;
  int64_t limit =
      o->full ? LIMIT_OUTPUT_QUEUE / 2 + 1 : LIMIT_OUTPUT_QUEUE; /* resume at half: not on every byte */
  bool full = !o->spilling && most >= limit;
  if (full == o->full) return;
  o->full = full;
  if (o->h.on_full) o->h.on_full(o->data, full);
}

/* Takes the next piece back from the temporary file once the queue is empty. */
static void sink_refill(struct sink *s) {
  if (s->queue.len || s->spill_read == s->spill_end) return;
  char piece[65536];
  off_t left = s->spill_end - s->spill_read;
  ssize_t k = pread(s->spill, piece, left < (off_t)sizeof piece ? (size_t)left : sizeof piece, s->spill_read);
  if (k <= 0) {
    s->owner->lost += left;
    s->spill_read = s->spill_end;
    return;
  }
  buf_append(&s->queue, piece, (size_t)k);
  s->spill_read += k;
  if (s->spill_read == s->spill_end && !ftruncate(s->spill, 0)) s->spill_read = s->spill_end = 0;
}

static void sink_flush(struct sink *s) {
  while (!s->broken) {
    sink_refill(s);
    if (!s->queue.len) break;
    ssize_t k = sink_write(s, s->queue.data, s->queue.len);
    if (k < 0 && errno != EAGAIN) sink_break(s, errno);
    if (k <= 0) break;
    buf_consume(&s->queue, (size_t)k);
    if (s->way == WAY_SMALL) break; /* one small write for each POLLOUT */
  }
  watch_set(s->watch, sink_empty(s) || s->broken ? 0 : WATCH_OUT);
  full_check(s->owner);
}

static void on_writable(void *data, int fd, unsigned events) {
  (void)fd, (void)events;
  sink_flush(data);
}

static void spill_append(struct sink *s, const char *p, size_t n) {
  if (s->spill < 0) {
    const char *dir = getenv("TMPDIR");
    s->spill = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  }
  while (n) {
    ssize_t k = s->spill < 0 ? -1 : pwrite(s->spill, p, n, s->spill_end);
    if (k <= 0) {
      s->owner->lost += (int64_t)n;
      return;
    }
    s->spill_end += k;
    p += k;
    n -= (size_t)k;
  }
}

static void sink_queue(struct sink *s, const char *p, size_t n) {
  if (!n || s->broken) return;
  bool to_file =
      s->spill_read != s->spill_end || (s->owner->spilling && s->queue.len + n > LIMIT_OUTPUT_QUEUE);
  if (to_file)
    spill_append(s, p, n);
  else
    buf_append(&s->queue, p, n);
}

/* Straight to the descriptor while nothing waits; the rest is queued. */
static void sink_put(struct sink *s, const char *p, size_t n) {
  if (s->broken) return;
  while (n && sink_empty(s) && s->way != WAY_SMALL) {
    ssize_t k = sink_write(s, p, n);
    if (k < 0 && errno != EAGAIN) {
      sink_break(s, errno);
      return;
    }
    if (k <= 0) break;
    p += k;
    n -= (size_t)k;
  }
  if (!n) return;
  sink_queue(s, p, n);
  watch_set(s->watch, WATCH_OUT);
  full_check(s->owner);
}

/* --timestamps and --prefix stand before each line. */
static void sink_put_lines(struct sink *s, const char *p, size_t n) {
  const struct output_options *opt = &s->owner->opt;
  while (n) {
    if (!s->line_open) {
      CLEANUP_FREE char *now = opt->timestamps ? clock_rfc3339(clock_wall_ns()) : NULL;
      CLEANUP_FREE char *head =
          xprintf("%s%s%s", now ? now : "", now ? " " : "", opt->prefix ? opt->prefix : "");
      sink_put(s, head, strlen(head));
    }
    const char *end = memchr(p, '\n', n);
    size_t k = end ? (size_t)(end - p) + 1 : n;
    sink_put(s, p, k);
    s->line_open = !end;
    p += k;
    n -= k;
  }
}

static void tail_keep(struct sink *s, const char *p, size_t n) {
  if (n >= TAIL_SIZE) {
    memcpy(s->tail, p + n - TAIL_SIZE, TAIL_SIZE);
    s->tail_len = TAIL_SIZE;
    return;
  }
  size_t keep = s->tail_len + n > TAIL_SIZE ? TAIL_SIZE - n : s->tail_len;
  memmove(s->tail, s->tail + s->tail_len - keep, keep);
  memcpy(s->tail + keep, p, n);
  s->tail_len = keep + n;
}

static void count(struct sink *s, const char *p, size_t n) {
  s->bytes += (int64_t)n;
  stream_hash_add(s->hash, p, n);
  tail_keep(s, p, n);
}

bool output_ready(const struct output *o, int fd) {
  const struct sink *s = &o->sinks[fd == 2];
  return s->movable && !s->broken && sink_empty(s) && !o->opt.timestamps && !o->opt.prefix;
}

size_t output_move(struct output *o, int fd, int from, const char *p, size_t n) {
  struct sink *s = &o->sinks[fd == 2];
  ssize_t k = splice(from, NULL, s->out, NULL, n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (k < 0 && errno == EINVAL) s->movable = false; /* not from such a descriptor */
  if (k <= 0) return 0;                             /* the usual way meets the same fault */
  count(s, p, (size_t)k);
  return (size_t)k;
}

void output_put(struct output *o, int fd, const char *p, size_t n) {
  struct sink *s = &o->sinks[fd == 2];
  count(s, p, n);
  if (o->opt.timestamps || o->opt.prefix)
    sink_put_lines(s, p, n);
  else
    sink_put(s, p, n);
}

struct output *output_new(struct loop *loop, const struct output_options *opt,
                          const struct output_handlers *h, void *data) {
  struct output *o = xcalloc(1, sizeof *o);
  o->loop = loop;
  o->opt = *opt;
  o->h = *h;
  o->data = data;
  for (int i = 0; i < 2; i++) {
    struct sink *s = &o->sinks[i];
    s->owner = o;
    s->fd = i + 1;
    s->spill = -1;
    s->hash = stream_hash_new();
    buf_init(&s->queue, LIMIT_FRAME + LIMIT_OUTPUT_QUEUE + (1u << 20));
    sink_open(s);
    s->watch = loop_watch(loop, s->out, 0, on_writable, s);
  }
  return o;
}

void output_free(struct output *o) {
  if (!o) return;
  for (int i = 0; i < 2; i++) {
    struct sink *s = &o->sinks[i];
    watch_free(s->watch);
    if (s->out != s->fd) close(s->out);
    fd_close(&s->spill);
    buf_done(&s->queue);
    stream_hash_free(s->hash);
  }
  free(o);
}

void output_spill(struct output *o, bool on) {
  o->spilling = on;
  full_check(o);
}

bool output_full(const struct output *o) {
  return o->full;
}

bool output_drained(const struct output *o) {
  return (o->sinks[0].broken || sink_empty(&o->sinks[0])) && (o->sinks[1].broken || sink_empty(&o->sinks[1]));
}

int64_t output_bytes(const struct output *o, int fd) {
  return o->sinks[fd == 2].bytes;
}
int64_t output_waiting(const struct output *o) {
  return sink_waiting(&o->sinks[0]) + sink_waiting(&o->sinks[1]);
}
int64_t output_lost(const struct output *o) {
  return o->lost;
}
uint64_t output_hash(const struct output *o, int fd) {
  return stream_hash_value(o->sinks[fd == 2].hash);
}

size_t output_tail(const struct output *o, int fd, char *ret, size_t size) {
  const struct sink *s = &o->sinks[fd == 2];
  size_t n = s->tail_len < size ? s->tail_len : size;
  memcpy(ret, s->tail + s->tail_len - n, n);
  return n;
}
