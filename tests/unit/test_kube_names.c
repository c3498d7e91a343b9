/* Names, labels and ids of a job's objects: whatever people call things, a cluster must take it. */
#include "data/json.h"
#include "descriptors.h"
#include "runtime/kube/kube.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void is_dns_label(const char *name) {
  size_t n = strlen(name);
  assert_in_range(n, 1, 57);
  assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), n);
  assert_true(isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[n - 1]));
}

static void object_names(void **state) {
  (void)state;
  char a[64], b[64];
  kube_object_name("run-once.abcdefghijkl", a);
  assert_string_equal(a, "run-once-abcdefghijkl");
  kube_job_name("abcdefghijkl", b);
  assert_string_equal(a, b);
  kube_object_name("run-once.lock.shop.schema", a);
  is_dns_label(a);
  assert_int_equal(strncmp(a, "run-once-lock-", 14), 0);
  assert_int_equal(strlen(a), 54);
  kube_object_name("run-once.lock.shop.schemb", b);
  assert_string_not_equal(a, b);
  kube_ticket_key("abcdefghijkl", a);
  assert_string_equal(a, "ticket-abcdefghijkl");
}

/* Dots, capitals, umlauts, nothing at all, far too long: hashed, and two of them never fall together. */
static void names_from_any_input(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "",
      "run-once.",
      "run-once.A",
      "run-once.a.b",
      "run-once.a-b",
      "run-once.-",
      "run-once.a-",
      "run-once.kept.abcdefghijkl",
      "run-once.lock.",
      "run-once.lock.h.0123",
      "run-once.\303\274",
      "something else",
      "run-once.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "run-once.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"};
  char names[sizeof inputs / sizeof *inputs][64];
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    kube_object_name(inputs[i], names[i]);
    is_dns_label(names[i]);
    for (size_t k = 0; k < i; k++) assert_string_not_equal(names[i], names[k]);
  }
}

static void label_values(void **state) {
  (void)state;
  static const struct {
    const char *text, *label;
  } rows[] = {{"schema", "schema"},    {"a b/c", "a-b-c"}, {"--x--", "x"},         {"", ""},
              {"\303\274ber", "ber"},  {"a\n", "a"},       {"1.2_3-4", "1.2_3-4"}, {"...", ""},
              {"who@host", "who-host"}};
  char got[64];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    kube_label_value(rows[i].text, got);
    assert_string_equal(got, rows[i].label);
  }
  char text[200];
  memset(text, '!', sizeof text);
  memset(text, 'x', 62);
  text[199] = 'y';
  kube_label_value(text, got);
  assert_int_equal(strlen(got), 62); /* no dash at the end */
}

static void ids(void **state) {
  (void)state;
  struct kube_id id;
  struct error err = ERROR_INIT;
  char *text = kube_id_text("run-once-x", "0cd039f3-ff3f-4fc1-9def-3451d3495e23", "x");
  assert_string_equal(text, "run-once-x/0cd039f3-ff3f-4fc1-9def-3451d3495e23/x");
  assert_int_equal(kube_id_parse(text, &id, &err), 0);
  assert_string_equal(id.name, "run-once-x");
  assert_string_equal(id.uid, "0cd039f3-ff3f-4fc1-9def-3451d3495e23");
  assert_string_equal(id.job, "x");
  free(text);
  text = kube_id_text("n", NULL, "x"); /* a kept job: its Secret is gone */
  assert_int_equal(kube_id_parse(text, &id, &err), 0);
  assert_string_equal(id.uid, "-");
  free(text);
  static const char *const bad[] = {"", "n", "n/u", "n/u/j/k", "/u/j", "n//j", "n/u/", "0123456789abcdef"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(kube_id_parse(bad[i], &id, &err), -1);
    assert_int_equal(err.kind, ERR_MISSING);
  }
}

/* What people select by is a label, cut and made fit; the whole text stands in the annotation. */
static void labels_and_back(void **state) {
  (void)state;
  json_t *ours =
      json_pack("{s:s, s:s, s:s, s:s, s:s}", "run-once.id", "abc", "run-once.lock", "db schema",
                "run-once.reason", "because \303\274", "run-once.version", "1", "other", "not ours");
  json_t *labels, *notes;
  kube_labels(ours, &labels, &notes);
  assert_string_equal(json_string_value(json_object_get(labels, "run-once/id")), "abc");
  assert_string_equal(json_string_value(json_object_get(labels, "run-once/lock")), "db-schema");
  assert_int_equal(json_object_size(labels), 2);
  assert_string_equal(json_string_value(json_object_get(notes, "run-once/lock")), "db schema");
  assert_int_equal(json_object_size(notes), 4);
  json_t *metadata = json_pack("{s:o, s:o}", "labels", labels, "annotations", notes);
  json_t *back = kube_labels_back(metadata);
  json_object_del(ours, "other");
  assert_true(json_equal(back, ours));
  json_decref(back);
  json_decref(metadata);
  json_decref(ours);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(object_names), cmocka_unit_test(names_from_any_input), cmocka_unit_test(label_values),
      cmocka_unit_test(ids),          cmocka_unit_test(labels_and_back),
  };
  return RUN_TESTS(tests);
}
