/* What an engine holds of jobs whose container is gone, and what it remembers of them. */
#include "docker_bench.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LABELS(id) "\"Labels\":{\"run-once.id\":\"" id "\",\"run-once.host\":\"h\"}"
#define MOMENT INT64_C(1795960000000000000)

static void volumes_and_records(void **state) {
  BENCH(
      PING,
      {"GET /v1.41/volumes?filters=%7B%22label%22%3A%5B%22run-once.id%22%5D%2C%22dangling%22%3A%5B%22true%22",
       OK "{\"Volumes\":[{\"Name\":\"" HEX "\",\"CreatedAt\":\"2026-11-29T15:04:05Z\"," LABELS(
           "a") "},"
                "{\"Name\":\"run-once.once.k\"," LABELS(
                    "b") "},"
                         "{\"Name\":\"mine\"," LABELS("c") "},{\"Name\":\"" HEX "\",\"Labels\":null},{}]}"});
  struct leftover_list l = {0};
  assert_int_equal(b.ops->connect(b.rt, &err), 0);
  assert_int_equal(b.ops->leftovers(b.rt, &l, &err), 0);
  assert_int_equal(l.n, 2); /* one with a name, and one without our label, is somebody's */
  assert_string_equal(l.items[0].name, HEX);
  assert_string_equal(l.items[0].job_id, "a");
  assert_string_equal(l.items[0].host, "h");
  assert_false(l.items[0].claim);
  assert_true(l.items[0].made_ns == clock_parse_rfc3339("2026-11-29T15:04:05Z"));
  assert_string_equal(l.items[1].name, "k");
  assert_true(l.items[1].claim);
  assert_true(l.items[1].made_ns == 0);
  leftover_list_done(&l);
  close_bench(&b);
}

static void none_and_no_answer(void **state) {
  BENCH({.request = "GET /v1.41/volumes", .answer = OK "{\"Volumes\":null}", .once = true},
        {"GET /v1.41/volumes", FAULT("500", "{\"message\":\"plugin gone\"}")});
  struct leftover_list l = {0};
  assert_int_equal(b.ops->leftovers(b.rt, &l, &err), 0);
  assert_int_equal(l.n, 0);
  leftover_list_done(&l);
  assert_int_equal(b.ops->leftovers(b.rt, &l, &err), -1);
  assert_string_equal(err.text, "listing volumes failed: plugin gone");
  close_bench(&b);
}

static void only_what_is_ours_and_unused_goes(void **state) {
  BENCH({.request = "DELETE /v1.41/volumes/" HEX " ",
         .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
         .once = true},
        {.request = "DELETE /v1.41/volumes/" HEX " ",
         .answer = FAULT("404", "{\"message\":\"no such volume\"}"),
         .once = true},
        {"DELETE /v1.41/volumes/" HEX " ", FAULT("409", "{\"message\":\"volume is in use - [c1]\"}")},
        {"DELETE ", OK});
  struct leftover l = {.job_id = "a", .name = HEX};
  assert_int_equal(b.ops->leftover_remove(b.rt, &l, &err), 0);
  assert_int_equal(b.ops->leftover_remove(b.rt, &l, &err), 0);
  assert_int_equal(b.ops->leftover_remove(b.rt, &l, &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  l.claim = true;
  assert_int_equal(b.ops->leftover_remove(b.rt, &l, &err), -1);
  l = (struct leftover){.job_id = "a", .name = "run-once.once.k"};
  assert_int_equal(b.ops->leftover_remove(b.rt, &l, &err), -1);
  assert_int_equal(b.engine.count->n[3], 0);
  close_bench(&b);
}

#define EVENT(type, action, id, ns)                                                                          \
  "{\"Type\":\"" type "\",\"Action\":\"" action                                                              \
  "\",\"Actor\":{\"ID\":\"c\",\"Attributes\":{\"run-once.id\":\"" id "\"}},\"timeNano\":" ns "}\n"
#define BEFORE "1795959990000000000"
#define AFTER "1795960010000000000"

static void what_is_remembered(void **state) {
  static const struct {
    const char *events;
    enum recall is;
  } cases[] = {
      {"", RECALL_NOT_TOLD},
      {EVENT("container", "create", "other", AFTER), RECALL_NOT_TOLD},
      {EVENT("network", "create", "", BEFORE), RECALL_NEVER},
      {EVENT("network", "create", "", BEFORE) EVENT("container", "start", "other", AFTER), RECALL_NEVER},
      {EVENT("volume", "create", "job", BEFORE), RECALL_NEVER}, /* its once-record's: no container */
      {EVENT("network", "create", "", BEFORE) EVENT("container", "create", "job", AFTER), RECALL_MADE},
      {EVENT("network", "create", "", BEFORE) EVENT("container", "create", "job", AFTER)
           EVENT("container", "destroy", "job", AFTER),
       RECALL_MADE},
      {EVENT("network", "create", "", BEFORE) EVENT("container", "start", "job", AFTER), RECALL_ALL},
      {EVENT("container", "start", "job", AFTER), RECALL_ALL},
      {EVENT("container", "die", "job", AFTER), RECALL_STARTED},
      {EVENT("network", "create", "", "1795959999100000000"), RECALL_NOT_TOLD}, /* clocks differ by so much */
      {EVENT("network", "create", "", BEFORE) "nonsense", RECALL_NOT_TOLD},
      {EVENT("network", "create", "", BEFORE) "{\"Type\":", RECALL_NOT_TOLD},
  };
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct bench b;
    struct error err = ERROR_INIT;
    CLEANUP_FREE char *answer = xprintf(OK "%s", cases[i].events);
    /* The server's clock stands at its Date: what is told until a second later, and not for ever. */
    const struct row rows[] = {PING, {"GET /v1.41/events?since=1&until=17959646", answer}};
    open_bench(&b, rows, ARRAY_LEN(rows));
    assert_int_equal(b.ops->recall(b.rt, "job", MOMENT), RECALL_NOT_TOLD); /* no clock yet */
    assert_int_equal(b.ops->connect(b.rt, &err), 0);
    if (b.ops->recall(b.rt, "job", MOMENT) != cases[i].is) fail_msg("case %zu", i);
    close_bench(&b);
  }
}

static bool full_with(int n, const char *rest) {
  struct bench b;
  struct buf text;
  struct error err = ERROR_INIT;
  buf_init(&text, 1u << 20);
  for (int i = 0; i < n; i++)
    (void)buf_printf(&text, "%s", EVENT("container", "exec_start: x", "other", AFTER));
  CLEANUP_FREE char *events = buf_take(&text);
  CLEANUP_FREE char *answer = xprintf(OK "%s%s", events, rest);
  const struct row rows[] = {PING, {"GET /v1.41/events?since=1&until=17959646", answer}};
  open_bench(&b, rows, ARRAY_LEN(rows));
  assert_int_equal(b.ops->connect(b.rt, &err), 0);
  bool full = b.ops->memory_full(b.rt);
  close_bench(&b);
  return full;
}

static void a_full_memory_may_have_forgotten(void **state) {
  (void)state;
  assert_false(full_with(1, ""));
  assert_false(full_with(255, ""));
  assert_true(full_with(256, ""));
  assert_true(full_with(1, "nonsense")); /* not told */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(volumes_and_records),
      cmocka_unit_test(none_and_no_answer),
      cmocka_unit_test(only_what_is_ours_and_unused_goes),
      cmocka_unit_test(what_is_remembered),
      cmocka_unit_test(a_full_memory_may_have_forgotten),
  };
  return RUN_TESTS(tests);
}
