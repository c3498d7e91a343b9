#include "net/http.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/trace.h"
#include "net/easy.h"
#include "net/loop_curl.h"
#include "net/podman_service.h"
#include "net/ssh.h"
#include "net/tls_shared.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PENDING_MAX (256u << 10) /* bytes for on_data not yet handed on: then libcurl pauses */

struct http_client {
  struct loop *loop;
  struct endpoint ep;
  struct ssh_tunnel *tunnel;      /* NULL: none */
  struct podman_service *service; /* NULL: none */
  unsigned running, most;         /* exchanges now; and the most there were: as many connections were made */
};

/* libcurl's callbacks fill `pending`, `response` and the flags; run() tells the owner, outside of libcurl. */
struct http_exchange {
  struct http_client *client;
  struct http_handlers h;
  void *data;
  struct transfer transfer;
  struct task task;
  struct timer *timer;
  struct curl_slist *headers;
  char *what; /* "POST /v1.41/..." */
  bool changes, no_body /* of the answer: HEAD */;
  unsigned sends; /* how often libcurl began to send */
  struct http_response response;
  struct buf pending;
  struct error fault; /* set before libcurl reports: wins over its code */
  CURLcode rc;
  int64_t begun;
  bool head_came, head_told, paused, stopped /* pending is full */, over, told;
  bool counted; /* in client->running */
  bool in_run, freed;
  char text[CURL_ERROR_SIZE];
};

/* To libcurl an engine behind a tunnel is one on a Unix socket; only its name for people says more. */
struct http_client *http_client_new(struct loop *loop, const struct endpoint *ep, struct error *err) {
  struct http_client *c = xcalloc(1, sizeof *c);
  (void)err;
  c->loop = loop;
  endpoint_copy(&c->ep, ep);
  if (ep->scheme == ENDPOINT_SSH) {
    c->tunnel = ssh_tunnel_new(loop, ep);
    c->ep.scheme = ENDPOINT_UNIX;
  }
  c->ep.connect_to = easy_connect_to(&c->ep);
  if (ep->podman_service) c->service = podman_service_new(loop, ep);
  easy_global(&c->ep);
  loop_ready(loop);
  c->ep.tls_shared = tls_shared_new(&c->ep);
  return c;
}

int http_client_ready(struct http_client *c, struct error *err) {
  if (c->tunnel ? ssh_tunnel_ready(c->tunnel, err) : c->service ? podman_service_ready(c->service, err) : 0)
    return -1;
  if (c->tunnel || c->service) {
    free(c->ep.socket_path);
    c->ep.socket_path = xstrdup(c->tunnel ? ssh_tunnel_socket(c->tunnel) : podman_service_socket(c->service));
  }
  return 0;
}

void http_client_free(struct http_client *c) {
  if (!c) return;
  ssh_tunnel_free(c->tunnel);
  podman_service_free(c->service);
  curl_slist_free_all(c->ep.connect_to);
  tls_shared_free(c->ep.tls_shared);
  endpoint_done(&c->ep);
  free(c);
}

const struct endpoint *http_client_endpoint(const struct http_client *c) {
  return &c->ep;
}

void http_client_certificate(struct http_client *c, const char *cert, const char *key) {
  struct endpoint old = {
      .cert = c->ep.cert, .key = c->ep.key, .cert_data = c->ep.cert_data, .key_data = c->ep.key_data};
  c->ep.cert = c->ep.key = NULL;
  c->ep.cert_data = xstrdup(cert);
  c->ep.key_data = xstrdup(key);
  endpoint_done(&old);
}

struct loop *http_client_loop(const struct http_client *c) {
  return c->loop;
}

void http_response_done(struct http_response *r) {
  buf_done(&r->headers);
  buf_done(&r->body);
}

char *http_header(const struct http_response *r, const char *name) {
  size_t n = strlen(name);
  const char *p = r->headers.len ? r->headers.data : "";
  while (*p) {
    const char *end = p + strcspn(p, "\r\n");
    if (!strncasecmp(p, name, n) && p[n] == ':') {
      p += n + 1;
      while (p < end && (*p == ' ' || *p == '\t')) p++;
      while (end > p && (end[-1] == ' ' || end[-1] == '\t')) end--;
      return xstrndup(p, (size_t)(end - p));
    }
    p = end + strspn(end, "\r\n");
  }
  return NULL;
}

char *http_escape(const char *s) {
  static const char hex[] = "0123456789ABCDEF";
  char *out = xmalloc(strlen(s) * 3 + 1), *p = out;
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~", c)) {
      *p++ = (char)c;
      continue;
    }
    *p++ = '%';
    *p++ = hex[c >> 4];
    *p++ = hex[c & 15];
  }
  *p = '\0';
  return out;
}

/* libcurl's callbacks: they note and queue, no more. */

static void wake(struct http_exchange *x) {
  task_queue(x->client->loop, &x->task);
}

/* libcurl sends again by itself when a reused connection dies unanswered (Curl_retry_request). */
static int on_prereq(void *data, char *peer, char *local, int peer_port, int local_port) {
  struct http_exchange *x = data;
  (void)peer, (void)local, (void)peer_port, (void)local_port;
  if (x->sends++ && x->changes) return CURL_PREREQFUNC_ABORT;
  return CURL_PREREQFUNC_OK;
}

static size_t too_large(struct http_exchange *x) {
  error_set(&x->fault, ERR_ENGINE, "%s: the answer is larger than %u MiB", x->what, LIMIT_JSON >> 20);
  return 0;
}

/* Does the head announce more than we keep? Then nobody waits for it. */
static bool announces_too_much(struct http_exchange *x) {
  curl_off_t n = 0;
  if (x->h.on_data || x->no_body) return false;
  curl_easy_getinfo(x->transfer.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
  return n > (curl_off_t)LIMIT_JSON;
}

static size_t on_header(char *p, size_t size, size_t n, void *data) {
  struct http_exchange *x = data;
  n *= size;
  if (n > 5 && !memcmp(p, "HTTP/", 5)) buf_clear(&x->response.headers); /* a head after 100 Continue */
  if (buf_append(&x->response.headers, p, n)) {
    error_set(&x->fault, ERR_ENGINE, "%s: the head of the answer is larger than %u KiB", x->what,
              LIMIT_HEADERS >> 10);
    return 0;
  }
  if (n <= 2 && !x->head_came) { /* the empty line */
    curl_easy_getinfo(x->transfer.easy, CURLINFO_RESPONSE_CODE, &x->response.status);
    if (x->response.status / 100 != 1) {
      x->head_came = true;
      wake(x);
      if (announces_too_much(x)) return too_large(x);
    }
  }
  return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *data) {
  struct http_exchange *x = data;
  n *= size;
  if (!x->h.on_data) {
    if (!buf_append(&x->response.body, p, n)) return n;
    return too_large(x);
  }
  if (x->paused || x->pending.len + n > PENDING_MAX) {
    x->stopped = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  buf_append(&x->pending, p, n);
  wake(x);
  return n;
}

static void leave(struct http_exchange *x) {
  if (x->counted) x->client->running--;
  x->counted = false;
}

static void on_over(void *data, CURLcode rc) {
  struct http_exchange *x = data;
  leave(x);
  x->rc = rc;
  /* A connection closed in the middle of the head is an orderly end to libcurl. */
  if (!rc && !x->head_came) x->rc = CURLE_GOT_NOTHING;
  x->over = true;
  wake(x);
}

static void on_timeout(void *data) {
  struct http_exchange *x = data;
  if (x->over) return;
  error_set(&x->fault, x->sends ? ERR_TIMEOUT : ERR_UNREACHABLE, "%s: no whole answer from %s in %lld s",
            x->what, x->client->ep.text, (long long)(clock_ms() - x->begun + 500) / 1000);
  transfer_end(&x->transfer);
  on_over(x, CURLE_OPERATION_TIMEDOUT);
}

/* Telling the owner; after each call it may have freed the exchange. */

static void destroy(struct http_exchange *x) {
  leave(x);
  transfer_end(&x->transfer);
  curl_easy_cleanup(x->transfer.easy);
  for (struct curl_slist *l = x->headers; l; l = l->next) explicit_bzero(l->data, strlen(l->data));
  curl_slist_free_all(x->headers);
  task_cancel(x->client->loop, &x->task);
  timer_free(x->timer);
  http_response_done(&x->response);
  buf_done(&x->pending);
  free(x->what);
  free(x);
}

static void tell_data(struct http_exchange *x) {
  struct buf taken = x->pending;
  buf_init(&x->pending, taken.cap);
  x->h.on_data(x->data, taken.data, taken.len);
  if (!x->pending.len) { /* keep the memory for the next round */
    buf_done(&x->pending);
    buf_clear(&taken);
    x->pending = taken;
  } else
    buf_done(&taken);
}

static void tell_end(struct http_exchange *x) {
  struct error err = ERROR_INIT;
  bool bad = x->rc != CURLE_OK || x->fault.kind;
  x->told = true;
  if (x->fault.kind)
    err = x->fault;
  else if (bad)
    easy_fault(&x->client->ep, x->transfer.easy, x->rc, x->sends > 0, x->what, x->text, &err);
  trace(TRACE_NET, "%s: status %ld, %zu bytes, curl %d, %lld ms", x->what, x->response.status,
        x->response.body.len, (int)x->rc, (long long)(clock_ms() - x->begun));
  if (x->h.on_done) x->h.on_done(x->data, &x->response, bad ? &err : NULL);
}

static void run(void *data) {
  struct http_exchange *x = data;
  x->in_run = true;
  if (x->head_came && !x->head_told) {
    x->head_told = true;
    if (x->h.on_head) x->h.on_head(x->data, x->response.status);
  }
  if (!x->freed && x->pending.len && !x->paused) tell_data(x);
  if (!x->freed && x->stopped && !x->paused && !x->over) {
    x->stopped = false;
    curl_easy_pause(x->transfer.easy, CURLPAUSE_CONT);
  }
  if (!x->freed && x->over && !x->told && !x->pending.len) tell_end(x);
  x->in_run = false;
  if (x->freed) destroy(x);
}

/* Beginning */

static void add_header(struct http_exchange *x, const char *line) {
  x->headers = curl_slist_append(x->headers, line);
}

/* A value that holds a line's end would be read as a header of its own: only we put lines together. */
static void add_headers(struct http_exchange *x, const char *lines) {
  while (lines && *lines) {
    size_t n = strcspn(lines, "\r\n");
    char *line = xstrndup(lines, n);
    if (n) add_header(x, line);
    explicit_bzero(line, n);
    free(line);
    lines += n;
    lines += strspn(lines, "\r\n");
  }
}

static void set_headers(struct http_exchange *x, const struct http_request *req) {
  const struct endpoint *ep = &x->client->ep;
  if (ep->server_name) { /* the URL holds the certificate's name, see easy_new() */
    CLEANUP_FREE char *authority = easy_authority(ep);
    CLEANUP_FREE char *host = xprintf("Host: %s", authority);
    add_header(x, host);
  }
  if (req->accept) {
    CLEANUP_FREE char *accept = xprintf("Accept: %s", req->accept);
    add_header(x, accept);
  }
  add_headers(x, req->header);
  curl_easy_setopt(x->transfer.easy, CURLOPT_HTTPHEADER, x->headers);
}

static void set_method(struct http_exchange *x, const struct http_request *req) {
  CURL *e = x->transfer.easy;
  bool post = !strcmp(req->method, "POST");
  add_header(x, "Expect:"); /* libcurl would wait a second for "100 Continue" before a large body */
  if (req->body || post) {
    CLEANUP_FREE char *type =
        req->body ? xprintf("Content-Type: %s", req->content_type ? req->content_type : "application/json")
                  : xstrdup("Content-Type:");
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, req->body ? req->body : "");
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(req->body ? req->body_len : 0));
    add_header(x, type);
    if (!post) curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
  } else if (!strcmp(req->method, "HEAD")) {
    x->no_body = true;
    curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
  } else if (strcmp(req->method, "GET"))
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
}

struct http_exchange *http_begin(struct http_client *c, const struct http_request *req,
                                 const struct http_handlers *h, void *data) {
  struct http_exchange *x = xcalloc(1, sizeof *x);
  CURL *e;
  x->client = c;
  x->h = *h;
  x->data = data;
  x->changes = req->changes;
  x->what = xprintf("%s %s", req->method, req->path);
  x->begun = clock_ms();
  x->task = (struct task){.fn = run, .data = x};
  buf_init(&x->response.headers, LIMIT_HEADERS);
  buf_init(&x->response.body, LIMIT_JSON);
  buf_init(&x->pending, PENDING_MAX);
  e = easy_new(&c->ep, req->path, x->text);
  x->transfer = (struct transfer){.easy = e, .on_done = on_over, .data = x};
  set_method(x, req);
  set_headers(x, req);
  curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_prereq);
  curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
  if (req->timeout_ms > 0) x->timer = loop_timer(c->loop, req->timeout_ms, on_timeout, x);
  transfer_begin(c->loop, &x->transfer);
  x->counted = true;
  if (++c->running > c->most) c->most = c->running;
  return x;
}

void http_wait_free(struct http_client *c, int64_t ms) {
  int64_t until = clock_ms() + ms, left;
  while (c->running && c->running >= c->most && (left = until - clock_ms()) > 0)
    loop_step(c->loop, (int)left);
}

void http_pause(struct http_exchange *x, bool paused) {
  x->paused = paused;
  if (!paused) wake(x);
}

void http_exchange_free(struct http_exchange *x) {
  if (!x || x->freed) return;
  if (x->in_run)
    x->freed = true;
  else
    destroy(x);
}

/* The blocking call */

struct call {
  bool done, bad;
  struct http_response response;
  struct error err;
};

static void call_done(void *data, const struct http_response *r, const struct error *err) {
  struct call *c = data;
  c->done = true;
  c->bad = err != NULL;
  if (err)
    c->err = *err;
  else
    c->response = *r; /* taken over in http_call() */
}

int http_call(struct http_client *c, const struct http_request *req, struct http_response *ret,
              struct error *err) {
  struct call call = {.done = false};
  struct http_handlers h = {.on_done = call_done};
  if (http_client_ready(c, err)) return -1;
  struct http_exchange *x = http_begin(c, req, &h, &call);
  enum error_kind kind = loop_wait(c->loop, &call.done, 0, err);
  int r = 0;
  if (kind)
    r = -1;
  else if (call.bad) {
    if (err) *err = call.err;
    r = -1;
  } else {
    *ret = call.response;
    buf_init(&x->response.headers, LIMIT_HEADERS);
    buf_init(&x->response.body, LIMIT_JSON);
  }
  http_exchange_free(x);
  return r;
}
