#include "base/alloc.h"
#include "base/clock.h"
#include "descriptors.h"
#include "net/http.h"
#include "server.h"
#include <curl/curl.h>
#include <sys/stat.h>

#define BIG (4u << 20)
enum { DIED, CAME }; /* counters */

static void serve_big(int fd) {
  static char chunk[65536];
  server_puts(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n");
  for (size_t at = 0; at < BIG; at += sizeof chunk) {
    for (size_t i = 0; i < sizeof chunk; i++) chunk[i] = (char)((at + i) % 251);
    server_write(fd, chunk, sizeof chunk);
  }
}

static void serve_echo(int fd, const char *req) {
  char head[128];
  const char *body = strstr(req, "\r\n\r\n");
  const char *type = strstr(req, "Content-Type: ");
  if (!body) _exit(1);
  snprintf(head, sizeof head,
           "HTTP/1.1 200 OK\r\nX-Type: %.*s\r\nX-Expect: %s\r\nContent-Length: %zu\r\n\r\n",
           type ? (int)strcspn(type + 14, "\r") : 0, type ? type + 14 : "",
           strstr(req, "Expect") ? "yes" : "no", strlen(req));
  server_puts(fd, head);
  server_puts(fd, req);
}

static void serve(int fd, int connection, struct counters *count, const void *data) {
  static char req[3 << 20];
  (void)connection, (void)data;
  __sync_fetch_and_add(&count->n[CAME], 1);
  for (int served = 0; server_request(fd, req, sizeof req); served++) {
    if (strstr(req, " /ok"))
      server_puts(fd, "HTTP/1.1 200 OK\r\nApi-Version:  1.41 \r\nContent-Length: 5\r\n\r\nhello");
    else if (strstr(req, " /pause ")) {
      nap_ms(100);
      server_puts(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    } else if (strstr(req, " /die ")) {
      __sync_fetch_and_add(&count->n[DIED], 1);
      if (served) _exit(0); /* unanswered, on a connection that was used before */
      server_puts(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    } else if (strstr(req, " /echo"))
      serve_echo(fd, req);
    else if (strstr(req, " /broken")) {
      server_puts(fd, "HTTP/1.1 201 Created\r\nContent-Le");
      return;
    } else if (strstr(req, " /lost"))
      _exit(0);
    else if (strstr(req, " /short")) {
      server_puts(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
      _exit(0);
    } else if (strstr(req, " /garbage")) {
      server_puts(fd, "SSH-2.0-OpenSSH_9.2\r\n");
      _exit(0);
    } else if (strstr(req, " /headonly")) {
      server_puts(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      nap_ms(150);
      server_puts(fd, "4\r\nlate\r\n0\r\n\r\n");
    } else if (strstr(req, " /big"))
      serve_big(fd);
    else if (strstr(req, " /long-head")) {
      server_puts(fd, "HTTP/1.1 200 OK\r\n");
      for (int i = 0; i < 40000; i++) server_puts(fd, "X-Filler: 0123456789\r\n");
    } else
      nap_ms(100000);
  }
}

struct net {
  struct server server;
  struct loop *loop;
  struct http_client *client;
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
  http_client_free(n->client);
  loop_free(n->loop);
  server_stop(&n->server);
  free(n);
  return 0;
}

static int call(struct net *n, const char *method, const char *path, bool changes, struct http_response *r,
                struct error *err) {
  struct http_request req = {.method = method, .path = path, .changes = changes, .timeout_ms = 5000};
  return http_call(n->client, &req, r, err);
}

static void an_answer_with_its_headers(void **state) {
  struct http_response r;
  struct error err = ERROR_INIT;
  assert_int_equal(call(*state, "GET", "/ok", false, &r, &err), 0);
  assert_int_equal(r.status, 200);
  assert_string_equal(r.body.data, "hello");
  char *v = http_header(&r, "api-version");
  assert_string_equal(v, "1.41");
  free(v);
  assert_null(http_header(&r, "Api"));
  http_response_done(&r);
  assert_int_equal(call(*state, "HEAD", "/pause", false, &r, &err), 0);
  assert_int_equal(r.status, 200);
  assert_int_equal(r.body.len, 0);
  http_response_done(&r);
}

static void echo(struct net *n, struct http_request *req, const char *type, const char *want) {
  struct http_response r;
  struct error err = ERROR_INIT;
  assert_int_equal(http_call(n->client, req, &r, &err), 0);
  char *got_type = http_header(&r, "X-Type"), *expect = http_header(&r, "X-Expect");
  assert_string_equal(got_type, type);
  assert_string_equal(expect, "no");
  assert_non_null(strstr(r.body.data, want));
  free(got_type);
  free(expect);
  http_response_done(&r);
}

static void what_is_sent(void **state) {
  size_t n = 2 << 20;
  char *large = malloc(n);
  memset(large, 'x', n);
  struct http_request req = {.method = "POST", .path = "/echo?a=b%20c/../d", .body = "{}", .body_len = 2};
  echo(*state, &req, "application/json", "POST /echo?a=b%20c/../d HTTP/1.1\r\nHost: localhost\r\n");
  req = (struct http_request){.method = "PUT",
                              .path = "/echo/../x",
                              .body = "t",
                              .body_len = 1,
                              .content_type = "application/x-tar",
                              .header = "X-Registry-Auth: abc"};
  echo(*state, &req, "application/x-tar", "PUT /echo/../x HTTP/1.1");
  echo(*state, &req, "application/x-tar", "X-Registry-Auth: abc\r\n");
  req = (struct http_request){.method = "DELETE", .path = "/echo"};
  echo(*state, &req, "", "DELETE /echo HTTP/1.1");
  req = (struct http_request){.method = "POST", .path = "/echo"};
  echo(*state, &req, "", "Content-Length: 0");
  req = (struct http_request){.method = "POST", .path = "/echo", .body = large, .body_len = n};
  echo(*state, &req, "application/json", "Content-Length: 2097152"); /* and no Expect: 100-continue */
  free(large);
}

static void done_count(void *data, const struct http_response *r, const struct error *err) {
  (void)r;
  assert_null(err);
  ++*(int *)data;
}

/* Two requests side by side leave two idle connections, of which libcurl takes one and, when that dies, the
 * other. */
static void two_idle_connections(struct net *n) {
  struct http_request req = {.method = "GET", .path = "/pause"};
  struct http_handlers h = {.on_done = done_count};
  int done = 0;
  struct http_exchange *a = http_begin(n->client, &req, &h, &done),
                       *b = http_begin(n->client, &req, &h, &done);
  while (done < 2) loop_step(n->loop, 1000);
  http_exchange_free(a);
  http_exchange_free(b);
}

static void a_changing_request_reaches_the_server_once(void **state) {
  struct net *n = *state;
  struct http_response r;
  struct error err = ERROR_INIT;
  two_idle_connections(n);
  assert_int_equal(call(n, "POST", "/die", true, &r, &err), -1);
  assert_int_equal(err.kind, ERR_LOST);
  assert_non_null(strstr(err.text, "POST /die: sent to unix://"));
  assert_non_null(strstr(err.text, "the connection was closed before an answer"));
  nap_ms(100);
  assert_int_equal(n->server.count->n[DIED], 1);
}

/* The same without `changes`: libcurl does send again, so the test above tests something. */
static void a_reading_request_is_sent_again(void **state) {
  struct net *n = *state;
  struct http_response r;
  struct error err = ERROR_INIT;
  two_idle_connections(n);
  assert_int_equal(call(n, "POST", "/die", false, &r, &err), 0);
  assert_int_equal(r.status, 204);
  assert_true(n->server.count->n[DIED] > 1);
  http_response_done(&r);
}

static void connections_are_kept_and_dropped(void **state) {
  struct net *n = *state;
  struct http_response r;
  struct error err = ERROR_INIT;
  two_idle_connections(n);
  loop_drop_connections(n->loop);
  assert_int_equal(call(n, "POST", "/die", true, &r, &err), 0); /* a fresh one: answered */
  assert_int_equal(r.status, 204);
  http_response_done(&r);
}

static void ok(struct net *n) {
  struct http_response r;
  struct error err = ERROR_INIT;
  assert_int_equal(call(n, "GET", "/ok", false, &r, &err), 0);
  http_response_done(&r);
}

static void a_call_may_wait_for_a_free_connection(void **state) {
  struct net *n = *state;
  struct http_request soon = {.method = "GET", .path = "/pause"}, never = {.method = "GET", .path = "/hang"};
  struct http_handlers h = {.on_done = done_count};
  int done = 0;
  http_wait_free(n->client, 10000); /* nothing to wait for */
  struct http_exchange *x = http_begin(n->client, &soon, &h, &done);
  http_wait_free(n->client, 10000);
  assert_int_equal(done, 1);
  ok(n);
  assert_int_equal(n->server.count->n[CAME], 1);
  http_exchange_free(x);
  x = http_begin(n->client, &never, &h, &done);
  int64_t begun = clock_ms();
  http_wait_free(n->client, 200);
  assert_in_range(clock_ms() - begun, 200, 8000);
  ok(n);
  assert_int_equal(n->server.count->n[CAME], 2);
  begun = clock_ms();
  http_wait_free(n->client, 10000); /* the second one is free */
  http_exchange_free(x);
  http_wait_free(n->client, 10000);
  assert_in_range(clock_ms() - begun, 0, 8000);
}

static void fails(struct net *n, const char *path, enum error_kind kind, const char *words) {
  struct http_response r;
  struct error err = ERROR_INIT;
  assert_int_equal(call(n, "POST", path, true, &r, &err), -1);
  if (!strstr(err.text, words)) fail_msg("%s: \"%s\" is not in \"%s\"", path, words, err.text);
  assert_int_equal(err.kind, kind);
}

static void faults_have_a_kind_and_a_reason(void **state) {
  fails(*state, "/lost", ERR_LOST, "POST /lost: sent to unix://");
  fails(*state, "/broken", ERR_LOST, "the answer was lost");
  fails(*state, "/short", ERR_LOST, "the answer was lost");
  fails(*state, "/garbage", ERR_ENGINE, "is not HTTP; is it an engine?");
  /* Newer ones count the lines, before we measure them. */
  if (curl_version_info(CURLVERSION_NOW)->version_num < 0x080000)
    fails(*state, "/long-head", ERR_ENGINE, "the head of the answer is larger than 256 KiB");
  else
    fails(*state, "/long-head", ERR_LOST, "Too many response headers");
}

static void a_limit_in_time(void **state) {
  struct net *n = *state;
  struct http_request req = {.method = "POST", .path = "/never", .timeout_ms = 100};
  struct http_response r;
  struct error err = ERROR_INIT;
  int64_t begun = clock_ms();
  assert_int_equal(http_call(n->client, &req, &r, &err), -1);
  assert_in_range(clock_ms() - begun, 100, 1000);
  assert_int_equal(err.kind, ERR_TIMEOUT);
  assert_non_null(strstr(err.text, "POST /never: no whole answer from unix://"));
}

static void client_of(const char *uri, struct loop *loop, struct http_client **ret) {
  struct endpoint ep;
  assert_int_equal(endpoint_parse(uri, "test", &ep, NULL), 0);
  *ret = http_client_new(loop, &ep, NULL);
  assert_non_null(*ret);
  endpoint_done(&ep);
}

static void unreachable(struct net *n, const char *uri, enum error_kind kind, const char *text) {
  struct net other = {.loop = n->loop};
  struct http_response r;
  struct error err = ERROR_INIT;
  client_of(uri, n->loop, &other.client);
  assert_int_equal(call(&other, "POST", "/ok", true, &r, &err), -1);
  assert_string_equal(err.text, text);
  assert_int_equal(err.kind, kind);
  http_client_free(other.client);
}

static void no_engine_there(void **state) {
  struct net *n = *state;
  CLEANUP_FREE char *dead = xprintf("%s/dead", n->server.dir);
  CLEANUP_FREE char *uri = xprintf("unix://%s", dead), *refused = NULL;
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  unreachable(n, "unix:///nowhere/x.sock", ERR_UNREACHABLE,
              "cannot reach the engine at unix:///nowhere/x.sock: No such file or directory");
  snprintf(sa.sun_path, sizeof sa.sun_path, "%s", dead);
  assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
  close(fd);
  refused = xprintf("cannot reach the engine at %s: Connection refused", uri);
  unreachable(n, uri, ERR_UNREACHABLE, refused);
  unlink(dead);
}

static void a_socket_of_others(void **state) {
  struct net *n = *state;
  CLEANUP_FREE char *text =
      xprintf("cannot reach the engine at %s: Permission denied; join the group 'docker' "
              "(usermod -aG, then log in again) or use sudo",
              n->server.uri);
  if (getuid()) skip();
  assert_int_equal(chmod(n->server.dir, 0755) | chmod(n->server.path, 0600), 0);
  assert_int_equal(seteuid(65534), 0);
  unreachable(n, n->server.uri, ERR_PERMISSION, text);
  assert_int_equal(seteuid(0), 0);
}

static enum error_kind interrupt(void *data, struct error *err) {
  if (!*(bool *)data) return ERR_NONE;
  error_set_text(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

static void set_flag(void *data) {
  *(bool *)data = true;
}

static void an_interrupt_ends_a_call(void **state) {
  struct net *n = *state;
  bool flag = false;
  struct http_response r;
  struct error err = ERROR_INIT;
  struct timer *t = loop_timer(n->loop, 50, set_flag, &flag);
  loop_set_interrupt(n->loop, (struct interrupt){interrupt, &flag});
  assert_int_equal(call(n, "POST", "/never", true, &r, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  assert_string_equal(err.text, "interrupted");
  timer_free(t);
  loop_set_interrupt(n->loop, (struct interrupt){NULL, NULL});
  assert_int_equal(call(n, "GET", "/ok", false, &r, &err), 0);
  http_response_done(&r);
}

struct long_one {
  struct http_exchange *x;
  size_t bytes;
  long head;
  int calls, done, pause_at, free_at; /* 1: in on_head, 2: on_data, 3: on_done */
  bool wrong;
};

static void maybe_free(struct long_one *l, int at) {
  if (l->free_at != at) return;
  http_exchange_free(l->x);
  l->x = NULL;
}

static void long_head(void *data, long status) {
  struct long_one *l = data;
  l->head = status;
  maybe_free(l, 1);
}

static void long_data(void *data, const char *p, size_t n) {
  struct long_one *l = data;
  for (size_t i = 0; i < n; i++)
    if (p[i] != (char)((l->bytes + i) % 251)) l->wrong = true;
  l->bytes += n;
  if (++l->calls == l->pause_at) http_pause(l->x, true);
  maybe_free(l, 2);
}

static void long_done(void *data, const struct http_response *r, const struct error *err) {
  struct long_one *l = data;
  assert_null(err);
  assert_int_equal(r->body.len, 0);
  l->done++;
  maybe_free(l, 3);
}

static const struct http_handlers LONG = {long_head, long_data, long_done};

static void the_head_comes_before_the_body(void **state) {
  struct net *n = *state;
  struct long_one l = {.done = 0};
  struct http_request req = {.method = "POST", .path = "/headonly"};
  int64_t begun = clock_ms();
  l.x = http_begin(n->client, &req, &LONG, &l);
  while (!l.head) loop_step(n->loop, -1);
  assert_true(clock_ms() - begun < 120);
  assert_int_equal(l.bytes, 0);
  while (!l.done) loop_step(n->loop, -1);
  assert_int_equal(l.bytes, 4);
  http_exchange_free(l.x);
}

static void a_paused_body_waits_and_comes_whole(void **state) {
  struct net *n = *state;
  struct long_one l = {.pause_at = 2};
  struct http_request req = {.method = "GET", .path = "/big"};
  l.x = http_begin(n->client, &req, &LONG, &l);
  while (l.calls < 2) loop_step(n->loop, -1);
  size_t then = l.bytes;
  for (int64_t begun = clock_ms(); clock_ms() - begun < 100;) loop_step(n->loop, 20);
  assert_int_equal(l.bytes, then);
  assert_false(l.done);
  http_pause(l.x, false);
  while (!l.done) loop_step(n->loop, 1000);
  assert_int_equal(l.bytes, BIG);
  assert_false(l.wrong);
  assert_int_equal(l.done, 1);
  http_exchange_free(l.x);
}

static void an_exchange_may_be_freed_anywhere(void **state) {
  struct net *n = *state;
  for (int at = 0; at <= 3; at++) {
    struct long_one l = {.free_at = at};
    struct http_request req = {.method = "GET", .path = "/big"};
    l.x = http_begin(n->client, &req, &LONG, &l);
    if (!at) maybe_free(&l, 0);
    for (int i = 0; i < 500 && l.x; i++) loop_step(n->loop, 100);
    assert_null(l.x);
    assert_int_equal(l.head, at ? 200 : 0);
    assert_int_equal(l.done, at == 3);
    loop_step(n->loop, 10);
  }
}

static void escaping(void **state) {
  (void)state;
  char *s = http_escape("a-B_9.~ /?&=%\xc3\xa4");
  assert_string_equal(s, "a-B_9.~%20%2F%3F%26%3D%25%C3%A4");
  free(s);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      NET_TEST(an_answer_with_its_headers),
      NET_TEST(what_is_sent),
      NET_TEST(a_changing_request_reaches_the_server_once),
      NET_TEST(a_reading_request_is_sent_again),
      NET_TEST(connections_are_kept_and_dropped),
      NET_TEST(a_call_may_wait_for_a_free_connection),
      NET_TEST(faults_have_a_kind_and_a_reason),
      NET_TEST(a_limit_in_time),
      NET_TEST(no_engine_there),
      NET_TEST(a_socket_of_others),
      NET_TEST(an_interrupt_ends_a_call),
      NET_TEST(the_head_comes_before_the_body),
      NET_TEST(a_paused_body_waits_and_comes_whole),
      NET_TEST(an_exchange_may_be_freed_anywhere),
      cmocka_unit_test(escaping),
  };
  return RUN_TESTS(tests);
}
