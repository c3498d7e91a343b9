/* The commands: one row each (command_table.c) gives dispatch, usage, help, completion and the man page. Rows
 * "jobs list" are sub-commands; of a group the row marked `by_default` is taken when no word follows. Which
 * options a command takes is said in the option table, by bits of enum command_id. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include "cli/option.h"
#include <stdbool.h>

/* Everything a command gets. Borrowed, except opts. */
struct cli {
  const struct command *command;
  struct options opts;
  int argc; /* words behind the options: COMMAND [ARG...], JOB..., never ours */
  char **argv;
};

typedef int command_fn(struct cli *c); /* returns the exit status */

struct command {
  enum command_id id;
  const char *group; /* "jobs"; NULL: none */
  const char *name;  /* "logs" */
  const char *usage; /* behind the name: "[OPTIONS] [--] COMMAND [ARG...]" */
  const char *summary;
  const char *outputs; /* words that --output takes here: "text|json"; NULL: none */
  const char *more;    /* a paragraph for help and the man page; NULL: none */
  command_fn *run;
  bool options_end; /* at the first word: what follows is never ours */
  bool by_default;  /* of its group */
};

extern const struct command commands[CMD_COUNT];
/* "run"; "jobs logs" by group and name. NULL: none. */
const struct command *command_find(const char *group, const char *name);
bool command_group(const char *name); /* "jobs", "history" */
/* Bits of all commands of a group; of one command with group NULL. */
option_mask command_bits(const char *group, const struct command *c);
/* "jobs logs" or "run", for complaints; into ret. */
const char *command_title(const struct command *c, char ret[32]);

/* Parses, dispatches, returns the exit status. argv's --env values are overwritten. */
int cli_main(int argc, char **argv);

command_fn cmd_run, cmd_task, cmd_plan, cmd_doctor, cmd_completion, cmd_version, cmd_help;
command_fn cmd_jobs_list, cmd_jobs_logs, cmd_jobs_attach, cmd_jobs_wait, cmd_jobs_stop, cmd_jobs_rm,
    cmd_jobs_result, cmd_jobs_prune;
command_fn cmd_history_list, cmd_history_show, cmd_history_verify, cmd_history_rotate, cmd_history_export;
#endif
