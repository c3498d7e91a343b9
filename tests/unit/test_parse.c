#include "base/parse.h"
#include "base/trace.h"
#include "descriptors.h"

#define GARBAGE INT64_C(-77)

struct number_case {
  const char *text;
  int64_t value; /* GARBAGE: refused */
};

static void check(int (*parse)(const char *, int64_t *), const struct number_case *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int64_t value = GARBAGE;
    int result = parse(cases[i].text, &value);
    if (value != cases[i].value) print_error("\"%s\"\n", cases[i].text);
    assert_int_equal(value, cases[i].value); /* and so untouched on garbage */
    assert_int_equal(result, cases[i].value == GARBAGE ? -1 : 0);
  }
}
#define CHECK(parse, cases) check((parse), (cases), sizeof(cases) / sizeof *(cases))

static void durations(void **state) {
  (void)state;
  static const struct number_case cases[] = {
      {"0", 0},
      {"90", 90000},
      {"90s", 90000},
      {"30m", 1800000},
      {"1h30m", 5400000},
      {"7d", 604800000},
      {"500ms", 500},
      {"1m500ms", 60500},
      {"1.5h", 5400000},
      {"1d2h3m4s5ms", 93784005},
      {"", GARBAGE},
      {"s", GARBAGE},
      {"-1s", GARBAGE},
      {"1x", GARBAGE},
      {"1h30", GARBAGE},
      {"5m5m", GARBAGE},
      {"1m1h", GARBAGE},
      {" 1s", GARBAGE},
      {"1 s", GARBAGE},
      {"1.s", GARBAGE},
      {"+1s", GARBAGE},
      {"0x10", GARBAGE},
      {"1e3", GARBAGE},
      {"106751991167d", 9223372036828800000},
      {"106751991168d", GARBAGE},
      {"9223372036854775808ms", GARBAGE},
      {"106751991167d25975807ms", 9223372036854775807},
      {"106751991167d25975808ms", GARBAGE},
  };
  CHECK(parse_duration, cases);
}

static void sizes(void **state) {
  (void)state;
  static const struct number_case cases[] = {
      {"100", 100},
      {"64k", 65536},
      {"64K", 65536},
      {"100MiB", 104857600},
      {"1.5g", 1610612736},
      {"1gb", 1073741824},
      {"1 GB", 1073741824},
      {"5b", 5},
      {"1.1k", 1126},
      {"2t", 2199023255552},
      {"0", 0},
      {"8191p", 9222246136947933184},
      {"8192p", GARBAGE},
      {"", GARBAGE},
      {"k", GARBAGE},
      {"-1", GARBAGE},
      {"1kk", GARBAGE},
      {"1ki b", GARBAGE},
      {"1i", GARBAGE},
      {"1kix", GARBAGE},
      {"1  k", GARBAGE},
      {"1e", GARBAGE},
      {"1.k", GARBAGE},
      {".5k", GARBAGE},
      {"99999999999999999999", GARBAGE},
  };
  CHECK(parse_size, cases);
}

static void cpus(void **state) {
  (void)state;
  static const struct number_case cases[] = {
      {"1", 1000000000},
      {"1.5", 1500000000},
      {"0.000000001", 1},
      {".5", 500000000},
      {"0.1000000000", 100000000},
      {"0.0000000001", GARBAGE},
      {"", GARBAGE},
      {".", GARBAGE},
      {"1.", GARBAGE},
      {"-1", GARBAGE},
      {"1.5x", GARBAGE},
      {"9223372036", 9223372036000000000},
      {"9223372037", GARBAGE},
  };
  CHECK(parse_cpus, cases);
}

static void bools(void **state) {
  (void)state;
  static const char *const yes[] = {"true", "1", "yes", "on", "True", "YES"};
  static const char *const no[] = {"false", "0", "no", "off", "FALSE"};
  static const char *const garbage[] = {"", "2", "y", "truex", " on", "null"};
  bool value = false;
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++, value = false) {
    assert_int_equal(parse_bool(yes[i], &value), 0);
    assert_true(value);
  }
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
    value = true;
    assert_int_equal(parse_bool(no[i], &value), 0);
    assert_false(value);
  }
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
    value = true;
    assert_int_equal(parse_bool(garbage[i], &value), -1);
    assert_true(value);
  }
}

static void ints(void **state) {
  (void)state;
  int64_t value = GARBAGE;
  assert_int_equal(parse_int("-5", -10, 10, &value), 0);
  assert_int_equal(value, -5);
  static const char *const garbage[] = {
      "", "-", "+1", "11", "-11", "1x", " 1", "1.0", "99999999999999999999"};
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
    assert_int_equal(parse_int(garbage[i], -10, 10, &value), -1);
    assert_int_equal(value, -5);
  }
  assert_int_equal(parse_int("9223372036854775807", 0, INT64_MAX, &value), 0);
  assert_true(value == INT64_MAX);
}

static void nearest_words(void **state) {
  (void)state;
  static const char *const known[] = {"image", "env", "env_file", "entrypoint", "kubernetes", "timeout"};
  static const struct {
    const char *word, *nearest;
  } cases[] = {
      {"imgae", "image"},
      {"evn", "env"},
      {"envfile", "env_file"},
      {"entrypont", "entrypoint"},
      {"kubernets", "kubernetes"},
      {"tiemout", "timeout"},
      {"image", "image"},
      {"x", NULL},
      {"en", NULL},
      {"e", NULL},
      {"", NULL},
      {"something", NULL},
      {"kxbxrxexes", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *nearest = nearest_word(cases[i].word, known, 6);
    if (cases[i].nearest)
      assert_string_equal(nearest, cases[i].nearest);
    else
      assert_null(nearest);
  }
}

static void trace_words(void **state) {
  (void)state;
  assert_int_equal(trace_enable("net,job"), 0);
  assert_int_equal(trace_areas, TRACE_NET | TRACE_JOB);
  static const char *const garbage[] = {"", "nets", "net,", ",net", "net, job"};
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
    assert_int_equal(trace_enable(garbage[i]), -1);
    assert_int_equal(trace_areas, TRACE_NET | TRACE_JOB);
  }
  assert_int_equal(trace_enable("all"), 0);
  assert_int_equal(trace_areas, TRACE_NET | TRACE_RUNTIME | TRACE_JOB);
  trace_areas = 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(durations),   cmocka_unit_test(sizes), cmocka_unit_test(cpus),
      cmocka_unit_test(bools),       cmocka_unit_test(ints),  cmocka_unit_test(nearest_words),
      cmocka_unit_test(trace_words),
  };
  return RUN_TESTS(tests);
}
