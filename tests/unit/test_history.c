/* The history against many writers, deaths, full disks and hands that change it. */
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

static int open_fds(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/fd");
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}
static int fds_before;

static int setup(void **state) {
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

static void shell(const struct place *p, const char *script) {
  CLEANUP_FREE char *command = xprintf("cd %s/state && { %s\n}", p->folder, script);
  assert_int_equal(system(command), 0);
}

static int teardown(void **state) {
  struct place *p = *state;
  CLEANUP_FREE char *rm = xprintf("rm -rf %s", p->folder);
  history_free(p->h);
  assert_int_equal(system(rm), 0);
  free(p->path);
  free(p);
  assert_int_equal(open_fds(), fds_before);
  return 0;
}

static int append(struct place *p, const char *id, const char *event, struct error *err) {
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

static void add(struct place *p, const char *id) {
  struct error err = ERROR_INIT;
  if (append(p, id, "outcome", &err)) fail_msg("%s", err.text);
}

static void add_five(struct place *p) {
  for (const char *const *id = (const char *const[]){"aa", "bb", "cc", "dd", "ee", NULL}; *id; id++)
    add(p, *id);
}

/* why: a part of what must be said; NULL: nothing. */
static void verifies(struct place *p, int result, const char *why) {
  struct error err = ERROR_INIT;
  char *said = NULL;
  int got = history_verify(p->h, NULL, &said, &err);
  if (got != result) fail_msg("verify gave %d, not %d: %s %s", got, result, said ? said : "", err.text);
  if (!why && said) fail_msg("said: %s", said);
  if (why && (!said || !strstr(said, why))) fail_msg("said '%s', not '%s'", said ? said : "nothing", why);
  free(said);
}

static int count_line(void *data, const json_t *line, struct error *err) {
  (void)err;
  assert_non_null(json_str(line, "event"));
  ++*(int *)data;
  return 0;
}

static int lines(struct place *p) {
  int n = 0;
  struct error err = ERROR_INIT;
  assert_int_equal(history_each(p->h, count_line, &n, &err), 0);
  return n;
}

static void empty_and_off(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  struct outcome o;
  char *why = NULL;
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 0);
  outcome_init(&o);
  assert_int_equal(history_append(NULL, "intent", &o, NULL, &err), 0);
  assert_string_equal(o.record_hash, "");
  assert_int_equal(history_verify(NULL, NULL, &why, &err), 0);
  assert_null(history_path(NULL));
  assert_string_equal(history_path(p->h), p->path);
  history_free(NULL);
  outcome_done(&o);
}

static void modes_and_files(void **state) {
  struct place *p = *state;
  add_five(p);
  verifies(p, 0, NULL);
  shell(p, "test $(stat -c %a .) = 700 && test $(stat -c %a history.jsonl) = 600 && test $(wc -l "
           "<history.jsonl) = 5 "
           "&& test $(cat history.head) = $(tail -n1 history.jsonl | jq -r .hash) && test \"$(ls | tr '\\n' "
           "' ')\" = "
           "'history.head history.jsonl history.lock '");
}

/* As the documentation tells people to do it by hand. */
static void by_hand_with_jq_and_sha256sum(void **state) {
  struct place *p = *state;
  add_five(p);
  shell(p, "while read -r l; do test $(printf %s \"$l\" | jq -cS 'del(.hash)' | tr -d '\\n' | sha256sum | "
           "cut -c1-64) "
           "= $(printf %s \"$l\" | jq -r .hash) || exit 1; done <history.jsonl");
  shell(
      p,
      "while read -r l; do test $(printf %s \"$l\" | sed 's/,\"hash\":\"[0-9a-f]*\"}$/}/' | sha256sum | cut "
      "-c1-64) = $(printf %s \"$l\" | jq -r .hash) || exit 1; done <history.jsonl");
  shell(p, "test $(head -n1 history.jsonl | jq -r .prev) = " CHAIN_START);
}

static void intent_has_no_end(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(append(p, "aa", "intent", &err), 0);
  shell(p, "jq -e '.event==\"intent\" and .version==1 and .id==\"aa\" and .command[0]==\"echo\" and "
           "(has(\"verdict\") or "
           "has(\"record_hash\") | not) and (.at|length)==30' history.jsonl >/dev/null");
}

static void fifty_writers_at_once(void **state) {
  struct place *p = *state;
  pid_t pids[50];
  for (int w = 0; w < 50; w++) {
    pids[w] = fork();
    if (pids[w]) continue;
    for (int i = 0; i < 10; i++) {
      char id[16];
      struct error err = ERROR_INIT;
      snprintf(id, sizeof id, "w%02d-%d", w, i);
      if (append(p, id, "outcome", &err)) _exit(1);
    }
    _exit(0);
  }
  for (int w = 0; w < 50; w++) {
    int status;
    assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
    assert_int_equal(status, 0);
  }
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 500);
  shell(p, "test $(jq -r .id history.jsonl | sort -u | wc -l) = 500");
}

static void rotation_while_others_write(void **state) {
  struct place *p = *state;
  pid_t pids[8];
  for (int w = 0; w < 8; w++) {
    pids[w] = fork();
    if (pids[w]) continue;
    for (int i = 0; i < 10; i++) {
      struct error err = ERROR_INIT;
      char *file = NULL;
      if (append(p, "x", "outcome", &err)) _exit(1);
      if (i == 5 && history_rotate(p->h, &file, &err) && err.kind != ERR_MISSING) _exit(2);
      free(file);
    }
    _exit(0);
  }
  for (int w = 0; w < 8; w++) {
    int status;
    assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
    assert_int_equal(status, 0);
  }
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 80);
}

static void each_way_of_tampering_is_found(void **state) {
  struct place *p = *state;
  static const struct {
    const char *script, *why;
  } ways[] = {
      {"sed -i '3s/echo/evil/' history.jsonl",
       "history.jsonl:3 was changed: its hash is not that of its text"},
      {"sed -i '5s/echo/evil/' history.jsonl", "history.jsonl:5 was changed"},
      {"sed -i '3s/\"hash\":\"./\"hash\":\"x/' history.jsonl", "history.jsonl:3 was changed"},
      {"sed -i 3d history.jsonl", "history.jsonl:3: the line before it is missing (hash "},
      {"sed -i 1d history.jsonl", "history.jsonl:1: the line before it is missing (hash "},
      {"sed -i '3{h;d};4{G}' history.jsonl",
       "history.jsonl:3 follows history.jsonl:4, not the line before it: a line was inserted or moved"},
      {"sed -i '4{p}' history.jsonl", "history.jsonl:5 follows history.jsonl:3, not the line before it"},
      {"sed -i '3i garbage' history.jsonl", "history.jsonl:3 is not a record: inserted or damaged"},
      {"sed -i '3i {\"a\":1}' history.jsonl", "history.jsonl:3 was changed"},
      {"sed -i 's/^/ /' history.jsonl", "history.jsonl:1 was changed"},
      {"sed -i '2i\\\\' history.jsonl", "history.jsonl:2 is not a record"},
      {"sed -i '$d' history.jsonl", "lines are missing at the end: history.head is "},
      {"sed -i '4,$d' history.jsonl", "lines are missing at the end"},
      {"truncate -s 0 history.jsonl", "the last line has no hash: the file is gone or empty"},
      {"rm history.jsonl", "the last line has no hash: the file is gone or empty"},
      {"truncate -s -20 history.jsonl", "history.jsonl:5 is not a whole record"},
      {"printf '{\"version\"' >>history.jsonl", "history.jsonl:6 is not a whole record"},
      {"rm history.head", "history.head is missing, without it a cut end cannot be seen"},
      /* made well, by somebody who knows the format but forgets the head */
      {"l=$(tail -n1 history.jsonl | jq -cS 'del(.hash)|.prev=\"'$(cat history.head)'\"'); h=$(printf %s "
       "\"$l\" | "
       "sha256sum | cut -c1-64); printf '%s,\"hash\":\"%s\"}\\n' \"${l%?}\" $h >>history.jsonl",
       "the last line is not the one that history.head names: a line was put at the end"},
  };
  add_five(p);
  shell(p, "mkdir ../whole; cp -a . ../whole/");
  for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
    shell(p, "rm -f history.*; cp -a ../whole/. .");
    verifies(p, 0, NULL);
    shell(p, ways[i].script);
    verifies(p, 1, ways[i].why);
  }
}

static void a_cut_end_stays_visible_after_more_lines(void **state) {
  struct place *p = *state;
  add_five(p);
  shell(p, "sed -i '4,$d' history.jsonl");
  add(p, "ff");
  verifies(p, 1, "history.jsonl:4: the line before it is missing");
}

static void a_head_from_elsewhere(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  char *why = NULL, head[65];
  add_five(p);
  chain_read_hash(p->h->head, head);
  add(p, "ff");
  assert_int_equal(history_verify(p->h, head, &why, &err), 0);
  assert_null(why);
  shell(p,
        "sed -i '5,$d' history.jsonl; tail -n1 history.jsonl | jq -r .hash >history.head"); /* covers it up */
  verifies(p, 0, NULL);
  assert_int_equal(history_verify(p->h, head, &why, &err), 1);
  assert_non_null(strstr(why, "lines are missing at the end: "));
  free(why);
}

static void rotation_keeps_the_chain(void **state) {
  struct place *p = *state;
  struct error err = ERROR_INIT;
  char *file = NULL;
  assert_int_equal(history_rotate(p->h, &file, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  for (int i = 0; i < 3; i++) { /* within a second: numbered names */
    add_five(p);
    assert_int_equal(history_rotate(p->h, &file, &err), 0);
    assert_true(file_exists(file));
    const char *name = strrchr(file, '/') + 1;
    assert_int_equal(strncmp(name, "history-20", 10), 0);
    assert_int_equal(name[16], 'T');
    assert_int_equal(name[23], 'Z');
    free(file);
    verifies(p, 0, NULL);
  }
  add(p, "ff");
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 16);
  shell(p, "f=$(ls history-*Z.jsonl | head -n1); sed -i '$d' $f");
  verifies(p, 1, ".jsonl:1: the line before it is missing");
}

static void renamed_away_by_somebody(void **state) {
  struct place *p = *state;
  add_five(p);
  shell(p, "mv history.jsonl history.jsonl.1");
  verifies(p, 0, NULL);
  add(p, "ff");
  verifies(p, 0, NULL); /* within the folder, it is found */
  assert_int_equal(lines(p), 6);
  shell(p, "mv history.jsonl.1 history.jsonl.2; mv history.jsonl history.jsonl.1");
  verifies(p, 0, NULL);
  add(p, "gg");
  verifies(p, 0, NULL);
  shell(p, "cp history.jsonl history.jsonl.bak"); /* a copy is no second history */
  verifies(p, 0, NULL);
  assert_int_equal(lines(p), 7);
  shell(p, "mv history.jsonl.2 ../elsewhere");
  verifies(p, 0, "history.jsonl.1 begins after ");
  shell(p, "mv ../elsewhere history.jsonl.2; mv history.jsonl.1 ../elsewhere");
  verifies(p, 1, "history.jsonl:1: the line before it is missing");
}

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(empty_and_off),
      T(modes_and_files),
      T(by_hand_with_jq_and_sha256sum),
      T(intent_has_no_end),
      T(fifty_writers_at_once),
      T(rotation_while_others_write),
      T(each_way_of_tampering_is_found),
      T(a_cut_end_stays_visible_after_more_lines),
      T(a_head_from_elsewhere),
      T(rotation_keeps_the_chain),
      T(renamed_away_by_somebody),
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
