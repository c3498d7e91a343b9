#include "runtime/kube/stream.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINOR_SPLIT 34 /* PodLogsQuerySplitStreams is on */
#define MINOR_V5 30    /* the end of the input can be said apart from the end of the connection */
#define MINOR_WHOLE                                                                                          \
  30 /* no kubelet so old beside it that it writes times in the middle of lines (before 1.27) */

bool kube_logs_split(const struct kube *k) {
  return k->minor >= MINOR_SPLIT;
}

static void forget(struct kube_streams *m) {
  cursor_done(&m->cursors[0]);
  cursor_done(&m->cursors[1]);
  free(m);
}

struct kube_streams *kube_streams(struct kube *k, const char *job_id) {
  struct kube_streams *m = k->streams;
  if (m && !strcmp(m->job, job_id)) return m;
  if (m) forget(m);
  m = k->streams = xcalloc(1, sizeof *m);
  snprintf(m->job, sizeof m->job, "%s", job_id);
  for (int i = 0; i < 2; i++) cursor_init(&m->cursors[i], k->minor < MINOR_WHOLE);
  return m;
}

void kube_streams_free(struct kube *k) {
  if (k->streams) forget(TAKE(k->streams));
}

/* Telling */

static void destroy(struct kube_stream *s) {
  if (s->pods) kube_pods_take_out(s->pods, &s->user);
  if (s->mem && s->mem->terminal == s) s->mem->terminal = NULL;
  timer_free(s->timer);
  kube_attach_done(s);
  for (int i = 0; i < 2; i++) {
    kube_log_free(s->logs[i]);
    cursor_done(&s->own[i]);
  }
  free(s->container);
  free(s);
}

void kube_stream_enter(struct kube_stream *s) {
  s->busy++;
}

void kube_stream_leave(struct kube_stream *s) {
  if (--s->busy == 0 && s->freed) destroy(s);
}

void kube_stream_over(struct kube_stream *s, const struct error *err) {
  if (s->over || s->freed) return;
  s->over = true;
  trace(TRACE_RUNTIME, "stream: over%s%s", err ? ": " : "", err ? err->text : "");
  if (s->h->on_end) s->h->on_end(s->data, err);
}

void kube_stream_out(struct kube_stream *s, int fd, const char *p, size_t n) {
  if (!s->over && !s->freed && n) s->h->on_output(s->data, fd, p, n);
}

/* The log */

/* Docker's json-file writes U+FFFD for every byte that is no UTF-8. CRI's logs keep the bytes. */
static void look_for_replaced(struct kube_stream *s, const char *p, size_t n) {
  static const char mark[] = "\xef\xbf\xbd";
  if (!s->text_log || s->gap) return;
  for (size_t at = 0; at < n; at++) {
    if (!s->replacement) {
      const char *found = memchr(p + at, (unsigned char)mark[0], n - at);
      if (!found) return;
      at = (size_t)(found - p);
    }
    s->replacement = p[at] == mark[s->replacement] ? s->replacement + 1 : p[at] == mark[0];
    if (s->replacement < sizeof mark - 1) continue;
    s->gap = "its node's Docker keeps the log as text: bytes that are no UTF-8 were replaced in it";
    return;
  }
}

static void on_bytes(void *data, int fd, const char *p, size_t n) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  look_for_replaced(s, p, n);
  kube_stream_out(s, fd, p, n);
  kube_stream_leave(s);
}

static void on_log_over(void *data, int fd, const struct error *err) {
  struct kube_stream *s = data;
  const char *gap = kube_log_gap(s->logs[fd == 2]);
  kube_stream_enter(s);
  s->logs_open--;
  if (gap && !s->gap) s->gap = gap;
  const struct cursor *c = &s->cursors[fd == 2];
  trace(TRACE_RUNTIME, "log %d: %lld bytes were there in %lld ms, %lld ms after the second it started in", fd,
        (long long)c->backlog, (long long)(c->backlog_ns - c->first_ns) / 1000000,
        (long long)(c->first_ns - s->started_ns) / 1000000);
  if (!s->gap && s->text_log && cursor_may_lack_head(c, s->started_ns))
    s->gap =
        "its node's Docker may have rotated the log before it could be read: that its beginning is there "
        "cannot be proved";
  if (err)
    kube_stream_over(s, err);
  else
    kube_stream_check(s);
  kube_stream_leave(s);
}

static const struct kube_log_handlers log_calls = {on_bytes, on_log_over};

void kube_stream_log(struct kube_stream *s, bool running) {
  bool split = !s->tty && kube_logs_split(s->k);
  json_t *pod = kube_pods_first(s->pods);
  for (int i = 0; i < (split ? 2 : 1); i++) {
    struct kube_log_request req = {.pod = json_str(pod, "metadata.name"),
                                   .container = s->container,
                                   .fd = i + 1,
                                   .split = split,
                                   .running = running,
                                   .once = s->once};
    s->logs[i] = kube_log_open(s->k, &req, &s->cursors[i], &log_calls, s);
    if (s->paused) kube_log_pause(s->logs[i], true);
    s->logs_open++;
  }
}

void kube_stream_check(struct kube_stream *s) {
  bool done = s->begun && s->ended && !s->logs_open && !s->early && (s->way == WAY_LOG || s->socket_over);
  if (s->once && s->begun && !s->logs_open) done = true;
  if (!done || s->over || s->freed || kube_attach_waits(s)) return;
  /* An input of nothing has nothing that could be missing. */
  if (s->input && s->h->on_writable) s->h->on_writable(s->data);
  if (!s->freed) kube_stream_over(s, NULL);
}

/* The container */

static void begin(struct kube_stream *s, const json_t *pod, const char *started_at) {
  const char *name = kube_container(pod);
  s->begun = true;
  s->started_ns = clock_parse_rfc3339(started_at);
  s->container = xstrdup(name ? name : "");
  const char *id = json_str(kube_container_status(pod, name), "containerID");
  s->text_log = id && !strncmp(id, "docker://", 9);
  trace(TRACE_RUNTIME, "stream: container %s %s", s->container, s->ended ? "has ended" : "runs");
  if (s->way == WAY_LOG || (s->ended && !s->mem->early_done)) kube_stream_log(s, !s->ended);
  if (s->way == WAY_ATTACHED || s->input) kube_attach_begin(s);
}

/* It ended without having begun: there is no output. */
static void never(struct kube_stream *s) {
  s->begun = s->ended = s->socket_over = true;
  kube_stream_check(s);
}

/* For who has entered. */
static void look(struct kube_stream *s) {
  struct container_state st = {0};
  json_t *pod = kube_pods_first(s->pods);
  if (!pod || s->over || s->freed || s->ended) return;
  enum kube_phase phase = kube_status(pod, kube_container(pod), &st);
  bool ended = phase == KUBE_ENDED || phase == KUBE_LOST || kube_pods_gone(s->pods);
  if (ended && !s->begun && !st.ever_started) {
    never(s);
  } else if (ended || phase == KUBE_RUNNING) {
    s->running = true;
    s->ended = ended;
    if (!s->begun) {
      begin(s, pod, st.started_at);
    } else if (ended) {
      for (int i = 0; i < 2; i++)
        if (s->logs[i]) kube_log_ended(s->logs[i]);
      kube_attach_ended(s);
      kube_stream_check(s);
    }
    for (int i = 0; i < 2 && !ended && kube_deletion(pod); i++)
      if (s->logs[i]) kube_log_closing(s->logs[i]);
  }
}

static void on_pods(void *data) {
  kube_stream_enter(data);
  look(data);
  kube_stream_leave(data);
}

/* The first look, after the stream was handed out. */
static void on_first(void *data) {
  struct kube_stream *s = data;
  kube_stream_enter(s);
  timer_free(TAKE(s->timer));
  look(s);
  if (s->once && !s->begun && !s->freed) { /* nothing is there */
    s->begun = true;
    kube_stream_check(s);
  }
  kube_stream_leave(s);
}

/* The calls of runtime.h */

static void pause_stream(struct stream *base, bool paused) {
  struct kube_stream *s = (struct kube_stream *)base;
  s->paused = paused;
  for (int i = 0; i < 2; i++)
    if (s->logs[i]) kube_log_pause(s->logs[i], paused);
  if (s->socket && s->way == WAY_ATTACHED) kube_socket_pause(s->socket, paused);
}

static long send_input(struct stream *base, const void *p, size_t n) {
  return kube_attach_send((struct kube_stream *)base, p, n);
}

static int end_input(struct stream *base) {
  return kube_attach_end_input((struct kube_stream *)base);
}

static int descriptor(const struct stream *base) {
  (void)base;
  return -1; /* whoever reads slowly holds up no call on the container: there is no connection to cut */
}

static const char *gap(const struct stream *base) {
  return ((const struct kube_stream *)base)->gap;
}

static void free_stream(struct stream *base) {
  struct kube_stream *s = (struct kube_stream *)base;
  s->freed = true;
  if (!s->busy) destroy(s);
}

static const struct stream_ops ops = {.pause = pause_stream,
                                      .send = send_input,
                                      .end_input = end_input,
                                      .fd = descriptor,
                                      .gap = gap,
                                      .free = free_stream};

static struct kube_stream *stream_new(struct kube *k, bool tty, const struct stream_handlers *h, void *data) {
  struct kube_stream *s = xcalloc(1, sizeof *s);
  s->base.ops = &ops;
  s->k = k;
  s->h = h;
  s->data = data;
  s->tty = tty;
  s->user = (struct kube_pods_user){.on_change = on_pods, .data = s};
  buf_init(&s->held, LIMIT_OUTPUT_QUEUE);
  buf_init(&s->tail, LIMIT_OUTPUT_QUEUE);
  return s;
}

static void stream_run(struct kube_stream *s, struct kube_pods *pods) {
  s->pods = pods;
  kube_pods_add(pods, &s->user);
  s->timer = loop_timer(s->k->loop, 0, on_first, s);
}

int kube_attach(struct runtime *rt, const char *id, bool tty, bool input, const struct stream_handlers *h,
                void *data, struct stream **ret, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_pods *pods;
  struct kube_id parts;
  if (kube_id_parse(id, &parts, err) || kube_pods(k, parts.job, &pods, err))
    return error_prefix(err, "attach failed");
  struct kube_stream *s = stream_new(k, tty, h, data);
  s->mem = kube_streams(k, parts.job);
  s->cursors = s->mem->cursors;
  bool apart = k->streams_apart && !kube_logs_split(k) && (!input || k->minor >= MINOR_V5);
  s->way = tty || apart ? WAY_ATTACHED : WAY_LOG;
  s->input = input && !s->mem->input_over;
  k->info.streams_merged = s->way == WAY_LOG && !kube_logs_split(k);
  if (tty) s->mem->terminal = s;
  stream_run(s, pods);
  *ret = &s->base;
  return 0;
}

int kube_logs(struct runtime *rt, const char *id, bool tty, bool follow, int64_t since_ns,
              const struct stream_handlers *h, void *data, struct stream **ret, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_pods *pods;
  struct kube_id parts;
  /* Who follows has to be told of the end; for one reading a look is enough. */
  if (kube_id_parse(id, &parts, err) || (follow ? kube_pods : kube_pods_fresh)(k, parts.job, &pods, err))
    return error_prefix(err, "reading the log failed");
  if (kube_pods_first(pods) && kube_pods_gone(pods))
    return error_set(err, ERR_MISSING,
                     "reading the log failed: the pod of job %s is gone, and its log with it", parts.job);
  struct kube_stream *s = stream_new(k, tty, h, data);
  s->cursors = s->own;
  for (int i = 0; i < 2; i++) {
    cursor_init(&s->own[i], k->minor < MINOR_WHOLE);
    s->own[i].from_ns = since_ns;
  }
  s->once = !follow;
  stream_run(s, pods);
  *ret = &s->base;
  return 0;
}
