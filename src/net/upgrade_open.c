/* Towards an upgraded connection: connect, send the head, read the answer's. Each step goes as far as it can
 * without waiting; the loop calls again. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/trace.h"
#include "net/easy.h"
#include "net/upgrade_inside.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_TIMEOUT_MS 60000 /* an engine that is alive answers at once; the interrupt may say less */
#define WORDS_TIMEOUT_MS 2000 /* for the words of a refusal that does not say its length */

static const struct endpoint *where(const struct upgrade *u) {
  return http_client_endpoint(u->client);
}

void upgrade_opening_done(struct upgrade *u) {
  timer_free(TAKE(u->timer));
  if (u->request) explicit_bzero(u->request, u->request_n);
  free(TAKE(u->request));
  free(TAKE(u->what));
  free(TAKE(u->head_text));
}

/* Not open, and never will be: u->fault tells. */
static void fail(struct upgrade *u) {
  trace(TRACE_NET, "%s: not upgraded: %s", u->what, u->fault.text);
  u->ended = u->settled = true;
  timer_free(TAKE(u->timer));
  if (u->watch) watch_set(u->watch, 0);
  if (u->on_open && u->h.on_end) u->h.on_end(u->data, &u->fault);
}

static void lost(struct upgrade *u, CURLcode rc) {
  if (rc)
    easy_fault(where(u), u->transfer.easy, rc, true, "attach", u->text, &u->fault);
  else
    error_set(&u->fault, ERR_LOST, "attach: %s closed the connection before an answer", where(u)->text);
  fail(u);
}

/* The words of the refusal, as far as they came, are the error. */
static void refused(struct upgrade *u) {
  upgrade_refused(&u->head, where(u), u->early.data ? u->early.data : "", u->early.len, &u->fault);
  fail(u);
}

static void on_late(void *data) {
  struct upgrade *u = data;
  if (u->settled) return;
  u->in_callback = true;
  if (u->stage == UPGRADE_REFUSED) {
    refused(u);
  } else {
    error_set(&u->fault, ERR_TIMEOUT, "attach: no answer from %s in %d s", where(u)->text,
              HEAD_TIMEOUT_MS / 1000);
    fail(u);
  }
  u->in_callback = false;
  if (u->freed) upgrade_destroy(u);
}

static void limit(struct upgrade *u, int64_t ms) {
  timer_free(u->timer);
  u->timer = loop_timer(u->loop, ms, on_late, u);
}

static void on_connected(void *data, CURLcode rc) {
  struct upgrade *u = data;
  u->connected = rc;
  u->stage = UPGRADE_SENDING;
  task_queue(u->loop, &u->task);
}

/* false: no descriptor, and the fault is told. */
static bool connected(struct upgrade *u) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  if (u->watch) return true;
  if (u->connected) {
    easy_fault(where(u), u->transfer.easy, u->connected, false, "attach", u->text, &u->fault);
    fail(u);
    return false;
  }
  curl_easy_getinfo(u->transfer.easy, CURLINFO_ACTIVESOCKET, &fd);
  u->fd = fd;
  u->tls = where(u)->tls;
  u->watch = loop_watch(u->loop, fd, 0, upgrade_event, u);
  limit(u, HEAD_TIMEOUT_MS);
  return true;
}

static void send_head(struct upgrade *u) {
  while (u->request_at < u->request_n) {
    size_t k = 0;
    CURLcode rc =
        curl_easy_send(u->transfer.easy, u->request + u->request_at, u->request_n - u->request_at, &k);
    if (rc == CURLE_AGAIN) {
      watch_set(u->watch, WATCH_OUT);
      return;
    }
    if (rc) {
      lost(u, rc);
      return;
    }
    u->request_at += k;
  }
  u->stage = UPGRADE_READING;
}

/* One read behind what is there. 1: bytes; 0: end of the stream; -1: would block, or the fault is told. */
static int read_more(struct upgrade *u) {
  size_t k = 0;
  CURLcode rc = curl_easy_recv(u->transfer.easy, u->in, sizeof u->in, &k);
  if (rc == CURLE_AGAIN) {
    watch_set(u->watch, WATCH_IN);
    return -1;
  }
  if (rc && u->stage == UPGRADE_REFUSED) return 0; /* what has come is what there is */
  if (rc) {
    lost(u, rc);
    return -1;
  }
  if (!k) return 0;
  if (!buf_append(&u->early, u->in, k)) return 1;
  easy_fault_not_http(where(u), &u->fault);
  fail(u);
  return -1;
}

static void opened(struct upgrade *u) {
  trace(TRACE_NET, "%s: upgraded, %zu bytes with the head", u->what, u->early.len);
  timer_free(TAKE(u->timer));
  u->settled = true;
  upgrade_stream(u);
  if (u->on_open) u->on_open(u->data, u);
}

/* true: the head is whole, and `stage` says what it means; or the fault is told. */
static bool take_head(struct upgrade *u) {
  struct buf *b = &u->early;
  for (;;) {
    int r = b->len ? upgrade_head_parse(b->data, b->len, &u->head) : 0;
    if (r == 0) return false;
    if (r < 0) {
      easy_fault_not_http(where(u), &u->fault);
      fail(u);
      return true;
    }
    if (u->head.status == 101 || u->head.status / 100 != 1) break;
    buf_consume(b, u->head.len); /* 100 Continue and its like */
  }
  u->head_text = xstrndup(b->data, u->head.len);
  buf_consume(b, u->head.len); /* what is left is the stream's, or a refusal's words */
  if (u->head.status == 101) {
    opened(u);
  } else {
    u->stage = UPGRADE_REFUSED;
    limit(u, WORDS_TIMEOUT_MS);
  }
  return true;
}

static void read_head(struct upgrade *u) {
  while (!u->settled && !u->freed) {
    if (u->stage == UPGRADE_READING && take_head(u)) continue;
    if (u->stage == UPGRADE_REFUSED &&
        (u->early.len >= LIMIT_ERROR_BODY ||
         upgrade_body_whole(&u->head, u->early.data ? u->early.data : "", u->early.len))) {
      refused(u);
      return;
    }
    int r = read_more(u);
    if (r < 0) return;
    if (r > 0) continue;
    if (u->stage == UPGRADE_REFUSED)
      refused(u);
    else
      lost(u, CURLE_OK);
  }
}

void upgrade_opening(struct upgrade *u) {
  if (u->settled || u->stage == UPGRADE_CONNECTING || !connected(u)) return;
  if (u->stage == UPGRADE_SENDING) send_head(u);
  if (u->stage == UPGRADE_READING || u->stage == UPGRADE_REFUSED) read_head(u);
}

static char *head_of(const struct endpoint *ep, const struct upgrade_request *req) {
  CLEANUP_FREE char *host = easy_authority(ep);
  bool post = !strcmp(req->method, "POST");
  return xprintf("%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: run-once/%s\r\n%sConnection: Upgrade\r\n"
                 "Upgrade: %s\r\n%s%s\r\n",
                 req->method, ep->base_path ? ep->base_path : "", req->path, host, RUN_ONCE_VERSION,
                 post ? "Content-Type: text/plain\r\nContent-Length: 0\r\n" : "", req->protocol,
                 req->headers ? req->headers : "", req->headers ? "\r\n" : "");
}

struct upgrade *upgrade_begin(struct http_client *c, const struct upgrade_request *req,
                              upgrade_open_fn *on_open, const struct upgrade_handlers *h, void *data) {
  struct upgrade *u = xmalloc(sizeof *u);
  memset(u, 0, offsetof(struct upgrade, in));
  u->client = c;
  u->loop = http_client_loop(c);
  u->h = *h;
  u->data = data;
  u->on_open = on_open;
  u->fd = -1;
  u->task = (struct task){.fn = upgrade_turn, .data = u};
  u->what = xprintf("%s %.*s", req->method, (int)strcspn(req->path, "?"), req->path);
  u->request = head_of(where(u), req);
  u->request_n = strlen(u->request);
  buf_init(&u->early, LIMIT_HEADERS + LIMIT_ERROR_BODY);
  u->transfer.easy = easy_new(where(u), "/", u->text);
  u->transfer.on_done = on_connected;
  u->transfer.data = u;
  curl_easy_setopt(u->transfer.easy, CURLOPT_CONNECT_ONLY, 1L);
  transfer_begin(u->loop, &u->transfer);
  return u;
}

int upgrade_open(struct http_client *c, const char *path, const struct upgrade_handlers *h, void *data,
                 struct upgrade **ret, struct error *err) {
  struct upgrade_request req = {.method = "POST", .path = path, .protocol = "tcp"};
  if (http_client_ready(c, err)) return -1;
  struct upgrade *u = upgrade_begin(c, &req, NULL, h, data);
  int rc = loop_wait(u->loop, &u->settled, 0, err) ? -1 : 0;
  if (!rc && u->fault.kind) {
    if (err) *err = u->fault;
    rc = -1;
  }
  if (rc)
    upgrade_destroy(u);
  else
    *ret = u;
  return rc;
}

char *upgrade_header(const struct upgrade *u, const char *name) {
  return u->head_text ? upgrade_head_header(u->head_text, strlen(u->head_text), name) : NULL;
}
