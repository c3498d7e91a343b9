#include "base/alloc.h"
#include "data/hash.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

static void sha256(void **state) {
  (void)state;
  char hex[65];
  sha256_hex("", 0, hex);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  sha256_hex("abc", 3, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void base64_goes_round(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
  size_t n;
  for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
    CLEANUP_FREE char *text = base64_encode(pairs[i][0], strlen(pairs[i][0]));
    assert_string_equal(text, pairs[i][1]);
    CLEANUP_FREE char *back = base64_decode(text, &n);
    assert_string_equal(back, pairs[i][0]);
    assert_int_equal(n, strlen(pairs[i][0]));
  }
  CLEANUP_FREE char *url = base64url_encode("\xfb\xff\xfe?", 4);
  assert_string_equal(url, "-__-Pw==");
  CLEANUP_FREE char *plain = base64_encode("\xfb\xff\xfe?", 4);
  assert_string_equal(plain, "+//+Pw==");
}

static void base64_in_pieces(void **state) {
  (void)state;
  size_t n = 7000001, back_n; /* over two pieces of libcrypto's */
  CLEANUP_FREE char *bytes = xmalloc(n);
  for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 7 + i / 251);
  CLEANUP_FREE char *text = base64_encode(bytes, n);
  assert_int_equal(strlen(text), (n + 2) / 3 * 4);
  CLEANUP_FREE char *back = base64_decode(text, &back_n);
  assert_int_equal(back_n, n);
  assert_memory_equal(back, bytes, n);
}

static void base64_garbage(void **state) {
  (void)state;
  static const char *const garbage[] = {
      "Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zg==Zg==", "Z=g=", "Zm8-", "Zm8*", "Zm9v\x80"};
  size_t n = 77;
  for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
    assert_null(base64_decode(garbage[i], &n));
    assert_int_equal(n, 77);
  }
  CLEANUP_FREE char *folded = base64_decode("Zm9v\r\n  YmFy\n", &n);
  assert_string_equal(folded, "foobar");
}

static void ids(void **state) {
  (void)state;
  char id[201], other[201];
  for (int round = 0; round < 200; round++) {
    random_id(id, 200);
    assert_int_equal(strlen(id), 200);
    assert_in_range(id[0], 'a', 'z');
    assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz234567"), 200);
  }
  random_id(id, 20);
  random_id(other, 20);
  assert_int_equal(strlen(id), 20);
  assert_string_not_equal(id, other);
}

static void stream_hash_is_of_all_bytes(void **state) {
  (void)state;
  struct stream_hash *whole = stream_hash_new(), *parts = stream_hash_new();
  assert_true(stream_hash_value(whole) == UINT64_C(0x2d06800538d394c2)); /* XXH3 of nothing */
  char bytes[1000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 31);
  stream_hash_add(whole, bytes, sizeof bytes);
  stream_hash_add(parts, bytes, 1);
  stream_hash_add(parts, NULL, 0);
  assert_true(stream_hash_value(parts) != stream_hash_value(whole));
  stream_hash_add(parts, bytes + 1, sizeof bytes - 1);
  assert_true(stream_hash_value(parts) == stream_hash_value(whole));
  stream_hash_free(whole);
  stream_hash_free(parts);
  stream_hash_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sha256),
      cmocka_unit_test(base64_goes_round),
      cmocka_unit_test(base64_in_pieces),
      cmocka_unit_test(base64_garbage),
      cmocka_unit_test(ids),
      cmocka_unit_test(stream_hash_is_of_all_bytes),
  };
  return RUN_TESTS(tests);
}
