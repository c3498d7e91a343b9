/* The calls of the Docker runtime against answers that real engines give only on a bad day. */
#include "docker_bench.h"

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
  BENCH({"HEAD /_ping", "HTTP/1.1 405 No\r\nConnection: close\r\n\r\n"}, PING,
        {"/info", OK "{\"LiveRestoreEnabled\":true}"});
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
        {"/again/start", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"});
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

static void a_terminal_that_is_late(void **state) {
  BENCH({.request = "/a/resize?h=5&w=7 ",
         .answer = FAULT("409", "{\"message\":\"not running\"}"),
         .once = true},
        {"/a/resize", OK}, {"/b/resize", FAULT("500", "{\"message\":\"no\"}")},
        {"/c/resize", FAULT("404", "{\"message\":\"gone\"}")});
  assert_int_equal(b.ops->resize(b.rt, "a", 5, 7, NULL), 0);
  assert_int_equal(b.ops->resize(b.rt, "a", 0, 7, &err), 0); /* unknown: left alone */
  assert_int_equal(b.ops->resize(b.rt, "b", 5, 7, &err), -1);
  assert_string_equal(err.text, "resize failed: no");
  assert_int_equal(b.ops->resize(b.rt, "c", 5, 7, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  assert_true(b.engine.count->n[0] > 1);
  close_bench(&b);
}

#define VOLUME OK "{\"Name\":\"v\",\"Mountpoint\":\"/v\",\"Labels\":{\"run-once.id\":\"j\"}}"
/* Interrupted while the engine makes the carrier: it is taken away by its name nevertheless. */
static enum error_kind interrupt_at_third(void *data, struct error *err) {
  if (++*(int *)data < 3) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

/* A signal or a time would turn the loop. */
static void turn(void *data) {
  (void)data;
}

static void an_interrupted_carrier_goes(void **state) {
  BENCH({.request = "DELETE /v1.41/containers/run-once.carrier.", .once = true, .answer = OK},
        {"/volumes/", VOLUME}, {.request = "/containers/create", .answer = "", .hold = true});
  int asked = 0;
  char *data;
  size_t n;
  struct timer *turns[3];
  for (int i = 0; i < 3; i++) turns[i] = loop_timer(b.loop, 200 + 50 * i, turn, NULL);
  loop_set_interrupt(b.loop, (struct interrupt){.fn = interrupt_at_third, .data = &asked});
  assert_int_equal(b.ops->claim_load(b.rt, "h", "x", "f", &data, &n, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  for (int i = 0; i < 3; i++) timer_free(turns[i]);
  assert_string_equal(err.text, "reaching the once-record failed: interrupted");
  assert_int_equal(b.engine.count->n[0], 1);
  assert_ptr_equal(loop_set_interrupt(b.loop, (struct interrupt){0}).data, &asked);
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
  if (b.ops->jobs(b.rt, false, NULL, &l, &err) < 0) fail_msg("%s", err.text);
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
  assert_int_equal(b.ops->jobs(b.rt, true, NULL, &l, &err), -1);
  assert_string_equal(err.text, "listing jobs failed: no");
  assert_int_equal(b.ops->by_name(b.rt, "1a", &j, &err), -1); /* the beginning of an id is not a name */
  assert_int_equal(err.kind, ERR_MISSING);
  close_bench(&b);
}

static bool is_j(const char *job_id) {
  return strcmp(job_id, "j") == 0;
}

static void jobs_that_are_looked_after_are_not_asked_about(void **state) {
  BENCH(PING,
        {"/containers/"
         "json?all=1&filters=%7B%22label%22%3A%5B%22run-once.id%22%5D%2C%22status%22%3A%5B%22created",
         OK "[{\"Id\":\"1a\",\"Labels\":{\"run-once.id\":\"j\"}},{\"Id\":\"2b\",\"Labels\":{\"run-once.id\":"
            "\"k\"}}]"},
        {"/2b/json", INSPECT("2b", "run-once.k", "\"run-once.id\":\"k\"")});
  struct job_list l;
  if (b.ops->jobs(b.rt, true, is_j, &l, &err) < 0) fail_msg("%s", err.text);
  assert_int_equal(l.n, 1);
  assert_string_equal(l.jobs[0].id, "k");
  job_list_done(&l);
  close_bench(&b);
}

static void what_doctor_hears(void **state) {
  BENCH({.request = "/info", .answer = OK "{}", .once = true},
        {"/info",
         OK "{\"Name\":\"shop1\",\"MemoryLimit\":false,\"CpuCfsQuota\":true,\"LiveRestoreEnabled\":true,"
            "\"Warnings\":[\"no swap limit\",7]}"},
        {.request = "/containers/json", .answer = FAULT("403", "{\"message\":\"denied\"}")});
  struct strv facts, findings;
  strv_init(&facts);
  strv_init(&findings);
  assert_int_equal(b.ops->examine(b.rt, &facts, &findings, &err), 0);
  assert_true(strv_has(&facts, "cgroups: version unknown, driver unknown"));
  assert_true(strv_has(&facts, "live-restore: off: a restart of the engine ends running jobs"));
  strv_done(&facts);
  strv_done(&findings);
  assert_int_equal(b.ops->examine(b.rt, &facts, &findings, &err), 0);
  assert_true(strv_has(&facts, "host: shop1"));
  assert_true(strv_has(&facts, "live-restore: on"));
  assert_true(strv_has(&findings, "the engine cannot limit memory: --memory has no effect"));
  assert_true(strv_has(&findings, "the engine says: no swap limit"));
  assert_true(strv_has(&findings, "containers may not be listed: GET /containers/json: denied"));
  CLEANUP_FREE char *all = xstrdup("");
  for (size_t i = 0; i < findings.n; i++) {
    char *more = xprintf("%s%s\n", all, findings.v[i]);
    free(all);
    all = more;
  }
  assert_non_null(
      strstr(all, "this machine's: times in records are the engine's")); /* its Date stands still */
  assert_null(strstr(all, "processor"));
  strv_done(&facts);
  strv_done(&findings);
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
      cmocka_unit_test(a_terminal_that_is_late),
      cmocka_unit_test(an_interrupted_carrier_goes),
      cmocka_unit_test(what_doctor_hears),
      cmocka_unit_test(pulls_that_fail),
      cmocka_unit_test(jobs_by_list_and_name),
      cmocka_unit_test(jobs_that_are_looked_after_are_not_asked_about),
  };
  return RUN_TESTS(tests);
}
