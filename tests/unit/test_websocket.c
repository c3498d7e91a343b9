/* RFC 6455: the frames of its section 5.7, what section 5 forbids, and every place where a packet may end. */
#include "base/alloc.h"
#include "descriptors.h"
#include "runtime/kube/websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct heard {
  char text[65536 * 2];
  size_t n;
  int begins, ends;
  char control[512]; /* "9:Hello " */
  size_t n_control;
  bool stop;
};

static int on_message(void *data, bool begin, bool end, const char *p, size_t n) {
  struct heard *h = data;
  assert_int_equal(h->begins - h->ends, !begin);
  assert_true(h->n + n <= sizeof h->text);
  memcpy(h->text + h->n, p, n);
  h->n += n;
  h->begins += begin;
  h->ends += end;
  return h->stop;
}

static int on_control(void *data, int opcode, const unsigned char *p, size_t n) {
  struct heard *h = data;
  h->n_control += (size_t)snprintf(h->control + h->n_control, sizeof h->control - h->n_control, "%d:%.*s ",
                                   opcode, (int)n, (const char *)p);
  return h->stop;
}

static const struct websocket_handlers handlers = {on_message, on_control};

static int feed(struct heard *h, const void *p, size_t n, size_t cut, struct error *err) {
  struct websocket w = {0};
  memset(h, 0, sizeof *h);
  int r = websocket_feed(&w, p, cut, &handlers, h, err);
  if (!r) r = websocket_feed(&w, (const char *)p + cut, n - cut, &handlers, h, err);
  return r;
}
#define FEED(h, text, err) feed((h), (text), sizeof(text) - 1, 0, (err))

static void the_standards_own_frames(void **state) {
  (void)state;
  static struct heard h;
  struct error err = ERROR_INIT;
  /* "Hello" whole; in two parts with a ping between; a pong; a close with code and reason */
  static const char text[] = "\x81\x05Hello\x01\x03Hel\x89\x05Hello\x80\x02lo\x8a\x05Hello\x82\x00";
  for (size_t cut = 0; cut < sizeof text; cut++) {
    assert_int_equal(feed(&h, text, sizeof text - 1, cut, &err), 0);
    assert_int_equal(h.n, 10);
    assert_memory_equal(h.text, "HelloHello", 10);
    assert_int_equal(h.ends, 3);
    assert_string_equal(h.control, "9:Hello 10:Hello ");
  }
}

static void long_lengths(void **state) {
  (void)state;
  static struct heard h;
  static char text[70000 + 10];
  struct error err = ERROR_INIT;
  memset(text, 'x', sizeof text);
  memcpy(text, "\x82\x7e\x01\x00", 4); /* 256: RFC 6455, 5.7 */
  assert_int_equal(feed(&h, text, 260, 3, &err), 0);
  assert_int_equal(h.n, 256);
  assert_int_equal(h.ends, 1);
  memcpy(text, "\x82\x7f\0\0\0\0\0\x01\0\0", 10); /* 65536 */
  for (size_t cut = 0; cut < 12; cut++) {
    assert_int_equal(feed(&h, text, 65546, cut, &err), 0);
    assert_int_equal(h.n, 65536);
    assert_int_equal(h.ends, 1);
  }
}

static void what_is_forbidden(void **state) {
  (void)state;
  static struct heard h;
  static const struct {
    const char *bytes;
    size_t n;
    const char *why;
  } rows[] = {
      {"\x82\x85\0\0\0\0Hello", 11, "a frame of the server is masked"},
      {"\xc2\x00", 2, "a reserved bit is set"},
      {"\x83\x00", 2, "an unknown kind of frame"},
      {"\x8b\x00", 2, "an unknown kind of frame"},
      {"\x09\x00", 2, "a control frame in parts"},
      {"\x89\x7e\x00\x7e", 4, "a control frame in parts"},
      {"\x80\x00", 2, "it goes on with no message"},
      {"\x02\x01x\x82\x01y", 6, "a message begins inside of another"},
      {"\x82\x7f\x80\0\0\0\0\0\0\0", 10, "a length of 2^63 or more"},
      {"\x88\x01\x03", 3, "half a code in its close frame"},
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    for (size_t cut = 0; cut <= rows[i].n; cut++) {
      struct error err = ERROR_INIT;
      assert_int_equal(feed(&h, rows[i].bytes, rows[i].n, cut, &err), -1);
      assert_int_equal(err.kind, ERR_ENGINE);
      assert_non_null(strstr(err.text, rows[i].why));
    }
}

static void nothing_counts_after_a_close(void **state) {
  (void)state;
  static struct heard h;
  struct error err = ERROR_INIT;
  char reason[WEBSOCKET_CONTROL_MAX];
  static const unsigned char payload[] = "\x03\xe8"
                                         "bye";
  assert_int_equal(FEED(&h,
                        "\x88\x05\x03\xe8"
                        "bye\x82\x01x\xff\xff\xff",
                        &err),
                   0);
  assert_int_equal(h.n, 0);
  assert_int_equal(websocket_close_code(payload, 5, reason), 1000);
  assert_string_equal(reason, "bye");
  assert_int_equal(websocket_close_code(payload, 0, reason), 1005);
  assert_string_equal(reason, "");
}

static void a_handler_may_end_it(void **state) {
  (void)state;
  struct websocket w = {0};
  static struct heard h;
  struct error err = ERROR_INIT;
  memset(&h, 0, sizeof h);
  h.stop = true;
  assert_int_equal(websocket_feed(&w, "\x82\x01x\x82\x01y", 6, &handlers, &h, &err), 1);
  assert_int_equal(h.n, 1);
}

/* What we send, unmasked again. */
static size_t unmask(char *p, size_t n) {
  size_t head = (p[1] & 0x7f) == 126 ? 4 : (p[1] & 0x7f) == 127 ? 10 : 2;
  char mask[4];
  assert_true(p[1] & 0x80);
  memcpy(mask, p + head, 4);
  memmove(p + head, p + head + 4, n - head - 4);
  p[1] &= 0x7f;
  for (size_t i = 0; i < n - head - 4; i++) p[head + i] = (char)(p[head + i] ^ mask[i & 3]);
  return n - 4;
}

static void what_we_send_is_masked_and_whole(void **state) {
  (void)state;
  static struct heard h;
  static char text[70000];
  static const size_t sizes[] = {0, 1, 3, 124, 125, 126, 65534, 65535, 65536, 70000};
  memset(text, 'a', sizeof text);
  for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
    for (int first = -1; first < 2; first++) {
      struct buf out;
      struct error err = ERROR_INIT;
      size_t n = sizes[i];
      buf_init(&out, 1u << 20);
      assert_int_equal(websocket_frame(&out, WEBSOCKET_BINARY, first, text, n), 0);
      n = unmask(out.data, out.len);
      assert_int_equal(feed(&h, out.data, n, n / 2, &err), 0);
      assert_int_equal(h.n, sizes[i] + (first >= 0));
      assert_int_equal(h.ends, 1);
      if (first >= 0) assert_int_equal(h.text[0], first);
      assert_memory_equal(h.text + (first >= 0), text, sizes[i]);
      buf_done(&out);
    }
}

static void no_two_masks_are_the_same(void **state) {
  (void)state;
  struct buf a, b;
  buf_init(&a, 100);
  buf_init(&b, 100);
  websocket_frame(&a, WEBSOCKET_PING, -1, "", 0);
  websocket_frame(&b, WEBSOCKET_PING, -1, "", 0);
  assert_int_equal(a.len, 6);
  assert_memory_not_equal(a.data, b.data, 6);
  for (int i = 0; i < 14; i++)
    assert_int_equal(websocket_frame(&a, WEBSOCKET_PING, -1, "xx", 2), i < 11 ? 0 : -1);
  buf_done(&a);
  buf_done(&b);
}

static void the_handshake(void **state) {
  (void)state;
  CLEANUP_FREE char *accept = websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="); /* RFC 6455, 1.3 */
  char one[WEBSOCKET_KEY_SIZE], other[WEBSOCKET_KEY_SIZE];
  assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  websocket_key(one);
  websocket_key(other);
  assert_int_equal(strlen(one), 24);
  assert_string_not_equal(one, other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_standards_own_frames),  cmocka_unit_test(long_lengths),
      cmocka_unit_test(what_is_forbidden),         cmocka_unit_test(nothing_counts_after_a_close),
      cmocka_unit_test(a_handler_may_end_it),      cmocka_unit_test(what_we_send_is_masked_and_whole),
      cmocka_unit_test(no_two_masks_are_the_same), cmocka_unit_test(the_handshake),
  };
  return RUN_TESTS(tests);
}
