#include "base/limits.h"
#include "descriptors.h"
#include "runtime/docker/frames.h"
#include <stdio.h>
#include <string.h>

struct seen {
  struct buf out[3]; /* by descriptor */
  int calls, stop_after;
};

static int note(void *data, int fd, const char *p, size_t n) {
  struct seen *s = data;
  assert_true(fd == 1 || fd == 2);
  assert_true(n > 0);
  assert_int_equal(buf_append(&s->out[fd], p, n), 0);
  return ++s->calls == s->stop_after;
}

static void seen_init(struct seen *s) {
  *s = (struct seen){0};
  for (int i = 0; i < 3; i++) buf_init(&s->out[i], 1u << 20);
}

static void seen_done(struct seen *s) {
  for (int i = 0; i < 3; i++) buf_done(&s->out[i]);
}

static void add(struct buf *b, int type, const char *p, size_t n) {
  unsigned char head[8] = {(unsigned char)type,
                           0,
                           0,
                           0,
                           (unsigned char)(n >> 24),
                           (unsigned char)(n >> 16),
                           (unsigned char)(n >> 8),
                           (unsigned char)n};
  buf_append(b, head, 8);
  buf_append(b, p, n);
}

static void example(struct buf *b) {
  buf_init(b, 1u << 20);
  add(b, 1, "one\n", 4);
  add(b, 2, "", 0);
  add(b, 2, "two\0\xff", 5);
  add(b, 0, "three", 5);
  add(b, 1, "", 0);
  char big[300];
  memset(big, 'x', sizeof big);
  add(b, 1, big, sizeof big);
}

/* Every cut into three pieces gives the same streams, each at its end between two frames. */
static void any_split(void **state) {
  (void)state;
  struct buf b;
  example(&b);
  for (size_t i = 0; i <= b.len; i++) {
    for (size_t k = i; k <= b.len; k += 1 + (k > 60 ? 17 : 0)) {
      struct frames f;
      struct seen s;
      struct error err = ERROR_INIT;
      seen_init(&s);
      frames_init(&f, false);
      assert_int_equal(frames_feed(&f, b.data, i, note, &s, &err), 0);
      assert_int_equal(frames_feed(&f, b.data + i, k - i, note, &s, &err), 0);
      assert_int_equal(frames_feed(&f, b.data + k, b.len - k, note, &s, &err), 0);
      assert_true(frames_whole(&f));
      assert_int_equal(s.out[1].len, 4 + 5 + 300);
      assert_memory_equal(s.out[1].data, "one\nthreexxx", 12);
      assert_int_equal(s.out[2].len, 5);
      assert_memory_equal(s.out[2].data, "two\0\xff", 5);
      frames_done(&f);
      seen_done(&s);
    }
  }
  buf_done(&b);
}

/* What is cut off is seen: in every place but between two frames. */
static void a_cut_is_seen(void **state) {
  (void)state;
  static const size_t ends[] = {0, 12, 20, 33, 46, 54, 362};
  struct buf b;
  example(&b);
  for (size_t i = 0, next = 0; i <= b.len; i++) {
    struct frames f;
    struct seen s;
    seen_init(&s);
    frames_init(&f, false);
    assert_int_equal(frames_feed(&f, b.data, i, note, &s, NULL), 0);
    bool whole = next < sizeof ends / sizeof *ends && ends[next] == i;
    if (whole) next++;
    assert_int_equal(frames_whole(&f), whole);
    frames_done(&f);
    seen_done(&s);
  }
  buf_done(&b);
}

static void raw_is_untouched(void **state) {
  (void)state;
  struct frames f;
  struct seen s;
  seen_init(&s);
  frames_init(&f, true);
  assert_int_equal(frames_feed(&f, "\1\0\0\0\0\0\0\5", 8, note, &s, NULL), 0);
  assert_int_equal(frames_feed(&f, "", 0, note, &s, NULL), 0);
  assert_int_equal(s.calls, 1);
  assert_memory_equal(s.out[1].data, "\1\0\0\0\0\0\0\5", 8);
  assert_true(frames_whole(&f));
  frames_done(&f);
  seen_done(&s);
}

static void expect_fault(const char *p, size_t n, const char *text) {
  for (size_t i = 0; i <= n; i++) {
    struct frames f;
    struct seen s;
    struct error err = ERROR_INIT;
    seen_init(&s);
    frames_init(&f, false);
    int rc = frames_feed(&f, p, i, note, &s, &err);
    if (rc == 0) rc = frames_feed(&f, p + i, n - i, note, &s, &err);
    assert_int_equal(rc, -1);
    assert_int_equal(err.kind, ERR_ENGINE);
    assert_string_equal(err.text, text);
    frames_done(&f);
    seen_done(&s);
  }
}

static void garbage_is_refused(void **state) {
  (void)state;
  char text[100];
  expect_fault("HTTP/1.1 500", 12, "output is not framed as expected: frame of type 72");
  expect_fault("\1\0\1\0\0\0\0\1x", 9, "output is not framed as expected: frame of type 1");
  snprintf(text, sizeof text, "output is not framed as expected: frame of %u bytes", LIMIT_FRAME + 1);
  expect_fault("\1\0\0\0\1\0\0\1x", 9, text);
}

static void the_engines_complaint(void **state) {
  (void)state;
  expect_fault("\3\0\0\0\0\0\0\10disk\nful", 16, "the engine broke the output off: disk; ful");
  expect_fault("\3\0\0\0\0\0\0\0", 8, "the engine broke the output off: no reason given");
}

static void the_handler_can_end_it(void **state) {
  (void)state;
  struct frames f;
  struct seen s;
  struct buf b;
  example(&b);
  seen_init(&s);
  s.stop_after = 2;
  frames_init(&f, false);
  assert_int_equal(frames_feed(&f, b.data, b.len, note, &s, NULL), 1);
  assert_int_equal(s.calls, 2);
  frames_done(&f);
  seen_done(&s);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_split),
      cmocka_unit_test(a_cut_is_seen),
      cmocka_unit_test(raw_is_untouched),
      cmocka_unit_test(garbage_is_refused),
      cmocka_unit_test(the_engines_complaint),
      cmocka_unit_test(the_handler_can_end_it),
  };
  return RUN_TESTS(tests);
}
