/* What is written is read back as the same JSON, and reads well. */
#include "data/yaml.h"
#include "data/yaml_write.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

static char *write_one(const json_t *value) {
  struct buf out;
  json_t *all = json_pack("[O]", value);
  buf_init(&out, 1 << 20);
  assert_int_equal(yaml_write(&out, all), 0);
  json_decref(all);
  return buf_take(&out);
}

static void reads_well(void **state) {
  (void)state;
  json_t *all = json_loads(
      "[{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{}},{\"image\":\"reg:5000/shop@sha256:1\","
      "\"args\":[\"sh\",\"-c\",\"echo 'a b'\\nexit 1\"],\"n\":1,\"yes\":true,\"v\":\"true\",\"port\":"
      "\"80\",\"empty\":\"\",\"none\":null,\"list\":[],\"label\":{\"a/b\":\"no\"}}]",
      0, NULL);
  struct buf out;
  buf_init(&out, 1 << 20);
  assert_int_equal(yaml_write(&out, all), 0);
  assert_string_equal(out.data, "---\n"
                                "apiVersion: v1\n"
                                "kind: Secret\n"
                                "data: {}\n"
                                "---\n"
                                "image: reg:5000/shop@sha256:1\n"
                                "args:\n"
                                "- sh\n"
                                "- \"-c\"\n"
                                "- \"echo 'a b'\\nexit 1\"\n"
                                "\"n\": 1\n"
                                "\"yes\": true\n"
                                "v: \"true\"\n"
                                "port: \"80\"\n"
                                "empty: \"\"\n"
                                "none: null\n"
                                "list: []\n"
                                "label:\n"
                                "  a/b: \"no\"\n");
  buf_done(&out);
  json_decref(all);
}

static void other_types_are_quoted(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "~",
                                      "null",
                                      "Null",
                                      "yes",
                                      "No",
                                      "on",
                                      "OFF",
                                      "y",
                                      "N",
                                      "true",
                                      "1",
                                      "0x10",
                                      "0o7",
                                      "1e3",
                                      ".5",
                                      "-1",
                                      "+1",
                                      ".inf",
                                      ".nan",
                                      "1_000",
                                      "1:30",
                                      "- a",
                                      "a: b",
                                      "a #b",
                                      " a",
                                      "a ",
                                      "*a",
                                      "&a",
                                      "!a",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "a\tb",
                                      "a\nb",
                                      "\n",
                                      "?",
                                      "? a",
                                      "---",
                                      "...",
                                      "{}",
                                      "[]",
                                      "a,b",
                                      "\"a\"",
                                      "'a'",
                                      "a:",
                                      ":a",
                                      "=",
                                      "<<",
                                      "2026-01-01",
                                      "\x7f",
                                      "\x01",
                                      "ü",
                                      "\xf0\x9f\x98\x80",
                                      "\xe2\x80\xa8",
                                      "\xef\xbb\xbf",
                                      "|",
                                      ">",
                                      "infinity"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    json_t *value = json_pack("{s:s}", "k", texts[i]);
    char *text = write_one(value);
    struct error err = ERROR_INIT;
    struct yaml *y = yaml_parse("x", text, strlen(text), &err);
    if (!y) fail_msg("'%s': %s", text, err.text);
    const struct yaml *back = yaml_get(y, "k");
    if (back->kind != YAML_STRING || strcmp(back->text, texts[i]) != 0)
      fail_msg("'%s' came back as %s '%s' from %s", texts[i], yaml_kind_name(back->kind), back->text, text);
    yaml_tree_free(y);
    free(text);
    json_decref(value);
  }
}

static void limits(void **state) {
  (void)state;
  struct buf out;
  json_t *deep = json_array(), *all = json_pack("[o]", deep);
  for (int i = 0; i < 200; i++) {
    json_t *inner = json_array();
    json_array_append_new(deep, inner);
    deep = inner;
  }
  buf_init(&out, 1 << 20);
  assert_int_equal(yaml_write(&out, all), -1);
  buf_done(&out);
  json_decref(all);
  all = json_pack("[s]", "a text that is longer than the buffer takes");
  buf_init(&out, 16);
  assert_int_equal(yaml_write(&out, all), -1);
  buf_done(&out);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_well),
      cmocka_unit_test(other_types_are_quoted),
      cmocka_unit_test(limits),
  };
  return RUN_TESTS(tests);
}
