/* A history of its own for each test, in a folder that goes with it: for test_history*.c. */
#ifndef TEST_HISTORY_PLACE_H
#define TEST_HISTORY_PLACE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "data/json.h"
#include "job/chain.h"
#include "job/record.h"
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
  char folder[64];
  char *path;
  struct history *h;
};

static inline int open_fds(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/fd");
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}
static int fds_before;

static inline int setup(void **state) {
  struct place *p = xcalloc(1, sizeof *p);
  struct error err = ERROR_INIT;
  fds_before = open_fds();
  snprintf(p->folder, sizeof p->folder, "/tmp/test-history-XXXXXX");
  assert_non_null(mkdtemp(p->folder));
  p->path = xprintf("%s/state/history.jsonl", p->folder);
  assert_int_equal(history_open(p->path, &p->h, &err), 0);
  *state = p;
  return 0;
}

static inline void shell(const struct place *p, const char *script) {
  CLEANUP_FREE char *command = xprintf("cd %s/state && { %s\n}", p->folder, script);
  assert_int_equal(system(command), 0);
}

static inline int teardown(void **state) {
  struct place *p = *state;
  CLEANUP_FREE char *rm = xprintf("rm -rf %s", p->folder);
  history_free(p->h);
  assert_int_equal(system(rm), 0);
  free(p->path);
  free(p);
  assert_int_equal(open_fds(), fds_before);
  return 0;
}

static inline int append(struct place *p, const char *id, const char *event, struct error *err) {
  struct outcome o;
  outcome_init(&o);
  snprintf(o.id, sizeof o.id, "%s", id);
  strv_add(&o.command, "echo");
  strv_add(&o.command, "tab\t esc\x1b quote\" \xc3\xa9");
  int failed = history_append(p->h, event, &o, NULL, err);
  if (!failed) assert_int_equal(strlen(o.record_hash), 64);
  outcome_done(&o);
  return failed;
}

static inline void add(struct place *p, const char *id) {
  struct error err = ERROR_INIT;
  if (append(p, id, "outcome", &err)) fail_msg("%s", err.text);
}

static inline void add_five(struct place *p) {
  for (const char *const *id = (const char *const[]){"aa", "bb", "cc", "dd", "ee", NULL}; *id; id++)
    add(p, *id);
}

/* why: a part of what must be said; NULL: nothing. */
static inline void verifies(struct place *p, int result, const char *why) {
  struct error err = ERROR_INIT;
  char *said = NULL;
  int got = history_verify(p->h, NULL, &said, &err);
  if (got != result) fail_msg("verify gave %d, not %d: %s %s", got, result, said ? said : "", err.text);
  if (!why && said) fail_msg("said: %s", said);
  if (why && (!said || !strstr(said, why))) fail_msg("said '%s', not '%s'", said ? said : "nothing", why);
  free(said);
}

static inline int count_line(void *data, const json_t *line, struct error *err) {
  (void)err;
  assert_non_null(json_str(line, "event"));
  ++*(int *)data;
  return 0;
}

static inline int lines(struct place *p) {
  int n = 0;
  struct error err = ERROR_INIT;
  assert_int_equal(history_each(p->h, count_line, &n, &err), 0);
  return n;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#endif
