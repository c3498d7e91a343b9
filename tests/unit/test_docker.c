/* The Docker runtime against answers that real engines give only on a bad day. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "descriptors.h"
#include "fake_engine.h"
#include "net/endpoint.h"
#include "runtime/runtime.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 29 Nov 2026 15:04:05 GMT\r\n"
#define OK HEAD "\r\n"
#define PING                                                                                                 \
  { "/_ping", HEAD "Api-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\nContent-Length: 0\r\n\r\n" }
#define FAULT(status, body) "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\n\r\n" body
#define ID "0123456789abcdef"

struct bench {
  struct server engine;
  struct script script;
  struct loop *loop;
  struct runtime *rt;
  const struct runtime_ops *ops;
};

static void open_bench(struct bench *b, const struct row *rows, size_t n) {
  struct endpoint ep;
  struct error err = ERROR_INIT;
  b->script = (struct script){.rows = rows, .n = n};
  server_start(&b->engine, fake_serve, &b->script);
  b->loop = loop_new();
  assert_int_equal(endpoint_parse(b->engine.uri, "--host", &ep, &err), 0);
  assert_int_equal(runtime_open("docker", b->loop, &ep, &b->rt, &err), 0);
  b->ops = b->rt->ops;
  endpoint_done(&ep);
}

static void close_bench(struct bench *b) {
  b->ops->free(b->rt);
  loop_free(b->loop);
  server_stop(&b->engine);
}

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* rows say only what matters */

#define BENCH(...)                                                                                           \
  struct bench b;                                                                                            \
  static const struct row rows[] = {__VA_ARGS__};                                                            \
  struct error err = ERROR_INIT;                                                                             \
  (void)state;                                                                                               \
  open_bench(&b, rows, ARRAY_LEN(rows))

static void until(struct bench *b, const int *flag) {
  int64_t end = clock_ms() + 5000;
  while (!*flag && clock_ms() < end) loop_step(b->loop, 50);
  assert_true(*flag);
}

/* "%s" stands for the endpoint. */
static void expect_connect(const char *answer, size_t n, const char *api, const char *fault) {
  const struct row rows[] = {{.request = "/_ping", .answer = answer, .n = n}};
  struct bench b;
  struct error err = ERROR_INIT;
  open_bench(&b, rows, 1);
  int rc = b.ops->connect(b.rt, &err);
  if (api) {
    assert_int_equal(rc, 0);
    assert_string_equal(b.ops->info(b.rt)->api, api);
  } else {
    assert_int_equal(rc, -1);
    assert_int_equal(err.kind, ERR_ENGINE);
    if (!strstr(err.text, fault)) fail_msg("'%s' is not in '%s'", fault, err.text);
    assert_non_null(strstr(err.text, b.engine.uri));
  }
  close_bench(&b);
}

static void versions(void **state) {
  (void)state;
  expect_connect(HEAD "API-Version: 1.41\r\n\r\n", 0, "1.41", NULL);
  expect_connect(HEAD "api-version: 1.44\r\n\r\n", 0, "1.44", NULL);
  expect_connect(HEAD "Api-Version: 1.54\r\n\r\n", 0, "1.51", NULL);
  expect_connect(
      HEAD "Api-Version: 1.40\r\n\r\n", 0, NULL,
      ": the engine is too old: its API is 1.40, run-once needs 1.41 (Docker Engine 20.10) or newer");
  expect_connect(OK, 0, NULL,
                 ": what answers is not a Docker engine (HTTP 200 without an API-Version header)");
  expect_connect("HTTP/1.1 404 Not Found\r\n\r\n", 0, NULL,
                 ": what answers is not a Docker engine (HTTP 404");
  expect_connect(HEAD "Api-Version: new\r\n\r\n", 0, NULL, ": what answers is not a Docker engine");
}

static void what_connect_learns(void **state) {
  BENCH({"HEAD /_ping", "HTTP/1.1 405 No\r\n\r\n"}, PING, {"/info", OK "{\"LiveRestoreEnabled\":true}"});
  assert_int_equal(b.ops->clock_ns(b.rt), 0);
  assert_int_equal(b.ops->connect(b.rt, &err), 0);
  assert_string_equal(b.ops->info(b.rt)->version, "20.10.24");
  assert_string_equal(b.ops->info(b.rt)->kind, "docker");
  assert_false(b.ops->info(b.rt)->live_restore);
  int64_t apart = b.ops->clock_ns(b.rt) - INT64_C(1795964645500000000); /* the Date of every answer here */
  assert_true(apart >= 0 && apart < 5000000000);
  assert_int_equal(b.ops->connect(b.rt, &err), 0); /* contact regained */
  assert_true(b.ops->info(b.rt)->live_restore);
  close_bench(&b);
}

static void kinds_of_faults(void **state) {
  static const struct {
    const char *id;
    enum error_kind kind;
    const char *text;
  } cases[] = {
      {"a", ERR_MISSING, "stop failed: No such container: a"},
      {"b", ERR_CONFLICT, "stop failed: busy; very"},
      {"c", ERR_PERMISSION, "stop failed: plugin says no"},
      {"d", ERR_PERMISSION, "stop failed: who are you"},
      {"e", ERR_ENGINE, "stop failed: the engine answered HTTP 500 without a word"},
      {"f", ERR_ENGINE, "stop failed: {\"messa"},
      {"g", ERR_LOST, "stop failed: "},
  };
  BENCH(PING, {"/a/", FAULT("404", "{\"message\":\"No such container: a\"}")},
        {"/b/", FAULT("409", "{\"message\":\"busy\\nvery\\n\"}")},
        {"/c/", FAULT("403", "plugin says no\r\n")},
        {"/d/", FAULT("401", "{\"cause\":\"x\",\"message\":\"who are you\"}")}, {"/e/", FAULT("500", "")},
        {"/f/", FAULT("500", "{\"messa")}, {"/g/", NULL});
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    assert_int_equal(b.ops->stop(b.rt, cases[i].id, 10000, &err), -1);
    assert_int_equal(err.kind, cases[i].kind);
    assert_memory_equal(err.text, cases[i].text, strlen(cases[i].text));
  }
  close_bench(&b);
}

#define STATE(status, code)                                                                                  \
  OK "{\"Id\":\"x\",\"Created\":\"2026-11-29T15:00:00Z\",\"State\":{\"Status\":\"" status                    \
     "\",\"ExitCode\":" code                                                                                 \
     ",\"StartedAt\":\"0001-01-01T00:00:00Z\",\"FinishedAt\":\"0001-01-01T00:00:00Z\"}}"

static void starts_that_fail(void **state) {
  static const struct {
    const char *id;
    enum error_kind kind;
  } cases[] = {{"nf", ERR_NOT_FOUND}, {"ne", ERR_NOT_EXECUTABLE}, {"mount", ERR_ENGINE},
               {"run", ERR_ENGINE},   {"lost", ERR_LOST},         {"gone", ERR_MISSING}};
  BENCH(PING, {"/nf/start", FAULT("400", "{\"message\":\"x\"}")}, {"/nf/json", STATE("created", "127")},
        {"/ne/start", FAULT("400", "{\"message\":\"x\"}")}, {"/ne/json", STATE("created", "126")},
        {"/mount/start", FAULT("500", "{\"message\":\"no such file or directory\"}")},
        {"/mount/json", STATE("created", "127")}, {"/run/start", FAULT("400", "{\"message\":\"x\"}")},
        {"/run/json", STATE("running", "127")}, {"/lost/start", NULL},
        {"/gone/start", FAULT("404", "{\"message\":\"x\"}")},
        {"/again/start", "HTTP/1.1 304 Not Modified\r\n\r\n"});
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    assert_int_equal(b.ops->start(b.rt, cases[i].id, &err), -1);
    assert_int_equal(err.kind, cases[i].kind);
    assert_memory_equal(err.text, "start failed: ", 14);
  }
  assert_int_equal(b.ops->start(b.rt, "again", &err), 0);
  close_bench(&b);
}

static void create_and_its_answers(void **state) {
  static const struct {
    const char *name;
    enum error_kind kind;
  } cases[] = {{"lost", ERR_LOST},      {"cut", ERR_LOST},    {"noid", ERR_LOST},
               {"taken", ERR_CONFLICT}, {"image", ERR_IMAGE}, {"other", ERR_MISSING}};
  BENCH(PING, {"name=lost", NULL}, {"name=cut", "HTTP/1.1 201 Created\r\n\r\n{\"Id\":\"0123"},
        {"name=noid", "HTTP/1.1 201 Created\r\n\r\n{}"},
        {"name=taken", FAULT("409", "{\"message\":\"taken\"}")},
        {"name=image", FAULT("404", "{\"message\":\"No such image: x:latest\"}")},
        {"name=other", FAULT("404", "{\"message\":\"no such thing\"}")},
        {"name=good", "HTTP/1.1 201 Created\r\n\r\n{\"Id\":\"" ID "\",\"Warnings\":[\"w\",7]}"},
        {"name=net", "HTTP/1.1 201 Created\r\n\r\n{\"Id\":\"" ID "\",\"Warnings\":null}"},
        {"/networks/gone/connect", FAULT("404", "{\"message\":\"network gone not found\"}")});
  struct prepared p = {.request = json_pack("{s:s}", "Image", "x"), .private_parts = json_object()};
  struct identity who = {.id = "j", .labels = json_pack("{s:s}", "run-once.id", "j")};
  char *id;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    who.name = cases[i].name;
    id = (char *)"";
    assert_int_equal(b.ops->create(b.rt, &p, &who, &id, &err), -1);
    assert_int_equal(err.kind, cases[i].kind);
    assert_null(id);
  }
  who.name = "good";
  assert_int_equal(b.ops->create(b.rt, &p, &who, &id, &err), 0);
  assert_string_equal(id, ID);
  free(id);
  json_object_set_new(p.private_parts, "connect",
                      json_pack("[{s:s, s:s}]", "network", "gone", "name", "shop_db"));
  who.name = "net";
  assert_int_equal(b.ops->create(b.rt, &p, &who, &id, &err), -1);
  assert_string_equal(id, ID); /* it is there, and the caller's to remove */
  assert_string_equal(err.text, "joining network shop_db failed: network gone not found");
  free(id);
  assert_null(json_object_get(p.request, "Labels"));
  json_decref(p.request);
  json_decref(p.private_parts);
  json_decref(who.labels);
  close_bench(&b);
}

static void removal_by_somebody_else(void **state) {
  BENCH(PING, {"DELETE", FAULT("409", "{\"message\":\"removal of container x is already in progress\"}")},
        {.request = "/json", .answer = STATE("removing", "0"), .once = true},
        {"/json", FAULT("404", "{\"message\":\"No such container\"}")});
  assert_int_equal(b.ops->remove(b.rt, ID, false, &err), 0);
  close_bench(&b);
}

#define PULL_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
static void pulls_that_fail(void **state) {
  static const struct {
    const char *image;
    enum error_kind kind;
    const char *text;
  } cases[] = {
      {"r.io/late:1", ERR_IMAGE, "pull of r.io/late:1 failed: manifest for r.io/late:1 not found"},
      {"r.io/early", ERR_IMAGE, "pull of r.io/early failed: pull access denied"},
      {"r.io/html", ERR_ENGINE, "pull of r.io/html failed: the engine's answer is not a row of JSON objects"},
      {"r.io/lost", ERR_LOST, "pull of r.io/lost failed: "},
      {"r.io/cut", ERR_LOST, "pull of r.io/cut failed: "},
      {"r.io/No", ERR_IMAGE,
       "pull of r.io/No failed: image reference 'r.io/No': the repository's name must be"},
  };
  BENCH(PING,
        {"late&tag=1 ",
         PULL_HEAD "\r\n{\"status\":\"Pulling\"}\r\n{\"errorDetail\":{\"message\":\"manifest for "
                   "r.io/late:1 not found\"}}\r\n"},
        {"early&tag=latest ", FAULT("404", "{\"message\":\"pull access denied\"}")},
        {"html", PULL_HEAD "\r\n<html>"}, {"lost", NULL},
        {"cut", PULL_HEAD "Content-Length: 100\r\n\r\n{\"status\":\"Pulling\"}"},
        {"good&tag=sha256%3A", PULL_HEAD "\r\n{\"status\":\"Pull complete\"}"});
  struct settings s = {0};
  setenv("DOCKER_CONFIG", "/nowhere", 1);
  assert_int_equal(b.ops->connect(b.rt, &err), 0);
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    assert_int_equal(b.ops->pull(b.rt, &s, cases[i].image, NULL, &err), -1);
    assert_int_equal(err.kind, cases[i].kind);
    if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0) fail_msg("%s", err.text);
  }
  const char *good = "r.io/good@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  assert_int_equal(b.ops->pull(b.rt, &s, good, NULL, &err), 0);
  close_bench(&b);
}

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
static void events_are_told_once(void **state) {
  static const struct watch_handlers h = {.on_event = on_event};
  BENCH(PING, {"since=1&", OK EVENT("start", "5000000001") EVENT("die", "5000000007")},
        {.request = "since=4&",
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
  CLEANUP_FREE char *rest = xprintf("%d/0/5000000009 %d/0/0 ", EVENT_DESTROY, EVENT_LOST);
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

static void an_interrupt_ends_every_wait(void **state) {
  static const struct watch_handlers h = {.on_event = on_event};
  BENCH(PING, {.request = "/events", .answer = "HTTP/1.1 200 OK\r\n", .hold = true},
        {.request = "/images/create", .answer = OK, .hold = true});
  int asked = 0;
  struct told t = {0};
  struct event_watch *w;
  struct settings s = {0};
  setenv("DOCKER_CONFIG", "/nowhere", 1);
  loop_set_interrupt(b.loop, (struct interrupt){.fn = interrupt, .data = &asked});
  assert_int_equal(b.ops->watch(b.rt, "j", &h, &t, &w, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  asked = -2;
  assert_int_equal(b.ops->pull(b.rt, &s, "r.io/x", NULL, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  close_bench(&b);
}

#define INSPECT(id, name, labels)                                                                            \
  OK "{\"Id\":\"" id "\",\"Name\":\"/" name                                                                  \
     "\",\"Created\":\"2026-11-29T15:00:00Z\",\"Config\":{\"Image\":\"shop:1\",\"Cmd\":[\"a b\",\"c\"],"     \
     "\"Labels\":{" labels "}},\"State\":{\"Status\":\"exited\",\"ExitCode\":3,\"StartedAt\":"               \
     "\"2026-11-29T15:00:01Z\",\"FinishedAt\":\"2026-11-29T15:00:02Z\"}}"

static void jobs_by_list_and_name(void **state) {
  BENCH(PING,
        {"/containers/json?all=1&filters=%7B%22label%22%3A%5B%22run-once.id%22%5D%7D ",
         OK "[{\"Id\":\"1a\"},{\"Id\":\"2b\"},{}]"},
        {"/1a/json", INSPECT("1a", "run-once.lock.shop.schema",
                             "\"run-once.id\":\"j\",\"run-once.lock\":\"schema\",\"other\":\"x\"")},
        {"/2b/json", FAULT("404", "{\"message\":\"just gone\"}")},
        {"/containers/json", FAULT("500", "{\"message\":\"no\"}")});
  struct job_list l;
  struct job_info j;
  if (b.ops->jobs(b.rt, false, &l, &err) < 0) fail_msg("%s", err.text);
  assert_int_equal(l.n, 1);
  assert_string_equal(l.jobs[0].id, "j");
  assert_string_equal(l.jobs[0].container, "1a");
  assert_string_equal(l.jobs[0].lock, "schema");
  assert_null(l.jobs[0].once);
  assert_string_equal(l.jobs[0].command, "a b c");
  assert_int_equal(json_object_size(l.jobs[0].labels), 2);
  assert_int_equal(l.jobs[0].state.status, STATE_EXITED);
  assert_int_equal(l.jobs[0].state.exit_code, 3);
  job_list_done(&l);
  assert_int_equal(b.ops->jobs(b.rt, true, &l, &err), -1);
  assert_string_equal(err.text, "listing jobs failed: no");
  assert_int_equal(b.ops->by_name(b.rt, "1a", &j, &err), -1); /* the beginning of an id is not a name */
  assert_int_equal(err.kind, ERR_MISSING);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(versions),
      cmocka_unit_test(what_connect_learns),
      cmocka_unit_test(kinds_of_faults),
      cmocka_unit_test(starts_that_fail),
      cmocka_unit_test(create_and_its_answers),
      cmocka_unit_test(removal_by_somebody_else),
      cmocka_unit_test(pulls_that_fail),
      cmocka_unit_test(events_are_told_once),
      cmocka_unit_test(waits),
      cmocka_unit_test(attached_streams),
      cmocka_unit_test(logs_end_like_streams),
      cmocka_unit_test(freed_in_its_own_handler),
      cmocka_unit_test(an_interrupt_ends_every_wait),
      cmocka_unit_test(jobs_by_list_and_name),
  };
  return RUN_TESTS(tests);
}
