#include "base/alloc.h"
#include "data/json.h"
#include "descriptors.h"
#include "runtime/docker/events.h"
#include "runtime/docker/jsonstream.h"
#include <string.h>

static int note(void *data, json_t *o, struct error *err) {
  enum runtime_event e;
  int signal;
  int64_t ns;
  (void)err;
  if (event_read(o, &e, &signal, &ns)) (void)buf_printf(data, "%d:%d:%lld ", (int)e, signal, (long long)ns);
  return 0;
}

/* As Engine 20.10 sends them, and as API 1.52 does: without status, id, from. */
static const char example[] =
    "{\"status\":\"create\",\"id\":\"1\",\"Type\":\"container\",\"Action\":\"create\",\"time\":1,"
    "\"timeNano\":1}\n"
    "{\"status\":\"start\",\"id\":\"1\",\"from\":\"x\",\"Type\":\"container\",\"Action\":\"start\",\"Actor\":"
    "{\"ID\":\"1\","
    "\"Attributes\":{\"run-once.id\":\"{[\\\"\"}},\"scope\":\"local\",\"time\":1700000000,\"timeNano\":"
    "1700000000000000005}\n"
    "{\"Type\":\"container\",\"Action\":\"kill\",\"Actor\":{\"ID\":\"1\",\"Attributes\":{\"signal\":\"15\"}},"
    "\"time\":7}\n"
    "{\"Type\":\"container\",\"Action\":\"exec_create: ls\",\"time\":7}\n"
    "{\"Type\":\"network\",\"Action\":\"destroy\",\"time\":7}\n"
    "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"Attributes\":{\"exitCode\":\"0\"}},\"time\":8}";

static void any_split(void **state) {
  (void)state;
  CLEANUP_FREE char *expected = xprintf("%d:0:1 %d:0:1700000000000000005 %d:15:7000000000 %d:0:8000000000 ",
                                        EVENT_CREATE, EVENT_START, EVENT_KILL, EVENT_DIE);
  for (size_t i = 0; i < sizeof example; i++) {
    struct jsonstream rows;
    struct buf text;
    buf_init(&text, 4096);
    jsonstream_init(&rows);
    assert_int_equal(jsonstream_feed(&rows, example, i, note, &text, NULL), 0);
    assert_int_equal(jsonstream_feed(&rows, example + i, strlen(example) - i, note, &text, NULL), 0);
    assert_true(jsonstream_whole(&rows));
    assert_string_equal(text.data, expected);
    jsonstream_done(&rows);
    buf_done(&text);
  }
}

static void byte_by_byte(void **state) {
  (void)state;
  struct jsonstream rows;
  struct buf text;
  buf_init(&text, 4096);
  jsonstream_init(&rows);
  for (size_t i = 0; i < strlen(example); i++)
    assert_int_equal(jsonstream_feed(&rows, example + i, 1, note, &text, NULL), 0);
  assert_true(strlen(text.data) > 30);
  jsonstream_done(&rows);
  buf_done(&text);
}

static bool read_text(const char *text, enum runtime_event *e, int *signal, int64_t *ns) {
  CLEANUP_JSON json_t *o = json_parse(text, strlen(text), NULL);
  assert_non_null(o);
  return event_read(o, e, signal, ns);
}

static void every_word(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum runtime_event event;
  } words[] = {{"start", EVENT_START},   {"kill", EVENT_KILL},       {"stop", EVENT_STOP},
               {"oom", EVENT_OOM},       {"die", EVENT_DIE},         {"destroy", EVENT_DESTROY},
               {"pause", EVENT_PAUSE},   {"restart", EVENT_RESTART}, {"died", EVENT_DIE},
               {"remove", EVENT_DESTROY}};
  enum runtime_event e;
  int signal;
  int64_t ns;
  for (size_t i = 0; i < ARRAY_LEN(words); i++) {
    CLEANUP_FREE char *text = xprintf("{\"Type\":\"container\",\"Action\":\"%s\"}", words[i].text);
    assert_true(read_text(text, &e, &signal, &ns));
    assert_int_equal(e, words[i].event);
    assert_int_equal(signal, 0);
    assert_int_equal(ns, 0);
  }
}

static void odd_ones(void **state) {
  (void)state;
  enum runtime_event e;
  int signal;
  int64_t ns;
  assert_false(read_text("{}", &e, &signal, &ns));
  assert_false(read_text("{\"Action\":7}", &e, &signal, &ns));
  assert_true(read_text("{\"status\":\"die\"}", &e, &signal, &ns));
  assert_true(
      read_text("{\"Action\":\"kill\",\"Actor\":{\"Attributes\":{\"signal\":\"TERM\"}},\"timeNano\":-5}", &e,
                &signal, &ns));
  assert_int_equal(signal, 0);
  assert_int_equal(ns, 0);
  assert_true(read_text("{\"Action\":\"kill\",\"time\":9223372036854775807}", &e, &signal, &ns));
  assert_int_equal(ns, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_split),
      cmocka_unit_test(byte_by_byte),
      cmocka_unit_test(every_word),
      cmocka_unit_test(odd_ones),
  };
  return RUN_TESTS(tests);
}
