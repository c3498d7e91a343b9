#include "base/alloc.h"
#include "descriptors.h"
#include "runtime/docker/pullstream.h"
#include <string.h>

static void note(void *data, const char *layer, const char *status, int64_t current, int64_t total) {
  (void)buf_printf(data, "[%s|%s|%lld/%lld]", layer, status, (long long)current, (long long)total);
}

static const char example[] = "{\"status\":\"Pulling from library/x\",\"id\":\"1\"}\r\n"
                              "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":5,\"total\":10},"
                              "\"progress\":\"[=>  ]\",\"id\":\"a}{\\\"\"}"
                              "  \n{\"status\":\"Digest: sha256:0\",\"aux\":{\"x\":[1,{}]}}";
static const char told[] = "[1|Pulling from library/x|0/0][a}{\"|Downloading|5/10][|Digest: sha256:0|0/0]";

static void any_split(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof example; i++) {
    for (size_t k = i; k < sizeof example; k++) {
      struct buf seen;
      struct pull_stream s;
      struct pull_progress progress = {.line = note, .data = &seen};
      buf_init(&seen, 4096);
      pull_stream_init(&s, &progress);
      assert_int_equal(pull_stream_feed(&s, example, i, NULL), 0);
      assert_int_equal(pull_stream_feed(&s, example + i, k - i, NULL), 0);
      assert_int_equal(pull_stream_feed(&s, example + k, strlen(example) - k, NULL), 0);
      assert_string_equal(seen.data, told);
      assert_null(s.fault);
      assert_true(jsonstream_whole(&s.rows));
      pull_stream_done(&s);
      buf_done(&seen);
    }
  }
}

static void a_fault_inside_a_200(void **state) {
  (void)state;
  static const char *const rows[] = {
      "{\"status\":\"x\"}{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":\"old words\"}",
      "{\"error\":\"manifest unknown\"}{\"error\":\"the second one\"}",
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    struct pull_stream s;
    pull_stream_init(&s, NULL);
    assert_int_equal(pull_stream_feed(&s, rows[i], strlen(rows[i]), NULL), 0);
    assert_string_equal(s.fault, "manifest unknown");
    pull_stream_done(&s);
  }
}

static void expect_fault(const char *text, const char *words) {
  struct pull_stream s;
  struct error err = ERROR_INIT;
  pull_stream_init(&s, NULL);
  assert_int_equal(pull_stream_feed(&s, text, strlen(text), &err), -1);
  assert_int_equal(err.kind, ERR_ENGINE);
  assert_non_null(strstr(err.text, words));
  pull_stream_done(&s);
}

static void garbage_is_refused(void **state) {
  (void)state;
  expect_fault("<html>", "not a row of JSON objects");
  expect_fault("{\"status\":\"x\"}]", "not a row of JSON objects");
  expect_fault("{\"status\":}", "not JSON");
  expect_fault("{\"a\":[}}", "not JSON");
}

static void the_cap_holds(void **state) {
  (void)state;
  struct pull_stream s;
  struct error err = ERROR_INIT;
  char piece[4096];
  int rc = 0;
  memset(piece, 'x', sizeof piece);
  pull_stream_init(&s, NULL);
  assert_int_equal(pull_stream_feed(&s, "{\"status\":\"", 11, &err), 0);
  for (int i = 0; i < 1000 && rc == 0; i++) rc = pull_stream_feed(&s, piece, sizeof piece, &err);
  assert_int_equal(rc, -1);
  assert_string_equal(err.text, "the engine's answer holds a JSON object of more than 1048576 bytes");
  pull_stream_done(&s);
}

static void wrong_types_do_no_harm(void **state) {
  (void)state;
  static const char text[] =
      "{\"status\":5,\"id\":[],\"progressDetail\":7,\"errorDetail\":\"x\",\"error\":{}}{}"
      "{\"status\":\"s\",\"id\":7,\"progressDetail\":{\"current\":\"5\"}}";
  struct buf seen;
  struct pull_stream s;
  struct pull_progress progress = {.line = note, .data = &seen};
  buf_init(&seen, 4096);
  pull_stream_init(&s, &progress);
  assert_int_equal(pull_stream_feed(&s, text, strlen(text), NULL), 0);
  assert_string_equal(seen.data, "[|s|0/0]");
  assert_null(s.fault);
  pull_stream_done(&s);
  buf_done(&seen);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_split),
      cmocka_unit_test(a_fault_inside_a_200),
      cmocka_unit_test(garbage_is_refused),
      cmocka_unit_test(the_cap_holds),
      cmocka_unit_test(wrong_types_do_no_harm),
  };
  return RUN_TESTS(tests);
}
