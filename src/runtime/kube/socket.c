#include "runtime/kube/socket.h"
#include "base/alloc.h"
#include "base/trace.h"
#include "data/hash.h"
#include "data/json.h"
#include "net/upgrade.h"
#include "runtime/kube/reach.h"
#include "runtime/kube/websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 32768 /* bytes of input in one message: what every server takes */
#define OUT_MAX (2u * MESSAGE_MAX)
#define STATUS_MAX 4096   /* of the server's last word */
#define PING_MS 30000     /* so that nothing between takes a silent connection for a dead one */
#define CLOSE_CHANNEL 255 /* v5: with the channel's number */
#define NORMAL_CLOSE 1000
#define END_WORD 16 /* characters of the ping behind the input: nobody knows them who has not read it */

struct kube_socket {
  struct kube *k;
  struct kube_socket_handlers h;
  void *data;
  char *path;
  struct kube_credentials_user user;
  struct upgrade *u;
  struct websocket in;
  struct buf out; /* frames, what the connection has not taken yet */
  char key[WEBSOCKET_KEY_SIZE];
  bool v5, ready, over, refused_before;
  bool end_asked, end_sent, arrived; /* of the input */
  char end_word[END_WORD + 1];
  bool close_sent;
  int channel; /* of the message that is coming in; -1: its first byte has not come */
  struct buf status;
  struct timer *ping;
  struct error fault;
  int busy;
  bool freed;
};

static void destroy(struct kube_socket *s) {
  kube_credentials_forget(s->k->credentials, &s->user);
  upgrade_free(s->u);
  timer_free(s->ping);
  buf_done(&s->out);
  buf_done(&s->status);
  free(s->path);
  free(s);
}

static void enter(struct kube_socket *s) {
  s->busy++;
}
static void leave(struct kube_socket *s) {
  if (--s->busy == 0 && s->freed) destroy(s);
}

static void over(struct kube_socket *s, const struct error *err) {
  if (s->over || s->freed) return;
  s->over = true;
  trace(TRACE_RUNTIME, "attach: over%s%s", err ? ": " : "", err ? err->text : "");
  timer_free(TAKE(s->ping));
  s->h.on_over(s->data, err);
}

/* Sending */

/* Everything that waits, as far as it goes. */
static void flush(struct kube_socket *s) {
  while (s->out.len && !s->over) {
    ssize_t k = upgrade_send(s->u, s->out.data, s->out.len);
    if (k <= 0) return; /* on_writable comes, or on_end */
    buf_consume(&s->out, (size_t)k);
  }
}

static void control(struct kube_socket *s, int opcode, const void *p, size_t n) {
  if (s->close_sent) return;
  if (websocket_frame(&s->out, opcode, -1, p, n))
    return; /* a connection that full shows its fault elsewhere */
  s->close_sent = opcode == WEBSOCKET_CLOSE;
  flush(s);
}

/* With a ping, which is answered once everything before it was taken (RFC 6455, 5.5.2; servers read their
 * frames one by one, and hand each on before the next). A connection that is closed in order proves nothing:
 * it is when the command ends, too, with megabytes of input still in the kernels between. */
static void send_end(struct kube_socket *s) {
  static const unsigned char closed[] = {CHANNEL_INPUT}, normal[] = {NORMAL_CLOSE >> 8, NORMAL_CLOSE & 0xff};
  if (s->end_sent || s->out.len) return;
  s->end_sent = true;
  trace(TRACE_RUNTIME, "attach: end of input");
  if (s->v5) websocket_frame(&s->out, WEBSOCKET_BINARY, CLOSE_CHANNEL, closed, sizeof closed);
  random_id(s->end_word, END_WORD);
  control(s, WEBSOCKET_PING, s->end_word, END_WORD);
  if (!s->v5) control(s, WEBSOCKET_CLOSE, normal, sizeof normal);
}

long kube_socket_send(struct kube_socket *s, const void *p, size_t n) {
  if (s->over || s->end_asked) return -1;
  if (!s->ready || s->out.len) return 0;
  if (n > MESSAGE_MAX) n = MESSAGE_MAX;
  if (websocket_frame(&s->out, WEBSOCKET_BINARY, CHANNEL_INPUT, p, n)) return 0;
  flush(s);
  return (long)n;
}

int kube_socket_end_input(struct kube_socket *s) {
  if (s->arrived) return 0;
  if (s->over) return -1;
  s->end_asked = true;
  if (s->ready) send_end(s);
  return 1;
}

void kube_socket_resize(struct kube_socket *s, int rows, int cols) {
  char text[64];
  int n = snprintf(text, sizeof text, "{\"Width\":%d,\"Height\":%d}", cols, rows);
  if (s->over || !s->ready || s->close_sent) return;
  websocket_frame(&s->out, WEBSOCKET_BINARY, CHANNEL_RESIZE, text, (size_t)n);
  flush(s);
}

/* Receiving */

static void ready(struct kube_socket *s) {
  if (s->ready) return;
  s->ready = true;
  s->h.on_ready(s->data);
  if (!s->freed && s->end_asked) send_end(s);
}

/* Behind the status the server lets go of what comes. */
static void on_pong(struct kube_socket *s, const unsigned char *p, size_t n) {
  if (n != END_WORD || memcmp(p, s->end_word, n) != 0) return;
  if (!s->end_sent || s->status.len || s->arrived) return;
  trace(TRACE_RUNTIME, "attach: the input has arrived");
  s->arrived = true;
  s->h.on_room(s->data);
}

/* {"status":"Success"} or a Failure with words; when the command has ended. */
static void take_status(struct kube_socket *s) {
  struct error ignored = ERROR_INIT;
  CLEANUP_JSON json_t *o = s->status.len ? json_parse(s->status.data, s->status.len, &ignored) : NULL;
  const char *status = json_str(o, "status"), *words = json_str(o, "message");
  if (status && strcmp(status, "Success") != 0)
    error_set(&s->fault, ERR_ENGINE, "attach failed: %s", words ? words : "the node gave no reason");
}

static int on_message(void *data, bool begin, bool end, const char *p, size_t n) {
  struct kube_socket *s = data;
  if (begin) s->channel = -1;
  if (s->channel < 0 && n) {
    s->channel = (unsigned char)*p++;
    n--;
    ready(s); /* the first message is an empty one and says that the container is attached */
  }
  if (!s->freed && n && (s->channel == CHANNEL_OUTPUT || s->channel == CHANNEL_ERROR_OUTPUT))
    s->h.on_bytes(s->data, s->channel, p, n);
  if (!s->freed && s->channel == CHANNEL_STATUS) {
    (void)buf_append(&s->status, p, n);
    if (end) take_status(s);
  }
  return s->freed || s->over;
}

static int on_control(void *data, int opcode, const unsigned char *p, size_t n) {
  struct kube_socket *s = data;
  char reason[WEBSOCKET_CONTROL_MAX];
  if (opcode == WEBSOCKET_PING) control(s, WEBSOCKET_PONG, p, n);
  if (opcode == WEBSOCKET_PONG) on_pong(s, p, n);
  if (opcode != WEBSOCKET_CLOSE) return s->freed || s->over;
  int code = websocket_close_code(p, n, reason);
  trace(TRACE_RUNTIME, "attach: closed by the server, %d %s", code, reason);
  control(s, WEBSOCKET_CLOSE, p, n < 2 ? 0 : 2);
  bool in_order = code == NORMAL_CLOSE || code == 1005;
  if (!in_order && s->fault.kind == ERR_NONE)
    error_set(&s->fault, ERR_LOST, "the attached connection was closed by the server: %d %s", code, reason);
  over(s, s->fault.kind ? &s->fault : NULL);
  return 1;
}

static void on_data(void *data, const char *p, size_t n) {
  static const struct websocket_handlers calls = {on_message, on_control};
  struct kube_socket *s = data;
  struct error fault = ERROR_INIT;
  if (s->over || s->freed) return;
  enter(s);
  if (websocket_feed(&s->in, p, n, &calls, s, &fault) < 0) over(s, &fault);
  leave(s);
}

static void on_writable(void *data) {
  struct kube_socket *s = data;
  enter(s);
  flush(s);
  if (!s->over && !s->out.len) {
    if (s->end_asked)
      send_end(s);
    else if (s->ready)
      s->h.on_room(s->data);
  }
  leave(s);
}

static void fetch(struct kube_socket *s);

static void on_end(void *data, const struct error *err) {
  struct kube_socket *s = data;
  struct error cut = ERROR_INIT;
  enter(s);
  if (err && err->http_status == 401 && !s->refused_before && kube_credentials_refused(s->k->credentials)) {
    s->refused_before = true;
    upgrade_free(TAKE(s->u));
    fetch(s);
  } else if (err) {
    cut = *err;
    if (err->http_status == 401 || err->http_status == 403) cut.kind = ERR_PERMISSION;
    over(s, &cut);
  } else {
    error_set(&cut, ERR_LOST, "the attached connection ended without a word");
    over(s, s->fault.kind ? &s->fault : &cut);
  }
  leave(s);
}

/* No answer proves nothing: a server does not read on while the command does not read its input. That the
 * other end is gone TCP's keep-alive tells. */
static void on_ping(void *data) {
  struct kube_socket *s = data;
  enter(s);
  if (!s->out.len) control(s, WEBSOCKET_PING, "", 0);
  timer_free(s->ping);
  s->ping = loop_timer(s->k->loop, PING_MS, on_ping, s);
  leave(s);
}

/* Opening */

static void on_open(void *data, struct upgrade *u) {
  struct kube_socket *s = data;
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *accept = upgrade_header(u, "Sec-WebSocket-Accept"),
                    *protocol = upgrade_header(u, "Sec-WebSocket-Protocol"), *want = websocket_accept(s->key);
  enter(s);
  s->v5 = protocol && !strcmp(protocol, "v5.channel.k8s.io");
  trace(TRACE_RUNTIME, "attach: open, %s", protocol ? protocol : "no protocol");
  if (!accept || strcmp(accept, want) != 0)
    error_set(&err, ERR_ENGINE, "attach failed: what answers is no WebSocket (a proxy between us?)");
  else if (!s->v5 && (!protocol || strcmp(protocol, "v4.channel.k8s.io") != 0))
    error_set(&err, ERR_ENGINE, "attach failed: the server speaks neither v5.channel.k8s.io nor v4 but '%s'",
              protocol ? protocol : "");
  if (err.kind)
    over(s, &err);
  else
    s->ping = loop_timer(s->k->loop, PING_MS, on_ping, s);
  leave(s);
}

static void connect_now(struct kube_socket *s) {
  static const struct upgrade_handlers calls = {
      .on_data = on_data, .on_end = on_end, .on_writable = on_writable};
  struct error err = ERROR_INIT;
  char *auth = NULL;
  if (kube_credentials_headers(s->k->credentials, &auth, &err) < 0) {
    over(s, &err);
    return;
  }
  websocket_key(s->key);
  CLEANUP_FREE char *headers = xprintf("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
                                       "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io%s%s",
                                       s->key, auth ? "\r\n" : "", auth ? auth : "");
  struct upgrade_request req = {
      .method = "GET", .path = s->path, .protocol = "websocket", .headers = headers};
  s->u = upgrade_begin(s->k->http, &req, on_open, &calls, s);
  explicit_bzero(headers, strlen(headers));
  kube_headers_free(auth);
}

static void on_credentials(void *data, const struct error *err) {
  struct kube_socket *s = data;
  enter(s);
  if (err)
    over(s, err);
  else
    connect_now(s);
  leave(s);
}

static void fetch(struct kube_socket *s) {
  if (kube_credentials_wanted(s->k->credentials))
    kube_credentials_fetch(s->k->credentials, &s->user);
  else
    connect_now(s);
}

/* A fault of connect_now() must not be told before kube_socket_open() has returned. */
static void on_begin(void *data) {
  struct kube_socket *s = data;
  enter(s);
  timer_free(TAKE(s->ping));
  fetch(s);
  leave(s);
}

struct kube_socket *kube_socket_open(struct kube *k, const char *path, const struct kube_socket_handlers *h,
                                     void *data) {
  struct kube_socket *s = xcalloc(1, sizeof *s);
  s->k = k;
  s->h = *h;
  s->data = data;
  s->path = xstrdup(path);
  s->channel = -1;
  s->user = (struct kube_credentials_user){.done = on_credentials, .data = s};
  buf_init(&s->out, OUT_MAX);
  buf_init(&s->status, STATUS_MAX);
  s->ping = loop_timer(k->loop, 0, on_begin, s);
  return s;
}

void kube_socket_pause(struct kube_socket *s, bool paused) {
  if (s->u) upgrade_pause(s->u, paused);
}

void kube_socket_free(struct kube_socket *s) {
  if (!s) return;
  s->freed = true;
  if (!s->busy) destroy(s);
}
