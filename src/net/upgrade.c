#include "net/upgrade.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/trace.h"
#include "net/easy.h"
#include "net/loop_curl.h"
#include "net/upgrade_head.h"
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_TIMEOUT_MS 60000 /* an engine that is alive answers at once; the interrupt may say less */
#define WORDS_TIMEOUT_MS 2000 /* for the words of a refusal that does not say its length */
#define READ_MAX 65536        /* a turn: others must have theirs */
#define RECORD_MAX 16384      /* bytes of one TLS record */

struct upgrade {
  struct http_client *client;
  struct loop *loop;
  struct upgrade_handlers h;
  void *data;
  struct transfer transfer;
  struct watch *watch;
  struct task task; /* for what poll() does not see: early bytes, bytes inside of the TLS layer */
  int fd;
  bool tls;
  bool paused, want_out, ended;
  bool shut_wanted, shut; /* end of input: asked for, sent */
  bool in_callback, freed;
  struct buf early; /* came with the head */
  char *out;        /* TLS only: OpenSSL wants the same bytes again after a "would block" */
  size_t out_at, out_n;
  char text[CURL_ERROR_SIZE];
  char in[READ_MAX];
};

/* Opening */

struct opening {
  bool done;
  CURLcode rc;
};

static void on_connected(void *data, CURLcode rc) {
  struct opening *o = data;
  o->done = true;
  o->rc = rc;
}

static void on_ready(void *data, int fd, unsigned events) {
  (void)fd, (void)events;
  *(bool *)data = true;
}

/* Waits until the connection is ready for `events`. */
static int wait_ready(struct upgrade *u, unsigned events, int64_t ms, struct error *err) {
  bool ready = false;
  struct watch *w = loop_watch(u->loop, u->fd, events, on_ready, &ready);
  enum error_kind kind = loop_wait(u->loop, &ready, ms, err);
  watch_free(w);
  if (kind == ERR_TIMEOUT)
    return error_set(err, ERR_TIMEOUT, "attach: no answer from %s in %lld s",
                     http_client_endpoint(u->client)->text, (long long)ms / 1000);
  return kind ? -1 : 0;
}

static int open_connect(struct upgrade *u, struct error *err) {
  const struct endpoint *ep = http_client_endpoint(u->client);
  struct opening o = {.done = false};
  curl_socket_t fd = CURL_SOCKET_BAD;
  u->transfer.easy = easy_new(ep, "/", u->text);
  u->transfer.on_done = on_connected;
  u->transfer.data = &o;
  curl_easy_setopt(u->transfer.easy, CURLOPT_CONNECT_ONLY, 1L);
  transfer_begin(u->loop, &u->transfer);
  if (loop_wait(u->loop, &o.done, 0, err)) return -1;
  if (o.rc) return easy_fault(ep, u->transfer.easy, o.rc, false, "attach", u->text, err);
  curl_easy_getinfo(u->transfer.easy, CURLINFO_ACTIVESOCKET, &fd);
  u->fd = fd;
  u->tls = ep->tls;
  return 0;
}

static int lost(struct upgrade *u, CURLcode rc, struct error *err) {
  if (rc)
    return easy_fault(http_client_endpoint(u->client), u->transfer.easy, rc, true, "attach", u->text, err);
  return error_set(err, ERR_LOST, "attach: %s closed the connection before an answer",
                   http_client_endpoint(u->client)->text);
}

static int open_send(struct upgrade *u, const char *path, struct error *err) {
  const struct endpoint *ep = http_client_endpoint(u->client);
  CLEANUP_FREE char *host = easy_authority(ep);
  CLEANUP_FREE char *head =
      xprintf("POST %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: run-once/%s\r\nContent-Type: text/plain\r\n"
              "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
              ep->base_path ? ep->base_path : "", path, host, RUN_ONCE_VERSION);
  size_t at = 0, n = strlen(head), k;
  while (at < n) {
    CURLcode rc = curl_easy_send(u->transfer.easy, head + at, n - at, &k);
    if (rc == CURLE_AGAIN) {
      if (wait_ready(u, WATCH_OUT, HEAD_TIMEOUT_MS, err)) return -1;
    } else if (rc)
      return lost(u, rc, err);
    else
      at += k;
  }
  return 0;
}

/* One read behind what is in b. 1: bytes or a wait; 0: end of the stream; -1: fault. */
static int open_read(struct upgrade *u, struct buf *b, int64_t ms, struct error *err) {
  size_t k = 0;
  CURLcode rc = curl_easy_recv(u->transfer.easy, u->in, sizeof u->in, &k);
  if (rc == CURLE_AGAIN) return wait_ready(u, WATCH_IN, ms, err) ? -1 : 1;
  if (rc) return lost(u, rc, err);
  if (!k) return 0;
  if (buf_append(b, u->in, k)) return easy_fault_not_http(http_client_endpoint(u->client), err);
  return 1;
}

/* Reads on for the words of a refusal, as long as that makes sense, and turns them into the error. */
static int open_refused(struct upgrade *u, const struct upgrade_head *h, struct buf *b, struct error *err) {
  struct error ignored = ERROR_INIT;
  while (b->len - h->len < LIMIT_ERROR_BODY && !upgrade_body_whole(h, b->data + h->len, b->len - h->len)) {
    int r = open_read(u, b, WORDS_TIMEOUT_MS, &ignored);
    if (r < 0 && (ignored.kind == ERR_CANCELLED || ignored.kind == ERR_DEADLINE_START)) {
      if (err) *err = ignored;
      return -1;
    }
    if (r <= 0) break;
  }
  return upgrade_refused(h, http_client_endpoint(u->client), b->data + h->len, b->len - h->len, err);
}

static int open_head(struct upgrade *u, struct error *err) {
  struct buf *b = &u->early;
  struct upgrade_head h;
  for (;;) {
    int r = b->len ? upgrade_head_parse(b->data, b->len, &h) : 0;
    if (r < 0) return easy_fault_not_http(http_client_endpoint(u->client), err);
    if (r > 0 && (h.status == 101 || h.status / 100 != 1)) break;
    if (r > 0) { /* 100 Continue and its like */
      buf_consume(b, h.len);
      continue;
    }
    r = open_read(u, b, HEAD_TIMEOUT_MS, err);
    if (r < 0) return -1;
    if (!r) return lost(u, CURLE_OK, err);
  }
  if (h.status != 101) return open_refused(u, &h, b, err);
  buf_consume(b, h.len); /* what is left is the stream's */
  return 0;
}

/* The stream */

static void update_watch(struct upgrade *u) {
  if (u->ended) return;
  watch_set(u->watch, (u->paused ? 0 : WATCH_IN) | (u->want_out ? WATCH_OUT : 0));
}

static void destroy(struct upgrade *u) {
  watch_free(u->watch);
  task_cancel(u->loop, &u->task);
  transfer_end(&u->transfer);
  curl_easy_cleanup(u->transfer.easy);
  buf_done(&u->early);
  free(u->out);
  free(u);
}

/* OpenSSL's object; there only once curl_easy_send() was used. */
static SSL *tls_object(struct upgrade *u) {
  struct curl_tlssessioninfo *info = NULL;
  if (curl_easy_getinfo(u->transfer.easy, CURLINFO_TLS_SSL_PTR, &info) || !info) return NULL;
  return info->internals;
}

/* libcurl 7.88 takes a TCP end without close_notify for an orderly one: an attacker's or a proxy's cut. */
static bool was_cut(struct upgrade *u) {
  SSL *ssl = u->tls ? tls_object(u) : NULL;
  return ssl && !(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
}

static void tell_end(struct upgrade *u, CURLcode rc, int os) {
  struct error err = ERROR_INIT;
  bool cut = !rc && was_cut(u);
  const char *why = os           ? strerror(os)
                    : cut        ? "closed without TLS's close_notify"
                    : u->text[0] ? u->text
                                 : curl_easy_strerror(rc);
  u->ended = true;
  watch_set(u->watch, 0);
  trace(TRACE_NET, "attached stream ended: %s", rc || cut ? why : "in order");
  if (rc || cut)
    error_set(&err, ERR_LOST, "the attached stream from %s broke: %s", http_client_endpoint(u->client)->text,
              why);
  if (u->h.on_end) u->h.on_end(u->data, err.kind ? &err : NULL);
}

/* A Unix socket to libcurl, a host to people. */
static bool tunnelled(const struct upgrade *u) {
  const struct endpoint *ep = http_client_endpoint(u->client);
  return ep->scheme == ENDPOINT_UNIX && ep->host;
}

/* Raw recv() is right on a plain socket and saves libcurl's work; TLS has to go through libcurl. */
static CURLcode receive(struct upgrade *u, size_t *ret_n, int *ret_os) {
  ssize_t n;
  if (u->tls) return curl_easy_recv(u->transfer.easy, u->in, sizeof u->in, ret_n);
  n = recv(u->fd, u->in, sizeof u->in, MSG_DONTWAIT);
  *ret_n = n > 0 ? (size_t)n : 0;
  if (n >= 0) return CURLE_OK;
  if (errno == EAGAIN || errno == EINTR) return CURLE_AGAIN;
  /* ssh ends without having read all of ours: the other end wants no more. What it wrote was read before. */
  if (errno == ECONNRESET && tunnelled(u)) return CURLE_OK;
  *ret_os = errno;
  return CURLE_RECV_ERROR;
}

static void read_turn(struct upgrade *u) {
  size_t n = 0;
  int os = 0;
  CURLcode rc = receive(u, &n, &os);
  if (rc == CURLE_AGAIN) return;
  if (rc || !n) {
    tell_end(u, rc, os);
    return;
  }
  if (u->tls) task_queue(u->loop, &u->task); /* more may wait where poll() does not see it */
  u->h.on_data(u->data, u->in, n);
}

static void run_task(void *data) {
  struct upgrade *u = data;
  if (u->paused || u->ended) return;
  u->in_callback = true;
  if (u->early.len) {
    struct buf b = u->early;
    buf_init(&u->early, b.cap);
    u->h.on_data(u->data, b.data, b.len);
    buf_done(&b);
    if (u->tls && !u->freed) task_queue(u->loop, &u->task);
  } else if (u->tls)
    read_turn(u);
  u->in_callback = false;
  if (u->freed) destroy(u);
}

/* TLS: sends what is left of `out`. 0: all gone or would block; -1: the connection is gone. */
static int flush_out(struct upgrade *u) {
  while (u->out_n) {
    size_t k = 0;
    CURLcode rc = curl_easy_send(u->transfer.easy, u->out + u->out_at, u->out_n, &k);
    if (rc == CURLE_AGAIN) return 0;
    if (rc) return -1;
    u->out_at += k;
    u->out_n -= k;
  }
  return 0;
}

static int shut_now(struct upgrade *u) {
  if (u->shut) return 0;
  u->shut = true;
  if (!u->tls) return shutdown(u->fd, SHUT_WR);
  /* close_notify and no more: SHUT_WR below TLS would look like an attack to the peer. */
  SSL *ssl = tls_object(u);
  return ssl && SSL_shutdown(ssl) >= 0 ? 0 : -1;
}

static void write_turn(struct upgrade *u) {
  u->want_out = false;
  if (u->out_n) {
    flush_out(u); /* a fault shows on the reading side */
    u->want_out = u->out_n > 0;
  }
  if (!u->want_out && u->shut_wanted) shut_now(u);
  if (!u->want_out && !u->shut_wanted && u->h.on_writable) u->h.on_writable(u->data);
}

static void on_event(void *data, int fd, unsigned events) {
  struct upgrade *u = data;
  (void)fd;
  if (u->ended) return;
  u->in_callback = true;
  if ((events & WATCH_IN) && !u->paused) {
    if (u->early.len)
      task_queue(u->loop, &u->task); /* those first */
    else
      read_turn(u);
  }
  /* A hang-up shows as WATCH_IN alone: somebody who waits for room must hear of it, too. */
  if (!u->freed && !u->ended && u->want_out && ((events & WATCH_OUT) || u->paused)) write_turn(u);
  u->in_callback = false;
  if (u->freed)
    destroy(u);
  else
    update_watch(u);
}

int upgrade_open(struct http_client *c, const char *path, const struct upgrade_handlers *h, void *data,
                 struct upgrade **ret, struct error *err) {
  struct upgrade *u = xcalloc(1, sizeof *u);
  u->client = c;
  u->loop = http_client_loop(c);
  u->h = *h;
  u->data = data;
  u->fd = -1;
  u->task = (struct task){.fn = run_task, .data = u};
  buf_init(&u->early, LIMIT_HEADERS + LIMIT_ERROR_BODY);
  if (http_client_ready(c, err) || open_connect(u, err) || open_send(u, path, err) || open_head(u, err)) {
    destroy(u);
    return -1;
  }
  trace(TRACE_NET, "POST %s: upgraded, %zu bytes with the head", path, u->early.len);
  u->watch = loop_watch(u->loop, u->fd, WATCH_IN, on_event, u);
  if (u->tls) u->out = xmalloc(RECORD_MAX);
  if (u->early.len || u->tls) task_queue(u->loop, &u->task);
  *ret = u;
  return 0;
}

static ssize_t send_tls(struct upgrade *u, const void *p, size_t n) {
  if (flush_out(u)) return -1;
  if (u->out_n) return 0;
  if (n > RECORD_MAX) n = RECORD_MAX;
  memcpy(u->out, p, n);
  u->out_at = 0;
  u->out_n = n;
  if (flush_out(u)) return -1;
  return (ssize_t)n; /* taken; the rest of it leaves by write_turn() */
}

ssize_t upgrade_send(struct upgrade *u, const void *p, size_t n) {
  ssize_t r;
  if (u->ended || u->shut_wanted) return -1;
  if (!n) return 0;
  if (u->tls)
    r = send_tls(u, p, n);
  else {
    r = send(u->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (r < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) r = 0;
  }
  if ((r >= 0 && (size_t)r < n) || u->out_n) {
    u->want_out = true;
    update_watch(u);
  }
  return r;
}

int upgrade_half_close(struct upgrade *u) {
  if (u->ended) return -1;
  u->shut_wanted = true;
  if (!u->out_n) return shut_now(u);
  u->want_out = true;
  update_watch(u);
  return 0;
}

void upgrade_pause(struct upgrade *u, bool paused) {
  u->paused = paused;
  if (!paused && !u->ended && (u->early.len || u->tls)) task_queue(u->loop, &u->task);
  update_watch(u);
}

int upgrade_fd(const struct upgrade *u) {
  return u->fd;
}

void upgrade_free(struct upgrade *u) {
  if (!u || u->freed) return;
  if (u->in_callback)
    u->freed = true;
  else
    destroy(u);
}
