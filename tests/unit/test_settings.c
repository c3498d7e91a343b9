#include "release_case.h"

#include "base/clock.h"
#include "base/name_index.h"

static void test_environment_by_name(void **state) {
  (void)state;
  struct settings s;
  settings_init(&s);
  settings_env(&s, "A", "1", "first");
  settings_env(&s, "B", "2", "first");
  settings_env(&s, "A", "3", "second");
  settings_env(&s, "B", s.env[1].value, s.env[1].origin); /* its own strings */
  assert_int_equal(s.n_env, 2);
  assert_string_equal(s.env[0].name, "A");
  assert_string_equal(s.env[0].value, "3");
  assert_string_equal(s.env[0].origin, "second");
  assert_string_equal(s.env[1].value, "2");
  settings_done(&s);
  settings_done(&s); /* twice is fine */
}

static void test_many_variables(void **state) {
  (void)state;
  struct settings s;
  char name[32], value[32];
  settings_init(&s);
  int64_t before = clock_ms();
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < 50000; i++) {
      snprintf(name, sizeof(name), "VARIABLE_%d", i);
      snprintf(value, sizeof(value), "%d.%d", round, i);
      settings_env(&s, name, value, "here");
    }
  int64_t took = clock_ms() - before;
  assert_int_equal(s.n_env, 50000);
  assert_string_equal(s.env[49999].value, "1.49999");
  assert_string_equal(s.env[0].name, "VARIABLE_0");
  if (took > 3000) fail_msg("50,000 variables took %d ms", (int)took);
  settings_done(&s);
}

static void test_mounts_by_target(void **state) {
  (void)state;
  struct settings s;
  settings_init(&s);
  struct mount_setting m = {.kind = MOUNT_VOLUME, .source = "one", .target = "/data", .origin = "a"};
  settings_mount(&s, &m);
  m = (struct mount_setting){.kind = MOUNT_TMPFS, .target = "/tmp", .options = "size=1", .origin = "b"};
  settings_mount(&s, &m);
  m = (struct mount_setting){
      .kind = MOUNT_BIND, .source = "/two", .target = "/data", .read_only = true, .origin = "c"};
  settings_mount(&s, &m);
  assert_int_equal(s.n_mounts, 2);
  assert_int_equal(s.mounts[0].kind, MOUNT_BIND);
  assert_string_equal(s.mounts[0].source, "/two");
  assert_true(s.mounts[0].read_only);
  assert_string_equal(s.mounts[1].options, "size=1");
  settings_done(&s);
}

static void test_sources(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum source_kind kind;
    const char *type, *project, *name;
  } cases[] = {
      {"image/registry.example.com:5000/shop/web:1@sha256:ab", SOURCE_IMAGE, "image", NULL,
       "registry.example.com:5000/shop/web:1@sha256:ab"},
      {"container/web", SOURCE_CONTAINER, "container", NULL, "web"},
      {"compose/web", SOURCE_COMPOSE, "compose", NULL, "web"},
      {"compose/shop/web", SOURCE_COMPOSE, "compose", "shop", "web"},
      {"file:compose.yaml#web", SOURCE_COMPOSE_FILE, "file", NULL, "web"},
      {"file:a#b/c.yaml#web", SOURCE_COMPOSE_FILE, "file", NULL, "web"},
      {"service/web", SOURCE_SERVICE, "service", NULL, "web"},
      {"deployment/web", SOURCE_WORKLOAD, "deployment", NULL, "web"},
      {"pod/web-0", SOURCE_WORKLOAD, "pod", NULL, "web-0"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct source_ref ref;
    struct error err = ERROR_INIT;
    if (source_parse(cases[i].text, &ref, &err)) fail_msg("%s", err.text);
    assert_int_equal(ref.kind, cases[i].kind);
    assert_string_equal(ref.text, cases[i].text);
    assert_string_equal(ref.type, cases[i].type);
    assert_string_equal(ref.name, cases[i].name);
    assert_int_equal(ref.project != NULL, cases[i].project != NULL);
    if (ref.project) assert_string_equal(ref.project, cases[i].project);
    source_done(&ref);
  }
}

static void test_bad_sources(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"", "source '': expected KIND/NAME, such as image/REF, container/NAME or compose/SERVICE"},
      {"shop:1",
       "source 'shop:1': expected KIND/NAME, such as image/shop:1, container/shop:1 or compose/shop:1"},
      {"conteiner/web", "source 'conteiner/web': unknown kind 'conteiner'; did you mean 'container/'?"},
      {"library/web", "source 'library/web': unknown kind 'library'; an image is written image/REF, a "
                      "container container/NAME"},
      {"container/", "source 'container/': the name after 'container/' is empty"},
      {"compose/shop/", "source 'compose/shop/': the name after 'compose/' is empty"},
      {"compose//web", "source 'compose//web': the project is empty"},
      {"compose/a/b/c",
       "source 'compose/a/b/c': too many '/'; expected compose/SERVICE or compose/PROJECT/SERVICE"},
      {"container/a/b", "source 'container/a/b': too many '/'; expected KIND/NAME"},
      {"file:compose.yaml", "source 'file:compose.yaml': expected file:PATH#SERVICE"},
      {"file:#web", "source 'file:#web': expected file:PATH#SERVICE"},
      {"file:a#", "source 'file:a#': expected file:PATH#SERVICE"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct source_ref ref;
    struct error err = ERROR_INIT;
    assert_int_equal(source_parse(cases[i][0], &ref, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.text, cases[i][1]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_environment_by_name), cmocka_unit_test(test_many_variables),
      cmocka_unit_test(test_mounts_by_target),    cmocka_unit_test(test_sources),
      cmocka_unit_test(test_bad_sources),
  };
  return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
