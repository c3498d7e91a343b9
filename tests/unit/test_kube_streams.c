/* A job's streams against an API server with a log and an attached connection of its own. */
#include "kube_stream_server.h"
#include "runtime/registry.h"

struct world {
  struct kube_server s;
  struct loop *loop;
  struct kube *k;
  struct stream *stream;
  struct buf got[3];
  int ends, writable;
  struct error err;
  bool bad, free_in_output, free_in_end;
};

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct world *w = data;
  buf_append(&w->got[fd], p, n);
  if (w->free_in_output) stream_free(TAKE(w->stream));
}
static void on_end(void *data, const struct error *err) {
  struct world *w = data;
  w->ends++;
  w->bad = err != NULL;
  if (err) w->err = *err;
  if (w->free_in_end) stream_free(TAKE(w->stream));
}
static void on_writable(void *data) {
  ((struct world *)data)->writable++;
}
static const struct stream_handlers handlers = {on_output, on_end, on_writable};

static void open_world(struct world *w) {
  struct endpoint ep;
  struct error err = ERROR_INIT;
  char uri[64];
  memset(w, 0, sizeof *w);
  for (int i = 0; i < 3; i++) buf_init(&w->got[i], 1 << 20);
  w->s.reply = reply;
  w->s.raw = raw;
  kube_server_start(&w->s);
  w->loop = loop_new();
  snprintf(uri, sizeof uri, "tcp://127.0.0.1:%d", w->s.port);
  assert_int_equal(endpoint_parse(uri, "test", &ep, &err), 0);
  ep.context = json_pack("{s:s}", "namespace", "shop");
  struct runtime *rt;
  if (kubernetes_open(w->loop, &ep, &rt, &err)) fail_msg("%s", err.text);
  endpoint_done(&ep);
  w->k = (struct kube *)rt;
  w->k->minor = scene.minor ? scene.minor : 20;
}

static void close_world(struct world *w) {
  stream_free(w->stream);
  w->k->base.ops->free(&w->k->base);
  loop_free(w->loop);
  kube_server_stop(&w->s);
  for (int i = 0; i < 3; i++) buf_done(&w->got[i]);
  memset(&scene, 0, sizeof scene);
}

#define ID "run-once-job1/u-secret/job1"

static void attach(struct world *w, bool tty, bool input) {
  struct error err = ERROR_INIT;
  w->ends = w->writable = 0;
  w->bad = false;
  if (kube_attach(&w->k->base, ID, tty, input, &handlers, w, &w->stream, &err)) fail_msg("%s", err.text);
  assert_int_equal(w->ends + w->writable, 0);
}

/* Turns the loop until the value is there. */
#define UNTIL(w, condition)                                                                                  \
  do {                                                                                                       \
    int64_t until_ = clock_ms() + 15000;                                                                     \
    while (!(condition) && clock_ms() < until_) loop_step((w)->loop, 20);                                    \
    if (!(condition)) fail_msg("not in 15 s: %s", #condition);                                               \
  } while (0)

static const char *text_of(struct buf *b) {
  return b->len ? b->data : "";
}

static const char *const lines[] = {"2026-11-29T15:04:05.1Z one\n", "2026-11-29T15:04:05.1Z two\n",
                                    "2026-11-29T15:04:07Z \n", "2026-11-29T15:04:07.5Z the end", NULL};
static const char *const errors[] = {"2026-11-29T15:04:06Z oops\n", NULL};
#define WHOLE "one\ntwo\n\nthe end"

static void followed_to_the_end(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  open_world(&w);
  attach(&w, false, false);
  UNTIL(&w, w.got[1].len == strlen(WHOLE));
  for (int i = 0; i < 5; i++) loop_step(w.loop, 20);
  assert_int_equal(w.ends, 0); /* it runs */
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_string_equal(text_of(&w.got[1]), WHOLE);
  assert_null(stream_gap(w.stream));
  assert_int_equal(w.s.shared->n[LOGS], 2); /* followed, and read once more behind the end */
  assert_true(w.k->info.streams_merged);
  assert_int_equal(stream_fd(w.stream), -1);
  close_world(&w);
}

static void ended_before_anybody_looked(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  open_world(&w);
  w.s.shared->n[ENDED] = 1;
  attach(&w, false, false);
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_string_equal(text_of(&w.got[1]), WHOLE);
  assert_int_equal(w.s.shared->n[LOGS], 1);
  close_world(&w);
}

static void cut_at_any_byte(void **state) {
  (void)state;
  for (int cut = 1; cut < 105; cut += 9) {
    struct world w;
    scene.out = lines;
    open_world(&w);
    w.s.shared->n[CUT] = cut;
    attach(&w, false, false);
    UNTIL(&w, w.got[1].len >= strlen(WHOLE));
    w.s.shared->n[ENDED] = 1;
    UNTIL(&w, w.ends);
    assert_false(w.bad);
    assert_string_equal(text_of(&w.got[1]), WHOLE);
    assert_null(stream_gap(w.stream));
    close_world(&w);
  }
}

static void attached_again_it_goes_on(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  open_world(&w);
  attach(&w, false, false);
  UNTIL(&w, w.got[1].len >= 8);
  stream_free(TAKE(w.stream));
  attach(&w, false, false);
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_string_equal(text_of(&w.got[1]), WHOLE);
  close_world(&w);
}

/* Deleted with its pod, the log has often gone before the end is told. `closed`: as the server has it. */
static const char *gone_with_its_pod(int closed, int cut, int *ret_readings) {
  struct world w;
  scene.out = lines;
  scene.deleted = true;
  open_world(&w);
  w.s.shared->n[CUT] = cut;
  attach(&w, false, false);
  if (!cut) UNTIL(&w, w.got[1].len == strlen(WHOLE));
  w.s.shared->n[CLOSED] = closed;
  if (closed || cut) UNTIL(&w, w.s.shared->n[LOGS] >= 2);
  for (int i = 0; i < 10; i++) loop_step(w.loop, 20);
  assert_int_equal(w.ends, 0); /* nobody has told an end */
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  const char *why = stream_gap(w.stream);
  *ret_readings = w.s.shared->n[LOGS];
  close_world(&w);
  scene.deleted = false;
  return why;
}

static void a_log_that_goes_with_its_pod(void **state) {
  int readings;
  (void)state;
  /* Followed to the end that was told, then gone. */
  assert_null(gone_with_its_pod(0, 0, &readings));
  assert_in_range(readings, 2, 3); /* the log's end or the command's may come first */
  /* Two in a row ended in order before it was told. */
  assert_null(gone_with_its_pod(1, 0, &readings));
  assert_int_equal(readings, 3);
  /* The container had been removed while it was followed. */
  scene.removed = "\n" REMOVED;
  const char *removed = gone_with_its_pod(0, 0, &readings);
  scene.removed = "\nrpc error: code = DeadlineExceeded desc = context deadline exceeded";
  const char *complaint = gone_with_its_pod(0, 0, &readings);
  scene.removed = NULL;
  assert_null(removed);
  assert_non_null(complaint);
  /* One did, and then the node was not there. */
  assert_non_null(gone_with_its_pod(-1, 0, &readings));
}

/* A follow ends in order since something in between went away. What the command writes before the next
 * reading goes with its log. */
static void a_log_that_goes_between_two_readings(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.no_log = true;
  open_world(&w);
  w.s.shared->n[CLOSED] = 1;
  attach(&w, false, false);
  UNTIL(&w, w.got[1].len == strlen(WHOLE));
  for (int64_t until = clock_ms() + 700; clock_ms() < until;) loop_step(w.loop, 20);
  assert_int_equal(w.s.shared->n[LOGS], 1);
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_non_null(stream_gap(w.stream));
  close_world(&w);
  scene.no_log = false;
}

static void a_log_that_breaks_off_and_goes_with_its_pod(void **state) {
  int readings;
  (void)state;
  assert_non_null(gone_with_its_pod(-1, 40, &readings));
}

/* A node that answers with words each time: it is given up. */
static void a_log_that_cannot_be_read_is_told(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.no_log = true;
  open_world(&w);
  w.s.shared->n[CUT] = 40;
  attach(&w, false, false);
  UNTIL(&w, w.s.shared->n[LOGS] >= 2);
  w.s.shared->n[ENDED] = 1;
  int64_t from = clock_ms();
  UNTIL(&w, w.ends);
  assert_in_range(clock_ms() - from, 0, 14000);
  assert_false(w.bad);
  assert_non_null(stream_gap(w.stream));
  close_world(&w);
  scene.no_log = false;
}

static void rotated_meanwhile_is_told(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  open_world(&w);
  attach(&w, false, false);
  UNTIL(&w, w.got[1].len == strlen(WHOLE));
  w.s.shared->n[ROTATE] = 2;
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_string_equal(text_of(&w.got[1]), WHOLE); /* what was read is not told twice */
  assert_string_equal(stream_gap(w.stream), "the log of its container was rotated while it was read");
  close_world(&w);
}

static void both_streams_where_the_log_tells_them_apart(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.err = errors;
  scene.minor = 34;
  open_world(&w);
  attach(&w, false, false);
  UNTIL(&w, w.got[1].len == strlen(WHOLE) && w.got[2].len);
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_string_equal(text_of(&w.got[1]), WHOLE);
  assert_string_equal(text_of(&w.got[2]), "oops\n");
  assert_false(w.k->info.streams_merged);
  close_world(&w);
}

static void logs_since_and_once(void **state) {
  struct world w;
  struct error err = ERROR_INIT;
  (void)state;
  scene.out = lines;
  open_world(&w);
  int64_t since = clock_parse_rfc3339("2026-11-29T15:04:07Z");
  assert_int_equal(kube_logs(&w.k->base, ID, false, false, since, &handlers, &w, &w.stream, &err), 0);
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_string_equal(text_of(&w.got[1]), "\nthe end");
  close_world(&w);
}

/* Input: sent whole, and its end is certain only once the server says so. */
static void input_arrives(void **state) {
  static char input[300000];
  (void)state;
  for (int v = 4; v <= 5; v++) {
    struct world w;
    scene.out = lines;
    scene.v = v;
    open_world(&w);
    attach(&w, false, true);
    assert_int_equal(stream_send(w.stream, input, 10), 0); /* not yet */
    UNTIL(&w, w.writable);
    for (size_t at = 0; at < sizeof input;) {
      long k = stream_send(w.stream, input + at, sizeof input - at);
      assert_true(k >= 0 && k <= 32768);
      at += (size_t)k;
      if (!k) loop_step(w.loop, 20);
    }
    assert_int_equal(w.s.shared->n[INPUT_END], 0);
    assert_int_equal(stream_end_input(w.stream), 1);
    UNTIL(&w, stream_end_input(w.stream) == 0);
    assert_int_equal(w.s.shared->n[INPUT], sizeof input);
    UNTIL(&w, w.s.shared->n[INPUT_END]);
    w.s.shared->n[ENDED] = 1;
    UNTIL(&w, w.ends);
    assert_false(w.bad);
    assert_string_equal(text_of(&w.got[1]), WHOLE);
    close_world(&w);
  }
}

static void input_that_is_cut_is_lost(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.v = -1;
  open_world(&w);
  attach(&w, false, true);
  UNTIL(&w, w.writable);
  assert_int_equal(stream_send(w.stream, "some", 4), 4);
  UNTIL(&w, w.ends);
  assert_true(w.bad);
  assert_int_equal(w.err.kind, ERR_LOST);
  assert_string_equal(w.err.text, "the attached connection ended without a word");
  assert_int_equal(stream_send(w.stream, "some", 4), -1);
  stream_free(TAKE(w.stream));
  attach(&w, false, true); /* stdinOnce: no second connection */
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_int_equal(w.s.shared->n[OPENED], 1);
  assert_string_equal(text_of(&w.got[1]), WHOLE);
  close_world(&w);
}

/* A command that does not read all of it: what the kernels hold between has not arrived. */
static void input_that_nobody_took_is_lost(void **state) {
  (void)state;
  for (int v = 4; v <= 5; v++) {
    struct world w;
    scene.out = lines;
    scene.v = v, scene.untaken = true;
    open_world(&w);
    attach(&w, false, true);
    UNTIL(&w, w.writable);
    assert_int_equal(stream_send(w.stream, "some", 4), 4);
    assert_int_equal(stream_end_input(w.stream), 1);
    UNTIL(&w, w.s.shared->n[INPUT_END]);
    w.s.shared->n[ENDED] = 1;
    UNTIL(&w, w.ends);
    assert_false(w.bad);
    assert_int_equal(stream_end_input(w.stream), -1);
    close_world(&w);
  }
}

/* The command was quicker than the word that its input had ended. */
static void an_input_of_nothing_is_whole(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.v = -1;
  open_world(&w);
  attach(&w, false, true);
  UNTIL(&w, w.writable);
  assert_int_equal(stream_end_input(w.stream), 1);
  for (int i = 0; i < 10; i++) loop_step(w.loop, 20); /* the connection is closed */
  assert_int_equal(stream_end_input(w.stream), 1);
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_int_equal(stream_end_input(w.stream), 0);
  close_world(&w);
}

static void a_command_that_ends_first_takes_no_input(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.v = 5;
  open_world(&w);
  w.s.shared->n[ENDED] = 1;
  attach(&w, false, true);
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_int_equal(stream_send(w.stream, "some", 4), -1);
  assert_int_equal(stream_end_input(w.stream), 0); /* of nothing, nothing is missing */
  assert_int_equal(w.s.shared->n[OPENED], 0);
  close_world(&w);
}

static void refused_in_the_servers_words(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  scene.v = 403;
  open_world(&w);
  attach(&w, false, true);
  UNTIL(&w, w.ends);
  assert_true(w.bad);
  assert_int_equal(w.err.kind, ERR_LOST);
  assert_string_equal(w.err.text, "pods/attach: not for such as you");
  close_world(&w);
}

/* What a terminal's command wrote before is in the log; what came by the connection, too, comes once. */
static void a_terminal(void **state) {
  static const char *const screen[] = {"2026-11-29T15:04:05Z welcome\r\n", "2026-11-29T15:04:05Z $ ", NULL};
  struct world w;
  struct error err = ERROR_INIT;
  (void)state;
  scene.out = screen;
  scene.v = 5;
  scene.early = "\1$ ";
  open_world(&w);
  assert_int_equal(kube_resize(&w.k->base, ID, 24, 80, &err), 0);
  attach(&w, true, true);
  UNTIL(&w, w.got[1].len == strlen("welcome\r\n$ "));
  UNTIL(&w, w.s.shared->n[RESIZES] == 2);
  assert_string_equal((char *)w.s.shared->seen, "{\"Width\":81,\"Height\":25}");
  assert_string_equal((char *)w.s.shared->seen + 64, "{\"Width\":80,\"Height\":24}");
  assert_int_equal(kube_resize(&w.k->base, ID, 50, 132, &err), 0);
  UNTIL(&w, w.s.shared->n[RESIZES] == 3);
  assert_int_equal(stream_end_input(w.stream), 0); /* an end would take the terminal away */
  assert_int_equal(stream_send(w.stream, "x", 1), 1);
  UNTIL(&w, w.ends);
  assert_false(w.bad);
  assert_string_equal(text_of(&w.got[1]), "welcome\r\n$ typed\r\n");
  close_world(&w);
}

static void freed_in_its_own_handlers(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    scene.out = lines;
    open_world(&w);
    w.free_in_output = i == 0;
    w.free_in_end = i == 1;
    attach(&w, false, false);
    w.s.shared->n[ENDED] = 1;
    UNTIL(&w, !w.stream);
    for (int n = 0; n < 5; n++) loop_step(w.loop, 10);
    close_world(&w);
  }
}

static void paused_nothing_comes(void **state) {
  struct world w;
  (void)state;
  scene.out = lines;
  open_world(&w);
  attach(&w, false, false);
  stream_pause(w.stream, true);
  for (int n = 0; n < 10; n++) loop_step(w.loop, 20);
  assert_int_equal(w.got[1].len, 0);
  stream_pause(w.stream, false);
  w.s.shared->n[ENDED] = 1;
  UNTIL(&w, w.ends);
  assert_string_equal(text_of(&w.got[1]), WHOLE);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(followed_to_the_end),
      cmocka_unit_test(ended_before_anybody_looked),
      cmocka_unit_test(cut_at_any_byte),
      cmocka_unit_test(attached_again_it_goes_on),
      cmocka_unit_test(a_log_that_goes_with_its_pod),
      cmocka_unit_test(a_log_that_goes_between_two_readings),
      cmocka_unit_test(a_log_that_breaks_off_and_goes_with_its_pod),
      cmocka_unit_test(a_log_that_cannot_be_read_is_told),
      cmocka_unit_test(rotated_meanwhile_is_told),
      cmocka_unit_test(both_streams_where_the_log_tells_them_apart),
      cmocka_unit_test(logs_since_and_once),
      cmocka_unit_test(input_arrives),
      cmocka_unit_test(input_that_is_cut_is_lost),
      cmocka_unit_test(input_that_nobody_took_is_lost),
      cmocka_unit_test(an_input_of_nothing_is_whole),
      cmocka_unit_test(a_command_that_ends_first_takes_no_input),
      cmocka_unit_test(refused_in_the_servers_words),
      cmocka_unit_test(a_terminal),
      cmocka_unit_test(freed_in_its_own_handlers),
      cmocka_unit_test(paused_nothing_comes),
  };
  return RUN_TESTS(tests);
}
