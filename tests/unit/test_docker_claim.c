/* Once-records: what the engine says of the volume, and a carrier that goes whatever happens. */
#include "docker_bench.h"

#define VOLUME(labels) OK "{\"Name\":\"run-once.once.h\",\"Mountpoint\":\"/v\",\"Labels\":" labels "}"
#define CARRIER                                                                                              \
  {                                                                                                          \
    "POST /v1.41/containers/create?name=run-once.carrier.",                                                  \
        "HTTP/1.1 201 Created\r\n\r\n{\"Id\":\"" ID "\"}"                                                    \
  }
#define GONE                                                                                                 \
  {                                                                                                          \
    .request = "DELETE /v1.41/containers/" ID "?v=1 ",                                                       \
    .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", .once = true                                   \
  }

static void the_first_creators_labels(void **state) {
  BENCH(
      {"POST /v1.41/volumes/create ", "HTTP/1.1 201 Created\r\n\r\n{\"Labels\":{\"run-once.id\":\"first\"}}"},
      {"GET /v1.41/volumes/run-once.once.h ", VOLUME("null")},
      {"GET /v1.41/volumes/run-once.once.none ", FAULT("404", "{\"message\":\"no such volume\"}")},
      {"GET /v1.41/volumes/run-once.once.odd ", OK "nonsense"},
      {"DELETE /v1.41/volumes/run-once.once.h ", FAULT("404", "{\"message\":\"no such volume\"}")},
      {"DELETE /v1.41/volumes/run-once.once.busy ", FAULT("409", "{\"message\":\"volume is in use\"}")});
  json_t *mine = json_pack("{s:s}", "run-once.id", "mine"), *got = NULL;
  assert_int_equal(b.ops->claim(b.rt, "h", mine, &got, &err), 0);
  assert_string_equal(json_string_value(json_object_get(got, "run-once.id")), "first");
  json_decref(got);
  assert_int_equal(b.ops->claim_read(b.rt, "h", &got, &err), 0);
  assert_int_equal(json_object_size(got), 0); /* somebody else's volume */
  json_decref(got);
  assert_int_equal(b.ops->claim_read(b.rt, "none", &got, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  assert_string_equal(err.text, "reading the once-record failed: no such volume");
  assert_int_equal(b.ops->claim_read(b.rt, "odd", &got, &err), -1);
  assert_int_equal(err.kind, ERR_ENGINE);
  assert_int_equal(b.ops->claim_free(b.rt, "h", &err), 0);
  assert_int_equal(b.ops->claim_free(b.rt, "busy", &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  json_decref(mine);
  close_bench(&b);
}

static void a_store_that_fails(void **state) {
  BENCH(GONE, CARRIER, {"/volumes/", VOLUME("{}")},
        {"PUT /v1.41/containers/" ID "/archive?path=%2F.run-once ",
         FAULT("500", "{\"message\":\"no space left\"}")});
  assert_int_equal(b.ops->claim_store(b.rt, "h", "x", "f", "data", 4, &err), -1);
  assert_string_equal(err.text, "copying files to /.run-once failed: no space left");
  assert_int_equal(b.engine.count->n[0], 1);
  close_bench(&b);
}

static void left_behind_carriers_are_swept(void **state) {
  BENCH({.request = "DELETE /v1.41/containers/old?v=1 ",
         .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
         .once = true},
        {.request = "DELETE /v1.41/containers/new?v=1 ",
         .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
         .once = true},
        GONE, CARRIER, {"/volumes/", VOLUME("{}")}, {"PUT ", OK},
        {"/containers/json?",
         OK "[{\"Id\":\"old\",\"Created\":1795964000},{\"Id\":\"new\",\"Created\":1795964640}]"});
  assert_int_equal(b.ops->claim_store(b.rt, "h", "x", "f", "data", 4, &err), 0);
  assert_int_equal(b.engine.count->n[0], 1);
  assert_int_equal(b.engine.count->n[1], 0);
  assert_int_equal(b.engine.count->n[2], 1);
  close_bench(&b);
}

static void all_that_is_left_is_swept(void **state) {
  BENCH({.request = "DELETE /v1.41/containers/old?v=1 ",
         .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
         .once = true},
        {.request = "DELETE /v1.41/containers/new?v=1 ", .answer = OK, .once = true},
        {.request = "filters=%7B%22label%22%3A%5B%22run-once.carrier%22%5D%7D ", /* in any state */
         .answer = OK "[{\"Id\":\"old\",\"Created\":1795964000},{\"Id\":\"new\",\"Created\":1795964640}]",
         .once = true});
  assert_int_equal(b.ops->claim_sweep(b.rt, NULL, 600000), 1);
  assert_int_equal(b.engine.count->n[2], 1);
  assert_int_equal(b.engine.count->n[0], 1);
  assert_int_equal(b.engine.count->n[1], 0);
  error_clear(&err);
  close_bench(&b);
}

/* Those of a job whose launcher died, however young; what is certain to be gone is not looked for. */
static void a_jobs_own_are_swept(void **state) {
  BENCH(GONE,
        {.request = "DELETE /v1.41/containers/young?v=1 ",
         .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
         .once = true},
        {.request = "filters=%7B%22label%22%3A%5B%22run-once.carrier-of%3Dmine%22%5D%7D ",
         .answer = OK "[{\"Id\":\"young\",\"Created\":1795964699}]",
         .once = true},
        CARRIER, {"/volumes/", VOLUME("{}")}, {"PUT ", OK}, {"/containers/json?", OK "[]"});
  _Atomic int standing = 0;
  b.rt->helpers = (struct runtime_helpers){"mine", &standing};
  assert_int_equal(b.ops->claim_store(b.rt, "h", "x", "f", "data", 4, &err), 0);
  assert_int_equal(standing, 0);
  assert_int_equal(b.engine.count->n[0], 1);
  assert_int_equal(b.ops->claim_sweep(b.rt, "mine", 600000), 1);
  assert_int_equal(b.engine.count->n[1], 1);
  close_bench(&b);
}

static void a_lost_carrier_is_replaced(void **state) {
  BENCH(GONE, {.request = "/containers/create", .once = true}, CARRIER, {"/volumes/", VOLUME("{}")},
        {"PUT ", OK}, {.request = "DELETE /v1.41/containers/run-once.carrier.", .answer = OK, .once = true},
        {"/containers/json?", OK "[]"});
  _Atomic int standing = 0;
  b.rt->helpers = (struct runtime_helpers){"mine", &standing};
  assert_int_equal(b.ops->claim_store(b.rt, "h", "x", "f", "data", 4, &err), 0);
  assert_int_equal(b.engine.count->n[0], 1);
  assert_int_equal(b.engine.count->n[5], 1);
  assert_int_equal(standing, 1); /* it may be made behind its removal: the guardian looks */
  close_bench(&b);
}

/* Freed, and taken by the next one at once: the record that was asked for is missing all the same. */
static void freed_and_taken_anew(void **state) {
  BENCH({.request = "DELETE", .answer = "HTTP/1.1 404 No\r\n\r\n", .once = true}, {"/volumes/", VOLUME("{}")},
        {"/containers/create",
         FAULT("400", "{\"message\":\"invalid mount config for type \\\"bind\\\": bind source "
                      "path does not exist: /v\"}")});
  char *data = NULL;
  size_t n = 0;
  assert_int_equal(b.ops->claim_load(b.rt, "h", "x", "f", &data, &n, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  close_bench(&b);
}

static void loads_that_fail(void **state) {
  BENCH(GONE, {"DELETE", "HTTP/1.1 404 No\r\n\r\n"}, CARRIER,
        {"/volumes/run-once.once.gone ", FAULT("404", "")}, {"/volumes/", VOLUME("{}")},
        {"path=%2F.run-once%2Fcut ", OK "not a tar"}, {"path=%2F.run-once%2Fempty ", OK},
        {"path=", FAULT("404", "{\"message\":\"no such file\"}")});
  static const struct {
    const char *hash, *file;
    enum error_kind kind;
    const char *text;
  } cases[] = {
      {"gone", "f", ERR_MISSING,
       "reading the once-record failed: the engine answered HTTP 404 without a word"},
      {"h", "cut", ERR_ENGINE, "tar: the archive ends in the middle of a header"},
      {"h", "empty", ERR_MISSING, "empty: not a file in the once-record"},
      {"h", "none", ERR_MISSING, "reading /.run-once/none failed: no such file"},
  };
  char *data = NULL;
  size_t n = 0;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    assert_int_equal(b.ops->claim_load(b.rt, cases[i].hash, "x", cases[i].file, &data, &n, &err), -1);
    assert_int_equal(err.kind, cases[i].kind);
    assert_string_equal(err.text, cases[i].text);
    assert_null(data);
  }
  assert_true(b.engine.count->n[0] >= 3);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_creators_labels),      cmocka_unit_test(a_store_that_fails),
      cmocka_unit_test(left_behind_carriers_are_swept), cmocka_unit_test(all_that_is_left_is_swept),
      cmocka_unit_test(a_jobs_own_are_swept),           cmocka_unit_test(a_lost_carrier_is_replaced),
      cmocka_unit_test(freed_and_taken_anew),           cmocka_unit_test(loads_that_fail),
  };
  return RUN_TESTS(tests);
}
