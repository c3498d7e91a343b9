/* The history against deaths, full disks, long lines and folders of others. */
#include "history_place.h"

/* The writer of a line died in the middle of it. */
static void a_torn_line_is_ended_by_the_next(void **state) {
  struct place *p = *state;
  add_five(p);
  shell(p, "head -c 100 history.jsonl | tr -d '\\n' >>history.jsonl");
  verifies(p, 1, "history.jsonl:6 is not a whole record: its writer died");
  assert_int_equal(lines(p), 6); /* shown as broken, nothing else is lost */
  add(p, "ff");
  verifies(p, 0, "history.jsonl:6 was torn when its writer died, and ended by the next");
  shell(p, "tail -n1 history.jsonl | jq -e '.after_torn==100 and .id==\"ff\"' >/dev/null");
  shell(p, "sed -i '6s/^/x/' history.jsonl");
  verifies(p, 1, "history.jsonl:6 is not a record: inserted or damaged");
}

static void only_the_newline_is_missing(void **state) {
  struct place *p = *state;
  add_five(p);
  shell(p, "truncate -s -1 history.jsonl");
  verifies(p, 0, NULL);
  add(p, "ff");
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 6);
}

static void death_between_line_and_head(void **state) {
  struct place *p = *state;
  char old[65];
  add_five(p);
  chain_read_hash(p->h->head, old);
  add(p, "ff");
  CLEANUP_FREE char *back = xprintf("echo %s >history.head", old);
  shell(p, back);
  verifies(p, 0, NULL);
  add(p, "gg");
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 7);
}

static void lost_head_is_made_again(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  char *file = NULL;
  add_five(p);
  shell(p, "rm history.head");
  add(p, "ff");
  verifies(p, 0, NULL);
  assert_int_equal(history_rotate(p->h, &file, &err), 0);
  free(file);
  shell(p, "rm history.head");
  add(p, "gg");
  verifies(p, 0, NULL);
  shell(p, "echo rubbish >history.head");
  add(p, "hh");
  verifies(p, 0, NULL);
}

/* A limit on the file's size fails a write in its middle, as a full disk does. */
static void full_disk_leaves_the_file_as_it_was(void **state) {
  struct place *p = *state;
  add_five(p);
  struct stat st;
  assert_int_equal(stat(p->path, &st), 0);
  pid_t pid = fork();
  if (!pid) {
    struct error err = ERROR_INIT;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)st.st_size + 50, (rlim_t)st.st_size + 50});
    if (append(p, "ff", "outcome", &err) != -1) _exit(1);
    if (!strstr(err.text, "writing the history /tmp/") || !strstr(err.text, "failed: File too large"))
      _exit(2);
    _exit(err.kind == ERR_SYSTEM ? 0 : 3);
  }
  int status;
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
  struct stat after;
  assert_int_equal(stat(p->path, &after), 0);
  assert_int_equal(after.st_size, st.st_size);
  verifies(p, 0, NULL);
  add(p, "gg");
  verifies(p, 0, NULL);
}

/* Killed at any moment, the next writer makes the chain whole. */
static void writers_killed_at_any_moment(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  char *why = NULL;
  for (int round = 0; round < 40; round++) {
    pid_t pid = fork();
    if (!pid)
      for (;;)
        if (append(p, "killed", "outcome", &err)) _exit(1);
    usleep(1000 + 137 * (useconds_t)round);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (round % 2) add(p, "next");
    if (history_verify(p->h, NULL, &why, &err) && round % 2)
      fail_msg("round %d: %s %s", round, why, err.text);
    free(why);
  }
}

static void long_lines(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  struct outcome o;
  for (int i = 0; i < 3; i++) {
    outcome_init(&o);
    char *big = xmalloc(2 << 20);
    memset(big, 'a', (2 << 20) - 1);
    big[(2 << 20) - 1] = '\0';
    strv_take(&o.command, big);
    assert_int_equal(history_append(p->h, "outcome", &o, NULL, &err), 0);
    outcome_done(&o);
  }
  verifies(p, 0, NULL);
  outcome_init(&o);
  char *big = xmalloc(2 << 20);
  memset(big, 1, (2 << 20) - 1);
  big[(2 << 20) - 1] = '\0';
  strv_take(&o.command, big);
  assert_int_equal(history_append(p->h, "outcome", &o, NULL, &err), -1);
  assert_non_null(strstr(err.text, "--redact-args"));
  outcome_done(&o);
  verifies(p, 0, NULL);
}

static void finds_jobs(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  json_t *intent = NULL, *outcome = NULL;
  char *file = NULL;
  append(p, "abc", "intent", &err);
  append(p, "abd", "intent", &err);
  append(p, "abc", "outcome", &err);
  append(p, "abcd", "refused", &err);
  assert_int_equal(history_rotate(p->h, &file, &err), 0);
  free(file);
  struct outcome o;
  outcome_init(&o);
  memcpy(o.id, "abc", 4);
  o.exit_status = 7;
  json_t *extra = json_pack("{s:s}", "settled_by", "elsewhere");
  assert_int_equal(history_append(p->h, "outcome", &o, extra, &err), 0);
  json_decref(extra);
  outcome_done(&o);
  shell(p, "echo broken >>history.jsonl");
  assert_int_equal(history_find(p->h, "abc", &intent, &outcome, &err), 0); /* whole id before longer ones */
  assert_string_equal(json_str(intent, "event"), "intent");
  assert_int_equal(json_int_or(outcome, "exit_status", 0), 7); /* the last word */
  assert_string_equal(json_str(outcome, "settled_by"), "elsewhere");
  json_decref(intent);
  json_decref(outcome);
  intent = outcome = NULL;
  assert_int_equal(history_find(p->h, "abcd", &intent, &outcome, &err), 0);
  assert_null(intent);
  assert_string_equal(json_str(outcome, "event"), "refused");
  json_decref(outcome);
  outcome = NULL;
  assert_int_equal(history_find(p->h, "abd", &intent, &outcome, &err), 0);
  assert_null(outcome);
  json_decref(intent);
  assert_int_equal(history_find(p->h, "ab", &intent, &outcome, &err), -1);
  assert_int_equal(err.kind, ERR_USAGE);
  assert_string_equal(err.text,
                      "finding the job failed: 'ab' is ambiguous (abc, abd, ...); give more of the id");
  assert_int_equal(history_find(p->h, "zz", &intent, &outcome, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  assert_non_null(strstr(err.text, "finding the job failed: no job 'zz' in the history /tmp/"));
  assert_int_equal(history_find(p->h, "", &intent, &outcome, &err), -1);
  assert_int_equal(err.kind, ERR_USAGE);
}

static void places(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  struct history *h = NULL;
  unsetenv("SUDO_USER");
  setenv("HOME", "/home/someone", 1);
  unsetenv("XDG_STATE_HOME");
  char *path = history_default_path(0, &err);
  assert_string_equal(path, "/var/lib/run-once/history.jsonl");
  free(path);
  path = history_default_path(65534, &err);
  assert_string_equal(path, "/home/someone/.local/state/run-once/history.jsonl");
  free(path);
  setenv("XDG_STATE_HOME", "relative", 1); /* as if unset, says the XDG specification */
  setenv("SUDO_USER", "alice", 1);
  path = history_default_path(1, &err); /* daemon: /usr/sbin in the user database */
  assert_string_equal(path, "/usr/sbin/.local/state/run-once/history.jsonl");
  free(path);
  setenv("XDG_STATE_HOME", "/state", 1);
  path = history_default_path(1, &err);
  assert_string_equal(path, "/state/run-once/history.jsonl");
  free(path);
  unsetenv("SUDO_USER");
  unsetenv("XDG_STATE_HOME");

  CLEANUP_FREE char *folder = xprintf("%s/state", p->folder);
  assert_int_equal(history_open(folder, &h, &err), 0);
  assert_string_equal(history_path(h), p->path);
  history_free(h);
  assert_int_equal(history_open("/dev/null", &h, &err), -1);
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_non_null(strstr(err.text, "/dev/null is not a regular file; --history off writes none"));
  assert_int_equal(history_open("/dev/null/x/history.jsonl", &h, &err), -1);
  assert_int_equal(history_open("", &h, &err), -1);
  assert_string_equal(err.text, "opening the history failed: the path is empty");
}

static void somebody_elses_folder(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  struct history *h = NULL;
  if (geteuid() != 0) skip();
  shell(p, "mkdir theirs && chown daemon theirs");
  CLEANUP_FREE char *path = xprintf("%s/state/theirs/history.jsonl", p->folder);
  assert_int_equal(history_open(path, &h, &err), -1);
  assert_int_equal(err.kind, ERR_PERMISSION);
  CLEANUP_FREE char *want =
      xprintf("opening the history failed: the folder %s/state/theirs belongs to daemon (uid 1), "
              "not to root (uid 0); choose another by --history PATH",
              p->folder);
  assert_string_equal(err.text, want);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      T(a_torn_line_is_ended_by_the_next),
      T(only_the_newline_is_missing),
      T(death_between_line_and_head),
      T(lost_head_is_made_again),
      T(full_disk_leaves_the_file_as_it_was),
      T(writers_killed_at_any_moment),
      T(long_lines),
      T(finds_jobs),
      T(places),
      T(somebody_elses_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
