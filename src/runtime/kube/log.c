#include "runtime/kube/log.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/trace.h"
#include "runtime/kube/reach.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS 100
#define LAST_PAUSE_MS 5000
#define ENDED_TOLD_MS 1500       /* a kubelet tells an end within about a second of having seen it */
#define LINGER_MS 10000          /* a log that is followed has nothing more so long after the end: it hangs */
#define CONTACT_MS 5000          /* without an answer of the API server: contact counts as lost */
#define UNREADABLE_MS 10000      /* of an ended container: the log cannot be had */
#define REMOVED_MS 1000          /* the same of a pod that is being deleted: it does not come back */
#define CLOCK_DOUBT_NS 500000000 /* a Date has whole seconds */
#define AT_ONCE_MS 1000 /* the log of a command that runs is followed for longer than this, or breaks off */
#define NEXT_MS 300     /* a reading that was sent so soon after another one: nothing came between them */
#define LAST_LINES_MAX 100
#define HEAD_BYTES 64 /* the first line's time */

struct kube_log {
  struct kube *k;
  struct cursor *cursor;
  const struct kube_log_handlers *h;
  void *data;
  char *path; /* with the query, less what differs between the readings */
  int fd;
  bool once, ended, paused;
  enum { LOG_FOLLOW, LOG_READ, LOG_END, LOG_HEAD } reading;
  struct kube_credentials_user user;
  struct http_exchange *x;
  long status;
  struct buf words; /* of an answer that is no success; or of LOG_END, LOG_HEAD */
  bool split;
  bool end_known;      /* whether the last lines are those that were delivered last was asked */
  struct timer *timer; /* the next reading; or what hangs is given up */
  int64_t pause_ms;
  int64_t bad_since;  /* clock_ms() of the first failure in a row; 0: none */
  int64_t total;      /* of the cursor when the reading began */
  int64_t sent_at;    /* clock_ms() of it */
  bool closing;       /* its pod is being deleted */
  bool orderly;       /* the reading before was a follow that ended in order, */
  int64_t orderly_at; /* at that clock_ms() */
  int64_t settled;    /* total of the cursor when it was known that all was followed; -1: never */
  bool over, refused_before;
  const char *gap; /* literal */
  int busy;
  bool freed;
};

static void next(struct kube_log *l, int64_t ms);
static void send_now(struct kube_log *l);

static void destroy(struct kube_log *l) {
  kube_credentials_forget(l->k->credentials, &l->user);
  http_exchange_free(l->x);
  timer_free(l->timer);
  buf_done(&l->words);
  free(l->path);
  free(l);
}
static void enter(struct kube_log *l) {
  l->busy++;
}
static void leave(struct kube_log *l) {
  if (--l->busy == 0 && l->freed) destroy(l);
}

static void over(struct kube_log *l, const struct error *err) {
  if (l->over || l->freed) return;
  l->over = true;
  timer_free(TAKE(l->timer));
  trace(TRACE_RUNTIME, "log %d: over after %lld bytes%s%s", l->fd, (long long)l->cursor->total,
        err ? ": " : "", err ? err->text : "");
  l->h->on_over(l->data, l->fd, err);
}

const char *kube_log_gap(const struct kube_log *l) {
  const char *gap = cursor_gap(l->cursor);
  return gap ? gap : l->gap;
}

/* What comes of an answer */

static int on_bytes(void *data, const char *p, size_t n) {
  struct kube_log *l = data;
  l->h->on_bytes(l->data, l->fd, p, n);
  return l->freed;
}

static void again_later(struct kube_log *l) {
  l->pause_ms = l->pause_ms ? l->pause_ms * 2 : FIRST_PAUSE_MS;
  if (l->pause_ms > LAST_PAUSE_MS) l->pause_ms = LAST_PAUSE_MS;
  next(l, l->pause_ms);
}

/* A node ends a follow in order when it was read to the end of a command that has ended. So it looks, too,
 * when something between here and the node goes away. Then the next reading, made at once, is not answered by
 * the node: with nothing more and another end in order, or that this log has gone with its container. */
static void note_followed(struct kube_log *l, bool confirmed) {
  if (l->orderly && confirmed && l->cursor->total == l->total) l->settled = l->cursor->total;
}

static void set_orderly(struct kube_log *l, bool orderly) {
  l->orderly = orderly;
  l->orderly_at = clock_ms();
}

/* A kubelet that follows asks for the container after each reading to the end (kuberuntime/logs: waitLogs).
 * Often it has removed it by then: that is an end in order, too, though it writes its runtime's complaint. */
static bool ended_by_removal(const struct kube_log *l, const struct error *err) {
  return l->reading == LOG_FOLLOW && l->status == 200 &&
         (strstr(err->text, "No such container") || strstr(err->text, "code = NotFound"));
}

/* The log of a container that has ended may have gone with it, or with its node. */
static void failed(struct kube_log *l, const struct error *err, bool answered) {
  int64_t now = clock_ms();
  if (!l->bad_since) l->bad_since = now;
  trace(TRACE_RUNTIME, "log %d: %s", l->fd, err->text);
  bool refused = err->http_status == 401 || err->http_status == 403;
  bool gone = err->http_status == 404 && l->ended;
  bool not_there =
      answered && (l->status == 200 || l->status == 404); /* 200: words in the place of the log */
  note_followed(l, not_there && l->sent_at - l->orderly_at < NEXT_MS);
  set_orderly(l, ended_by_removal(l, err));
  if (!not_there) l->settled = -1;
  if (l->once || refused || (!answered && now - l->bad_since >= CONTACT_MS)) {
    over(l, err);
  } else if (l->ended && l->settled == l->cursor->total) {
    over(l, NULL);
  } else if (answered && l->ended &&
             (gone || now - l->bad_since >= (l->closing ? REMOVED_MS : UNREADABLE_MS))) {
    l->gap = gone ? "its pod was deleted before its log was read to the end"
                  : "its log could not be read to the end";
    over(l, NULL);
  } else {
    again_later(l);
  }
}

/* A long log is not read once more only to see that nothing stands behind what was delivered: its last lines
 * tell. (A server does not give the last lines of one stream.) */
static bool end_first(const struct kube_log *l) {
  const struct cursor *c = l->cursor;
  return l->ended && !l->once && !l->split && !l->end_known && c->first[0] && !c->anchor_first &&
         !c->by_time && c->last_count < LAST_LINES_MAX;
}

/* The first line of the log is not the first one that was read: files were thrown away meanwhile. */
static void check_head(struct kube_log *l) {
  size_t n = strlen(l->cursor->first);
  bool same = l->words.len > n && !memcmp(l->words.data, l->cursor->first, n) && l->words.data[n] == ' ';
  if (!same) l->gap = "the log of its container was rotated while it was read";
  over(l, NULL);
}

/* All was read, and what was read of it before is still there. */
static void whole(struct kube_log *l) {
  if (l->once || !l->cursor->first[0] || l->cursor->anchor_first || kube_log_gap(l)) {
    over(l, NULL);
    return;
  }
  l->reading = LOG_HEAD;
  next(l, 0);
}

static void check_end(struct kube_log *l) {
  l->reading = LOG_READ;
  if (cursor_at_end(l->cursor, l->words.len ? l->words.data : "", l->words.len))
    whole(l);
  else
    next(l, 0);
}

/* The container seems to have ended, and nobody has said so yet. Where its pod is being deleted, the log may
 * go before that is told: it is read once more while it is there. */
static void follow_ended(struct kube_log *l) {
  bool first = !l->orderly;
  note_followed(l, clock_ms() - l->sent_at < AT_ONCE_MS);
  set_orderly(l, true);
  l->pause_ms = l->cursor->total > l->total ? ENDED_TOLD_MS : l->pause_ms + ENDED_TOLD_MS;
  if (l->pause_ms > LAST_PAUSE_MS) l->pause_ms = LAST_PAUSE_MS;
  next(l, l->closing && first ? 0 : l->pause_ms);
}

/* An orderly end. Of a log that was followed it is a hint that the container has ended; the server ends it
 * for other reasons, too. */
static void reading_ended(struct kube_log *l) {
  struct error err = ERROR_INIT;
  bool all = l->reading == LOG_READ;
  int r = cursor_end(l->cursor, all, on_bytes, l, &err);
  if (l->freed) return;
  if (r >= 0) l->bad_since = 0;
  if (r < 0) {
    failed(l, &err, true);
  } else if (r == 2) {
    next(l, 0);
  } else if (all) {
    whole(l);
  } else if (l->ended) {
    set_orderly(l, true);
    next(l, 0); /* once more to the end: what was written last may not have been followed */
  } else {
    follow_ended(l);
  }
}

static void refused(struct kube_log *l) {
  struct error err = ERROR_INIT;
  struct http_response r = {.status = l->status, .body = l->words};
  kube_fault(&r, "reading the log failed", &err);
  if (l->status == 401 && !l->refused_before && kube_credentials_refused(l->k->credentials)) {
    l->refused_before = true;
    next(l, 0);
  } else {
    failed(l, &err, true);
  }
}

/* Requests */

static void on_head(void *data, long status) {
  struct kube_log *l = data;
  l->status = status;
  if (status != 200) return;
  l->refused_before = false;
  if (l->paused) http_pause(l->x, true);
}

static void on_data(void *data, const char *p, size_t n) {
  struct kube_log *l = data;
  struct error err = ERROR_INIT;
  if (l->status != 200 || l->reading >= LOG_END) {
    (void)buf_append(&l->words, p, n); /* over the cap: the beginning says enough */
    return;
  }
  enter(l);
  int r = cursor_feed(l->cursor, p, n, on_bytes, l, &err);
  if (!l->freed && l->cursor->any) l->bad_since = 0;
  if (!l->freed && (r == 2 || r < 0)) {
    http_exchange_free(TAKE(l->x));
    if (r == 2)
      next(l, 0);
    else
      failed(l, &err, true);
  }
  leave(l);
}

static void on_done(void *data, const struct http_response *r, const struct error *err) {
  struct kube_log *l = data;
  enter(l);
  struct http_exchange *x = TAKE(l->x);
  timer_free(TAKE(l->timer));
  kube_note(l->k, r);
  if (l->status == 204 || (l->status == 0 && !err)) {
    struct error none = ERROR_INIT;
    error_set(&none, ERR_ENGINE, "reading the log failed: there is none yet");
    failed(l, &none, true);
  } else if (l->status && l->status != 200) {
    refused(l);
  } else if (err) {
    cursor_end(l->cursor, false, on_bytes, l, NULL);
    bool moved = l->cursor->total > l->total;
    if (moved) l->pause_ms = 0;
    failed(l, err, l->status == 200 && moved);
  } else if (l->reading == LOG_END) {
    check_end(l);
  } else if (l->reading == LOG_HEAD) {
    check_head(l);
  } else {
    reading_ended(l);
  }
  http_exchange_free(x); /* last: r and err are its own */
  leave(l);
}

static char *path_now(struct kube_log *l) {
  char since[CURSOR_TIME_MAX] = "";
  const char *how = "read";
  char *path;
  if (end_first(l)) {
    l->reading = LOG_END;
    l->end_known = true;
    path = xprintf("%s&tailLines=%lld", l->path, (long long)l->cursor->last_count + 1);
    how = "its last lines";
  } else if (l->reading == LOG_HEAD) {
    path = xprintf("%s&limitBytes=%d", l->path, HEAD_BYTES);
    how = "its first line";
  } else {
    l->reading = l->ended || l->once ? LOG_READ : LOG_FOLLOW;
    cursor_begin(l->cursor, since);
    if (l->reading == LOG_FOLLOW) how = "follow";
    path = xprintf("%s%s%s%s", l->path, l->reading == LOG_FOLLOW ? "&follow=true" : "",
                   *since ? "&sinceTime=" : "", since);
  }
  trace(TRACE_RUNTIME, "log %d: %s%s%s", l->fd, how, *since ? " since " : "", since);
  return path;
}

static void send_now(struct kube_log *l) {
  static const struct http_handlers calls = {.on_head = on_head, .on_data = on_data, .on_done = on_done};
  struct error err = ERROR_INIT;
  char *headers = NULL;
  if (kube_credentials_headers(l->k->credentials, &headers, &err) < 0) {
    failed(l, &err, false);
    return;
  }
  if (!l->cursor->mark_ns)
    l->cursor->mark_ns = l->ended ? INT64_MAX : clock_wall_ns() + l->k->clock_offset_ns + CLOCK_DOUBT_NS;
  CLEANUP_FREE char *path = path_now(l);
  l->status = 0;
  l->total = l->cursor->total;
  l->sent_at = clock_ms();
  buf_clear(&l->words);
  struct http_request req = {.method = "GET", .path = path, .header = headers, .accept = "*/*"};
  l->x = http_begin(l->k->http, &req, &calls, l);
  kube_headers_free(headers);
}

static void on_credentials(void *data, const struct error *err) {
  struct kube_log *l = data;
  enter(l);
  if (err)
    failed(l, err, false);
  else
    send_now(l);
  leave(l);
}

static void on_next(void *data) {
  struct kube_log *l = data;
  enter(l);
  timer_free(TAKE(l->timer));
  if (kube_credentials_wanted(l->k->credentials))
    kube_credentials_fetch(l->k->credentials, &l->user);
  else
    send_now(l);
  leave(l);
}

static void next(struct kube_log *l, int64_t ms) {
  timer_free(l->timer);
  l->timer = loop_timer(l->k->loop, ms, on_next, l);
}

/* A log that is still followed long after the end. */
static void on_linger(void *data) {
  struct kube_log *l = data;
  enter(l);
  timer_free(TAKE(l->timer));
  if (l->paused || l->cursor->total > l->total) {
    l->total = l->cursor->total;
    l->timer = loop_timer(l->k->loop, LINGER_MS, on_linger, l);
  } else {
    trace(TRACE_RUNTIME, "log %d: it hangs", l->fd);
    http_exchange_free(TAKE(l->x));
    next(l, 0);
  }
  leave(l);
}

void kube_log_ended(struct kube_log *l) {
  if (l->ended) return;
  l->ended = true;
  l->pause_ms = 0;
  if (l->over) return;
  if (!l->x && l->timer) {
    next(l, 0);
  } else if (l->x && l->reading == LOG_FOLLOW) {
    l->total = l->cursor->total;
    l->timer = loop_timer(l->k->loop, LINGER_MS, on_linger, l);
  }
}

void kube_log_closing(struct kube_log *l) {
  if (l->closing || l->over) return;
  l->closing = true;
  if (l->orderly && !l->x && l->timer && !l->ended) next(l, 0);
}

void kube_log_pause(struct kube_log *l, bool paused) {
  l->paused = paused;
  if (l->x) http_pause(l->x, paused);
}

struct kube_log *kube_log_open(struct kube *k, const struct kube_log_request *req, struct cursor *cursor,
                               const struct kube_log_handlers *h, void *data) {
  struct kube_log *l = xcalloc(1, sizeof *l);
  CLEANUP_FREE char *container = http_escape(req->container);
  CLEANUP_FREE char *query =
      xprintf("/log?container=%s&timestamps=true%s%s", container, req->split ? "&stream=" : "",
              !req->split    ? ""
              : req->fd == 2 ? "Stderr"
                             : "Stdout");
  l->k = k;
  l->cursor = cursor;
  l->h = h;
  l->data = data;
  l->path = kube_path(k, "", "pods", req->pod, query);
  l->fd = req->fd;
  l->split = req->split;
  l->once = req->once;
  l->ended = !req->running;
  l->settled = -1;
  l->user = (struct kube_credentials_user){.done = on_credentials, .data = l};
  buf_init(&l->words, LIMIT_ERROR_BODY);
  next(l, 0);
  return l;
}

void kube_log_free(struct kube_log *l) {
  if (!l) return;
  l->freed = true;
  if (!l->busy) destroy(l);
}
