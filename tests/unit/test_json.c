#include "base/limits.h"
#include "data/json.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text) {
  struct error err = ERROR_INIT;
  json_t *o = json_parse(text, strlen(text), &err);
  if (!o) fail_msg("%s", err.text);
  return o;
}

static void refuses(const char *text, size_t len, const char *why) {
  struct error err = ERROR_INIT;
  assert_null(json_parse(text, len, &err));
  assert_int_equal(err.kind, ERR_ENGINE);
  assert_string_equal(err.text, why);
}

static void reads_by_path(void **state) {
  (void)state;
  CLEANUP_JSON json_t *o =
      parse("{\"Id\":\"abc\",\"State\":{\"ExitCode\":137,\"OOMKilled\":true,\"Error\":null},"
            "\"List\":[1],\"Big\":9007199254740993,\"Half\":1.5,\"\":{\"\":7}}");
  assert_string_equal(json_str(o, "Id"), "abc");
  assert_int_equal(json_int_or(o, "State.ExitCode", -1), 137);
  assert_true(json_int_or(o, "Big", 0) == 9007199254740993);
  assert_true(json_is(o, "State.OOMKilled"));
  assert_true(json_is_array(json_at(o, "List")));
  assert_int_equal(json_int_or(o, ".", -1), 7);
}

static void wrong_types_are_absent(void **state) {
  (void)state;
  CLEANUP_JSON json_t *o = parse("{\"S\":\"x\",\"N\":null,\"L\":[{\"S\":\"y\"}],\"F\":1.5,\"T\":\"true\"}");
  static const char *const absent[] = {"none", "S.S", "N", "N.S", "L.S", "L.0", "", "S.", ".S"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) assert_null(json_at(o, absent[i]));
  assert_null(json_str(o, "F"));
  assert_int_equal(json_int_or(o, "F", -1), -1);
  assert_int_equal(json_int_or(o, "S", -2), -2);
  assert_false(json_is(o, "T"));
  assert_null(json_at(NULL, "S"));
  CLEANUP_JSON json_t *list = parse("[1]");
  assert_null(json_at(list, "S"));
}

static void faults_never_quote(void **state) {
  (void)state;
  refuses("", 0, "not JSON: it ends too early at byte 0 of 0");
  refuses("{\"a\":", 5, "not JSON: it ends too early at byte 5 of 5");
  refuses("{\"a\": hunter2}", 14, "not JSON: syntax at byte 12 of 14");
  refuses("{} x", 4, "not JSON: something follows its end at byte 4 of 4");
  refuses("\"\xff\"", 3, "not JSON: not UTF-8 at byte 1 of 3");
  refuses("\"a\\u0000b\"", 10, "not JSON: a NUL character in a string at byte 10 of 10");
}

static void depth_is_limited(void **state) {
  (void)state;
  char text[1000];
  for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    if (depth > LIMIT_JSON_DEPTH) {
      refuses(text, 2 * depth, "not JSON: nested deeper than 128");
    } else {
      CLEANUP_JSON json_t *o = json_parse(text, 2 * depth, NULL);
      assert_non_null(o);
    }
  }
  /* brackets in strings are none */
  memset(text, '[', sizeof text);
  memcpy(text, "\"\\\"", 3);
  text[sizeof text - 1] = '"';
  CLEANUP_JSON json_t *s = json_parse(text, sizeof text, NULL);
  assert_true(json_is_string(s));
}

static void the_last_duplicate_wins(void **state) {
  (void)state;
  CLEANUP_JSON json_t *o = parse("{\"a\":1,\"a\":2}");
  assert_int_equal(json_int_or(o, "a", 0), 2);
}

static void objects_are_made(void **state) {
  (void)state;
  CLEANUP_JSON json_t *o = parse("{\"a\":{\"x\":1},\"b\":null}");
  assert_int_equal(json_int_or(json_object_in(o, "a"), "x", 0), 1);
  json_object_set_new(json_object_in(o, "b"), "y", json_integer(2));
  json_object_set_new(json_object_in(o, "c"), "z", json_integer(3));
  char *text = json_canonical(o);
  assert_string_equal(text, "{\"a\":{\"x\":1},\"b\":{\"y\":2},\"c\":{\"z\":3}}");
  free(text);
}

static void canonical_is_sorted_and_compact(void **state) {
  (void)state;
  CLEANUP_JSON json_t *one = parse("{ \"b\": [1, 2], \"a\": {\"d\":true, \"c\":\"\xc3\xbc\\u00e9\"} }");
  CLEANUP_JSON json_t *two = parse("{\"a\":{\"c\":\"\\u00fc\xc3\xa9\",\"d\":true},\"b\":[1,2]}");
  char *first = json_canonical(one), *second = json_canonical(two),
       *scalar = json_canonical(json_at(one, "a.d"));
  assert_string_equal(first, "{\"a\":{\"c\":\"\xc3\xbc\xc3\xa9\",\"d\":true},\"b\":[1,2]}");
  assert_string_equal(first, second);
  assert_string_equal(scalar, "true");
  free(first);
  free(second);
  free(scalar);
}

static void unref_clears(void **state) {
  (void)state;
  json_t *o = parse("[]");
  json_unref(&o);
  assert_null(o);
  json_unref(&o);
}

static json_t *part(const char *text, const char *const *keys, struct error *err) {
  char *exact = malloc(strlen(text) + 1); /* its own end, for the sanitizer */
  memcpy(exact, text, strlen(text) + 1);
  json_t *o = json_parse_part(exact, strlen(text), keys, err);
  free(exact);
  return o;
}

static void a_part_is_what_was_asked_for(void **state) {
  (void)state;
  static const char *const keys[] = {"State", "Created", NULL};
  struct error err = ERROR_INIT;
  CLEANUP_JSON json_t *o =
      part(" {\"Id\":\"}\\\"{\", \"Created\" : \"now\",\"Env\":[\"State\",{\"State\":1}],"
           "\"State\":{\"Code\":3,\"L\":[1,2]},\"Last\":null}\n",
           keys, &err);
  assert_int_equal(json_object_size(o), 2);
  assert_string_equal(json_str(o, "Created"), "now");
  assert_int_equal(json_int_or(o, "State.Code", -1), 3);
  CLEANUP_JSON json_t *none = part("{}", keys, &err);
  assert_int_equal(json_object_size(none), 0);
  assert_false(err.kind);
}

/* Of each object of an array. */
static void a_part_of_rows(void **state) {
  (void)state;
  static const char *const keys[] = {"Id", "Labels.run-once.id", NULL};
  static const struct {
    const char *text, *part;
  } rows[] = {
      {"[]\n", "[]"},
      {" [ ] ", "[]"},
      {"[{\"Id\":\"a\",\"Names\":[\"/x\"],\"Labels\":{\"k\":\"}]\",\"run-once.id\":\"j\"}} ,\n "
       "{\"Id\":\"b\",\"Labels\":{}}]",
       "[{\"Id\":\"a\",\"Labels\":{\"run-once.id\":\"j\"}},{\"Id\":\"b\",\"Labels\":{}}]"},
      {"[{}]", "[{}]"},
      {"[1,{\"x\":2}]", "[1,{\"x\":2}]"}, /* not as expected: whole */
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct error err = ERROR_INIT;
    CLEANUP_JSON json_t *o = part(rows[i].text, keys, &err);
    char *text = json_canonical(o);
    assert_string_equal(text, rows[i].part);
    free(text);
  }
  static const char *const bad[] = {"[", "[{}", "[{},", "[{},]", "[{}]x", "[{}{}]", "[{\"Id\":]", "[}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct error err = ERROR_INIT;
    assert_null(part(bad[i], keys, &err));
    assert_int_equal(err.kind, ERR_ENGINE);
  }
}

/* Members of members, by their path: the rest of the objects around them is left out. */
static void a_part_inside_of_a_part(void **state) {
  (void)state;
  static const char *const keys[] = {"Type", "Actor.Attributes.signal", "Actor.ID", "Deep.a.b", "Deep.a.c",
                                     NULL};
  static const struct {
    const char *text, *part;
  } rows[] = {
      {"{\"Type\":\"x\",\"Actor\":{\"ID\":\"c\",\"Attributes\":{\"image\":\"}{\",\"signal\":\"9\",\"z\":{}}},"
       "\"t\":1}",
       "{\"Actor\":{\"Attributes\":{\"signal\":\"9\"},\"ID\":\"c\"},\"Type\":\"x\"}"},
      {"{ \"Actor\" : { \"Attributes\" : { } , \"ID\" : null } , \"Actors\":{\"ID\":1}}",
       "{\"Actor\":{\"Attributes\":{},\"ID\":null}}"},
      {"{\"Actor\":\"nobody\",\"Deep\":{\"a\":[{\"b\":1}]}}", "{\"Deep\":{}}"},
      {"{\"Deep\":{\"x\":1,\"a\":{\"c\":[1,{\"b\":2}],\"d\":0,\"b\":{\"e\":3}}}}",
       "{\"Deep\":{\"a\":{\"b\":{\"e\":3},\"c\":[1,{\"b\":2}]}}}"},
      {"{\"Actor\":{},\"Type\":\"y\"}", "{\"Actor\":{},\"Type\":\"y\"}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct error err = ERROR_INIT;
    CLEANUP_JSON json_t *o = part(rows[i].text, keys, &err);
    char *text = json_canonical(o);
    assert_string_equal(text, rows[i].part);
    free(text);
  }
}

/* Cut anywhere, it is as bad as the whole. */
static void a_part_of_what_is_no_json(void **state) {
  (void)state;
  static const char *const keys[] = {"b", NULL};
  static const char whole[] = "{\"a\":{\"x\":[\"\\\"\"]},\"b\":[1,{\"c\":\"d\"}],\"e\":true}";
  for (size_t n = 0; n < sizeof whole - 1; n++) {
    struct error err = ERROR_INIT;
    char text[sizeof whole] = {0};
    memcpy(text, whole, n);
    assert_null(part(text, keys, &err));
    assert_int_equal(err.kind, ERR_ENGINE);
  }
  static const char *const bad[] = {"[1]x",      "{\"b\":1}}", "{\"b\":1]", "{b:1}", "{\"b\":nonsense}",
                                    "{\"b\" 1}", "<html>"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct error err = ERROR_INIT;
    assert_null(part(bad[i], keys, &err));
  }
}

static json_t *without(const char *text, struct error *err) {
  static const char *const names[] = {"managedFields", "env", NULL};
  char *exact = malloc(strlen(text) + 1);
  memcpy(exact, text, strlen(text) + 1);
  json_t *o = json_parse_without(exact, strlen(text), names, err);
  free(exact);
  return o;
}

static void arrays_are_left_out(void **state) {
  (void)state;
  static const struct {
    const char *text, *rest;
  } rows[] = {
      {"{\"a\":1,\"managedFields\":[{\"f:}]\\\"\":[]}],\"b\":2}", "{\"a\":1,\"b\":2}"},
      {"{\"managedFields\" : [ ] , \"b\":2}", "{\"b\":2}"},
      {"{\"a\":1 ,\n \"managedFields\":[1]\n}", "{\"a\":1}"},
      {"{\"managedFields\":[[]]}", "{}"},
      {"{\"env\":[1],\"managedFields\":[2]}", "{}"},
      {"{\"a\":1,\"env\":[1],\"managedFields\":[2]}", "{\"a\":1}"},
      {"{\"items\":[{\"metadata\":{\"managedFields\":[1],\"uid\":\"u\"}},{\"env\":[1]}]}",
       "{\"items\":[{\"metadata\":{\"uid\":\"u\"}},{}]}"},
      /* somebody's own words stay */
      {"{\"labels\":{\"managedFields\":\"[1]\",\"env\":\"x\"}}",
       "{\"labels\":{\"env\":\"x\",\"managedFields\":\"[1]\"}}"},
      {"{\"env\":{\"managedFields\":null},\"x\":[\"env\",[1]]}",
       "{\"env\":{\"managedFields\":null},\"x\":[\"env\",[1]]}"},
      {"{\"note\":\"{\\\"managedFields\\\":[1]}\",\"a\\\"env\":[1]}",
       "{\"a\\\"env\":[1],\"note\":\"{\\\"managedFields\\\":[1]}\"}"},
      {"[\"env\",[1]]", "[\"env\",[1]]"},
      {"\"env\"", "\"env\""},
      {" {} ", "{}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct error err = ERROR_INIT;
    CLEANUP_JSON json_t *o = without(rows[i].text, &err);
    char *text = json_canonical(o);
    assert_string_equal(text, rows[i].rest);
    free(text);
  }
  static const char *const bad[] = {"",   "{",    "{\"env\":[", "{\"env\":[1]",   "{\"env\":[1]]}",
                                    "\"", "\"\\", "{\"env\"",   "{\"env\":[1]}x", "{,\"env\":[1]}x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct error err = ERROR_INIT;
    assert_null(without(bad[i], &err));
    assert_int_equal(err.kind, ERR_ENGINE);
  }
  struct error err = ERROR_INIT;
  assert_null(without("{\"a\":1,\"env\":[1],,}", &err));
  assert_string_equal(err.text, "not JSON: syntax at byte 18 of 19"); /* of the text as it came */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_by_path),
      cmocka_unit_test(wrong_types_are_absent),
      cmocka_unit_test(faults_never_quote),
      cmocka_unit_test(depth_is_limited),
      cmocka_unit_test(the_last_duplicate_wins),
      cmocka_unit_test(objects_are_made),
      cmocka_unit_test(unref_clears),
      cmocka_unit_test(canonical_is_sorted_and_compact),
      cmocka_unit_test(a_part_is_what_was_asked_for),
      cmocka_unit_test(a_part_inside_of_a_part),
      cmocka_unit_test(a_part_of_rows),
      cmocka_unit_test(arrays_are_left_out),
      cmocka_unit_test(a_part_of_what_is_no_json),
  };
  return RUN_TESTS(tests);
}
