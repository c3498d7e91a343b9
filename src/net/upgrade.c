#include "base/alloc.h"
#include "base/trace.h"
#include "net/easy.h"
#include "net/upgrade_inside.h"
#include <errno.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define RECORD_MAX 16384 /* bytes of one TLS record */
#define PIECES_MAX 16    /* 256 KiB and their heads: then the others have their turn */

static void update_watch(struct upgrade *u) {
  if (u->ended) return;
  watch_set(u->watch, (u->paused ? 0 : WATCH_IN) | (u->want_out ? WATCH_OUT : 0));
}

void upgrade_destroy(struct upgrade *u) {
  upgrade_opening_done(u);
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
static CURLcode receive(struct upgrade *u, size_t most, size_t *ret_n, int *ret_os) {
  ssize_t n;
  if (u->tls) return curl_easy_recv(u->transfer.easy, u->in, most, ret_n);
  n = recv(u->fd, u->in, most, MSG_DONTWAIT);
  *ret_n = n > 0 ? (size_t)n : 0;
  if (n >= 0) return CURLE_OK;
  if (errno == EAGAIN || errno == EINTR) return CURLE_AGAIN;
  /* ssh ends without having read all of ours: the other end wants no more. What it wrote was read before. */
  if (errno == ECONNRESET && tunnelled(u)) return CURLE_OK;
  *ret_os = errno;
  return CURLE_RECV_ERROR;
}

/* False: nothing more to read in this turn. */
static bool read_piece(struct upgrade *u, size_t most) {
  size_t n = 0;
  int os = 0;
  CURLcode rc = receive(u, most, &n, &os);
  u->drained = n < most;
  if (rc == CURLE_AGAIN) return false;
  if (rc || !n) {
    tell_end(u, rc, os);
    return false;
  }
  if (u->tls) task_queue(u->loop, &u->task); /* more may wait where poll() does not see it */
  u->came += n;
  u->h.on_data(u->data, u->in, n);
  return !u->freed && !u->ended && !u->paused;
}

/* 1: moved on without being read; 0: to be read; -1: nothing is there. */
static int move_piece(struct upgrade *u, size_t most) {
  ssize_t n = recv(u->fd, u->in, most, MSG_PEEK | MSG_DONTWAIT);
  u->drained = n < (ssize_t)most;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return -1;
  size_t k = n > 0 ? u->h.on_front(u->data, u->fd, u->in, (size_t)n) : 0;
  u->came += k;
  return k > 0;
}

/* Several in a turn: what fits into the buffer, or pieces whose size on_next() knows, which are small or move
 * at next to no cost. */
static void read_pieces(struct upgrade *u) {
  for (int pieces = 0; pieces < PIECES_MAX; pieces++) {
    bool front = false;
    size_t most = u->h.on_next && !u->tls ? u->h.on_next(u->data, &front) : SIZE_MAX;
    bool known = most != SIZE_MAX;
    if (most > sizeof u->in) most = sizeof u->in;
    int moved = front ? move_piece(u, most) : 0;
    if (moved < 0) return;
    if (!moved && (!read_piece(u, front ? sizeof u->in : most) || !known)) return;
    if (u->paused) return;
  }
}

/* The loop stands still for these few milliseconds: a timer of its own would wake it up as often. */
static void let_gather(struct upgrade *u) {
  struct timespec t;
  bool sending = u->sending;
  u->sending = false;
  if (!u->drained || !u->h.pieces || u->tls || u->ended || u->freed || u->paused) return;
  clock_gettime(CLOCK_MONOTONIC, &t);
  int64_t now = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
  int64_t us = gather_us(&u->gather, u->came, u->h.pieces(u->data), now);
  u->came = 0;
  if (us && !sending) nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static void read_turn(struct upgrade *u) {
  read_pieces(u);
  let_gather(u);
}

static void stream_turn(struct upgrade *u) {
  if (u->paused || u->ended) return;
  if (u->early.len) {
    struct buf b = u->early;
    buf_init(&u->early, b.cap);
    u->h.on_data(u->data, b.data, b.len);
    buf_done(&b);
    if (u->tls && !u->freed) task_queue(u->loop, &u->task);
  } else if (u->tls)
    read_turn(u);
}

void upgrade_turn(void *data) {
  struct upgrade *u = data;
  u->in_callback = true;
  if (u->stage == UPGRADE_OPEN)
    stream_turn(u);
  else
    upgrade_opening(u);
  u->in_callback = false;
  if (u->freed) upgrade_destroy(u);
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
  if (!u->want_out && u->h.on_writable) u->h.on_writable(u->data);
}

void upgrade_event(void *data, int fd, unsigned events) {
  struct upgrade *u = data;
  (void)fd;
  if (u->stage != UPGRADE_OPEN) {
    upgrade_turn(u);
    return;
  }
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
    upgrade_destroy(u);
  else
    update_watch(u);
}

void upgrade_stream(struct upgrade *u) {
  u->stage = UPGRADE_OPEN;
  watch_set(u->watch, WATCH_IN);
  if (u->tls) u->out = xmalloc(RECORD_MAX);
  if (u->early.len || u->tls) task_queue(u->loop, &u->task);
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
  if (u->ended || u->shut_wanted || u->stage != UPGRADE_OPEN) return -1;
  if (!n) return 0;
  u->sending = true;
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
  if (u->ended || u->stage != UPGRADE_OPEN) return -1;
  u->shut_wanted = true;
  if (!u->out_n) return shut_now(u);
  u->want_out = true;
  update_watch(u);
  return 1;
}

void upgrade_pause(struct upgrade *u, bool paused) {
  u->paused = paused;
  if (u->stage != UPGRADE_OPEN) return;
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
    upgrade_destroy(u);
}
