/* Compose files: which value wins, what a file may not do to us, and how the result lies under the other
 * settings. What Docker Compose itself makes of a file is compared in tests/compose. */
#include "release_case.h"

#include "data/json.h"
#include <sys/stat.h>

static struct settings s;
static struct error err;

static int resolve(const char *source) {
  error_clear(&err);
  settings_done(&s);
  settings_init(&s);
  if (source_parse(source, &s.source, &err)) return -1;
  return compose_settings(&s, &err);
}

/* text is compose.yaml; the service is web. */
static void gives(const char *text) {
  write_file("compose.yaml", text);
  if (resolve("file:compose.yaml#web")) fail_msg("refused: %s\n%s", err.text, text);
}

static void refuses(const char *text, const char *why) {
  write_file("compose.yaml", text);
  if (resolve("file:compose.yaml#web") == 0) fail_msg("taken: %s", text);
  assert_string_equal(err.text, why);
  assert_int_equal(err.kind, ERR_CONFIG);
}

static void refuses_ending(const char *text, const char *end) {
  write_file("compose.yaml", text);
  if (resolve("file:compose.yaml#web") == 0) fail_msg("taken, not: %s", end);
  size_t n = strlen(err.text), m = strlen(end);
  if (n < m || strcmp(err.text + n - m, end) != 0 || strchr(err.text, '\n'))
    fail_msg("not '%s': %s", end, err.text);
  assert_int_equal(err.kind, ERR_CONFIG);
}

#define WEB "services:\n  web:\n    image: i\n"

static json_t *extra(const char *key) {
  return json_object_get(json_object_get(s.described, "extra"), key);
}

static int has_left_out(const char *what) {
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(s.described, "left_out"), i, item) {
    if (strstr(json_str(item, "what"), what)) return 1;
  }
  return 0;
}

static void later_files_win(void **state) {
  (void)state;
  write_file("b.yaml", "services:\n  web:\n    user: \"2\"\n    environment: [B=2]\n    cap_add: [Y, X]\n"
                       "    volumes: [\"/new:/t\"]\n    command: !reset null\n");
  write_file("a.yaml", WEB "    user: \"1\"\n    environment: {A: 1, B: 1}\n    cap_add: [X]\n"
                           "    volumes: [\"/old:/t\"]\n");
  if (resolve("file:a.yaml,b.yaml#web")) fail_msg("%s", err.text);
  assert_string_equal(s.user, "2");
  assert_string_equal(settings_env_value(&s, "A"), "1");
  assert_string_equal(settings_env_value(&s, "B"), "2");
  assert_string_equal(s.env[1].origin, "b.yaml:4");
  assert_true(s.env[1].of_source);
  assert_int_equal(json_array_size(extra("cap_add")), 2);
  assert_int_equal(s.n_mounts, 1);
  assert_string_equal(s.mounts[0].source, "/new");
}

static void reset_and_override(void **state) {
  (void)state;
  write_file("a.yaml", WEB "    user: \"1\"\n    environment: {A: 1}\n    dns: [1.1.1.1]\n");
  write_file("b.yaml", "services:\n  web:\n    user: !reset null\n    environment: !override {B: 2}\n"
                       "    dns: !reset []\n");
  if (resolve("file:a.yaml,b.yaml#web")) fail_msg("%s", err.text);
  assert_null(s.user);
  assert_null(settings_env_value(&s, "A"));
  assert_string_equal(settings_env_value(&s, "B"), "2");
  assert_null(extra("dns"));
  refuses(WEB "    environment: !mine {A: 1}\n",
          "file:compose.yaml#web failed: compose.yaml:4: the tag !mine has no meaning here; known are !reset "
          "and !override, before the value of a key");
}

static void names_of_the_project(void **state) {
  (void)state;
  gives("name: shop\n" WEB
        "    volumes: [\"data:/d\", \"own:/o\", \"ext:/e\"]\n    networks: {b: , a: {priority: 1}}\n"
        "volumes: {data: , own: {name: mine}, ext: {external: true}}\nnetworks: {a: , b: }\n");
  assert_string_equal(s.mounts[0].source, "shop_data");
  assert_string_equal(s.mounts[1].source, "mine");
  assert_string_equal(s.mounts[2].source, "ext");
  assert_string_equal(s.networks.v[0], "shop_a");
  assert_string_equal(s.networks.v[1], "shop_b");
  assert_string_equal(json_str(s.described, "project"), "shop");
}

static void only_built(void **state) {
  (void)state;
  gives("name: shop\nservices:\n  web:\n    build: .\n");
  assert_null(s.image); /* what --image and image: of a release file would be */
  assert_string_equal(json_str(s.described, "image"), "shop-web");
  assert_string_equal(json_str(s.described, "built"), "compose.yaml:4");
}

static void nothing_dropped_in_silence(void **state) {
  (void)state;
  gives(
      WEB
      "    ports: [\"80:80\"]\n    restart: always\n    healthcheck: {test: [CMD, x]}\n    depends_on: [db]\n"
      "    container_name: it\n    networks: {default: {aliases: [www]}}\n  db: {image: d}\n");
  static const char *const words[] = {"ports",          "restart always",
                                      "healthcheck",    "dependency on db",
                                      "container_name", "aliases on network default"};
  for (size_t i = 0; i < ARRAY_LEN(words); i++)
    if (!has_left_out(words[i])) fail_msg("not told: %s", words[i]);
  refuses(WEB "    enviroment: {A: 1}\n",
          "file:compose.yaml#web failed: compose.yaml:4: services.web.enviroment: unknown key; did you mean "
          "'environment'?");
  refuses(
      "services:\n  web: {image: i}\n  db:\n    imgae: x\n",
      "file:compose.yaml#web failed: compose.yaml:4: services.db.imgae: unknown key; did you mean 'image'?");
}

static void cycles_and_tricks(void **state) {
  (void)state;
  refuses("include: [compose.yaml]\n" WEB, "file:compose.yaml#web failed: compose.yaml: includes itself");
  refuses("services:\n  web: {extends: web}\n",
          "file:compose.yaml#web failed: compose.yaml:2: extends: service 'web' extends itself in the end");
  refuses(WEB "    env_file: /dev/zero\n",
          "file:compose.yaml#web failed: compose.yaml:4: /dev/zero: is not a regular file");
  if (mkfifo("pipe", 0600)) fail_msg("no pipe");
  char text[200];
  snprintf(text, sizeof(text), "include: [pipe]\n" WEB);
  write_file("compose.yaml", text);
  assert_int_equal(resolve("file:compose.yaml#web"), -1);
  assert_non_null(strstr(err.text, "pipe: is not a regular file"));
  /* The same behind other names. */
  if (symlink("/dev/zero", "zero") || symlink("compose.yaml", "again.yaml") || mkdir("folder", 0700))
    fail_msg("no names");
  refuses_ending("include: [again.yaml]\n" WEB, "again.yaml: includes itself");
  refuses_ending(WEB "    env_file: zero\n", "zero: is not a regular file");
  refuses_ending(WEB "    env_file: folder\n", "folder: is a folder, not a file");
  refuses_ending("include: [folder]\n" WEB, "folder: is not a regular file");
  refuses_ending(WEB "    env_file: \"a\\0b\"\n", "compose.yaml:4: a NUL character in a string");
}

static void bombs_and_enormous_scalars(void **state) {
  (void)state;
  struct buf text;
  buf_init(&text, 32 << 20);
  buf_puts(&text, "x-0: &n0 [1, 1]\n");
  for (int i = 1; i <= 30; i++) buf_printf(&text, "x-%d: &n%d [*n%d, *n%d]\n", i, i, i - 1, i - 1);
  buf_puts(&text, WEB);
  refuses_ending(text.data, "more than 1000000 nodes (aliases count as often as they are used)");
  buf_clear(&text);
  buf_puts(&text, WEB "    user: ");
  while (text.len <= 8 << 20)
    buf_puts(&text, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  refuses_ending(text.data, "compose.yaml: more than 8388608 bytes");
  /* One that may be there is one word, whole. */
  text.data[text.len = 4 << 20] = '\0';
  gives(text.data);
  assert_int_equal(strlen(s.user), (4 << 20) - strlen(WEB "    user: "));
  buf_done(&text);
}

/* A chain of files that never ends is a cycle with other names. */
static void too_many_files(void **state) {
  (void)state;
  char name[40], text[200];
  for (int i = 0; i < 250; i++) {
    snprintf(name, sizeof(name), "n%d.yaml", i);
    snprintf(text, sizeof(text), "include: [n%d.yaml]\nservices: {s%d: {image: i}}\n", i + 1, i);
    write_file(name, text);
  }
  assert_int_equal(resolve("file:n0.yaml#s0"), -1);
  assert_non_null(strstr(err.text, "more than 200 files in one project"));
}

/* Each is a call deeper: a long chain must not end the stack. */
static void too_many_extensions(void **state) {
  (void)state;
  struct buf text;
  buf_init(&text, 1 << 24);
  buf_puts(&text, "services:\n  web: {extends: s0}\n");
  for (int i = 0; i < 50000; i++) buf_printf(&text, "  s%d: {extends: s%d}\n", i, i + 1);
  write_file("compose.yaml", text.data);
  buf_done(&text);
  assert_int_equal(resolve("file:compose.yaml#web"), -1);
  assert_non_null(strstr(err.text, "more than 200 services that extend each other"));
}

static void limits_are_the_ground(void **state) {
  (void)state;
  gives(WEB "    mem_limit: 1g\n    cpus: 1.5\n    memswap_limit: 2g\n");
  assert_int_equal(s.memory, -1); /* a release file's memory: goes over the source's */
  assert_int_equal(s.nano_cpus, -1);
  assert_int_equal(json_integer_value(extra("memory")), 1 << 30);
  assert_int_equal(json_integer_value(extra("nano_cpus")), 1500000000);
  assert_int_equal(json_object_size(s.extra), 0);
}

static int teardown(void **state) {
  settings_done(&s);
  return case_teardown(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(later_files_win),
      cmocka_unit_test(reset_and_override),
      cmocka_unit_test(names_of_the_project),
      cmocka_unit_test(only_built),
      cmocka_unit_test(nothing_dropped_in_silence),
      cmocka_unit_test(cycles_and_tricks),
      cmocka_unit_test(bombs_and_enormous_scalars),
      cmocka_unit_test(too_many_files),
      cmocka_unit_test(too_many_extensions),
      cmocka_unit_test(limits_are_the_ground),
  };
  settings_init(&s);
  return cmocka_run_group_tests(tests, case_setup, teardown);
}
