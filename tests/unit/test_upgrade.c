#include "base/alloc.h"
#include "base/clock.h"
#include "descriptors.h"
#include "net/upgrade.h"
#include "net/upgrade_head.h"
#include "server.h"

#define HEAD "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
#define STREAM "\1\0\0\0\0\0\0\6hello\n\2\0\0\0\0\0\0\4oops"
#define STREAM_LEN (sizeof STREAM - 1)
#define PIECES 400
enum { INPUT, ENDED }; /* counters: bytes of input, its end was seen */

/* The path says what to do: /split/N writes the answer in two packets, cut behind byte N. */
static void serve_split(int fd, size_t at) {
  char all[] = HEAD STREAM;
  size_t n = sizeof all - 1;
  if (at > n) at = n;
  server_write(fd, all, at);
  if (at) nap_ms(2);
  server_write(fd, all + at, n - at);
}

static void count_input(int fd, struct counters *count) {
  char buf[65536];
  ssize_t n;
  while ((n = read(fd, buf, sizeof buf)) > 0) __sync_fetch_and_add(&count->n[INPUT], (int)n);
  count->n[ENDED] = n == 0;
}

static void serve(int fd, int connection, struct counters *count, const void *data) {
  static char req[65536];
  unsigned at;
  const char *p;
  (void)connection, (void)data;
  if (!server_request(fd, req, sizeof req)) return;
  if ((p = strstr(req, "/split/")) && sscanf(p, "/split/%u", &at) == 1)
    serve_split(fd, at);
  else if (strstr(req, "/input")) {
    server_puts(fd, HEAD);
    if (strstr(req, "/input/slow")) nap_ms(300);
    count_input(fd, count);
    nap_ms(50);
    server_puts(fd, "late output");
  } else if (strstr(req, "/flood")) {
    server_puts(fd, HEAD);
    for (int i = 0; i < 64; i++) {
      static char chunk[65536];
      server_write(fd, chunk, sizeof chunk);
    }
  } else if (strstr(req, "/flow")) { /* a piece each 300 us, as an engine that writes its log sends them */
    server_puts(fd, HEAD);
    for (int i = 0; i < PIECES; i++) {
      static char piece[4096];
      server_write(fd, piece, sizeof piece);
      usleep(300);
    }
  } else if (strstr(req, "/reset")) { /* unread input at the end: a reset instead of an end of file */
    server_puts(fd, HEAD "last words");
    nap_ms(100);
  } else if (strstr(req, "/plain404"))
    server_puts(fd, "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
                    "No such container: x\r\n");
  else if (strstr(req, "/json409")) {
    server_puts(fd,
                "HTTP/1.1 409 Conflict\r\nContent-Length: 33\r\n\r\n{\"message\":\"container is paused\"}");
    nap_ms(5000);
  } else if (strstr(req, "/chunked500")) {
    server_puts(fd, "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "8\r\n{\"messag\r\nd\r\ne\":\"a b\\nc\"}  \r\n0\r\n\r\n");
    nap_ms(5000);
  } else if (strstr(req, "/silent500"))
    server_puts(fd, "HTTP/1.1 500 Oops\r\n\r\n");
  else if (strstr(req, "/two-hundred"))
    server_puts(fd, "HTTP/1.1 200 OK\r\n\r\nstream");
  else if (strstr(req, "/continue"))
    server_puts(fd, "HTTP/1.1 100 Continue\r\n\r\n" HEAD "x");
  else if (strstr(req, "/garbage")) {
    server_puts(fd, "220 mail\r\n");
    nap_ms(5000);
  } else if (strstr(req, "/silent"))
    nap_ms(5000);
}

struct net {
  struct server server;
  struct loop *loop;
  struct http_client *client;
  struct upgrade *u;
  char got[256];
  size_t n;
  int ends, writable, turns;
  bool bad, free_in_data, free_in_end;
};

static int setup(void **state) {
  struct net *n = calloc(1, sizeof *n);
  struct endpoint ep;
  server_start(&n->server, serve, NULL);
  n->loop = loop_new();
  if (endpoint_parse(n->server.uri, "test", &ep, NULL)) return -1;
  n->client = http_client_new(n->loop, &ep, NULL);
  endpoint_done(&ep);
  *state = n;
  return 0;
}

static int teardown(void **state) {
  struct net *n = *state;
  upgrade_free(n->u);
  http_client_free(n->client);
  loop_free(n->loop);
  server_stop(&n->server);
  free(n);
  return 0;
}

static void on_data(void *data, const char *p, size_t k) {
  struct net *n = data;
  if (n->n + k <= sizeof n->got) memcpy(n->got + n->n, p, k);
  n->n += k;
  n->turns++;
  if (!n->free_in_data) return;
  upgrade_free(n->u);
  n->u = NULL;
}

static void on_end(void *data, const struct error *err) {
  struct net *n = data;
  n->ends++;
  n->bad = err != NULL;
  if (!n->free_in_end) return;
  upgrade_free(n->u);
  n->u = NULL;
}

static void on_writable(void *data) {
  ((struct net *)data)->writable++;
}

static const struct upgrade_handlers HANDLERS = {
    .on_data = on_data, .on_end = on_end, .on_writable = on_writable};

static void open_at(struct net *n, const char *path) {
  struct error err = ERROR_INIT;
  n->n = 0;
  n->ends = n->writable = 0;
  if (upgrade_open(n->client, path, &HANDLERS, n, &n->u, &err)) fail_msg("%s: %s", path, err.text);
  assert_int_equal(n->n, 0); /* no handler before it has returned */
}

static void run_to_end(struct net *n) {
  for (int64_t begun = clock_ms(); !n->ends && clock_ms() - begun < 10000;) loop_step(n->loop, 1000);
  assert_int_equal(n->ends, 1);
}

static void bytes_are_whole_wherever_the_packets_end(void **state) {
  struct net *n = *state;
  for (size_t at = 0; at <= sizeof HEAD + STREAM_LEN; at++) {
    char path[32];
    snprintf(path, sizeof path, "/split/%zu", at);
    open_at(n, path);
    run_to_end(n);
    assert_false(n->bad);
    assert_int_equal(n->n, STREAM_LEN);
    assert_memory_equal(n->got, STREAM, STREAM_LEN);
    upgrade_free(n->u);
    n->u = NULL;
  }
}

static void output_goes_on_after_the_end_of_input(void **state) {
  struct net *n = *state;
  open_at(n, "/input");
  assert_int_equal(upgrade_send(n->u, "some input", 10), 10);
  assert_int_equal(upgrade_half_close(n->u), 0);
  assert_int_equal(upgrade_send(n->u, "more", 4), -1);
  run_to_end(n);
  assert_false(n->bad);
  assert_memory_equal(n->got, "late output", 11);
  assert_int_equal(n->server.count->n[INPUT], 10);
  assert_int_equal(n->server.count->n[ENDED], 1);
  assert_int_equal(upgrade_half_close(n->u), -1);
}

static void a_full_connection_tells_when_there_is_room(void **state) {
  struct net *n = *state;
  static char input[4 << 20];
  size_t at = 0;
  int full = 0;
  open_at(n, "/input/slow");
  while (at < sizeof input) {
    ssize_t k = upgrade_send(n->u, input + at, sizeof input - at);
    assert_true(k >= 0);
    at += (size_t)k;
    if (k) continue;
    full++;
    int before = n->writable;
    while (n->writable == before) loop_step(n->loop, 1000);
  }
  assert_true(full > 0);
  upgrade_half_close(n->u);
  run_to_end(n);
  assert_int_equal(n->server.count->n[INPUT], sizeof input);
}

static void a_paused_stream_waits(void **state) {
  struct net *n = *state;
  open_at(n, "/flood");
  upgrade_pause(n->u, true);
  loop_step(n->loop, 0); /* bytes that came with the head want their turn, in vain */
  int64_t begun = clock_ms();
  loop_step(n->loop, 100);
  assert_true(clock_ms() - begun >= 95); /* nor does it spin */
  assert_int_equal(n->n, 0);
  upgrade_pause(n->u, false);
  run_to_end(n);
  assert_int_equal(n->n, 64 * 65536);
}

static uint64_t pieces(void *data) {
  return ((struct net *)data)->n / 4096;
}

/* In place of libc's, for the test program: what waits for more output waits with this. */
static int naps;
int nanosleep(const struct timespec *t, struct timespec *left) {
  naps++;
  return clock_nanosleep(CLOCK_MONOTONIC, 0, t, left);
}

static void in_full_flow_several_pieces_come_with_a_turn(void **state) {
  struct net *n = *state;
  static const struct upgrade_handlers counting = {.on_data = on_data, .on_end = on_end, .pieces = pieces};
  struct error err = ERROR_INIT;
  assert_int_equal(upgrade_open(n->client, "/flow", &counting, n, &n->u, &err), 0);
  naps = 0;
  run_to_end(n);
  assert_false(n->bad);
  assert_int_equal(n->n, PIECES * 4096);
  assert_in_range(n->turns, 1, PIECES / 2); /* 16 of them are read before it is in full flow */
  assert_true(naps > 0);
}

static void on_data_answer(void *data, const char *p, size_t k) {
  struct net *n = data;
  on_data(data, p, k);
  (void)upgrade_send(n->u, "x", 1); /* behind the last piece nobody is there any more */
}

static void input_does_not_wait_for_output(void **state) {
  struct net *n = *state;
  static const struct upgrade_handlers answering = {
      .on_data = on_data_answer, .on_end = on_end, .pieces = pieces};
  struct error err = ERROR_INIT;
  assert_int_equal(upgrade_open(n->client, "/flow", &answering, n, &n->u, &err), 0);
  naps = 0;
  run_to_end(n);
  assert_int_equal(n->n, PIECES * 4096);
  assert_int_equal(naps, 0);
}

/* Early bytes are under the pause as well. */
static void paused_before_the_first_byte(void **state) {
  struct net *n = *state;
  open_at(n, "/split/0");
  upgrade_pause(n->u, true);
  loop_step(n->loop, 50);
  loop_step(n->loop, 50);
  assert_int_equal(n->n, 0);
  upgrade_pause(n->u, false);
  run_to_end(n);
  assert_memory_equal(n->got, STREAM, STREAM_LEN);
}

static void freed_inside_of_its_callbacks(void **state) {
  struct net *n = *state;
  const char *paths[] = {"/split/0", "/split/70", "/flood"};
  for (size_t i = 0; i < 3; i++) {
    n->free_in_data = true;
    open_at(n, paths[i]);
    while (n->u) loop_step(n->loop, 1000);
    n->free_in_data = false;
    n->free_in_end = true;
    open_at(n, paths[i]);
    while (n->u) loop_step(n->loop, 1000);
    assert_int_equal(n->ends, 1);
    n->free_in_end = false;
  }
}

static void a_broken_stream_is_no_orderly_end(void **state) {
  struct net *n = *state;
  open_at(n, "/reset");
  assert_int_equal(upgrade_send(n->u, "never read", 10), 10);
  run_to_end(n);
  assert_true(n->bad);
  assert_memory_equal(n->got, "last words", 10); /* what came before is there */
  assert_int_equal(upgrade_send(n->u, "x", 1), -1);
}

static void refused(struct net *n, const char *path, enum error_kind kind, long status, const char *words) {
  struct error err = ERROR_INIT;
  int64_t begun = clock_ms();
  assert_int_equal(upgrade_open(n->client, path, &HANDLERS, n, &n->u, &err), -1);
  assert_null(n->u);
  if (!strstr(err.text, words)) fail_msg("%s: \"%s\" is not in \"%s\"", path, words, err.text);
  assert_int_equal(err.kind, kind);
  assert_int_equal(err.http_status, status);
  assert_true(clock_ms() - begun < 1000);
}

static void refusals_have_the_engines_words(void **state) {
  struct net *n = *state;
  refused(n, "/plain404", ERR_MISSING, 404, "No such container: x");
  refused(n, "/json409", ERR_CONFLICT, 409, "container is paused");
  refused(n, "/chunked500", ERR_ENGINE, 500, "a b; c");
  refused(n, "/silent500", ERR_ENGINE, 500, "answered 500 without a word");
  refused(n, "/two-hundred", ERR_ENGINE, 200, "answered 200 instead of 101");
  refused(n, "/garbage", ERR_ENGINE, 0, "is not HTTP; is it an engine?");
  refused(n, "/close", ERR_LOST, 0, "closed the connection before an answer");
}

static void one_hundred_continue_is_passed_over(void **state) {
  struct net *n = *state;
  open_at(n, "/continue");
  run_to_end(n);
  assert_int_equal(n->n, 1);
}

static void nobody_there(void **state) {
  struct net *n = *state;
  struct endpoint ep;
  struct error err = ERROR_INIT;
  assert_int_equal(endpoint_parse("unix:///nowhere/x.sock", "test", &ep, NULL), 0);
  struct http_client *c = http_client_new(n->loop, &ep, NULL);
  assert_int_equal(upgrade_open(c, "/x", &HANDLERS, n, &n->u, &err), -1);
  assert_int_equal(err.kind, ERR_UNREACHABLE);
  assert_string_equal(err.text,
                      "cannot reach the engine at unix:///nowhere/x.sock: No such file or directory");
  endpoint_done(&ep);
  http_client_free(c);
}

static enum error_kind interrupt(void *data, struct error *err) {
  if (!*(bool *)data) return ERR_NONE;
  error_set_text(err, ERR_DEADLINE_START, "too late");
  return ERR_DEADLINE_START;
}

static void set_flag(void *data) {
  *(bool *)data = true;
}

static void an_interrupt_ends_the_opening(void **state) {
  struct net *n = *state;
  bool flag = false;
  struct timer *t = loop_timer(n->loop, 50, set_flag, &flag);
  loop_set_interrupt(n->loop, (struct interrupt){interrupt, &flag});
  refused(n, "/silent", ERR_DEADLINE_START, 0, "too late");
  timer_free(t);
}

static void heads_are_judged_early(void **state) {
  struct upgrade_head h;
  (void)state;
  for (size_t i = 1; i < sizeof HEAD - 1; i++) assert_int_equal(upgrade_head_parse(HEAD, i, &h), 0);
  assert_int_equal(upgrade_head_parse(HEAD STREAM, sizeof HEAD - 1 + STREAM_LEN, &h), 1);
  assert_int_equal(h.status, 101);
  assert_int_equal(h.len, sizeof HEAD - 1);
  assert_int_equal(upgrade_head_parse("S", 1, &h), -1);
  assert_int_equal(upgrade_head_parse("HTTP/2 200\r\n", 12, &h), -1);
  assert_int_equal(upgrade_head_parse("HTTP/1.1 abc\r\n\r\n", 16, &h), -1);
  assert_int_equal(upgrade_head_parse("HTTP/1.\r\n\r\n", 11, &h), -1);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      NET_TEST(bytes_are_whole_wherever_the_packets_end),
      NET_TEST(output_goes_on_after_the_end_of_input),
      NET_TEST(a_full_connection_tells_when_there_is_room),
      NET_TEST(a_paused_stream_waits),
      NET_TEST(in_full_flow_several_pieces_come_with_a_turn),
      NET_TEST(input_does_not_wait_for_output),
      NET_TEST(paused_before_the_first_byte),
      NET_TEST(freed_inside_of_its_callbacks),
      NET_TEST(a_broken_stream_is_no_orderly_end),
      NET_TEST(refusals_have_the_engines_words),
      NET_TEST(one_hundred_continue_is_passed_over),
      NET_TEST(nobody_there),
      NET_TEST(an_interrupt_ends_the_opening),
      cmocka_unit_test(heads_are_judged_early),
  };
  return RUN_TESTS(tests);
}
