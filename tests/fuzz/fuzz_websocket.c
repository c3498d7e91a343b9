/* Frames of a server, split in two at any place: the same messages, or the same fault. */
#include "runtime/kube/websocket.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct heard {
  size_t bytes, sum;
  int begins, ends, controls;
};

static int on_message(void *data, bool begin, bool end, const char *p, size_t n) {
  struct heard *h = data;
  for (size_t i = 0; i < n; i++) h->sum = h->sum * 31 + (unsigned char)p[i];
  h->bytes += n;
  h->begins += begin;
  h->ends += end;
  if (h->begins < h->ends || h->begins > h->ends + 1) abort();
  return 0;
}

static int on_control(void *data, int opcode, const unsigned char *p, size_t n) {
  struct heard *h = data;
  char reason[WEBSOCKET_CONTROL_MAX];
  if (n > WEBSOCKET_CONTROL_MAX) abort();
  if (opcode == WEBSOCKET_CLOSE) h->sum += (size_t)websocket_close_code(p, n, reason) + strlen(reason);
  h->controls++;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct websocket_handlers handlers = {on_message, on_control};
  struct websocket whole = {0}, parts = {0};
  struct heard a = {0}, b = {0};
  struct error err = ERROR_INIT;
  if (size < 1) return 0;
  size_t n = size - 1, cut = n ? data[0] % (n + 1) : 0;
  const char *p = (const char *)data + 1;
  int ra = websocket_feed(&whole, p, n, &handlers, &a, &err);
  int rb = websocket_feed(&parts, p, cut, &handlers, &b, &err);
  if (!rb) rb = websocket_feed(&parts, p + cut, n - cut, &handlers, &b, &err);
  if (ra != rb || a.bytes != b.bytes || a.sum != b.sum || a.ends != b.ends || a.controls != b.controls)
    abort();
  return 0;
}
