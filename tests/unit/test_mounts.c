#include "release_case.h"

static const char *text_of(const struct mount_setting *m) {
  static char text[1000];
  static const char *const kinds[] = {"bind", "volume", "tmpfs"};
  snprintf(text, sizeof(text), "%s %s %s %s %s", kinds[m->kind], m->source ? m->source : "-", m->target,
           m->read_only ? "ro" : "rw", m->options ? m->options : "-");
  return text;
}

static void test_short_form(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"/data", "volume - /data rw -"},
      {"data:/data", "volume data /data rw -"},
      {"data:/data:ro", "volume data /data ro -"},
      {"data:/data:nocopy", "volume data /data rw nocopy"},
      {"/srv/a:/b", "bind /srv/a /b rw -"},
      {"/srv//a/./b/../c/:/b//c/", "bind /srv/a/c /b/c rw -"},
      {"/../..:/b", "bind / /b rw -"},
      {"./a:/b", "bind /base/dir/a /b rw -"},
      {"../a:/b:ro,rprivate", "bind /base/a /b ro rprivate"},
      {".:/b", "bind /base/dir /b rw -"},
      {"..:/b:rslave,noexec", "bind /base /b rw rslave,noexec"},
      {"~/a:/b", "bind /home/caller/a /b rw -"},
      {"~:/b:cached", "bind /home/caller /b rw -"},
      {"..data:/b", "bind /base/dir/..data /b rw -"},
  };
  setenv("HOME", "/home/caller", 1);
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct settings s;
    struct error err = ERROR_INIT;
    settings_init(&s);
    if (mount_parse(cases[i][0], "/base/dir", "here", &s, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.n_mounts, 1);
    assert_string_equal(text_of(&s.mounts[0]), cases[i][1]);
    assert_string_equal(s.mounts[0].origin, "here");
    assert_int_equal(s.notes.n, 0);
    settings_done(&s);
  }
}

static void test_relative_to_the_caller(void **state) {
  (void)state;
  struct settings s;
  char expected[200], here[100];
  assert_non_null(getcwd(here, sizeof(here)));
  settings_init(&s);
  assert_int_equal(mount_parse("./a:/b", NULL, "-v", &s, NULL), 0);
  assert_int_equal(mount_parse("./a:/c", "sub", "-v", &s, NULL), 0);
  snprintf(expected, sizeof(expected), "%s/a", here);
  assert_string_equal(s.mounts[0].source, expected);
  snprintf(expected, sizeof(expected), "%s/sub/a", here);
  assert_string_equal(s.mounts[1].source, expected);
  settings_done(&s);
}

static void test_relabelling_is_left_out(void **state) {
  (void)state;
  static const char *const options[] = {"z", "Z", "U"};
  for (size_t i = 0; i < ARRAY_LEN(options); i++) {
    struct settings s;
    char text[100], note[200];
    settings_init(&s);
    snprintf(text, sizeof(text), "data:/data:ro,%s", options[i]);
    assert_int_equal(mount_parse(text, NULL, "-v", &s, NULL), 0);
    assert_string_equal(text_of(&s.mounts[0]), "volume data /data ro -");
    snprintf(note, sizeof(note),
             "-v: option %s of /data is left out: it would take the volume from the application", options[i]);
    assert_int_equal(s.notes.n, 1);
    assert_string_equal(s.notes.v[0], note);
    settings_done(&s);
  }
}

static void test_bad_short_form(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"", "volume '': the target '' is not an absolute path"},
      {"data", "volume 'data': the target 'data' is not an absolute path"},
      {"/data:ro", "volume '/data:ro': the target 'ro' is not an absolute path"},
      {"a:/b:ro:c", "volume 'a:/b:ro:c': too many ':'; expected SOURCE:TARGET[:OPTIONS]"},
      {":/b", "volume ':/b': the source is empty"},
      {"/a:", "volume '/a:': the target '' is not an absolute path"},
      {"/a:/", "volume '/a:/': the target cannot be /"},
      {"/a:/b/..", "volume '/a:/b/..': the target cannot be /"},
      {"a/b:/c", "volume 'a/b:/c': the source 'a/b' is neither a path (./a/b) nor the name of a volume"},
      {"a:/c", "volume 'a:/c': the source 'a' is neither a path (./a) nor the name of a volume"},
      {"/a:/b:rx", "volume '/a:/b:rx': unknown option 'rx'"},
      {"/a:/b:ro,size=3", "volume '/a:/b:ro,size=3': unknown option 'size=3'"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct settings s;
    struct error err = ERROR_INIT;
    settings_init(&s);
    assert_int_equal(mount_parse(cases[i][0], "/base", "here", &s, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.text, cases[i][1]);
    assert_int_equal(s.n_mounts, 0);
    settings_done(&s);
  }
}

static void test_in_a_file(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"volumes: ['data:/d']", "volume data /d rw -"},
      {"volumes: [{type: volume, source: data, target: /d, read_only: true}]", "volume data /d ro -"},
      {"volumes: [{type: volume, target: /d}]", "volume - /d rw -"},
      {"volumes: [{type: volume, source: data, target: /d, volume: {nocopy: true}}]",
       "volume data /d rw nocopy"},
      {"volumes: [{type: volume, source: data, target: /d, volume: {nocopy: false}}]", "volume data /d rw -"},
      {"volumes: [{type: bind, source: /s, target: /d, bind: {propagation: rslave, create_host_path: true}}]",
       "bind /s /d rw rslave"},
      {"volumes: [{type: bind, source: /s, target: /d, bind: {selinux: Z}, x-why: 1}]", "bind /s /d rw -"},
      {"volumes: [{type: tmpfs, target: /d, tmpfs: {size: 64m, mode: 1777}}]",
       "tmpfs - /d rw size=67108864,mode=1777"},
      {"volumes: [{type: tmpfs, target: /d, tmpfs: {mode: 0o700}}]", "tmpfs - /d rw mode=700"},
      {"volumes: [{type: tmpfs, target: /d}]", "tmpfs - /d rw -"},
      {"tmpfs: /run", "tmpfs - /run rw -"},
      {"tmpfs: ['/run:ro,noexec,size=64m']", "tmpfs - /run ro noexec,size=64m"},
      {"volumes: ['/old:/d']\ntasks: {t: {command: [ls], volumes: ['data:/d/']}}", "volume data /d rw -"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    CLEANUP_FREE char *text = xprintf("version: 1\nname: shop\n%s\n", cases[i][0]);
    struct release *r = load_text(text);
    struct error err = ERROR_INIT;
    struct settings s;
    settings_init(&s);
    if (release_settings(r, r->n_tasks ? &r->tasks[0] : NULL, &s, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.n_mounts, 1);
    assert_string_equal(text_of(&s.mounts[0]), cases[i][1]);
    assert_int_equal(strncmp(s.mounts[0].origin, "release.yaml:", 13), 0);
    settings_done(&s);
    release_free(r);
  }
}

static void test_relative_to_the_file(void **state) {
  (void)state;
  struct release *r;
  struct settings s;
  struct error err = ERROR_INIT;
  char *note = NULL, expected[200], here[100];
  assert_non_null(getcwd(here, sizeof(here)));
  CLEANUP_FREE char *folder = xprintf("%s/sub", here);
  assert_int_equal(access(folder, F_OK) == 0 ? 0 : system("mkdir sub"), 0);
  write_file("sub/release.yaml",
             "version: 1\nname: shop\nvolumes: [./a:/a, {type: bind, source: b, target: /b}]\n");
  if (release_load("sub/release.yaml", &r, &note, &err)) fail_msg("%s", err.text);
  settings_init(&s);
  assert_int_equal(release_settings(r, NULL, &s, &err), 0);
  snprintf(expected, sizeof(expected), "%s/a", folder);
  assert_string_equal(s.mounts[0].source, expected);
  snprintf(expected, sizeof(expected), "%s/b", folder);
  assert_string_equal(s.mounts[1].source, expected);
  settings_done(&s);
  release_free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_short_form),
      cmocka_unit_test(test_relative_to_the_caller),
      cmocka_unit_test(test_relabelling_is_left_out),
      cmocka_unit_test(test_bad_short_form),
      cmocka_unit_test(test_in_a_file),
      cmocka_unit_test(test_relative_to_the_file),
  };
  return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
