/* Which container of a Compose service is the source, and where Compose puts files late. */
#include "data/json.h"
#include "descriptors.h"
#include "runtime/docker/late.h"
#include "runtime/docker/source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
  const char *id, *name, *image, *project, *number, *oneoff, *state;
  int created;
};

static json_t *rows(const struct row *r, size_t n) {
  json_t *list = json_array();
  for (size_t i = 0; i < n; i++) {
    json_t *labels = json_pack("{s:s, s:s, s:s}", "com.docker.compose.project", r[i].project,
                               "com.docker.compose.service", "web", "com.docker.compose.oneoff", r[i].oneoff);
    if (r[i].number)
      json_object_set_new(labels, "com.docker.compose.container-number", json_string(r[i].number));
    json_array_append_new(list, json_pack("{s:s, s:[s], s:s, s:s, s:o, s:s, s:i}", "Id", r[i].id, "Names",
                                          r[i].name, "Image", "shop:1", "ImageID", r[i].image, "Labels",
                                          labels, "State", r[i].state, "Created", r[i].created));
  }
  return list;
}
#define ROWS(r) rows(r, sizeof(r) / sizeof(*(r)))

struct choice {
  struct settings s;
  struct strv notes;
  struct error err;
  char *id;
};
static void choose(struct choice *c, const char *source, const char *image_of, json_t *list) {
  memset(c, 0, sizeof *c);
  settings_init(&c->s);
  assert_int_equal(source_parse(source, &c->s.source, &c->err), 0);
  c->s.image_of = image_of ? strdup(image_of) : NULL;
  source_choose(list, &c->s, &c->id, &c->notes, &c->err);
  json_decref(list);
}
static void choice_done(struct choice *c) {
  settings_done(&c->s);
  strv_done(&c->notes);
  free(c->id);
}
static void fails(struct choice *c, enum error_kind kind, const char *text) {
  assert_null(c->id);
  assert_string_equal(c->err.text, text);
  assert_int_equal(c->err.kind, kind);
  choice_done(c);
}
static void takes(struct choice *c, const char *id) {
  if (!c->id) fail_msg("%s", c->err.text);
  assert_string_equal(c->id, id);
  assert_int_equal(c->notes.n, 0);
  choice_done(c);
}

static void running_ones_first(void **state) {
  (void)state;
  struct choice c;
  const struct row r[] = {{"aa", "/shop-web-10", "sha256:1", "shop", "10", "False", "running", 1},
                          {"bb", "/shop-web-2", "sha256:1", "shop", "2", "False", "running", 2},
                          {"cc", "/shop-web-1", "sha256:9", "shop", "1", "False", "exited", 9},
                          {"dd", "/shop-web-run-x", "sha256:8", "shop", NULL, "True", "running", 10}};
  choose(&c, "compose/web", NULL, ROWS(r));
  takes(&c, "bb");
}

static void else_the_newest_and_said(void **state) {
  (void)state;
  struct choice c;
  const struct row r[] = {{"aa", "/shop-web-1", "sha256:1", "shop", "1", "False", "exited", 5},
                          {"bb", "/shop-web-2", "sha256:2", "shop", "2", "False", "created", 7}};
  choose(&c, "compose/shop/web", NULL, ROWS(r));
  assert_string_equal(c.id, "bb");
  assert_int_equal(c.notes.n, 1);
  assert_string_equal(
      c.notes.v[0],
      "compose/shop/web: none of its containers is running; the newest is the source: shop-web-2 (created)");
  choice_done(&c);
}

static void several_projects(void **state) {
  (void)state;
  struct choice c;
  const struct row r[] = {{"aa", "/shop-web-1", "sha256:1", "shop", "1", "False", "running", 5},
                          {"bb", "/blog-web-1", "sha256:2", "blog", "1", "False", "running", 7}};
  choose(&c, "compose/web", NULL, ROWS(r));
  fails(&c, ERR_CONFIG, "compose/web failed: several projects have it: shop, blog; say compose/PROJECT/web");
}

static void nothing_there(void **state) {
  (void)state;
  struct choice c;
  const struct row r[] = {{"dd", "/shop-web-run-x", "sha256:8", "shop", NULL, "True", "running", 10}};
  choose(&c, "compose/shop/web", NULL, ROWS(r));
  fails(&c, ERR_MISSING,
        "compose/shop/web failed: project 'shop' has no container of a service 'web' on this engine");
  choose(&c, "compose/web", NULL, json_array());
  fails(&c, ERR_MISSING, "compose/web failed: no Compose service 'web' has a container on this engine");
}

static const struct row rollout[] = {
    {"0123456789abcdef", "/shop-web-1", "sha256:1111111111111111", "shop", "1", "False", "running", 5},
    {"01ff456789abcdef", "/shop-web-2", "sha256:2222222222222222", "shop", "2", "False", "running", 7},
    {"2fff456789abcdef", "/shop-web-3", "sha256:3", "shop", "3", "False", "exited", 7}};

static void half_done_roll_out(void **state) {
  (void)state;
  struct choice c;
  choose(&c, "compose/shop/web", NULL, ROWS(rollout));
  fails(&c, ERR_ROLLOUT,
        "compose/shop/web refused: its replicas run more than one image, a roll-out is half done: shop-web-1 "
        "(shop:1 "
        "111111111111, running), shop-web-2 (shop:1 222222222222, running); --image-of REPLICA chooses");
}

static void image_of_chooses(void **state) {
  (void)state;
  struct choice c;
  choose(&c, "compose/shop/web", "2", ROWS(rollout)); /* the number, not the id that begins with 2 */
  takes(&c, "01ff456789abcdef");
  choose(&c, "compose/shop/web", "shop-web-1", ROWS(rollout));
  takes(&c, "0123456789abcdef");
  choose(&c, "compose/shop/web", "01f", ROWS(rollout));
  takes(&c, "01ff456789abcdef");
  choose(&c, "compose/shop/web", "01", ROWS(rollout));
  assert_non_null(strstr(c.err.text, "--image-of 01 failed: it fits 2 replicas of compose/shop/web: "));
  assert_null(c.id);
  choice_done(&c);
  choose(&c, "compose/shop/web", "0", ROWS(rollout));
  assert_non_null(strstr(c.err.text, "--image-of 0 failed: no replica of compose/shop/web is called that"));
  choice_done(&c);
  choose(&c, "compose/shop/web", "nine", ROWS(rollout));
  assert_int_equal(c.err.kind, ERR_CONFIG);
  assert_non_null(strstr(c.err.text,
                         "--image-of nine failed: no replica of compose/shop/web is called that; there are: "
                         "shop-web-1 (shop:1 111111111111, running), "));
  choice_done(&c);
}

/* Of a Compose file only what Compose itself puts in: content: and environment:, never file: or external. */
static void compose_targets(void **state) {
  (void)state;
  char path[] = "/tmp/test-source-XXXXXX";
  int fd = mkstemp(path);
  static const char text[] =
      "services:\n  web:\n    configs:\n      - plain\n      - {source: app, target: /etc/app.ini}\n"
      "      - {source: mounted, target: /etc/m}\n    secrets:\n      - token\n"
      "      - {source: token, target: /etc/token}\n  other:\n    configs: [{source: app, target: "
      "/no}]\nconfigs:\n  plain: {content: x}\n  app: {environment: APP}\n  mounted: {file: ./m}\n"
      "secrets:\n  token: {environment: TOKEN}\n";
  assert_int_equal(write(fd, text, sizeof text - 1), (int)sizeof text - 1);
  close(fd);
  char *files = malloc(100);
  snprintf(files, 100, "/nonexistent.yaml,%s", path);
  CLEANUP_JSON json_t *source = json_pack(
      "{s:{s:{s:s, s:s}}, s:[{s:s}]}", "Config", "Labels", "com.docker.compose.project.config_files", files,
      "com.docker.compose.service", "web", "Mounts", "Destination", "/run/secrets/db");
  struct strv t = {0};
  char *unread = NULL;
  late_targets(source, &t, &unread);
  assert_string_equal(unread, "/nonexistent.yaml");
  free(unread);
  assert_int_equal(t.n, 4);
  assert_string_equal(t.v[0], "/run/secrets");
  assert_string_equal(t.v[1], "/plain");
  assert_string_equal(t.v[2], "/etc/app.ini");
  assert_string_equal(t.v[3], "/etc/token");
  assert_true(late_is_mounted(source, "/run/secrets/db"));
  assert_true(late_is_mounted(source, "/run/secrets/db/x"));
  assert_false(late_is_mounted(source, "/run/secrets/db2"));
  assert_false(late_is_mounted(source, "/run/secrets"));
  strv_done(&t);
  unlink(path);
  free(files);
}

static char *changed(const char *changes, const char *source, const char *path) {
  json_t *list = json_loads(changes, 0, NULL), *of = json_loads(source, 0, NULL);
  json_t *both = json_pack("[[], []]");
  late_changed(list, of, path, json_array_get(both, 0), json_array_get(both, 1));
  char *text = json_dumps(both, JSON_COMPACT);
  json_decref(both);
  json_decref(of);
  json_decref(list);
  return text;
}

static void late_by_changes(void **state) {
  (void)state;
  static const struct {
    const char *path, *found;
  } cases[] = {
      {"/run/secrets", "[[\"/run/secrets/a\",\"/run/secrets/d/b\"],[\"/run/secrets/m/x\"]]"},
      {"/etc/shop.conf", "[[\"/etc/shop.conf\"],[]]"},
      {"/etc/none", "[[],[]]"},
  };
  static const char changes[] =
      "[{\"Path\":\"/run/secrets/a\",\"Kind\":1},{\"Path\":\"/run/secrets\",\"Kind\":1},"
      "{\"Path\":\"/run/secrets/d\",\"Kind\":1},{\"Path\":\"/run/secrets/d/b\",\"Kind\":0},"
      "{\"Path\":\"/run/secrets/gone\",\"Kind\":2},{\"Path\":\"/run/secrets2\",\"Kind\":1},"
      "{\"Path\":\"/run/secrets/m/x\",\"Kind\":1},{\"Path\":\"/etc/shop.conf\",\"Kind\":1}]";
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *found = changed(changes, "{\"Mounts\":[{\"Destination\":\"/run/secrets/m\"}]}", cases[i].path);
    assert_string_equal(found, cases[i].found);
    free(found);
  }
  char *found = changed("[{\"Path\":\"/run/secrets\",\"Kind\":1}]", "{}", "/run/secrets");
  assert_string_equal(found, "[[],[]]"); /* an empty folder */
  free(found);
}

static void reading_makes_folders(void **state) {
  (void)state;
  static const struct {
    const char *source;
    bool makes;
  } cases[] = {
      {"{\"HostConfig\":{\"Binds\":[\"data:/d\",\"/srv:/s\"]}}", true},
      {"{\"HostConfig\":{\"Binds\":[\"data:/d\"],\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/s\"}]}}",
       false},
      {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"BindOptions\":{\"CreateMountpoint\":true}}]}}",
       true},
      {"{\"HostConfig\":{\"Binds\":null}}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *source = json_loads(cases[i].source, 0, NULL);
    assert_int_equal(late_reading_makes_folders(source), cases[i].makes);
    json_decref(source);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(running_ones_first),    cmocka_unit_test(else_the_newest_and_said),
      cmocka_unit_test(several_projects),      cmocka_unit_test(nothing_there),
      cmocka_unit_test(half_done_roll_out),    cmocka_unit_test(image_of_chooses),
      cmocka_unit_test(compose_targets),       cmocka_unit_test(late_by_changes),
      cmocka_unit_test(reading_makes_folders),
  };
  return RUN_TESTS(tests);
}
