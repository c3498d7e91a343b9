#include "runtime/kube/websocket.h"
#include "base/alloc.h"
#include "data/hash.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */
#define NO_CODE 1005                                /* section 7.4.1: never on the wire */

static void random_bytes(void *p, size_t n) {
  if (getrandom(p, n, 0) != (ssize_t)n) abort(); /* at most 256 bytes are never cut short */
}

void websocket_key(char ret[WEBSOCKET_KEY_SIZE]) {
  unsigned char raw[16];
  random_bytes(raw, sizeof raw);
  CLEANUP_FREE char *text = base64_encode(raw, sizeof raw);
  memcpy(ret, text, WEBSOCKET_KEY_SIZE);
}

char *websocket_accept(const char *key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  CLEANUP_FREE char *text = xprintf("%s" GUID, key);
  if (!EVP_Digest(text, strlen(text), digest, &n, EVP_sha1(), NULL)) return xstrdup("");
  return base64_encode(digest, n);
}

/* Sending */

static size_t head_of(unsigned char *head, int opcode, size_t n) {
  size_t k = 2;
  head[0] = (unsigned char)(0x80 | opcode);
  if (n < 126) {
    head[1] = (unsigned char)(0x80 | n);
  } else if (n < 65536) {
    head[1] = 0x80 | 126;
    head[k++] = (unsigned char)(n >> 8);
    head[k++] = (unsigned char)n;
  } else {
    head[1] = 0x80 | 127;
    for (int shift = 56; shift >= 0; shift -= 8) head[k++] = (unsigned char)((uint64_t)n >> shift);
  }
  return k;
}

int websocket_frame(struct buf *out, int opcode, int first, const void *p, size_t n) {
  unsigned char head[WEBSOCKET_FRAME_HEAD + 1], mask[4];
  size_t apart = first >= 0, k = head_of(head, opcode, n + apart);
  if (n > out->cap || out->len + k + sizeof mask + apart + n > out->cap) return -1;
  random_bytes(mask, sizeof mask);
  memcpy(head + k, mask, sizeof mask);
  k += sizeof mask;
  if (apart) head[k++] = (unsigned char)first ^ mask[0];
  size_t at = out->len + k;
  if (buf_append(out, head, k)) return -1;
  if (n && buf_append(out, p, n)) return -1;
  for (size_t i = 0; i < n; i++) out->data[at + i] = (char)(out->data[at + i] ^ mask[(i + apart) & 3]);
  return 0;
}

/* Receiving */

static int broken(struct error *err, const char *what) {
  return error_set(err, ERR_ENGINE, "the attached connection is not as WebSocket wants it: %s", what);
}

/* The head is whole: what it says. */
static int begin_frame(struct websocket *w, struct error *err) {
  unsigned length = w->head[1] & 0x7f;
  int opcode = w->head[0] & 0x0f;
  bool control = opcode >= 8;
  w->fin = w->head[0] & 0x80;
  w->opcode = opcode;
  w->left = length;
  if (length >= 126) {
    w->left = 0;
    for (size_t i = 2; i < w->want; i++) w->left = w->left << 8 | w->head[i];
  }
  if (w->head[0] & 0x70) return broken(err, "a reserved bit is set");
  if (w->head[1] & 0x80) return broken(err, "a frame of the server is masked");
  if (w->left >> 63) return broken(err, "a length of 2^63 or more");
  if (control && (length > WEBSOCKET_CONTROL_MAX || !w->fin)) return broken(err, "a control frame in parts");
  if ((opcode > WEBSOCKET_BINARY && opcode < WEBSOCKET_CLOSE) || opcode > WEBSOCKET_PONG)
    return broken(err, "an unknown kind of frame");
  if (!control && (opcode == WEBSOCKET_CONTINUATION) != w->in_message)
    return broken(err, w->in_message ? "a message begins inside of another" : "it goes on with no message");
  if (!control && !w->in_message) w->in_message = true, w->told_begin = false;
  w->in_frame = true;
  w->n_head = 0;
  w->n_control = 0;
  return 0;
}

static size_t head_wanted(const struct websocket *w) {
  if (w->n_head < 2) return 2;
  unsigned length = w->head[1] & 0x7f, masked = w->head[1] & 0x80;
  return masked ? 2 : length == 126 ? 4 : length == 127 ? 10 : 2;
}

static int end_control(struct websocket *w, const struct websocket_handlers *h, void *data,
                       struct error *err) {
  if (w->opcode == WEBSOCKET_CLOSE) {
    if (w->n_control == 1) return broken(err, "half a code in its close frame");
    w->closed = true;
  }
  return h->on_control(data, w->opcode, w->control, w->n_control) ? 1 : 0;
}

/* Takes n bytes of payload (0: of an empty frame), which are all of one frame. */
static int payload(struct websocket *w, const char *p, size_t n, const struct websocket_handlers *h,
                   void *data, struct error *err) {
  w->left -= n;
  if (w->left == 0) w->in_frame = false;
  if (w->opcode >= WEBSOCKET_CLOSE) {
    memcpy(w->control + w->n_control, p, n);
    w->n_control += n;
    return w->in_frame ? 0 : end_control(w, h, data, err);
  }
  bool begin = !w->told_begin, end = w->fin && !w->in_frame;
  if (n == 0 && !end) return 0; /* an empty frame in the middle says nothing */
  w->told_begin = true;
  if (end) w->in_message = false;
  return h->on_message(data, begin, end, p, n) ? 1 : 0;
}

int websocket_feed(struct websocket *w, const char *p, size_t n, const struct websocket_handlers *h,
                   void *data, struct error *err) {
  while (n > 0 && !w->closed) {
    int r = 0;
    if (w->in_frame) {
      size_t take = w->left < n ? (size_t)w->left : n;
      r = payload(w, p, take, h, data, err);
      p += take;
      n -= take;
    } else {
      w->head[w->n_head++] = (unsigned char)*p++;
      n--;
      w->want = head_wanted(w);
      if (w->n_head < w->want) continue;
      r = begin_frame(w, err);
      if (!r && w->left == 0) r = payload(w, p, 0, h, data, err);
    }
    if (r) return r; /* w may be gone: a handler ended it */
  }
  return 0;
}

int websocket_close_code(const unsigned char *p, size_t n, char *reason) {
  *reason = '\0';
  if (n < 2) return NO_CODE;
  memcpy(reason, p + 2, n - 2);
  reason[n - 2] = '\0';
  return p[0] << 8 | p[1];
}
