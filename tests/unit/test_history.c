/* The history: its lines, many writers, rotation, and hands that change it. */
#include "history_place.h"

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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
