#include "base/alloc.h"
#include "data/interpolate.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

/* TAG=v1, EMPTY is empty, MONEY=$TAG (values are not expanded again), NONE is unset. */
static const char *lookup(void *data, const char *name) {
  (void)data;
  if (strcmp(name, "TAG") == 0) return "v1";
  if (strcmp(name, "_a1") == 0) return "low";
  if (strcmp(name, "MONEY") == 0) return "$TAG ${TAG}";
  return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

struct expansion {
  const char *from, *to;
};

static void gives(const struct expansion *cases, size_t n, bool bare) {
  struct interpolation how = {.lookup = lookup, .bare_names = bare};
  for (size_t i = 0; i < n; i++) {
    struct error err = ERROR_INIT;
    CLEANUP_FREE char *text = interpolate(cases[i].from, &how, NULL, &err);
    if (!text) fail_msg("%s: %s", cases[i].from, err.text);
    if (strcmp(text, cases[i].to) != 0) print_error("%s\n", cases[i].from);
    assert_string_equal(text, cases[i].to);
  }
}
#define GIVES(cases, bare) gives((cases), sizeof(cases) / sizeof *(cases), (bare))

static void all_forms(void **state) {
  (void)state;
  static const struct expansion cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"${TAG}", "v1"},
      {"a${TAG}b${TAG}c", "av1bv1c"},
      {"${_a1}", "low"},
      {"${NONE}", ""},
      {"${EMPTY}", ""},
      {"${MONEY}", "$TAG ${TAG}"},
      {"${TAG:-d}", "v1"},
      {"${EMPTY:-d}", "d"},
      {"${NONE:-d}", "d"},
      {"${TAG-d}", "v1"},
      {"${EMPTY-d}", ""},
      {"${NONE-d}", "d"},
      {"${NONE:-}", ""},
      {"${TAG:+r}", "r"},
      {"${EMPTY:+r}", ""},
      {"${NONE:+r}", ""},
      {"${TAG+r}", "r"},
      {"${EMPTY+r}", "r"},
      {"${NONE+r}", ""},
      {"${TAG:?e}", "v1"},
      {"${EMPTY?e}", ""},
      {"${NONE:-${TAG}}", "v1"},
      {"${NONE:-a${EMPTY:-b${NONE-c}d}e}f", "abcdef"},
      {"${NONE:-${NONE:-${TAG}}}}", "v1}"},
      {"${TAG:-${NONE:?never}}", "v1"},
      {"${NONE-:-x}", ":-x"},
      {"${NONE:-?-+}", "?-+"},
      {"${NONE:-{x}}", "{x}"},
      {"$$", "$"},
      {"$${TAG}", "${TAG}"},
      {"$$${TAG}", "$v1"},
      {"${NONE:-$$}", "$"},
      {"}{", "}{"},
  };
  GIVES(cases, false);
  GIVES(cases, true);
}

static void bare_names(void **state) {
  (void)state;
  static const struct expansion without[] = {{"$TAG", "$TAG"}, {"$", "$"},   {"a$ b", "a$ b"},
                                             {"$5", "$5"},     {"a$", "a$"}, {"$$TAG", "$TAG"}};
  static const struct expansion with[] = {
      {"$TAG", "v1"},    {"a$TAG/b", "av1/b"}, {"$TAG$TAG", "v1v1"},    {"$TAGS", ""},
      {"$_a1.", "low."}, {"$$TAG", "$TAG"},    {"${NONE:-$TAG}", "v1"}, {"hunter$2", "hunter$2"},
      {"5$", "5$"},      {"$-$TAG", "$-v1"}};
  GIVES(without, false);
  GIVES(with, true);
}

static void complains(const char *from, bool bare, const char *why) {
  struct interpolation how = {.lookup = lookup, .bare_names = bare};
  struct error err = ERROR_INIT;
  char *unset = (char *)"untouched";
  assert_null(interpolate(from, &how, &unset, &err));
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_string_equal(err.text, why);
  assert_string_equal(unset, "untouched");
}

static void faults(void **state) {
  (void)state;
  static const char bad[] = "bad substitution: ${NAME} is expected; write $$ for a dollar sign";
  static const char *const texts[] = {"${",       "${}",     "${TAG",       "${1A}",
                                      "${TA G}",  "${TAG:}", "${TAG:x}",    "${TAG!x}",
                                      "${TAG.x}", "x${-d}",  "${NONE:-${}", "${NONE:-${1}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) complains(texts[i], false, bad);
  complains("${NONE:?say TAG}", false, "NONE is not set: say TAG");
  complains("${EMPTY:?say TAG}", false, "EMPTY is empty: say TAG");
  complains("${NONE?}", false, "NONE is not set");
  complains("${NONE} ${NONE?x}", false, "NONE is not set: x");
}

static void unset_names(void **state) {
  (void)state;
  struct interpolation how = {.lookup = lookup};
  struct error err = ERROR_INIT;
  char *unset = NULL;
  char *text = interpolate("${EMPTY}${TAG}${NONE-d}${NONE+r}", &how, &unset, &err);
  assert_string_equal(text, "v1d");
  assert_null(unset);
  free(text);
  text = interpolate("${FIRST}${SECOND}", &how, &unset, &err);
  assert_string_equal(text, "");
  assert_string_equal(unset, "FIRST");
  free(text);
  free(unset);
  how.unset_is_error = true;
  assert_null(interpolate("a:${NONE}", &how, &unset, &err));
  assert_string_equal(err.text, "NONE is not set");
  text = interpolate("${EMPTY}${NONE:-d}", &how, NULL, &err);
  assert_string_equal(text, "d");
  free(text);
}

static char *nested(int depth) {
  char *text = xstrdup("x");
  for (; depth; depth--) {
    char *outer = xprintf("${NONE:-%s}", text);
    free(text);
    text = outer;
  }
  return text;
}

static void limits(void **state) {
  (void)state;
  CLEANUP_FREE char *fine = nested(16);
  CLEANUP_FREE char *deep = nested(17);
  struct expansion one[] = {{fine, "x"}};
  GIVES(one, false);
  complains(deep, false, "bad substitution: nested deeper than 16");
}

static const char *long_value(void *data, const char *name) {
  (void)name;
  return data;
}

static void growth_is_capped(void **state) {
  (void)state;
  CLEANUP_FREE char *value = xmalloc(100001);
  memset(value, 'x', 100000);
  value[100000] = '\0';
  char text[401] = "";
  for (int i = 0; i < 100; i++) memcpy(text + 4 * i, "${A}", 4);
  struct interpolation how = {.lookup = long_value, .data = value};
  struct error err = ERROR_INIT;
  assert_null(interpolate(text, &how, NULL, &err));
  assert_string_equal(err.text, "more than 8388608 bytes after substitution");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_forms),   cmocka_unit_test(bare_names), cmocka_unit_test(faults),
      cmocka_unit_test(unset_names), cmocka_unit_test(limits),     cmocka_unit_test(growth_is_capped),
  };
  return RUN_TESTS(tests);
}
