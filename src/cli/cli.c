/* From argv to a command. */
#include "base/alloc.h"
#include "base/parse.h"
#include "base/trace.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/result.h"
#include "cli/say.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unknown_command(const char *group, const char *word, struct error *err) {
  const char *known[CMD_COUNT + 2];
  int n = 0;
  for (int i = 0; i < CMD_COUNT; i++)
    if (group ? commands[i].group && strcmp(commands[i].group, group) == 0 : !commands[i].group)
      known[n++] = commands[i].name;
  if (!group) known[n++] = "jobs", known[n++] = "history";
  const char *near = nearest_word(word, known, n);
  const char *space = group ? " " : "";
  if (near)
    return error_set(err, ERR_USAGE, "command %s%s%s: unknown; did you mean %s%s%s?", group ? group : "",
                     space, word, group ? group : "", space, near);
  if (group)
    return error_set(err, ERR_USAGE, "command %s %s: unknown; see `run-once help %s`", group, word, group);
  return error_set(err, ERR_USAGE, "command %s: unknown; to run it in the release: run-once run %s", word,
                   word);
}

/* Which word of argv names what; options of the named command begin at *ret_at. Before a command there may be
 * no options: `run-once --x -- COMMAND` is run's short form. */
static int find_command(int argc, char **argv, int *ret_at, const char **ret_group, struct cli *c,
                        struct error *err) {
  *ret_group = NULL;
  *ret_at = 2;
  if (argc < 2) return error_set(err, ERR_USAGE, "command line: no command given; see `run-once help`");
  const char *word = argv[1];
  if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) word = "help";
  if (strcmp(word, "--version") == 0) word = "version";
  if (word[0] == '-') {
    *ret_at = 1;
    word = "run";
  }
  if (command_group(word)) {
    *ret_group = argv[1];
    c->command = command_find(word, NULL);
    return 0;
  }
  c->command = command_find(NULL, word);
  return c->command ? 0 : unknown_command(NULL, word, err);
}

/* The sub-command is the first word behind `jobs`, wherever options stand; then each option is held against
 * it. */
static int find_member(struct cli *c, const char *group, struct error *err) {
  if (c->argc > 0) {
    c->command = command_find(group, c->argv[0]);
    if (!c->command) return unknown_command(group, c->argv[0], err);
    c->argc--;
    c->argv++;
  }
  char title[32];
  for (int id = 0; id < OPTION_COUNT; id++)
    if (c->opts.given[id].n && !(option_rows[id].commands & (1u << c->command->id)))
      return error_set(err, ERR_USAGE, "%s: not for %s; see `run-once help %s`",
                       c->opts.given[id].v[0].origin, command_title(c->command, title), title);
  return 0;
}

static int check_output(const struct cli *c, struct error *err) {
  const struct option_value *form = option_last(&c->opts, OPT_OUTPUT);
  if (!form || !c->command->outputs || option_word(c->command->outputs, form->text) >= 0) return 0;
  char title[32];
  return error_set(err, ERR_USAGE, "%s: %s prints %s", form->origin, command_title(c->command, title),
                   c->command->outputs);
}

static int parse(struct cli *c, int argc, char **argv, struct error *err) {
  int at, first = 0;
  bool dashes = false;
  const char *group;
  if (find_command(argc, argv, &at, &group, c, err) < 0) return -1;
  /* Named at once, the sub-command says what a letter means: -f follows a log and forces a removal. */
  const struct command *member = group && at < argc ? command_find(group, argv[at]) : NULL;
  option_mask mask = member ? 1u << member->id : command_bits(group, c->command);
  bool options_end = c->command->options_end;
  if (options_parse(&c->opts, mask, options_end, argc - at, argv + at, &first, &dashes, err) < 0) return -1;
  c->argv = argv + at + first;
  c->argc = argc - at - first;
  if (group && find_member(c, group, err) < 0) return -1;
  if (at == 1 && !dashes && !option_flag(&c->opts, OPT_HELP)) {
    if (c->argc == 0) return error_set(err, ERR_USAGE, "command line: no command given; see `run-once help`");
    return error_set(err, ERR_USAGE,
                     "command %s: stands behind options; write `run-once COMMAND [OPTIONS]`, or "
                     "`--` before what is to run",
                     c->argv[0]);
  }
  if (options_environment(&c->opts, 1u << c->command->id, err) < 0) return -1;
  const struct option_value *areas = option_last(&c->opts, OPT_TRACE);
  if (areas && trace_enable(areas->text) < 0)
    return error_set(err, ERR_USAGE, "%s: '%s' is none of net, runtime, job, all", areas->origin,
                     areas->text);
  return check_output(c, err);
}

/* A fault of the command line. Only what was going to run writes --result: plan and the others never touch
 * the file of an earlier run. */
static int fault(struct cli *c, const struct error *err) {
  if (!c->command || (c->command->id != CMD_RUN && c->command->id != CMD_TASK)) return say_fault(err);
  if (!option_last(&c->opts, OPT_RESULT)) { /* the variable may not have been read yet */
    const char *where = getenv("RUN_ONCE_RESULT");
    struct error unsaid = ERROR_INIT;
    if (where && *where)
      (void)option_add(&c->opts, OPT_RESULT, where, LAYER_ENVIRONMENT, "RUN_ONCE_RESULT", &unsaid);
  }
  return result_not_started(&c->opts, NULL, err);
}

int cli_main(int argc, char **argv) {
  struct cli c = {0};
  struct error err = ERROR_INIT;
  options_init(&c.opts);
  signal(SIGPIPE, SIG_IGN); /* a reader that left is told by EPIPE, --on-epipe decides */
  bool fine = parse(&c, argc, argv, &err) == 0;
  int status;
  if (c.command && option_flag(&c.opts, OPT_HELP))
    status = help_print(c.command);
  else if (!fine || !c.command)
    status = fault(&c, &err);
  else
    status = c.command->run(&c);
  options_done(&c.opts);
  return status;
}
