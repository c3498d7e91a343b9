/* How long small pieces of a stream are let come together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/gather.h"
#include <cmocka.h>
#include <stdbool.h>

struct flow {
  struct gather g;
  int64_t now;
  uint64_t pieces;
};

/* `pieces` of `size` bytes came in `us`: the wait that follows. */
static int64_t turn(struct flow *f, int64_t us, unsigned pieces, size_t size) {
  f->now += us;
  f->pieces += pieces;
  return gather_us(&f->g, pieces * size, f->pieces, f->now);
}

static struct flow in_flow(size_t size) {
  struct flow f = {.now = 1000000};
  for (unsigned i = 0; i <= 65536 / size; i++) turn(&f, 10, 1, size);
  return f;
}

static void lines_that_somebody_waits_for(void **state) {
  (void)state;
  struct flow f = {.now = 1000000};
  for (int i = 0; i < 10000; i++) assert_int_equal(turn(&f, 50000, 1, 80), 0); /* a pause each */
  for (int i = 0; i < 800; i++) assert_int_equal(turn(&f, 5000, 1, 80), 0);    /* less than 64 KiB of them */
  for (int i = 0; i < 1000; i++) assert_int_equal(turn(&f, 5000, 1, 80), 0);   /* the wait would bring one */
}

static void a_burst_is_read_at_once(void **state) {
  (void)state;
  struct flow f = {.now = 1000000};
  assert_int_equal(turn(&f, 30000, 15, 4096), 0);
  assert_true(turn(&f, 500, 10, 4096) > 0);
  assert_int_equal(turn(&f, 20001, 10, 4096), 0); /* a pause: another begins */
  assert_int_equal(turn(&f, 4000000000000000, 100, 4096),
                   0); /* the first of a machine that is up for a century */
}

/* What was measured of Docker 20.10: 4 KiB each 50 us, 32 KiB each 2.4 ms. */
static void a_socket_is_filled_not_over(void **state) {
  (void)state;
  struct flow f = in_flow(4096);
  int64_t us = turn(&f, 50, 1, 4096);
  assert_in_range(us, 600, 1100); /* 12 to 22 pieces; it holds 23 */
  f = in_flow(32768);
  us = turn(&f, 2400, 1, 32768);
  assert_int_equal(us, GATHER_MAX_US); /* 3 of 5 */
  f = in_flow(100);
  us = turn(&f, 10, 1, 100);
  assert_in_range(us, 100, 2200); /* 219 of them fill it */
}

static void slow_ones_are_not_waited_for(void **state) {
  (void)state;
  struct flow f = in_flow(32768);
  assert_int_equal(turn(&f, 4001, 1, 32768), 0); /* fewer than two in the longest wait */
  assert_true(turn(&f, 3900, 1, 32768) > 0);
}

/* Whoever sends as fast as we read is not held up: each wait is shorter, until there is none. */
static void fast_ones_are_not_held_up(void **state) {
  (void)state;
  struct flow f = in_flow(4096);
  int64_t us = turn(&f, 500, 10, 4096);
  assert_true(us > 0);
  for (int i = 0; i < 5; i++) us = turn(&f, us + 60, 24, 4096); /* the socket is full, whatever we do */
  assert_int_equal(us, 0);
  assert_int_equal(turn(&f, 60, 24, 4096), 0);
}

static void nothing_came(void **state) {
  (void)state;
  struct flow f = in_flow(4096);
  assert_int_equal(turn(&f, 100, 0, 0), 0);
  assert_int_equal(turn(&f, 0, 1, 4096), 0); /* a clock that stands still */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_that_somebody_waits_for), cmocka_unit_test(a_burst_is_read_at_once),
      cmocka_unit_test(a_socket_is_filled_not_over),   cmocka_unit_test(slow_ones_are_not_waited_for),
      cmocka_unit_test(fast_ones_are_not_held_up),     cmocka_unit_test(nothing_came),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
