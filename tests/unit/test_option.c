#include "base/alloc.h"
#include "cli/option.h"
#include "descriptors.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RUN (1u << CMD_RUN)

/* argv in memory of its own: --env values are overwritten in place. */
struct line {
  struct options o;
  struct strv words;
  char **argv; /* the same words; may be reordered */
  int first;
  bool dashes;
  struct error err;
};

static int parse(struct line *l, option_mask mask, bool options_end, const char *const *words) {
  memset(l, 0, sizeof *l);
  options_init(&l->o);
  for (; *words; words++) strv_add(&l->words, *words);
  l->argv = xcalloc(l->words.n + 1, sizeof *l->argv);
  for (size_t i = 0; i < l->words.n; i++) l->argv[i] = l->words.v[i];
  return options_parse(&l->o, mask, options_end, (int)l->words.n, l->argv, &l->first, &l->dashes, &l->err);
}
#define PARSE(l, ...) parse((l), RUN, true, (const char *const[]){__VA_ARGS__, NULL})

static void done(struct line *l) {
  options_done(&l->o);
  strv_done(&l->words);
  free(l->argv);
}

static void refused(const char *const *words, const char *text) {
  struct line l;
  assert_int_equal(parse(&l, RUN, true, words), -1);
  assert_string_equal(l.err.text, text);
  assert_int_equal(l.err.kind, ERR_USAGE);
  done(&l);
}
#define REFUSED(text, ...) refused((const char *const[]){__VA_ARGS__, NULL}, text)

static void table_checks_itself(void **state) {
  (void)state;
  for (int i = 0; i < OPTION_COUNT; i++) {
    const struct option_row *row = &option_rows[i];
    assert_true(row->name && *row->name && row->help && *row->help);
    assert_true(row->commands != 0 && row->section < SECTION_COUNT && option_sections[row->section]);
    assert_true(strlen(row->name) < 40); /* option_variable() */
    if (row->kind == OPTION_FLAG)
      assert_null(row->arg);
    else if (row->kind != OPTION_LATER)
      assert_non_null(row->arg);
    if (row->kind == OPTION_CHOICE) assert_non_null(strchr(row->arg, '|'));
    for (const char *p = row->name; *p; p++) assert_true(islower((unsigned char)*p) || *p == '-');
    for (int k = 0; k < i; k++) {
      const struct option_row *other = &option_rows[k];
      assert_string_not_equal(row->name, other->name);
      if (row->letter && (row->commands & other->commands)) assert_int_not_equal(row->letter, other->letter);
    }
  }
}

/* Names that the contract fixes. */
static void promised_names_are_there(void **state) {
  (void)state;
  static const char *const names =
      "from release app image image-of container init-containers with env env-file volume network user "
      "workdir "
      "entrypoint memory cpus label hostname init platform keep-label keep-env create-volumes detach-keys "
      "detach "
      "lock if-locked lock-wait once once-keep once-output rerun-failed timeout start-timeout idle-timeout "
      "stop-grace reconnect-for on-disconnect on-epipe keep keep-for pull log-driver log-max spool-max "
      "result "
      "history reason actor redact-args progress heartbeat quiet timestamps prefix trace output host context "
      "runtime namespace kubeconfig put get plan guardian notify shards streams volumes-of shell "
      "show-values ";
  for (const char *at = names; *at;) {
    size_t n = strcspn(at, " ");
    bool found = false;
    for (int i = 0; i < OPTION_COUNT; i++)
      found = found || (strlen(option_rows[i].name) == n && memcmp(option_rows[i].name, at, n) == 0);
    if (!found) print_error("%.*s\n", (int)n, at);
    assert_true(found);
    at += n + 1;
  }
}

static void options_end_at_command(void **state) {
  (void)state;
  struct line l;
  assert_int_equal(PARSE(&l, "--timeout", "5m", "ls", "--lock", "x", "-t"), 0);
  assert_int_equal(l.first, 2);
  assert_false(l.dashes);
  assert_null(option_text(&l.o, OPT_LOCK));
  assert_null(option_text(&l.o, OPT_TTY));
  assert_int_equal(option_number(&l.o, OPT_TIMEOUT, 0), 300000);
  done(&l);
  assert_int_equal(PARSE(&l, "--lock=a", "--", "--lock", "b"), 0);
  assert_int_equal(l.first, 2);
  assert_true(l.dashes);
  assert_string_equal(option_text(&l.o, OPT_LOCK), "a");
  done(&l);
  assert_int_equal(PARSE(&l, "-", "x"), 0); /* a lone dash is a word */
  assert_int_equal(l.first, 0);
  done(&l);
}

static void spellings(void **state) {
  (void)state;
  struct line l;
  assert_int_equal(PARSE(&l, "-itd", "-uroot", "-w", "/srv", "-eA=1", "-e", "B=2", "-e=C=3", "--env=D=4",
                         "-qm64m", "--init=false", "--reason", "-x"),
                   0);
  assert_true(option_flag(&l.o, OPT_INTERACTIVE) && option_flag(&l.o, OPT_TTY) &&
              option_flag(&l.o, OPT_DETACH));
  assert_true(option_flag(&l.o, OPT_QUIET));
  assert_string_equal(option_text(&l.o, OPT_USER), "root");
  assert_string_equal(option_text(&l.o, OPT_WORKDIR), "/srv");
  assert_string_equal(option_text(&l.o, OPT_REASON), "-x");
  assert_string_equal(option_text(&l.o, OPT_INIT), "false");
  assert_false(option_flag(&l.o, OPT_INIT));
  assert_int_equal(option_number(&l.o, OPT_MEMORY, 0), 64 << 20);
  assert_int_equal(l.o.given[OPT_ENV].n, 4);
  static const char *const values[] = {"A=1", "B=2", "C=3", "D=4"};
  for (int i = 0; i < 4; i++) assert_string_equal(l.o.given[OPT_ENV].v[i].text, values[i]);
  done(&l);
}

static void env_values_leave_argv(void **state) {
  (void)state;
  struct line l;
  assert_int_equal(
      PARSE(&l, "-e", "A=marker1", "--env=B=marker2", "-eC=marker3", "-qe", "D=marker4", "cmd", "E=kept"), 0);
  for (size_t i = 0; i < l.words.n; i++) assert_null(strstr(l.words.v[i], "marker"));
  assert_string_equal(l.words.v[1], "A=*******");
  assert_string_equal(l.words.v[7], "E=kept"); /* the command's own */
  assert_string_equal(l.o.given[OPT_ENV].v[2].text, "C=marker3");
  done(&l);
  assert_int_equal(PARSE(&l, "--env", "=marker", "cmd"), -1);
  assert_null(strstr(l.err.text, "marker"));
  assert_null(strstr(l.words.v[1], "marker"));
  done(&l);
}

static void the_later_of_two_wins(void **state) {
  (void)state;
  struct line l;
  assert_int_equal(PARSE(&l, "-t", "-T"), 0);
  assert_int_equal(option_opposed(&l.o, OPT_TTY, OPT_NO_TTY), 0);
  done(&l);
  assert_int_equal(PARSE(&l, "-T", "-t"), 0);
  assert_int_equal(option_opposed(&l.o, OPT_TTY, OPT_NO_TTY), 1);
  assert_int_equal(option_opposed(&l.o, OPT_INTERACTIVE, OPT_NO_STDIN), -1);
  /* a layer below says nothing any more */
  assert_int_equal(option_add(&l.o, OPT_NO_TTY, "true", LAYER_TASK, "file", &l.err), 0);
  assert_int_equal(option_opposed(&l.o, OPT_TTY, OPT_NO_TTY), 1);
  done(&l);
}

static void complaints(void **state) {
  (void)state;
  REFUSED("option --tiemout: unknown; did you mean --timeout?", "--tiemout", "3");
  REFUSED("option --tiemout: unknown; did you mean --timeout?", "--tiemout=secret");
  REFUSED("option --frobnicate: unknown; `run-once help` lists the options", "--frobnicate");
  REFUSED("option -z: unknown; `run-once help` lists the options", "-qz");
  REFUSED("option --lock: needs a value (NAME)", "--lock");
  REFUSED("option --lock: needs a value (NAME)", "--lock", "--", "ls");
  REFUSED("option --lock: the value is empty", "--lock", "");
  REFUSED("option --once: the value is empty", "--once=");
  REFUSED("option --timeout: 'abc' is not a duration; write 90, 30m, 1h30m or 7d (0: none)", "--timeout",
          "abc");
  REFUSED("option -m: 'many' is not a size; write 64m, 100MiB or 1.5g", "-mmany");
  REFUSED("option --keep: 'maybe' is none of never|on-failure|always", "--keep", "maybe");
  REFUSED("option --init: 'perhaps' is neither true nor false", "--init=perhaps");
  REFUSED("option -h: write --help, or --hostname NAME", "-h", "web", "ls");
  REFUSED("option --put: not in this version", "--put", "a:b");
  REFUSED("option --follow: not for this command; `run-once help` lists its options", "--follow");
}

static void words_and_options_may_mix(void **state) {
  (void)state;
  struct line l;
  static const char *const words[] = {"logs", "-f", "abc", "--since", "10m", NULL};
  assert_int_equal(parse(&l, 1u << CMD_JOBS_LOGS, false, words), 0);
  assert_int_equal(l.words.n - (size_t)l.first, 2);
  assert_string_equal(l.argv[l.first], "logs");
  assert_string_equal(l.argv[l.first + 1], "abc");
  assert_true(option_flag(&l.o, OPT_FOLLOW));
  done(&l);
}

static void variables(void **state) {
  (void)state;
  struct line l;
  char name[64];
  assert_string_equal(option_variable(&option_rows[OPT_LOCK_WAIT], name), "RUN_ONCE_LOCK_WAIT");
  setenv("RUN_ONCE_TIMEOUT", "30m", 1);
  setenv("RUN_ONCE_LOCK", "schema", 1);
  setenv("RUN_ONCE_ENV", "A=1\nB=x y\n", 1);
  setenv("RUN_ONCE_REASON", "", 1);        /* empty is unset */
  setenv("RUN_ONCE_FOLLOW", "garbage", 1); /* not of this command */
  assert_int_equal(PARSE(&l, "--timeout", "5m", "-eC=3"), 0);
  assert_int_equal(options_environment(&l.o, RUN, &l.err), 0);
  assert_int_equal(option_number(&l.o, OPT_TIMEOUT, 0), 300000); /* the command line wins */
  assert_string_equal(option_text(&l.o, OPT_LOCK), "schema");
  assert_null(option_text(&l.o, OPT_REASON));
  assert_int_equal(l.o.given[OPT_ENV].n, 3);
  assert_string_equal(l.o.given[OPT_ENV].v[1].text, "B=x y");
  assert_string_equal(l.o.given[OPT_ENV].v[2].text, "C=3");
  done(&l);

  setenv("RUN_ONCE_TIMEOUT", "s3cret", 1);
  assert_int_equal(PARSE(&l, "ls"), 0);
  assert_int_equal(options_environment(&l.o, RUN, &l.err), -1);
  assert_string_equal(l.err.text,
                      "RUN_ONCE_TIMEOUT: is not a duration; write 90, 30m, 1h30m or 7d (0: none)");
  done(&l);
  unsetenv("RUN_ONCE_TIMEOUT");
  setenv("RUN_ONCE_LOCK", "", 1); /* no lock by accident: that is a fault */
  assert_int_equal(PARSE(&l, "ls"), 0);
  assert_int_equal(options_environment(&l.o, RUN, &l.err), -1);
  assert_string_equal(l.err.text, "RUN_ONCE_LOCK: the value is empty");
  done(&l);
  unsetenv("RUN_ONCE_LOCK");
  unsetenv("RUN_ONCE_ENV");
  unsetenv("RUN_ONCE_REASON");
  unsetenv("RUN_ONCE_FOLLOW");
}

static int pairs(struct line *l, const char *name, const char *value, enum option_layer layer) {
  struct strv p = {0};
  strv_add(&p, name);
  strv_add(&p, value);
  int result = options_pairs(&l->o, RUN, &p, layer, "release.yaml: defaults", &l->err);
  strv_done(&p);
  return result;
}

static void layers(void **state) {
  (void)state;
  struct line l;
  assert_int_equal(PARSE(&l, "--label", "c=3", "ls"), 0);
  assert_int_equal(pairs(&l, "timeout", "2h", LAYER_TASK), 0);
  assert_int_equal(pairs(&l, "timeout", "1h", LAYER_DEFAULTS), 0); /* later, but a layer below */
  assert_int_equal(pairs(&l, "label", "a=1", LAYER_DEFAULTS), 0);
  assert_int_equal(option_number(&l.o, OPT_TIMEOUT, 0), 7200000);
  assert_string_equal(l.o.given[OPT_LABEL].v[0].text, "a=1");
  assert_string_equal(l.o.given[OPT_LABEL].v[1].text, "c=3");

  assert_int_equal(pairs(&l, "timeout", "soon", LAYER_DEFAULTS), -1);
  assert_string_equal(l.err.text,
                      "release.yaml: defaults: timeout: 'soon' is not a duration; write 90, 30m, 1h30m "
                      "or 7d (0: none)");
  assert_int_equal(l.err.kind, ERR_CONFIG);
  assert_int_equal(pairs(&l, "tiemout", "1h", LAYER_DEFAULTS), -1);
  assert_string_equal(l.err.text, "release.yaml: defaults: option tiemout: unknown; did you mean --timeout?");
  assert_int_equal(pairs(&l, "release", "other.yaml", LAYER_DEFAULTS), -1); /* it has been read already */
  done(&l);
}

static void fallbacks(void **state) {
  (void)state;
  struct line l;
  assert_int_equal(PARSE(&l, "--if-locked=attach", "ls"), 0);
  assert_int_equal(option_choice(&l.o, OPT_IF_LOCKED, 0), 2);
  assert_int_equal(option_choice(&l.o, OPT_KEEP, 1), 1);
  assert_int_equal(option_number(&l.o, OPT_LOG_MAX, 7), 7);
  assert_false(option_flag(&l.o, OPT_QUIET));
  done(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(table_checks_itself),
      cmocka_unit_test(promised_names_are_there),
      cmocka_unit_test(options_end_at_command),
      cmocka_unit_test(spellings),
      cmocka_unit_test(env_values_leave_argv),
      cmocka_unit_test(the_later_of_two_wins),
      cmocka_unit_test(complaints),
      cmocka_unit_test(words_and_options_may_mix),
      cmocka_unit_test(variables),
      cmocka_unit_test(layers),
      cmocka_unit_test(fallbacks),
  };
  return RUN_TESTS(tests);
}
