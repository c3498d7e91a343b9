/* WebSocket framing (RFC 6455, section 5) on the client's side. Pure: bytes in, messages out; payload is
 * passed on as it comes, so a message of any length costs no memory. Debian's libwslay has neither the static
 * library that `make release` links nor a pkg-config file (docs/dependencies.md). */
#ifndef RUNTIME_KUBE_WEBSOCKET_H
#define RUNTIME_KUBE_WEBSOCKET_H
#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  WEBSOCKET_CONTINUATION = 0,
  WEBSOCKET_TEXT = 1,
  WEBSOCKET_BINARY = 2,
  WEBSOCKET_CLOSE = 8,
  WEBSOCKET_PING = 9,
  WEBSOCKET_PONG = 10
};
#define WEBSOCKET_CONTROL_MAX 125 /* bytes of a control frame */
#define WEBSOCKET_KEY_SIZE 25     /* 16 random bytes in base64, and NUL */
#define WEBSOCKET_FRAME_HEAD 14   /* the longest: 2, a length of 8, a mask of 4 */

/* --- The handshake (section 4.1) --- */
void websocket_key(char ret[WEBSOCKET_KEY_SIZE]);
/* What Sec-WebSocket-Accept must say to that key; for free(). */
char *websocket_accept(const char *key);

/* --- Sending: one whole frame, masked with a new random mask, behind what is in `out` --- */
/* -1: `out` has no room, and is as it was. The first byte may be given apart (a channel): first < 0: none. */
int websocket_frame(struct buf *out, int opcode, int first, const void *p, size_t n);

/* --- Receiving --- */
struct websocket {
  unsigned char head[WEBSOCKET_FRAME_HEAD];
  size_t n_head, want; /* bytes of the next head that came, that are needed */
  bool in_frame;
  int opcode;      /* of the present frame */
  bool fin;        /* it is the last of its message */
  uint64_t left;   /* payload of it still to come */
  bool in_message; /* a message has begun and not ended */
  bool told_begin; /* its begin was told */
  bool closed;     /* a close frame came: nothing after it counts */
  unsigned char control[WEBSOCKET_CONTROL_MAX];
  size_t n_control;
};
/* Anything but 0 of either ends the feeding at once: the owner is gone. */
struct websocket_handlers {
  /* A piece of a data message; begin: its first, end: its last. n may be 0. */
  int (*on_message)(void *data, bool begin, bool end, const char *p, size_t n);
  /* A whole ping, pong or close; of a close p is the code, big-endian, and the reason; or nothing. */
  int (*on_control)(void *data, int opcode, const unsigned char *p, size_t n);
};
/* 0; 1: a handler ended it; -1: ERR_ENGINE, not as the standard wants it: nothing more may be fed. */
int websocket_feed(struct websocket *w, const char *p, size_t n, const struct websocket_handlers *h,
                   void *data, struct error *err);
/* Code and reason of a close frame's payload; 1005: none was given. reason has room for 124 bytes. */
int websocket_close_code(const unsigned char *p, size_t n, char *reason);
#endif
