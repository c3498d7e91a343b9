#include "base/error.h"
#include "descriptors.h"
#include <string.h>

static int fails(struct error *err) {
  return error_set(err, ERR_CONFLICT, "name '%s' is taken", "x");
}

static void sets_kind_and_text(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  err.http_status = 404;
  assert_int_equal(fails(&err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_int_equal(err.http_status, 0);
  assert_string_equal(err.text, "name 'x' is taken");
  assert_int_equal(fails(NULL), -1);
}

static void prefixes_keep_kind_and_status(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  fails(&err);
  err.http_status = 409;
  assert_int_equal(error_prefix(&err, "create of %d", 3), -1);
  assert_string_equal(err.text, "create of 3: name 'x' is taken");
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_int_equal(err.http_status, 409);
  error_clear(&err);
  assert_int_equal(err.kind, ERR_NONE);
  assert_string_equal(err.text, "");
}

static void arguments_may_be_the_text_itself(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  error_set(&err, ERR_ENGINE, "why");
  error_set(&err, ERR_CONFIG, "what: %s (%s)", err.text, err.text);
  assert_string_equal(err.text, "what: why (why)");
}

static void one_line_only(void **state) {
  (void)state;
  static const struct {
    const char *from, *to;
  } cases[] = {
      {"a\nb", "a; b"},
      {"a\r\n  b\n", "a; b"},
      {"\n\na", "a"},
      {"a\tb", "a b"},
      {"a\x1b[31mb", "a?[31mb"},
      {"a\xc2\x9b"
       "31m",
       "a?31m"},
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"a  \n", "a"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error err = ERROR_INIT;
    error_set(&err, ERR_ENGINE, "%s", cases[i].from);
    assert_string_equal(err.text, cases[i].to);
    char text[64];
    strncpy(text, cases[i].from, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_one_line(text, sizeof text);
    assert_string_equal(text, cases[i].to);
  }
}

static void grows_no_further_than_its_room(void **state) {
  (void)state;
  char text[6] = "a\nb\nc";
  error_one_line(text, sizeof text);
  assert_string_equal(text, "a; b");
}

static void long_text_is_cut_at_a_character(void **state) {
  (void)state;
  char text[2 * ERROR_TEXT_MAX];
  for (int shift = 0; shift < 2; shift++) {
    struct error err = ERROR_INIT;
    memset(text, 'x', sizeof text);
    for (size_t i = (size_t)shift; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xc3\xbc", 2);
    text[sizeof text - 1] = '\0';
    error_set(&err, ERR_ENGINE, "%s", text);
    size_t n = strlen(err.text);
    assert_in_range(n, ERROR_TEXT_MAX - 4, ERROR_TEXT_MAX - 1);
    assert_int_equal((unsigned char)err.text[n - 1], 0xbc);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sets_kind_and_text),
      cmocka_unit_test(prefixes_keep_kind_and_status),
      cmocka_unit_test(arguments_may_be_the_text_itself),
      cmocka_unit_test(one_line_only),
      cmocka_unit_test(grows_no_further_than_its_room),
      cmocka_unit_test(long_text_is_cut_at_a_character),
  };
  return RUN_TESTS(tests);
}
