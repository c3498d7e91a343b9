/* prepare() against an engine that says what a case needs: what is looked up, and what is refused. */
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include "descriptors.h"
#include "fake_engine.h"
#include "net/endpoint.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/tar.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define OK HEAD "\r\n"
#define PING                                                                                                 \
  { "/_ping", HEAD "Api-Version: 1.41\r\nContent-Length: 0\r\n\r\n" }
#define FAULT(status, message) "HTTP/1.1 " status " X\r\n\r\n{\"message\":\"" message "\"}"
#define RUNNING "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define MOVED "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define CONTAINER(more)                                                                                      \
  OK "{\"Id\":\"cafe\",\"Name\":\"/web\",\"Image\":\"" RUNNING                                               \
     "\",\"State\":{\"Running\":true},\"HostConfig\":{},\"Config\":{\"Image\":\"shop:1\"" more "}}"
#define IMAGE(id) OK "{\"Id\":\"" id "\",\"Os\":\"linux\",\"Architecture\":\"amd64\",\"Config\":{}}"
#define NO_SECRETS                                                                                           \
  { "/archive", FAULT("404", "Could not find the file /run/secrets in container cafe") }

struct bench {
  struct server engine;
  struct script script;
  struct loop *loop;
  struct runtime *rt;
  struct settings s;
  struct prepared p;
  struct error err;
};

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* rows say only what matters */

static void open_bench(struct bench *b, const char *source, const struct row *rows, size_t n) {
  struct endpoint ep;
  memset(b, 0, sizeof *b);
  b->script = (struct script){.rows = rows, .n = n};
  server_start(&b->engine, fake_serve, &b->script);
  b->loop = loop_new();
  assert_int_equal(endpoint_parse(b->engine.uri, "--host", &ep, &b->err), 0);
  assert_int_equal(runtime_open("docker", b->loop, &ep, &b->rt, &b->err), 0);
  endpoint_done(&ep);
  if (b->rt->ops->connect(b->rt, &b->err) < 0) fail_msg("%s", b->err.text);
  settings_init(&b->s);
  assert_int_equal(source_parse(source, &b->s.source, &b->err), 0);
  strv_add(&b->s.argv, "true");
}

static void close_bench(struct bench *b) {
  prepared_done(&b->p);
  settings_done(&b->s);
  b->rt->ops->free(b->rt);
  loop_free(b->loop);
  server_stop(&b->engine);
}

static void prepare(struct bench *b) {
  prepared_done(&b->p);
  if (b->rt->ops->prepare(b->rt, &b->s, &b->p, &b->err) < 0) fail_msg("%s", b->err.text);
}
static void refuses(struct bench *b, enum error_kind kind, const char *text) {
  assert_int_equal(b->rt->ops->prepare(b->rt, &b->s, &b->p, &b->err), -1);
  assert_string_equal(b->err.text, text);
  assert_int_equal(b->err.kind, kind);
}

#define BENCH(source, ...)                                                                                   \
  struct bench b;                                                                                            \
  static const struct row rows[] = {__VA_ARGS__};                                                            \
  (void)state;                                                                                               \
  open_bench(&b, source, rows, ARRAY_LEN(rows))

static void a_tag_that_moved(void **state) {
  BENCH("container/web", PING, {"/containers/web/json", CONTAINER("")}, NO_SECRETS,
        {"/images/shop%3A1/json", IMAGE(MOVED)}, {"/images/sha256", IMAGE(RUNNING)});
  prepare(&b);
  assert_string_equal(json_str(b.p.request, "Image"), RUNNING);
  assert_int_equal(b.p.notes.n, 1);
  assert_string_equal(
      b.p.notes.v[0],
      "the tag shop:1 has since moved: the application runs sha256:111111111111, which is used; the "
      "tag means sha256:222222222222 now (--image shop:1 takes that)");
  b.s.image = strdup("shop:1");
  prepare(&b);
  assert_string_equal(json_str(b.p.request, "Image"), MOVED);
  assert_int_equal(b.p.notes.n, 0);
  close_bench(&b);
}

static void the_tag_still_stands(void **state) {
  BENCH("container/web", PING, {"/containers/web/json", CONTAINER("")}, NO_SECRETS,
        {"/images/shop%3A1/json", IMAGE(RUNNING)}); /* one request: another has no row */
  prepare(&b);
  assert_string_equal(b.p.image_id, RUNNING);
  assert_string_equal(b.p.image, "shop:1");
  assert_int_equal(b.p.notes.n, 0);
  close_bench(&b);
}

static void the_running_image_is_gone(void **state) {
  BENCH("container/web", PING, {"/containers/web/json", CONTAINER("")}, NO_SECRETS,
        {"/images/shop%3A2/json", IMAGE(MOVED)}, {"/images/", FAULT("404", "No such image")});
  refuses(&b, ERR_IMAGE,
          "container/web failed: its image " RUNNING
          " is no longer on the engine; --image REF names another");
  b.s.image = strdup("shop:2");
  prepare(&b);
  assert_int_equal(b.p.notes.n, 1);
  assert_string_equal(b.p.notes.v[0],
                      "the source's old image is gone: what the source merely had from it cannot be "
                      "told apart and is kept");
  close_bench(&b);
}

static void an_image_to_be_pulled(void **state) {
  BENCH("image/shop:2", PING, {"/images/shop%3A2/json", FAULT("404", "No such image: shop:2")},
        {"/images/shop%3A3/json", IMAGE(MOVED)});
  prepare(&b);
  assert_null(b.p.image_id);
  assert_string_equal(json_str(b.p.request, "Image"), "shop:2");
  b.s.image = strdup("shop:3");
  b.s.platform = strdup("linux/arm64");
  prepare(&b);
  assert_null(b.p.image_id); /* the engine's is for amd64 */
  assert_string_equal(json_str(b.p.private_parts, "platform"), "linux/arm64");
  free(b.s.platform);
  b.s.platform = strdup("linux/amd64");
  prepare(&b);
  assert_string_equal(b.p.image_id, MOVED);
  close_bench(&b);
}

static void no_such_container(void **state) {
  BENCH("container/web", PING, {"/containers/web/json", FAULT("404", "No such container: web")});
  refuses(&b, ERR_MISSING, "container/web failed: No such container: web");
  close_bench(&b);
}

static void an_answer_that_is_none(void **state) {
  BENCH("container/web", PING, {"/containers/web/json", OK "{\"Id\":7}"});
  refuses(&b, ERR_ENGINE, "container/web failed: the engine's answer is no container");
  close_bench(&b);
}

static void references(void **state) {
  BENCH("image/shop:1", PING, {"/images/shop%3A1/json", IMAGE(RUNNING)},
        {"/volumes/there", OK "{\"Name\":\"there\"}"}, {"/volumes/", FAULT("404", "no such volume")},
        {"/networks/front", OK "{\"Id\":\"f00\",\"Name\":\"front\"}"},
        {"/networks/", FAULT("404", "no such network")});
  struct mount_setting m = {.kind = MOUNT_VOLUME, .source = (char *)"there", .target = (char *)"/a"};
  settings_mount(&b.s, &m);
  b.s.networks_set = true;
  strv_add(&b.s.networks, "front");
  prepare(&b);
  assert_string_equal(json_str(b.p.request, "HostConfig.NetworkMode"), "f00");
  m.source = (char *)"absent";
  settings_mount(&b.s, &m);
  refuses(&b, ERR_CONFIG,
          "volume 'absent' for /a failed: it does not exist on the engine (--create-volumes makes it)");
  b.s.create_volumes = true;
  prepare(&b);
  strv_add(&b.s.networks, "nowhere");
  refuses(&b, ERR_CONFIG, "network 'nowhere' failed: it does not exist on the engine");
  close_bench(&b);
}

static void other_kinds_of_sources(void **state) {
  BENCH("service/web", PING, {"/services/web", FAULT("404", "service web not found")});
  refuses(&b, ERR_MISSING, "service/web failed: service web not found");
  source_done(&b.s.source);
  assert_int_equal(source_parse("deployment/web", &b.s.source, &b.err), 0);
  refuses(&b, ERR_USAGE,
          "deployment/web failed: the docker runtime has no such source; it needs a Kubernetes runtime, "
          "which this version does not have");
  close_bench(&b);
}

static void late_files_that_cannot_be_read(void **state) {
  BENCH("container/web", PING, {"/containers/web/json", CONTAINER("")},
        {"/archive", FAULT("500", "mount failed")}, {"/images/", IMAGE(RUNNING)});
  b.s.stop_grace_ms = 0;
  assert_int_equal(b.rt->ops->prepare(b.rt, &b.s, &b.p, &b.err), -1);
  assert_int_equal(b.err.kind, ERR_CONFIG);
  assert_non_null(strstr(b.err.text, "copying files of the source failed: /run/secrets: "));
  assert_non_null(strstr(b.err.text, "mount failed"));
  close_bench(&b);
}

/* A row that answers with an archive of /run/secrets: the folder, a file, and the place of a bind mount. */
static struct row secrets_row(struct buf *tar) {
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\n\r\n";
  struct error err = ERROR_INIT;
  const struct tar_entry all[] = {
      {.name = "secrets", .type = '5', .mode = 0750},
      {.name = "secrets/db", .type = '0', .mode = 0440, .data = "x", .size = 1},
      {.name = "secrets/bound", .type = '0', .mode = 0644, .data = "", .size = 0}};
  buf_init(tar, LIMIT_ARCHIVE);
  buf_puts(tar, head);
  for (size_t i = 0; i < ARRAY_LEN(all); i++) assert_int_equal(tar_add(tar, &all[i], &err), 0);
  assert_int_equal(tar_end(tar, &err), 0);
  return (struct row){.request = "/archive", .answer = tar->data, .n = tar->len};
}

static void late_files_are_found(void **state) {
  (void)state;
  struct bench b;
  struct buf tar;
  const struct row rows[] = {
      PING,
      {"/containers/web/json",
       OK "{\"Id\":\"cafe\",\"Name\":\"/web\",\"Image\":\"" RUNNING "\",\"State\":{\"Running\":true},"
          "\"HostConfig\":{},\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/s\",\"Destination\":\"/run/secrets/"
          "bound\","
          "\"RW\":false}],\"Config\":{\"Image\":\"shop:1\"}}"},
      {"/containers/task/json", CONTAINER(",\"Labels\":{\"com.docker.swarm.task.id\":\"t\"}")},
      secrets_row(&tar),
      {"/images/", IMAGE(RUNNING)}};
  open_bench(&b, "container/web", rows, ARRAY_LEN(rows));
  prepare(&b);
  char *late = json_canonical(json_at(b.p.private_parts, "late"));
  assert_string_equal(late, "[{\"files\":[\"/run/secrets/db\"],\"path\":\"/run/secrets\","
                            "\"skip\":[\"/run/secrets/bound\"]}]");
  free(late);
  source_done(&b.s.source);
  assert_int_equal(source_parse("container/task", &b.s.source, &b.err), 0);
  prepared_done(&b.p);
  refuses(&b, ERR_CONFIG,
          "copying files of the source failed: /run/secrets/db, /run/secrets/bound: the engine does "
          "not hand out the secrets of a Swarm task");
  close_bench(&b);
  buf_done(&tar);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tag_that_moved),
      cmocka_unit_test(the_tag_still_stands),
      cmocka_unit_test(the_running_image_is_gone),
      cmocka_unit_test(an_image_to_be_pulled),
      cmocka_unit_test(no_such_container),
      cmocka_unit_test(an_answer_that_is_none),
      cmocka_unit_test(references),
      cmocka_unit_test(other_kinds_of_sources),
      cmocka_unit_test(late_files_that_cannot_be_read),
      cmocka_unit_test(late_files_are_found),
  };
  return RUN_TESTS(tests);
}
