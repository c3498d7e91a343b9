/* What goes on coming: events, waits, attached output, logs; from an engine on a bad day. */
#include "docker_bench.h"

struct told {
  char text[400];
  int lost;
};

static void on_event(void *data, enum runtime_event e, int signal, int64_t ns) {
  struct told *t = data;
  size_t n = strlen(t->text);
  snprintf(t->text + n, sizeof t->text - n, "%d/%d/%lld ", (int)e, signal, (long long)ns);
  if (e == EVENT_LOST) t->lost++;
}

#define EVENT(action, ns) "{\"Type\":\"container\",\"Action\":\"" action "\",\"timeNano\":" ns "}\n"
static void events_are_told_again_to_a_new_watch(void **state) {
  static const struct watch_handlers h = {.on_event = on_event};
  BENCH(PING,
        {.request = "since=1&",
         .once = true,
         .answer = OK EVENT("start", "5000000001") EVENT("die", "5000000007")},
        {.request = "since=1&",
         .once = true,
         .answer = OK EVENT("start", "5000000001") EVENT("die", "5000000007")
             EVENT("destroy", "5000000009") "{\"cut"},
        {"/events", FAULT("500", "{\"message\":\"no\"}")});
  struct told t = {0};
  struct event_watch *w;
  assert_int_equal(b.ops->watch(b.rt, "j", &h, &t, &w, &err), 0);
  assert_string_equal(t.text, ""); /* nothing is told before watch() has returned */
  until(&b, &t.lost);
  CLEANUP_FREE char *want =
      xprintf("%d/0/5000000001 %d/0/5000000007 %d/0/0 ", EVENT_START, EVENT_DIE, EVENT_LOST);
  assert_string_equal(t.text, want);
  event_watch_free(w);
  t = (struct told){0};
  assert_int_equal(b.ops->watch(b.rt, "j", &h, &t, &w, &err), 0);
  until(&b, &t.lost);
  CLEANUP_FREE char *rest = xprintf("%d/0/5000000001 %d/0/5000000007 %d/0/5000000009 %d/0/0 ", EVENT_START,
                                    EVENT_DIE, EVENT_DESTROY, EVENT_LOST);
  assert_string_equal(t.text, rest);
  event_watch_free(w);
  assert_int_equal(b.ops->watch(b.rt, "j", &h, &t, &w, &err), -1);
  assert_string_equal(err.text, "watching events failed: no");
  close_bench(&b);
}

static void waits(void **state) {
  BENCH(PING, {"/a/wait?condition=next-exit", OK "{\"StatusCode\":0}"},
        {.request = "/b/wait?condition=not-running", .answer = OK, .hold = true},
        {"/c/wait", FAULT("404", "{\"message\":\"No such container: c\"}")});
  struct wait *w;
  assert_int_equal(b.ops->wait_begin(b.rt, "a", true, &w, &err), 0);
  for (int i = 0; i < 50 && !wait_done(w); i++) loop_step(b.loop, 50);
  assert_true(wait_done(w));
  wait_free(w);
  assert_int_equal(b.ops->wait_begin(b.rt, "b", false, &w, &err), 0);
  for (int i = 0; i < 3; i++) loop_step(b.loop, 20);
  assert_false(wait_done(w));
  wait_free(w);
  assert_int_equal(b.ops->wait_begin(b.rt, "c", true, &w, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  assert_string_equal(err.text, "wait failed: No such container: c");
  close_bench(&b);
}

struct sink {
  struct buf out[3];
  int calls, ended;
  struct error err;
  struct stream *free_me;
};

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct sink *s = data;
  s->calls++;
  (void)buf_append(&s->out[fd], p, n);
  if (s->free_me) {
    stream_free(s->free_me);
    s->ended = 1;
  }
}

static void on_end(void *data, const struct error *err) {
  struct sink *s = data;
  s->ended++;
  if (err) s->err = *err;
}

static const struct stream_handlers stream_handlers = {.on_output = on_output, .on_end = on_end};

static void sink_init(struct sink *s) {
  *s = (struct sink){0};
  for (int i = 0; i < 3; i++) buf_init(&s->out[i], 4096);
}

static void sink_done(struct sink *s) {
  for (int i = 0; i < 3; i++) buf_done(&s->out[i]);
}

#define UP "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
#define FRAMES "\1\0\0\0\0\0\0\2hi\2\0\0\0\0\0\0\3err"
#define BYTES(s) .answer = s, .n = sizeof(s) - 1

/* Output in the same packet as the head, and every way it can end. */
static void attached_streams(void **state) {
  static const struct {
    const char *id;
    enum error_kind kind;
    const char *text;
  } cases[] = {{"whole", ERR_NONE, ""},
               {"cut", ERR_LOST, "the output was cut in the middle of a frame"},
               {"garbage", ERR_ENGINE, "output is not framed as expected: frame of type 104"},
               {"said", ERR_ENGINE, "the engine broke the output off: oh"}};
  BENCH(PING, {.request = "/whole/", BYTES(UP FRAMES)},
        {.request = "/cut/", BYTES(UP FRAMES "\1\0\0\0\0\0\0\2h")},
        {.request = "/garbage/", BYTES(UP FRAMES "hello, world")},
        {.request = "/said/", BYTES(UP FRAMES "\3\0\0\0\0\0\0\2oh")},
        {"/gone/", "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such "
                   "container: gone\r\n"});
  struct stream *stream;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct sink s;
    sink_init(&s);
    assert_int_equal(b.ops->attach(b.rt, cases[i].id, false, false, &stream_handlers, &s, &stream, &err), 0);
    assert_int_equal(s.calls, 0);
    until(&b, &s.ended);
    loop_step(b.loop, 0);
    assert_int_equal(s.ended, 1);
    assert_string_equal(s.out[2].data, "err");
    assert_memory_equal(s.out[1].data, "hi", 2);
    assert_int_equal(s.err.kind, cases[i].kind);
    assert_string_equal(s.err.text, cases[i].text);
    stream_free(stream);
    sink_done(&s);
  }
  assert_int_equal(b.ops->attach(b.rt, "gone", false, false, &stream_handlers, NULL, &stream, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  assert_non_null(strstr(err.text, "attach failed: "));
  assert_non_null(strstr(err.text, "No such container: gone"));
  close_bench(&b);
}

static void logs_end_like_streams(void **state) {
  BENCH(PING, {.request = "/whole/logs?stdout=1&stderr=1 ", BYTES(OK FRAMES)},
        {"since=5.000000007", HEAD "Content-Length: 0\r\n\r\n"}, {.request = "/cut/", BYTES(OK "\1\0\0\0\0")},
        {"/none/", FAULT("501", "{\"message\":\"configured logging driver does not support reading\"}")});
  struct stream *stream;
  struct sink s;
  sink_init(&s);
  assert_int_equal(b.ops->logs(b.rt, "whole", false, false, 0, &stream_handlers, &s, &stream, &err), 0);
  assert_int_equal(s.calls, 0);
  until(&b, &s.ended);
  assert_string_equal(s.out[1].data, "hi");
  assert_int_equal(s.err.kind, ERR_NONE);
  assert_int_equal(stream_send(stream, "x", 1), -1);
  assert_int_equal(stream_fd(stream), -1);
  stream_free(stream);
  s.ended = 0;
  assert_int_equal(b.ops->logs(b.rt, "x", false, true, 5000000007, &stream_handlers, &s, &stream, &err), 0);
  assert_int_equal(s.ended, 0); /* an empty log, over before anybody could look */
  until(&b, &s.ended);
  assert_int_equal(s.err.kind, ERR_NONE);
  stream_free(stream);
  s.ended = 0;
  assert_int_equal(b.ops->logs(b.rt, "cut", false, false, 0, &stream_handlers, &s, &stream, &err), 0);
  until(&b, &s.ended);
  assert_int_equal(s.err.kind, ERR_LOST);
  stream_free(stream);
  assert_int_equal(b.ops->logs(b.rt, "none", false, false, 0, &stream_handlers, &s, &stream, &err), -1);
  assert_string_equal(err.text, "reading the log failed: configured logging driver does not support reading");
  sink_done(&s);
  close_bench(&b);
}

static void freed_in_its_own_handler(void **state) {
  BENCH(PING, {.request = "/a/attach", BYTES(UP FRAMES)}, {.request = "/a/logs", BYTES(OK FRAMES)});
  struct sink s;
  sink_init(&s);
  assert_int_equal(b.ops->attach(b.rt, "a", false, false, &stream_handlers, &s, &s.free_me, &err), 0);
  until(&b, &s.ended);
  loop_step(b.loop, 0);
  assert_int_equal(s.calls, 1);
  s.ended = s.calls = 0;
  assert_int_equal(b.ops->logs(b.rt, "a", false, false, 0, &stream_handlers, &s, &s.free_me, &err), 0);
  until(&b, &s.ended);
  loop_step(b.loop, 0);
  assert_int_equal(s.calls, 1);
  sink_done(&s);
  close_bench(&b);
}

static enum error_kind interrupt(void *data, struct error *err) {
  if (++*(int *)data < 2) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

/* What interrupts is heard of when the loop turns: a signal or a time wakes it. */
static void turn(void *data) {
  (void)data;
}

static void an_interrupt_ends_every_wait(void **state) {
  static const struct watch_handlers h = {.on_event = on_event};
  BENCH(PING, {.request = "/events", .answer = "HTTP/1.1 200 OK\r\n", .hold = true},
        {.request = "/images/create", .answer = OK, .hold = true});
  int asked = 0;
  struct told t = {0};
  struct event_watch *w;
  struct settings s = {0};
  struct timer *turns[20];
  for (int i = 0; i < 20; i++) turns[i] = loop_timer(b.loop, 20 * i, turn, NULL);
  setenv("DOCKER_CONFIG", "/nowhere", 1);
  loop_set_interrupt(b.loop, (struct interrupt){.fn = interrupt, .data = &asked});
  assert_int_equal(b.ops->watch(b.rt, "j", &h, &t, &w, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  asked = -2;
  assert_int_equal(b.ops->pull(b.rt, &s, "r.io/x", NULL, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  for (int i = 0; i < 20; i++) timer_free(turns[i]);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_are_told_again_to_a_new_watch),
      cmocka_unit_test(waits),
      cmocka_unit_test(attached_streams),
      cmocka_unit_test(logs_end_like_streams),
      cmocka_unit_test(freed_in_its_own_handler),
      cmocka_unit_test(an_interrupt_ends_every_wait),
  };
  return RUN_TESTS(tests);
}
