#include "base/clock.h"
#include "descriptors.h"
#include <stdlib.h>

struct date_case {
  const char *text;
  int64_t ns;
};

static void rfc3339_is_read(void **state) {
  (void)state;
  static const struct date_case cases[] = {
      {"2026-11-29T15:04:05.123456789Z", 1795964645123456789},
      {"2026-11-29T15:04:05Z", 1795964645000000000},
      {"2026-11-29T15:04:05.1Z", 1795964645100000000},
      {"2026-11-29T15:04:05.1234567891Z", 1795964645123456789},
      {"2026-11-29T17:04:05+02:00", 1795964645000000000},
      {"2026-11-29T09:34:05.5-05:30", 1795964645500000000},
      {"2026-11-29 15:04:05z", 1795964645000000000},
      {"1970-01-01T00:00:01Z", 1000000000},
      {"2024-02-29T00:00:00Z", 1709164800000000000},
      {"2261-12-31T23:59:59Z", 9214646399000000000},
      {"0001-01-01T00:00:00Z", 0}, /* what engines write for "never" */
      {"2023-02-29T00:00:00Z", 0},
      {"2262-12-31T23:59:59Z", 0},
      {"2026-13-01T00:00:00Z", 0},
      {"2026-11-31T00:00:00Z", 0},
      {"2026-11-29T24:00:00Z", 0},
      {"2026-11-29T15:04:05", 0},
      {"2026-11-29T15:04:05.Z", 0},
      {"2026-11-29T15:04:05Zx", 0},
      {"2026-11-29T15:04:05+0200", 0},
      {"2026-11-29T15:04:05+24:00", 0},
      {"2026-11-29T15:04Z", 0},
      {"1970-01-01T00:00:01+01:00", 0},
      {"", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (clock_parse_rfc3339(cases[i].text) != cases[i].ns) print_error("%s\n", cases[i].text);
    assert_int_equal(clock_parse_rfc3339(cases[i].text), cases[i].ns);
  }
  assert_int_equal(clock_parse_rfc3339(NULL), 0);
}

static void rfc3339_goes_round(void **state) {
  (void)state;
  char *text = clock_rfc3339(1795964645123456789);
  assert_string_equal(text, "2026-11-29T15:04:05.123456789Z");
  free(text);
  text = clock_rfc3339(7);
  assert_string_equal(text, "1970-01-01T00:00:00.000000007Z");
  free(text);
  int64_t now = clock_wall_ns();
  text = clock_rfc3339(now);
  assert_int_equal(clock_parse_rfc3339(text), now);
  free(text);
}

static void http_dates_are_read(void **state) {
  (void)state;
  assert_int_equal(clock_parse_http_date("Sun, 29 Nov 2026 15:04:05 GMT"), 1795964645000000000);
  static const char *const garbage[] = {"",
                                        "Sun, 29 Nov 2026 15:04:05",
                                        "Sun, 29 Nov 2026 15:04:05 UTC",
                                        "Sunday, 29-Nov-26 15:04:05 GMT",
                                        "Sun, 9 Nov 2026 15:04:05 GMT",
                                        "Sun, 29 nov 2026 15:04:05 GMT",
                                        "Sun, 29 Nov 2026 15:04:05 GMT ",
                                        "Sun, 31 Nov 2026 15:04:05 GMT",
                                        "Sun,"};
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
    assert_int_equal(clock_parse_http_date(garbage[i]), 0);
  assert_int_equal(clock_parse_http_date(NULL), 0);
}

static void boot_time_goes_on(void **state) {
  (void)state;
  int64_t first = clock_ms();
  assert_true(first > 0);
  assert_true(clock_ms() >= first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rfc3339_is_read),
      cmocka_unit_test(rfc3339_goes_round),
      cmocka_unit_test(http_dates_are_read),
      cmocka_unit_test(boot_time_goes_on),
  };
  return RUN_TESTS(tests);
}
