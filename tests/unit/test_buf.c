#include "base/buf.h"
#include "base/strv.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

static void grows_and_stays_a_string(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b, 100000);
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(buf_append(&b, "0123456789", 10), 0);
    assert_int_equal(b.len, 10 * (i + 1));
    assert_int_equal(strlen(b.data), b.len);
  }
  buf_done(&b);
  assert_int_equal(b.cap, 100000);
  assert_null(b.data);
}

static void the_cap_is_exact(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b, 5);
  assert_int_equal(buf_puts(&b, "12345"), 0);
  assert_int_equal(buf_puts(&b, ""), 0);
  assert_int_equal(buf_puts(&b, "6"), -1);
  assert_int_equal(buf_printf(&b, "%d", 6), -1);
  assert_string_equal(b.data, "12345");
  assert_int_equal(buf_append(&b, "x", (size_t)-1), -1);
  buf_consume(&b, 2);
  assert_string_equal(b.data, "345");
  assert_int_equal(buf_printf(&b, "%02d", 7), 0);
  assert_string_equal(b.data, "34507");
  buf_done(&b);
  buf_init(&b, 0);
  assert_int_equal(buf_append(&b, "x", 1), -1);
  assert_int_equal(buf_append(&b, "", 0), 0);
  buf_done(&b);
  buf_init(&b, (size_t)-1); /* no cap at all must not wrap */
  assert_int_equal(buf_puts(&b, "x"), 0);
  buf_done(&b);
}

static void consume_and_clear(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b, 100);
  buf_consume(&b, 3); /* nothing there */
  buf_append(&b, "a\0b", 3);
  buf_consume(&b, 1);
  assert_memory_equal(b.data, "\0b", 3);
  buf_consume(&b, 100);
  assert_int_equal(b.len, 0);
  assert_string_equal(b.data, "");
  buf_puts(&b, "left");
  buf_clear(&b);
  assert_string_equal(b.data, "");
  buf_done(&b);
  buf_clear(&b);
}

static void take_is_never_null(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b, 10);
  char *s = buf_take(&b);
  assert_string_equal(s, "");
  free(s);
  buf_puts(&b, "abc");
  s = buf_take(&b);
  assert_string_equal(s, "abc");
  assert_int_equal(b.len, 0);
  assert_int_equal(buf_puts(&b, "0123456789"), 0); /* the same cap */
  assert_int_equal(buf_puts(&b, "0"), -1);
  assert_string_equal(s, "abc");
  free(s);
  buf_done(&b);
}

static void vectors(void **state) {
  (void)state;
  struct strv v, w;
  strv_init(&v);
  strv_init(&w);
  assert_false(strv_has(&v, "a"));
  char word[] = "00";
  for (int i = 0; i < 40; i++) {
    word[0] = (char)('0' + i / 10);
    word[1] = (char)('0' + i % 10);
    strv_add(&v, word);
    assert_int_equal(v.n, i + 1);
    assert_null(v.v[v.n]);
  }
  assert_string_equal(v.v[39], "39");
  assert_true(strv_has(&v, "17"));
  strv_add(&w, "old");
  strv_copy(&w, &v);
  strv_copy(&w, &w);
  strv_done(&v);
  assert_null(v.v);
  assert_int_equal(w.n, 40);
  assert_string_equal(w.v[0], "00");
  strv_done(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grows_and_stays_a_string),
      cmocka_unit_test(the_cap_is_exact),
      cmocka_unit_test(consume_and_clear),
      cmocka_unit_test(take_is_never_null),
      cmocka_unit_test(vectors),
  };
  return RUN_TESTS(tests);
}
