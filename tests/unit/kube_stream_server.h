/* An API server with one pod, its log and its attached connection, as `scene` says. */
#ifndef UNIT_KUBE_STREAM_SERVER_H
#define UNIT_KUBE_STREAM_SERVER_H
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "descriptors.h"
#include "kube_server.h"
#include "runtime/kube/socket.h"
#include "runtime/kube/stream.h"
#include "runtime/kube/websocket.h"

enum { ENDED, CLOSED, CUT, ROTATE, INPUT, INPUT_END, LOGS, RESIZES, OPENED }; /* shared.n */

static struct {
  const char *const *out, *const *err; /* lines with their times; err NULL: none */
  const char *early;                   /* TTY: what the connection brings at once */
  int v;                               /* 4 or 5; 0: not a WebSocket; 403: refused; -1: dies */
  int minor;
  const char *removed; /* words behind the first follow */
  bool no_log;         /* the node has lost it, after the first reading */
  bool deleted;        /* the pod is, and its log goes with the command's end */
  bool untaken;        /* input is left between, and the connection closed in order: the command has ended */
} scene;

static void chunk(struct peer *p, const char *text, size_t n) {
  char head[32];
  if (!n) return;
  peer_write(p, head, (size_t)snprintf(head, sizeof head, "%zx\r\n", n));
  peer_write(p, text, n);
  peer_write(p, "\r\n", 2);
}

static bool later(const char *line, const char *since) {
  return !*since || clock_parse_rfc3339(since) <= clock_parse_rfc3339(line);
}

/* The lines as they would be answered, from line `first` on. */
static void render(const char *const *lines, size_t first, const char *request, struct buf *to) {
  char since[CURSOR_TIME_MAX] = "", time[CURSOR_TIME_MAX];
  const char *at = strstr(request, "sinceTime=");
  unsigned limit = 0;
  if (at) sscanf(at, "sinceTime=%20[0-9TZ:-]", since);
  for (size_t i = first; lines && lines[i]; i++) {
    snprintf(time, sizeof time, "%.*s", (int)strcspn(lines[i], " "), lines[i]);
    if (later(time, since)) buf_puts(to, lines[i]);
  }
  if ((at = strstr(request, "limitBytes=")) && sscanf(at, "limitBytes=%u", &limit) == 1 && to->len > limit)
    to->len = limit;
}

/* What a kubelet writes in the place of a log whose container it has removed. */
#define REMOVED "rpc error: code = Unknown desc = Error: No such container: c0ffee" /* while it follows */
#define NO_LOG "unable to retrieve container logs for docker://c0ffee"

/* CLOSED: follows end in order though nobody has told an end; negative: what comes then is refused, too. */
static bool log_request(struct peer *p, const char *request, struct shared *s) {
  static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  static const char no[] = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
  static const char gone[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  bool follow = strstr(request, "follow=true");
  struct buf text;
  buf_init(&text, 4u << 20);
  bool first = __sync_fetch_and_add(&s->n[LOGS], 1) == 0;
  if (s->n[CLOSED] < 0 && !first) {
    if (s->n[ENDED])
      peer_write(p, gone, sizeof gone - 1);
    else
      peer_write(p, no, sizeof no - 1);
    return true;
  }
  render(strstr(request, "stream=Stderr") ? scene.err : scene.out, (size_t)s->n[ROTATE], request, &text);
  if (scene.err && !strstr(request, "stream=")) render(scene.err, 0, request, &text);
  peer_write(p, head, sizeof head - 1);
  if ((scene.deleted && s->n[ENDED]) || (scene.no_log && !first)) buf_clear(&text), buf_puts(&text, NO_LOG);
  int cut = follow ? s->n[CUT] : 0;
  if (cut && (size_t)cut <= text.len) {
    s->n[CUT] = 0;
    chunk(p, text.data, (size_t)cut);
    buf_done(&text);
    return true;
  }
  chunk(p, text.data, text.len);
  while (follow && !s->n[ENDED] && !s->n[CLOSED]) nap_ms(5);
  if (follow && scene.removed && first) chunk(p, scene.removed, strlen(scene.removed));
  peer_write(p, "0\r\n\r\n", 5);
  buf_done(&text);
  return true;
}

static void frame(struct peer *p, int opcode, const char *text, size_t n) {
  char head[2] = {(char)(0x80 | opcode), (char)n};
  peer_write(p, head, 2);
  peer_write(p, text, n);
}

static bool read_all(struct peer *p, void *to, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t k = peer_read(p, (char *)to + at, n - at);
    if (k <= 0) return false;
    at += (size_t)k;
  }
  return true;
}

/* One frame of the client; -1: gone. */
static int client_frame(struct peer *p, unsigned char *text, size_t *ret_n) {
  unsigned char head[4], mask[4];
  if (!read_all(p, head, 2)) return -1;
  size_t n = head[1] & 0x7f;
  if (!(head[1] & 0x80) || n == 127) return -1; /* not masked, or longer than 32 KiB */
  if (n == 126) {
    if (!read_all(p, head + 2, 2)) return -1;
    n = (size_t)head[2] << 8 | head[3];
  }
  if (!read_all(p, mask, 4) || !read_all(p, text, n)) return -1;
  for (size_t i = 0; i < n; i++) text[i] ^= mask[i & 3];
  *ret_n = n;
  return head[0] & 0x0f;
}

static void finish(struct peer *p, struct shared *s, int v) {
  static const char status[] = "\3{\"kind\":\"Status\",\"status\":\"Success\"}";
  s->n[INPUT_END] = 1;
  if (v == 5) frame(p, WEBSOCKET_BINARY, status, sizeof status - 1);
  frame(p, WEBSOCKET_CLOSE, "\x03\xe8", 2);
}

/* The ping behind the end. */
static void pong(struct peer *p, unsigned char *text, size_t n) {
  if (scene.untaken) text[0] ^= 1; /* to what nobody has asked */
  frame(p, WEBSOCKET_PONG, (char *)text, n);
}

static void client_ping(struct peer *p) {
  unsigned char text[128];
  size_t n;
  if (client_frame(p, text, &n) == WEBSOCKET_PING) pong(p, text, n);
}

static void talk(struct peer *p, struct shared *s) {
  static unsigned char text[65536];
  size_t n;
  for (int opcode; (opcode = client_frame(p, text, &n)) >= 0;) {
    if (opcode == WEBSOCKET_CLOSE) {
      if (scene.v == 4) finish(p, s, 4);
      return;
    }
    if (opcode == WEBSOCKET_PING) pong(p, text, n);
    if (opcode != WEBSOCKET_BINARY || !n) continue;
    if (text[0] == CHANNEL_INPUT) __sync_fetch_and_add(&s->n[INPUT], (int)n - 1);
    if (text[0] == CHANNEL_RESIZE) {
      int i = __sync_fetch_and_add(&s->n[RESIZES], 1);
      if (i < 8) memcpy((char *)s->seen + i * 64, text + 1, n - 1);
    }
    if (scene.v == -1) return; /* dies in the middle */
    if (text[0] == 255 && n == 2 && text[1] == CHANNEL_INPUT) {
      client_ping(p);
      finish(p, s, 5);
      return;
    }
    if (scene.early && n > 1 && text[0] == CHANNEL_INPUT) {
      frame(p, WEBSOCKET_BINARY, "\1typed\r\n", 8);
      s->n[ENDED] = 1;
      finish(p, s, 5);
      return;
    }
  }
}

static bool attach_request(struct peer *p, const char *request, struct shared *s) {
  char key[64] = "", head[512];
  const char *at = strstr(request, "Sec-WebSocket-Key: ");
  s->n[OPENED]++;
  if (scene.v == 403) {
    static const char no[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: "
                             "44\r\n\r\n{\"message\":\"pods/attach: not for such as you\"}";
    peer_write(p, no, sizeof no - 1);
    return true;
  }
  if (!at || sscanf(at, "Sec-WebSocket-Key: %63s", key) != 1) return true;
  CLEANUP_FREE char *accept = websocket_accept(key);
  int n = snprintf(head, sizeof head,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: v%d.channel.k8s.io\r\n\r\n",
                   scene.v ? accept : "x", scene.v == 4 ? 4 : 5);
  peer_write(p, head, (size_t)n);
  frame(p, WEBSOCKET_BINARY, strstr(request, "stdout=true") ? "\1" : "\3", 1);
  if (scene.early) frame(p, WEBSOCKET_BINARY, scene.early, strlen(scene.early));
  talk(p, s);
  return true;
}

static bool raw(struct peer *p, const char *request, struct shared *s) {
  const char *end = strstr(request, " HTTP/1.1");
  const char *log = strstr(request, "/log?"), *attach = strstr(request, "/attach?");
  if (log && log < end) return log_request(p, request, s);
  if (attach && attach < end) return attach_request(p, request, s);
  return false;
}

static const char *pod(bool ended, int version) {
  static char text[2048];
  snprintf(
      text, sizeof text,
      "{\"metadata\":{\"name\":\"pod-1\",\"uid\":\"u-1\",\"resourceVersion\":\"%d\",%s\"creationTimestamp\":"
      "\"2026-11-29T15:04:00Z\",\"labels\":{\"run-once/id\":\"job1\"},\"annotations\":{\"run-once/"
      "container\":"
      "\"web\"}},\"spec\":{\"containers\":[{\"name\":\"web\"}]},\"status\":{\"phase\":\"Running\","
      "\"containerStatuses\":[{\"name\":\"web\",\"state\":{\"%s\":{%s\"startedAt\":\"2026-11-29T15:04:01Z\"%"
      "s}}}]}}",
      version,
      scene.deleted ? "\"deletionTimestamp\":\"2026-11-29T15:04:08Z\",\"deletionGracePeriodSeconds\":30,"
                    : "",
      ended ? "terminated" : "running", ended ? "\"exitCode\":0," : "",
      ended ? ",\"finishedAt\":\"2026-11-29T15:04:09Z\"" : "");
  return text;
}

static struct reply reply(const char *request, struct shared *s) {
  static char all[8192];
  char body[4096];
  if (strstr(request, "watch=1")) {
    while (!s->n[ENDED]) nap_ms(5);
    snprintf(all, sizeof all,
             "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"type\":\"MODIFIED\",\"object\":%s}\n",
             pod(true, 2));
    return (struct reply){.text = all, .then = REPLY_HOLD};
  }
  snprintf(body, sizeof body,
           "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[%s]}",
           pod(s->n[ENDED], 1));
  snprintf(all, sizeof all, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
  return (struct reply){.text = all};
}
#endif
