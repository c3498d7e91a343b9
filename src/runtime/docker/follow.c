#include "runtime/docker/follow.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/trace.h"
#include "runtime/docker/podman.h"
#include <stdlib.h>
#include <string.h>

static void on_head(void *data, long status) {
  struct follow *f = data;
  f->status = status;
  if (f->hold && status == 200) http_pause(f->x, true);
}

static void on_data(void *data, const char *p, size_t n) {
  struct follow *f = data;
  if (f->status == 200)
    f->h->on_data(f->data, p, n);
  else
    (void)buf_append(&f->words, p, n); /* over the cap: the beginning says enough */
}

static void on_done(void *data, const struct http_response *r, const struct error *err) {
  struct follow *f = data;
  (void)r;
  f->ended = true;
  if (err) f->fault = *err;
  if (f->status == 200 && !f->hold) f->h->on_end(f->data, err);
}

static const struct http_handlers handlers = {.on_head = on_head, .on_data = on_data, .on_done = on_done};

static void on_release(void *data) {
  struct follow *f = data;
  f->hold = false;
  if (f->ended)
    f->h->on_end(f->data, f->fault.kind != ERR_NONE ? &f->fault : NULL);
  else
    http_pause(f->x, false);
}

/* 0: the head of a success is there. */
static int await_head(struct follow *f, const struct follow_request *req, struct error *err) {
  int64_t begun = clock_ms(), left = -1;
  while (!f->ended && f->status != 200) {
    if (loop_interrupted(f->d->loop, err) != ERR_NONE) return -1;
    if (req->head_ms && (left = begun + req->head_ms - clock_ms()) <= 0)
      return error_set(err, ERR_TIMEOUT, "%s: no answer in %lld s", req->what,
                       (long long)(req->head_ms / 1000));
    loop_step(f->d->loop, (int)left);
  }
  trace(TRACE_RUNTIME, "%s %.*s: %ld, head after %lld ms", req->method, (int)strcspn(f->path, "?"), f->path,
        f->status, (long long)(clock_ms() - begun));
  if (f->status == 200) return 0;
  if (f->fault.kind != ERR_NONE) {
    if (err) *err = f->fault;
    return error_prefix(err, "%s", req->what);
  }
  struct http_response r = {.status = f->status, .body = f->words};
  docker_fault(&r, req->what, err);
  if (f->d->podman) podman_fault(err); /* r has no headers to tell it by */
  return -1;
}

int follow_begin(struct follow *f, struct docker *d, const struct follow_request *req,
                 const struct follow_handlers *h, void *data, struct error *err) {
  *f = (struct follow){.d = d, .h = h, .data = data, .hold = req->hold};
  buf_init(&f->words, LIMIT_ERROR_BODY);
  f->path = docker_path(d, req->path);
  struct http_request full = {.method = req->method, .path = f->path, .header = req->header};
  f->x = http_begin(d->http, &full, &handlers, f);
  if (await_head(f, req, err) < 0) {
    follow_done(f);
    return -1;
  }
  if (f->hold) f->release = loop_timer(d->loop, 0, on_release, f);
  return 0;
}

void follow_done(struct follow *f) {
  if (!f->d) return;
  timer_free(f->release);
  http_exchange_free(f->x);
  buf_done(&f->words);
  free(f->path);
  *f = (struct follow){0};
}
