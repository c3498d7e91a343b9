/* A release file given as text: written as release.yaml into a private folder, which is the current one while
 * the tests run, so that complaints begin with "release.yaml:LINE". */
#ifndef RELEASE_CASE_H
#define RELEASE_CASE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "release/release.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char case_folder[] = "/tmp/release-test-XXXXXX";

static inline int case_setup(void **state) {
  (void)state;
  return mkdtemp(case_folder) && chdir(case_folder) == 0 ? 0 : -1;
}

static inline int case_teardown(void **state) {
  (void)state;
  char command[100];
  snprintf(command, sizeof(command), "rm -rf '%s'", case_folder);
  return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void write_file(const char *path, const char *text) {
  struct error err = ERROR_INIT;
  if (file_replace(path, text, strlen(text), &err)) fail_msg("%s", err.text);
}

/* Loads text; fails the test if it is refused. */
static inline struct release *load_text(const char *text) {
  struct error err = ERROR_INIT;
  struct release *r = NULL;
  char *note = NULL;
  write_file("release.yaml", text);
  if (release_load("release.yaml", &r, &note, &err)) fail_msg("refused: %s\n%s", err.text, text);
  assert_null(note);
  return r;
}

/* Everything that a run does with a file: load, task (NULL: none), settings. The first complaint, or "". */
static inline const char *complaint_of(const char *text, const char *task) {
  static struct error err;
  struct release *r = NULL;
  const struct task *t = NULL;
  struct settings s;
  char *note = NULL;
  error_clear(&err);
  write_file("release.yaml", text);
  settings_init(&s);
  int rc = release_load("release.yaml", &r, &note, &err);
  if (rc == 0 && task) rc = release_task(r, task, &t, &err);
  if (rc == 0) rc = release_settings(r, t, &s, &err);
  assert_int_equal(rc != 0, *err.text != '\0');
  settings_done(&s);
  release_free(r);
  free(note);
  return err.text;
}
#endif
