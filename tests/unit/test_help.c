#include "base/alloc.h"
#include "cli/help.h"
#include "descriptors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_option_is_in_the_help_of_its_commands(void **state) {
  (void)state;
  for (int i = 0; i < CMD_COUNT; i++) {
    struct buf out;
    buf_init(&out, 1 << 20);
    help_command(&out, &commands[i]);
    for (int id = 0; id < OPTION_COUNT; id++) {
      CLEANUP_FREE char *name = xprintf("--%s", option_rows[id].name);
      bool there = strstr(out.data, name) != NULL;
      if (!there && (option_rows[id].commands & (1u << i))) print_error("%s: %s\n", commands[i].name, name);
      if (option_rows[id].commands & (1u << i)) assert_true(there);
    }
    for (const char *line = out.data; *line;) { /* and fits a terminal, but for words that cannot be broken */
      size_t n = strcspn(line, "\n");
      if (n > 110) print_error("%.*s\n", (int)n, line);
      assert_true(n <= 110);
      line += n + (line[n] == '\n');
    }
    buf_done(&out);
  }
}

static void every_command_is_listed(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, 1 << 20);
  help_overview(&out);
  for (int i = 0; i < CMD_COUNT; i++) {
    char title[32];
    assert_non_null(strstr(out.data, command_title(&commands[i], title)));
    assert_non_null(strstr(out.data, commands[i].summary));
    assert_true(commands[i].id == (enum command_id)i);
    assert_true(commands[i].run && *commands[i].summary);
  }
  buf_done(&out);
}

static void commands_are_found(void **state) {
  (void)state;
  assert_int_equal(command_find(NULL, "run")->id, CMD_RUN);
  assert_int_equal(command_find("jobs", "logs")->id, CMD_JOBS_LOGS);
  assert_int_equal(command_find("jobs", NULL)->id, CMD_JOBS_LIST);
  assert_int_equal(command_find("history", NULL)->id, CMD_HISTORY_LIST);
  assert_null(command_find(NULL, "logs"));
  assert_null(command_find("run", NULL));
  assert_true(command_group("jobs"));
  assert_false(command_group("run"));
}

static void spelling_names_the_commands_own_formats(void **state) {
  (void)state;
  CLEANUP_FREE char *plan = help_spelling(&option_rows[OPT_OUTPUT], command_find(NULL, "plan"));
  assert_string_equal(plan, "    --output text|json|engine|manifest");
  CLEANUP_FREE char *env = help_spelling(&option_rows[OPT_ENV], command_find(NULL, "run"));
  assert_string_equal(env, "-e, --env NAME[=VALUE]");
  /* -h before COMMAND means host name to people who know docker: there it is no option */
  CLEANUP_FREE char *help = help_spelling(&option_rows[OPT_HELP], command_find(NULL, "run"));
  assert_string_equal(help, "    --help");
}

static void man_page_names_everything(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, 1 << 20);
  man_page(&out);
  for (int id = 0; id < OPTION_COUNT; id++) {
    char name[64], escaped[128];
    size_t n = 0;
    if (option_rows[id].kind == OPTION_LATER) continue;
    for (const char *p = option_variable(&option_rows[id], name); *p; p++) {
      if (*p == '_') escaped[n++] = '\\';
      escaped[n++] = *p;
    }
    escaped[n] = 0;
    if (!strstr(out.data, escaped)) print_error("%s\n", escaped);
    assert_non_null(strstr(out.data, escaped));
  }
  buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_is_in_the_help_of_its_commands),
      cmocka_unit_test(every_command_is_listed),
      cmocka_unit_test(commands_are_found),
      cmocka_unit_test(spelling_names_the_commands_own_formats),
      cmocka_unit_test(man_page_names_everything),
  };
  return RUN_TESTS(tests);
}
