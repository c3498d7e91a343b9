/* The attached connection of a stream. Without a terminal it carries the input alone: the container's stdin
 * is open once (stdinOnce), for whoever comes first, and ends with that connection. A terminal's carries its
 * output, too; what was written before is in the log. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/stream.h"
#include <stdlib.h>
#include <string.h>

#define TRY_AGAIN_MS 200
#define TRY_MS 10000     /* a container that runs may be attached to within that */
#define HANGS_MS 10000   /* a connection that is still open so long after the end */
#define END_TOLD_MS 3000 /* the pod's state tells within that whether its end closed the connection */

static void open_socket(struct kube_stream *s);

void kube_attach_done(struct kube_stream *s) {
  kube_socket_free(s->socket);
  kube_log_free(s->early);
  cursor_done(&s->early_cursor);
  buf_done(&s->held);
  buf_done(&s->tail);
}

/* Early output of a terminal */

static void terminal_size(struct kube_stream *s) {
  struct kube_streams *m = s->mem;
  if (!s->tty || !s->attached || !m->rows || !m->cols) return;
  kube_socket_resize(s->socket, m->rows, m->cols);
}

/* Programs draw their screen anew when its size changes: what the log holds of it is no more than its text.
 */
static void redraw(struct kube_stream *s) {
  struct kube_streams *m = s->mem;
  if (!s->tty || !m->rows || !m->cols || s->socket_over) return;
  kube_socket_resize(s->socket, m->rows + 1, m->cols + 1);
  kube_socket_resize(s->socket, m->rows, m->cols);
}

/* The log was read after attaching: its last bytes may have come by the connection, too. */
static size_t overlap(const struct buf *tail, const struct buf *held) {
  size_t most = tail->len < held->len ? tail->len : held->len;
  for (size_t n = most; n > 0; n--)
    if (!memcmp(tail->data + tail->len - n, held->data, n)) return n;
  return 0;
}

static void on_early_bytes(void *data, int fd, const char *p, size_t n) {
  struct kube_stream *s = data;
  (void)fd;
  if (n > s->tail.cap) {
    p += n - s->tail.cap;
    n = s->tail.cap;
  }
  if (s->tail.len + n > s->tail.cap) buf_consume(&s->tail, s->tail.len + n - s->tail.cap);
  (void)buf_append(&s->tail, p, n);
}

/* Of a log that cannot be read what came before attaching is lost; a screen is drawn anew all the same. */
static void on_early_over(void *data, int fd, const struct error *err) {
  struct kube_stream *s = data;
  (void)fd;
  kube_stream_enter(s);
  if (err) trace(TRACE_RUNTIME, "attach: output before it is lost: %s", err->text);
  kube_log_free(TAKE(s->early));
  s->mem->early_done = true;
  size_t twice = overlap(&s->tail, &s->held);
  if (s->tail.len && !s->tty)
    s->gap = "output from before it was attached is on stdout, and may have come twice";
  kube_stream_out(s, 1, s->tail.data, s->tail.len);
  if (!s->freed) kube_stream_out(s, 1, s->held.data + twice, s->held.len - twice);
  buf_done(&s->tail);
  buf_done(&s->held);
  if (!s->freed) redraw(s);
  if (!s->freed) kube_stream_check(s);
  kube_stream_leave(s);
}

static void read_early(struct kube_stream *s) {
  static const struct kube_log_handlers calls = {on_early_bytes, on_early_over};
  struct kube_log_request req = {.pod = json_str(kube_pods_first(s->pods), "metadata.name"),
                                 .container = s->container,
                                 .fd = 1,
                                 .once = true};
  cursor_init(&s->early_cursor, s->cursors[0].pieces);
  s->early = kube_log_open(s->k, &req, &s->early_cursor, &calls, s);
}

/* The socket */

static void on_ready(void *data) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  s->attached = true;
  if (s->input) s->mem->input_over = !s->tty;
  if (s->way == WAY_ATTACHED && !s->mem->early_done)
    read_early(s);
  else
    redraw(s);
  if (s->paused && s->way == WAY_ATTACHED) kube_socket_pause(s->socket, true);
  if (s->h->on_writable) s->h->on_writable(s->data);
  kube_stream_leave(s);
}

static void on_bytes(void *data, int channel, const char *p, size_t n) {
  struct kube_stream *s = data;
  if (s->way != WAY_ATTACHED) return;
  if (s->early && channel == CHANNEL_OUTPUT && !buf_append(&s->held, p, n)) return;
  kube_stream_enter(s);
  if (s->held.len &&
      channel == CHANNEL_OUTPUT) { /* more than can be held: then the log's part comes late, and not at all */
    kube_log_free(TAKE(s->early));
    s->mem->early_done = true;
    kube_stream_out(s, 1, s->held.data, s->held.len);
    buf_done(&s->held);
  }
  kube_stream_out(s, channel == CHANNEL_ERROR_OUTPUT ? 2 : 1, p, n);
  kube_stream_leave(s);
}

static void on_room(void *data) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  if (s->end_asked && kube_socket_end_input(s->socket) == 0) s->end_arrived = true;
  if (s->h->on_writable) s->h->on_writable(s->data);
  kube_stream_leave(s);
}

/* Was it the container's end that closed the connection? Its state would have told by now. */
static void on_not_ended(void *data) {
  struct kube_stream *s = data;
  struct error cut = ERROR_INIT;
  kube_stream_enter(s);
  timer_free(TAKE(s->timer));
  if (s->socket_fault.kind)
    error_set(&cut, ERR_LOST, "%s", s->socket_fault.text);
  else
    error_set(&cut, ERR_LOST, "the attached connection was closed while the command runs");
  s->mem->input_over = s->mem->input_over || !s->tty;
  if (!s->ended) kube_stream_over(s, &cut);
  kube_stream_leave(s);
}

static void on_again(void *data) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  timer_free(TAKE(s->timer));
  if (!s->ended) {
    open_socket(s);
  } else {
    s->socket_over = true;
    kube_attach_ended(s);
    kube_stream_check(s);
  }
  kube_stream_leave(s);
}

static void wait_for(struct kube_stream *s, int64_t ms, timer_fn *fn) {
  timer_free(s->timer);
  s->timer = loop_timer(s->k->loop, ms, fn, s);
}

static void on_waited(void *data) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  timer_free(TAKE(s->timer));
  s->socket_over = true;
  kube_stream_check(s);
  kube_stream_leave(s);
}

/* It never came about: the container may not be attached to yet, or not any more. */
static bool try_again(const struct kube_stream *s, const struct error *err) {
  if (s->attached || s->ended || !err) return false;
  if (err->kind == ERR_PERMISSION) return false;
  return clock_ms() - s->socket_since < TRY_MS;
}

static void on_over(void *data, const struct error *err) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  if (try_again(s, err)) {
    trace(TRACE_RUNTIME, "attach: again: %s", err->text);
    kube_socket_free(TAKE(s->socket));
    wait_for(s, TRY_AGAIN_MS, on_again);
    kube_stream_leave(s);
    return;
  }
  s->socket_over = true;
  if (err) s->socket_fault = *err;
  bool matters = s->way == WAY_ATTACHED || !s->end_arrived;
  if (s->ended)
    kube_attach_ended(s);
  else if (matters)
    wait_for(s, END_TOLD_MS, on_not_ended);
  kube_stream_check(s);
  kube_stream_leave(s);
}

static void open_socket(struct kube_stream *s) {
  static const struct kube_socket_handlers calls = {on_ready, on_bytes, on_room, on_over};
  bool output = s->way == WAY_ATTACHED;
  CLEANUP_FREE char *container = http_escape(s->container);
  CLEANUP_FREE char *query = xprintf("/attach?container=%s&stdin=%s&stdout=%s&stderr=%s&tty=%s", container,
                                     s->input ? "true" : "false", output ? "true" : "false",
                                     output && !s->tty ? "true" : "false", s->tty ? "true" : "false");
  CLEANUP_FREE char *path =
      kube_path(s->k, "", "pods", json_str(kube_pods_first(s->pods), "metadata.name"), query);
  s->socket = kube_socket_open(s->k, path, &calls, s);
}

void kube_attach_begin(struct kube_stream *s) {
  if (s->ended) {
    s->socket_over = true;
    return;
  }
  s->socket_since = clock_ms();
  open_socket(s);
}

/* What the container wrote before it could be attached to. */
void kube_attach_ended(struct kube_stream *s) {
  if (!s->socket && !s->attached) s->socket_over = true;
  bool untold = s->way == WAY_ATTACHED && s->socket_over && !s->attached && !s->logs_open && !s->logs[0];
  if (untold && !s->mem->early_done) kube_stream_log(s, false);
  bool open = s->socket && !s->socket_over && s->ended;
  if (open && s->way == WAY_ATTACHED) wait_for(s, HANGS_MS, on_waited);
}

/* The container has ended and the server does not say that the input has arrived, or has it just not said so
 * yet? */
bool kube_attach_waits(struct kube_stream *s) {
  if (!s->input || !s->end_asked || s->end_arrived || s->socket_over || !s->socket) return false;
  if (!s->timer) wait_for(s, END_TOLD_MS, on_waited);
  return true;
}

long kube_attach_send(struct kube_stream *s, const void *p, size_t n) {
  if (!s->input || s->socket_over) return -1;
  if (!s->attached) return 0;
  long k = kube_socket_send(s->socket, p, n);
  if (k > 0) s->sent += k;
  return k;
}

int kube_attach_end_input(struct kube_stream *s) {
  if (s->tty || s->end_arrived) return 0;
  if (!s->input) return -1;
  if (!s->sent && s->ended) return 0; /* nothing of nothing is missing */
  if (!s->sent && s->socket_over) return 1;
  if (!s->socket || s->socket_over) return s->socket_over ? -1 : 1;
  s->end_asked = true;
  int r = kube_socket_end_input(s->socket);
  if (r == 0) s->end_arrived = true;
  return r;
}

int kube_resize(struct runtime *rt, const char *id, int rows, int cols, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_id parts;
  if (kube_id_parse(id, &parts, err)) return -1;
  struct kube_streams *m = kube_streams(k, parts.job);
  m->rows = rows;
  m->cols = cols;
  if (m->terminal && m->terminal->socket) terminal_size(m->terminal);
  return 0;
}
