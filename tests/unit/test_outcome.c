#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/json.h"
#include "job/outcome.h"
#include <cmocka.h>

/* The contract's own text, in its order. */
static void fields_in_the_contracts_order(void **state) {
  (void)state;
  struct outcome o;
  outcome_init(&o);
  json_t *j = outcome_json(&o);
  char *text = json_dumps(j, JSON_COMPACT);
  assert_string_equal(
      text,
      "{\"version\":1,\"id\":null,\"verdict\":\"unknown\",\"cause\":null,\"message\":null,\"exit_code\":null,"
      "\"exit_status\":120,\"signal\":null,\"retry_safe\":false,\"replayed\":false,\"original_id\":null,"
      "\"release\":{\"name\":null,\"source\":null,\"image\":null,\"image_id\":null,\"digest\":null},"
      "\"command\":[],\"runtime\":{\"kind\":null,\"endpoint\":null,\"version\":null},"
      "\"target\":{\"kind\":null,\"name\":null,\"id\":null,\"namespace\":null},"
      "\"actor\":{\"user\":null,\"host\":null},\"reason\":null,\"lock\":null,\"once\":null,"
      "\"created_at\":null,\"started_at\":null,\"finished_at\":null,"
      "\"phases_ms\":{\"resolve\":null,\"lock\":null,\"pull\":null,\"create\":null,\"start\":null,\"run\":"
      "null,"
      "\"drain\":null,\"remove\":null},\"output\":{\"stdout_bytes\":0,\"stderr_bytes\":0,\"gap\":null},"
      "\"removed\":false,\"record_hash\":null}");
  free(text);
  json_decref(j);
  outcome_done(&o);
}

static void retry_is_safe_only_where_nothing_can_have_begun(void **state) {
  (void)state;
  static const struct {
    enum verdict v;
    const char *safe;
  } rows[] = {{VERDICT_SUCCEEDED, "null"},  {VERDICT_FAILED, "null"},  {VERDICT_DETACHED, "false"},
              {VERDICT_UNKNOWN, "false"},   {VERDICT_KILLED, "false"}, {VERDICT_REFUSED, "true"},
              {VERDICT_NOT_STARTED, "true"}};
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    struct outcome o;
    outcome_init(&o);
    o.verdict = rows[i].v;
    json_t *j = outcome_json(&o);
    char *text = json_dumps(json_object_get(j, "retry_safe"), JSON_ENCODE_ANY);
    assert_string_equal(text, rows[i].safe);
    free(text);
    json_decref(j);
    outcome_done(&o);
  }
}

static void fill(struct outcome *o) {
  outcome_init(o);
  memcpy(o->id, "abcdefgh", 9);
  o->verdict = VERDICT_KILLED;
  o->cause = CAUSE_OOM;
  o->message = xstrdup("out of memory");
  o->exit_code = 137;
  o->exit_status = 122;
  o->signal = 9;
  o->replayed = o->removed = o->actor_claimed = true;
  char **texts[] = {&o->original_id,
                    &o->release_name,
                    &o->source,
                    &o->image,
                    &o->image_id,
                    &o->digest,
                    &o->runtime_kind,
                    &o->endpoint,
                    &o->runtime_version,
                    &o->target_kind,
                    &o->target_name,
                    &o->target_id,
                    &o->target_namespace,
                    &o->actor_user,
                    &o->actor_host,
                    &o->reason,
                    &o->lock,
                    &o->once,
                    &o->created_at,
                    &o->started_at,
                    &o->finished_at};
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) *texts[i] = xprintf("text %zu", i);
  strv_add(&o->command, "sh");
  strv_add(&o->command, "a\nb\"\\ \x1b é");
  strv_add(&o->command, "");
  for (int i = 0; i < PHASES; i++) o->phases_ms[i] = i;
  o->stdout_bytes = 5000000000;
  o->stderr_bytes = -1;
  o->gap = 7;
  memset(o->record_hash, 'a', 64);
}

static void comes_back_as_it_went(void **state) {
  (void)state;
  struct outcome o, back;
  struct error err = ERROR_INIT;
  fill(&o);
  json_t *j = outcome_json(&o);
  assert_int_equal(outcome_from_json(j, &back, &err), 0);
  json_t *again = outcome_json(&back);
  assert_true(json_equal(j, again));
  assert_true(json_is(j, "actor.claimed"));
  assert_int_equal(back.stderr_bytes, -1);
  assert_int_equal(back.stdout_bytes, 5000000000);
  assert_string_equal(back.command.v[1], "a\nb\"\\ \x1b é");
  json_decref(j);
  json_decref(again);
  outcome_done(&o);
  outcome_done(&back);
}

/* What a guardian finds of its launcher's outcome is a copy of its own, whatever is left of the launcher's.
 */
static void a_successor_gets_all_of_it(void **state) {
  (void)state;
  static char page[8192];
  struct outcome o, empty, back;
  fill(&o);
  outcome_init(&empty);
  json_t *was = outcome_json(&o), *was_empty = outcome_json(&empty);
  size_t n = outcome_pack(&o, page, sizeof page);
  assert_in_range(n, sizeof o, sizeof page);
  assert_int_equal(outcome_pack(&o, page, n), n);
  for (size_t i = 0; i < n; i += 7) assert_int_equal(outcome_pack(&o, page, i), 0);
  assert_int_equal(outcome_pack(&o, page, n), n);
  outcome_done(&o);
  outcome_unpack(page, &back);
  json_t *is = outcome_json(&back);
  assert_true(json_equal(was, is));
  outcome_done(&back);
  assert_in_range(outcome_pack(&empty, page, sizeof page), sizeof empty, sizeof empty);
  outcome_unpack(page, &back);
  json_t *is_empty = outcome_json(&back);
  assert_true(json_equal(was_empty, is_empty));
  outcome_done(&back);
  json_decref(was);
  json_decref(is);
  json_decref(was_empty);
  json_decref(is_empty);
}

static void what_is_missing_or_strange_is_left_alone(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  struct outcome o;
  json_t *j = json_pack("{s:s, s:s, s:i, s:[s,i], s:s}", "id", "an-id-that-is-much-longer-than-any-of-ours",
                        "verdict", "brilliant", "signal", -3, "command", "a", 5, "phases_ms", "no");
  assert_int_equal(outcome_from_json(j, &o, &err), 0);
  assert_int_equal(o.verdict, VERDICT_UNKNOWN);
  assert_int_equal(o.exit_code, -1);
  assert_int_equal(o.signal, 0);
  assert_string_equal(o.id, "");
  assert_int_equal(o.phases_ms[PHASE_RUN], -1);
  outcome_done(&o);
  json_decref(j);
  j = json_array();
  assert_int_equal(outcome_from_json(j, &o, &err), -1);
  assert_string_equal(err.text, "reading a result failed: not a JSON object");
  json_decref(j);
  j = json_pack("{s:i}", "version", 2);
  assert_int_equal(outcome_from_json(j, &o, &err), -1);
  assert_string_equal(err.text, "reading a result failed: version 2 is newer than this program");
  json_decref(j);
}

/* jansson refuses a string that is not UTF-8; an argument may hold any byte. */
static void bytes_that_are_not_text_do_not_lose_the_record(void **state) {
  (void)state;
  struct outcome o;
  outcome_init(&o);
  strv_add(&o.command, "a\xff\xc3"
                       "b\xe2\x82\xac\xe2\x82");
  json_t *j = outcome_json(&o);
  json_t *c = json_object_get(j, "command");
  assert_int_equal(json_array_size(c), 1);
  assert_string_equal(json_string_value(json_array_get(c, 0)), "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                                               "b\xe2\x82\xac\xEF\xBF\xBD\xEF\xBF\xBD");
  json_decref(j);
  outcome_done(&o);
}

static void names_are_those_of_the_contract(void **state) {
  (void)state;
  static const char *const causes[] = {"exit",
                                       "signal",
                                       "oom",
                                       "deadline_run",
                                       "deadline_start",
                                       "deadline_idle",
                                       "evicted",
                                       "node_lost",
                                       "deleted",
                                       "engine_restart",
                                       "stopped",
                                       "stopped_from_outside",
                                       "input_cut",
                                       "contact_lost",
                                       "removed_unread",
                                       "locked",
                                       "once_unresolved",
                                       "once_mismatch",
                                       "rollout",
                                       "not_inert",
                                       "usage",
                                       "config",
                                       "image",
                                       "engine",
                                       "permission",
                                       "quota",
                                       "unschedulable",
                                       "missing_reference",
                                       "not_found",
                                       "not_executable"};
  for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
    enum cause c = CAUSE_NONE;
    assert_int_equal(cause_from_name(causes[i], &c), 0);
    assert_int_equal(c, (int)i + 1);
    assert_string_equal(cause_name(c), causes[i]);
  }
  enum cause c = CAUSE_OOM;
  assert_int_equal(cause_from_name("oops", &c), -1);
  assert_int_equal(c, CAUSE_OOM);
  assert_null(cause_name(CAUSE_NONE));
  enum verdict v;
  assert_int_equal(verdict_from_name("not_started", &v), 0);
  assert_int_equal(v, VERDICT_NOT_STARTED);
  assert_int_equal(verdict_from_name(NULL, &v), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_in_the_contracts_order),
      cmocka_unit_test(retry_is_safe_only_where_nothing_can_have_begun),
      cmocka_unit_test(comes_back_as_it_went),
      cmocka_unit_test(a_successor_gets_all_of_it),
      cmocka_unit_test(what_is_missing_or_strange_is_left_alone),
      cmocka_unit_test(bytes_that_are_not_text_do_not_lose_the_record),
      cmocka_unit_test(names_are_those_of_the_contract),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
