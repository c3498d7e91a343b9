/* One list and its changes. States: a watch is under way (w->x), a list is (w->x, w->listing), or there is a
 * pause before the next try (w->timer), or a plugin fetches credentials. Whatever ends a request comes to one
 * of again(), list_again() or later(). What was told is remembered as it was last seen, so that a list read
 * again tells only what has changed meanwhile. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/trace.h"
#include "data/hash.h"
#include "data/json.h"
#include "runtime/kube/reach.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_S 300 /* the server ends a watch then, in order; half of it more by chance: client-go's */
#define WATCH_GRACE_MS 30000 /* a server that does not: the connection is dead somewhere between */
#define LIST_LIMIT_MS 30000
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define SHORT_MS 1000 /* a watch that ended sooner, and told nothing, is not begun again at once twice */

struct kube_watch {
  struct kube *k;
  struct kube_watch_handlers h;
  void *data;
  char *path, *query; /* "labelSelector=...&", escaped; may be "" */
  char *version;      /* resourceVersion to go on from; NULL: the list must be read */
  json_t *objects;    /* uid -> object as it was last seen */
  struct http_exchange *x;
  struct timer *timer;
  struct kube_credentials_user user;
  struct buf line; /* of a watch: the event that has begun */
  long status;
  int64_t begun, pause_ms, retry_after_ms;
  bool listing;
  bool refused; /* 401, and no success since */
  bool failed, in_trouble;
  struct error event_fault; /* an ERROR event came: the watch is over */
  bool expired;             /* and it, or the answer, said that the version is too old or unknown */
  bool over;                /* x has ended, or is not wanted any more */
  int busy;                 /* inside a handler: kube_watch_free() waits */
  bool freed;
};

static void send_next(struct kube_watch *w);

static void destroy(struct kube_watch *w) {
  http_exchange_free(w->x);
  timer_free(w->timer);
  kube_credentials_forget(w->k->credentials, &w->user);
  json_decref(w->objects);
  buf_done(&w->line);
  free(w->path);
  free(w->query);
  free(w->version);
  free(w);
}

static const char *const *unread(const struct kube_watch *w) {
  return w->h.unread ? w->h.unread : kube_unread;
}

static void enter(struct kube_watch *w) {
  w->busy++;
}

/* True: the owner has freed it meanwhile, and it is gone. */
static bool leave(struct kube_watch *w) {
  if (--w->busy || !w->freed) return false;
  destroy(w);
  return true;
}

/* Objects */

static void set_version(struct kube_watch *w, const char *version) {
  if (!version || !*version) return;
  char *copy = xstrdup(version);
  free(w->version);
  w->version = copy;
}

static const char *uid_of(const json_t *o) {
  const char *uid = json_str(o, "metadata.uid");
  return uid ? uid : json_str(o, "metadata.name");
}

static bool same_version(const json_t *a, const json_t *b) {
  const char *va = json_str(a, "metadata.resourceVersion"), *vb = json_str(b, "metadata.resourceVersion");
  return va && vb && !strcmp(va, vb);
}

static void tell_object(struct kube_watch *w, json_t *o) {
  const char *uid = uid_of(o);
  if (!uid) return;
  json_t *known = json_object_get(w->objects, uid);
  bool added = !known;
  if (known && same_version(known, o)) return;
  json_object_set(w->objects, uid, o);
  if (w->h.on_object) w->h.on_object(w->data, o, added);
}

static void tell_gone(struct kube_watch *w, json_t *last) {
  const char *uid = uid_of(last);
  if (!uid || !json_object_get(w->objects, uid)) return;
  json_incref(last);
  json_object_del(w->objects, uid);
  if (w->h.on_gone) w->h.on_gone(w->data, last);
  json_decref(last);
}

/* Items of a list carry neither kind nor apiVersion; nobody here needs them. */
static void take_list(struct kube_watch *w, const json_t *list) {
  CLEANUP_JSON json_t *before = json_copy(w->objects);
  const json_t *items = json_object_get(list, "items");
  size_t i;
  const char *uid;
  json_t *o;
  set_version(w, json_str(list, "metadata.resourceVersion"));
  json_array_foreach(items, i, o) {
    if ((uid = uid_of(o))) json_object_del(before, uid);
  }
  json_object_foreach(before, uid, o) {
    if (!w->freed) tell_gone(w, o);
  }
  json_array_foreach(items, i, o) {
    if (!w->freed) tell_object(w, o);
  }
}

/* Contact */

static void well(struct kube_watch *w) {
  w->failed = w->refused = false;
  if (!w->in_trouble) return;
  w->in_trouble = false;
  if (w->h.on_trouble) w->h.on_trouble(w->data, NULL);
}

static void on_pause_over(void *data) {
  send_next(data);
}

static void later(struct kube_watch *w, int64_t at_least_ms) {
  unsigned char chance;
  char id[3];
  random_id(id, 2);
  chance = (unsigned char)id[1];
  w->pause_ms = w->pause_ms ? w->pause_ms * 2 : PAUSE_MIN_MS;
  if (w->pause_ms > PAUSE_MAX_MS) w->pause_ms = PAUSE_MAX_MS;
  /* Many watchers lose one server at one time: they must not come back at one time. */
  int64_t ms = w->pause_ms + w->pause_ms * (chance % 32) / 64;
  timer_free(w->timer);
  w->timer = loop_timer(w->k->loop, ms > at_least_ms ? ms : at_least_ms, on_pause_over, w);
}

/* At once, unless that was just tried to no avail. */
static void soon(struct kube_watch *w) {
  if (w->pause_ms) {
    later(w, 0);
    return;
  }
  w->pause_ms = PAUSE_MIN_MS / 2;
  send_next(w);
}

/* The first cut of a watch that was well is not worth a word: proxies cut idle connections. */
static void trouble(struct kube_watch *w, const struct error *err) {
  bool first = !w->failed && !w->listing && w->status == 200;
  w->failed = true;
  trace(TRACE_RUNTIME, "watch %s: %s", w->path, err->text);
  if (!first && !w->in_trouble) {
    w->in_trouble = true;
    if (w->h.on_trouble) w->h.on_trouble(w->data, err);
  }
  if (!w->freed) later(w, w->retry_after_ms);
}

static void refused(struct kube_watch *w, const struct http_response *r) {
  struct error err = ERROR_INIT;
  w->retry_after_ms = kube_retry_after(r);
  if (w->status == 401 && !w->refused && kube_credentials_refused(w->k->credentials)) {
    w->refused = true;
    send_next(w);
    return;
  }
  struct http_response words = {
      .status = w->status, .headers = r->headers, .body = w->listing ? r->body : w->line};
  kube_fault(&words, "watching failed", &err);
  bool too_large = strstr(err.text, "Too large resource version") != NULL;
  w->expired = w->status == 410 || too_large;
  if (w->expired && !w->listing) {
    free(TAKE(w->version));
    if (w->status == 410)
      soon(w);
    else
      later(w, w->retry_after_ms); /* the server has not caught up yet */
    return;
  }
  trouble(w, &err);
}

/* Events */

static void on_error_event(struct kube_watch *w, const json_t *status) {
  const char *message = json_str(status, "message"), *reason = json_str(status, "reason");
  long long code = json_int_or(status, "code", 0);
  w->over = true;
  w->expired = code == 410 || (reason && (!strcmp(reason, "Expired") || !strcmp(reason, "Gone")));
  error_set(&w->event_fault, ERR_ENGINE, "watching failed: %s",
            message ? message : "an error without a word");
}

static void on_event(struct kube_watch *w, const char *p, size_t n) {
  struct error ignored = ERROR_INIT;
  CLEANUP_JSON json_t *event = json_parse_without(p, n, unread(w), &ignored);
  const char *type = event ? json_str(event, "type") : NULL;
  json_t *o = event ? json_object_get(event, "object") : NULL;
  if (!type || !json_is_object(o)) { /* begun again from the last version: nothing is lost */
    w->over = true;
    error_set(&w->event_fault, ERR_ENGINE, "watching failed: what came is no event");
    return;
  }
  if (!strcmp(type, "ERROR")) {
    on_error_event(w, o);
    return;
  }
  w->pause_ms = 0;
  set_version(w, json_str(o, "metadata.resourceVersion"));
  if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED"))
    tell_object(w, o);
  else if (!strcmp(type, "DELETED"))
    tell_gone(w, o);
}

static void take_events(struct kube_watch *w, const char *p, size_t n) {
  while (n && !w->over && !w->freed) {
    const char *end = memchr(p, '\n', n);
    size_t k = end ? (size_t)(end - p) : n;
    if (buf_append(&w->line, p, k) < 0) {
      w->over = true;
      error_set(&w->event_fault, ERR_ENGINE, "watching failed: one object is larger than %u MiB",
                LIMIT_WATCH_EVENT >> 20);
      return;
    }
    p += k;
    n -= k;
    if (!end) return;
    p++, n--;
    if (w->line.len) on_event(w, w->line.data, w->line.len);
    buf_clear(&w->line);
  }
}

/* Requests */

static void on_head(void *data, long status) {
  struct kube_watch *w = data;
  enter(w);
  w->status = status;
  if (status == 200 && !w->listing) well(w);
  leave(w);
}

static void after_event_fault(struct kube_watch *w) {
  struct error err = w->event_fault;
  error_clear(&w->event_fault);
  free(TAKE(w->version)); /* whatever it was: the list tells how things are */
  if (w->expired)
    soon(w);
  else if (strstr(err.text, "Too large resource version"))
    later(w, 0);
  else
    trouble(w, &err);
}

static void on_data(void *data, const char *p, size_t n) {
  struct kube_watch *w = data;
  enter(w);
  if (w->status != 200)
    (void)buf_append(&w->line, p, n); /* words of a refusal; over the cap the beginning says enough */
  else if (!w->over)
    take_events(w, p, n);
  if (!w->freed && w->over && w->event_fault.kind) {
    http_exchange_free(TAKE(w->x));
    after_event_fault(w);
  }
  leave(w);
}

static void watch_ended(struct kube_watch *w, const struct error *err) {
  bool whole = !err || err->kind == ERR_TIMEOUT; /* our own limit: the server should have ended it */
  if (clock_ms() - w->begun >= SHORT_MS) w->pause_ms = 0;
  if (whole)
    soon(w);
  else
    trouble(w, err);
}

static void list_ended(struct kube_watch *w, const struct http_response *r) {
  struct error err = ERROR_INIT;
  CLEANUP_JSON json_t *list =
      json_parse_without(r->body.len ? r->body.data : "", r->body.len, unread(w), &err);
  if (!list) {
    error_prefix(&err, "watching failed: the API server's answer");
    trouble(w, &err);
    return;
  }
  well(w);
  if (!w->freed) take_list(w, list);
  if (!w->freed) send_next(w);
}

static void on_done(void *data, const struct http_response *r, const struct error *err) {
  struct kube_watch *w = data;
  enter(w);
  w->over = true;
  kube_note(w->k, r);
  trace(TRACE_RUNTIME, "%s %s: %ld, %lld ms", w->listing ? "list" : "watch", w->path, r->status,
        (long long)(clock_ms() - w->begun));
  struct http_exchange *x = TAKE(w->x);
  w->retry_after_ms = 0;
  if (w->status && w->status != 200)
    refused(w, r);
  else if (!w->listing)
    watch_ended(w, err);
  else if (err)
    trouble(w, err);
  else
    list_ended(w, r);
  http_exchange_free(x); /* last: r and err are its own */
  leave(w);
}

static char *path_of(const struct kube_watch *w) {
  if (!w->version) return xprintf("%s?%s", w->path, w->query);
  char id[5];
  random_id(id, 4);
  int seconds = WATCH_S + (id[1] * 31 + id[2] * 7 + id[3]) % (WATCH_S / 2);
  CLEANUP_FREE char *version = http_escape(w->version);
  return xprintf("%s?%swatch=1&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%d", w->path,
                 w->query, version, seconds);
}

static void send_now(struct kube_watch *w) {
  static const struct http_handlers watching = {.on_head = on_head, .on_data = on_data, .on_done = on_done},
                                    listing = {.on_head = on_head, .on_done = on_done};
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *path = path_of(w);
  char *headers = NULL;
  w->listing = !w->version;
  w->status = 0;
  w->over = w->expired = false;
  w->begun = clock_ms();
  buf_clear(&w->line);
  if (kube_credentials_headers(w->k->credentials, &headers, &err) < 0) {
    trouble(w, &err);
    return;
  }
  struct http_request req = {.method = "GET",
                             .path = path,
                             .header = headers,
                             .accept = "application/json",
                             .timeout_ms = w->listing ? LIST_LIMIT_MS : WATCH_S * 1500 + WATCH_GRACE_MS};
  w->x = http_begin(w->k->http, &req, w->listing ? &listing : &watching, w);
  kube_headers_free(headers);
}

static void on_credentials(void *data, const struct error *err) {
  struct kube_watch *w = data;
  enter(w);
  w->status = 0;
  if (err)
    trouble(w, err);
  else
    send_now(w);
  leave(w);
}

static void send_next(struct kube_watch *w) {
  if (kube_credentials_wanted(w->k->credentials))
    kube_credentials_fetch(w->k->credentials, &w->user);
  else
    send_now(w);
}

static char *query_of(const char *selector, const char *field) {
  CLEANUP_FREE char *label = selector ? http_escape(selector) : NULL;
  CLEANUP_FREE char *of = field ? http_escape(field) : NULL;
  return xprintf("%s%s%s%s%s%s", label ? "labelSelector=" : "", label ? label : "", label ? "&" : "",
                 of ? "fieldSelector=" : "", of ? of : "", of ? "&" : "");
}

int kube_watch_begin(struct kube *k, const char *path, const char *selector, const char *field,
                     const struct kube_watch_handlers *h, void *data, struct kube_watch **ret,
                     struct error *err) {
  CLEANUP_FREE char *query = query_of(selector, field);
  CLEANUP_FREE char *full = xprintf("%s?%s", path, query);
  CLEANUP_FREE char *what = xprintf("reading %s failed", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
  CLEANUP_JSON json_t *list = NULL;
  if (kube_get(k, full, what, &list, err) < 0) return -1;
  struct kube_watch *w = xcalloc(1, sizeof *w);
  w->k = k;
  w->h = *h;
  w->data = data;
  w->path = xstrdup(path);
  w->query = TAKE(query);
  w->objects = json_object();
  w->user = (struct kube_credentials_user){.done = on_credentials, .data = w};
  buf_init(&w->line, LIMIT_WATCH_EVENT);
  *ret = w;
  enter(w);
  take_list(w, list);
  if (!w->freed) send_next(w);
  leave(w);
  return 0;
}

void kube_watch_free(struct kube_watch *w) {
  if (!w) return;
  w->freed = true;
  if (!w->busy) destroy(w);
}
