#include "cli/command.h"
#include <string.h>

#define RUN_WORDS                                                                                            \
  "Options end at the first word: what follows is never run-once's. COMMAND is an array from end to end: "   \
  "never joined, split or given to a shell (see --shell). `run` may be left out when `--` stands before "    \
  "COMMAND. The exit status is the command's own, except: 120 unknown, 121 refused, 122 killed, "            \
  "124 deadline, 125 not started, 126 not executable, 127 not found."

/* clang-format off */
const struct command commands[CMD_COUNT] = {
    {CMD_RUN, NULL, "run", "[OPTIONS] [--] COMMAND [ARG...]", "run COMMAND once in the release",
     NULL, RUN_WORDS, cmd_run, true, false},
    {CMD_TASK, NULL, "task", "[OPTIONS] [NAME [ARG...]]", "run a task named in the release file; no NAME: list them",
     "text|json", "ARGs are appended to the task's command.", cmd_task, true, false},
    {CMD_PLAN, NULL, "plan", "[OPTIONS] [--] COMMAND [ARG...]", "show exactly what would run; changes nothing, pulls nothing",
     "text|json|engine|manifest", "Takes every option of run. --output engine prints the exact request that run would send, with "
     "`<set, N bytes>` for the values of variables; on Kubernetes --output manifest prints its objects as YAML. The exit status is 0, or 121 or 125 as run's would be.",
     cmd_plan, true, false},
    {CMD_JOBS_LIST, "jobs", "list", "[OPTIONS]", "list the jobs on the engine",
     "text|json", NULL, cmd_jobs_list, false, true},
    {CMD_JOBS_LOGS, "jobs", "logs", "[OPTIONS] JOB", "print what a job wrote",
     NULL, NULL, cmd_jobs_logs, false, false},
    {CMD_JOBS_ATTACH, "jobs", "attach", "[OPTIONS] JOB", "follow a job from the start of its output; end like it",
     NULL, NULL, cmd_jobs_attach, false, false},
    {CMD_JOBS_WAIT, "jobs", "wait", "[OPTIONS] JOB", "wait until a job has ended; end like it",
     NULL, NULL, cmd_jobs_wait, false, false},
    {CMD_JOBS_STOP, "jobs", "stop", "[OPTIONS] JOB...", "stop jobs with their grace",
     NULL, NULL, cmd_jobs_stop, false, false},
    {CMD_JOBS_RM, "jobs", "rm", "[OPTIONS] JOB...", "remove what is left of jobs, and free their --once keys",
     NULL, NULL, cmd_jobs_rm, false, false},
    {CMD_JOBS_RESULT, "jobs", "result", "[OPTIONS] JOB", "print the result of a job",
     "text|json", NULL, cmd_jobs_result, false, false},
    {CMD_JOBS_PRUNE, "jobs", "prune", "[OPTIONS]", "settle and remove jobs that nobody looks after",
     NULL, NULL, cmd_jobs_prune, false, false},
    {CMD_HISTORY_LIST, "history", "list", "[OPTIONS]", "list what was run from this machine",
     "text|json", NULL, cmd_history_list, false, true},
    {CMD_HISTORY_SHOW, "history", "show", "[OPTIONS] JOB", "show the records of one job",
     "text|json", NULL, cmd_history_show, false, false},
    {CMD_HISTORY_VERIFY, "history", "verify", "[OPTIONS]", "check the chain of hashes; exit status 1 when it is broken",
     NULL, NULL, cmd_history_verify, false, false},
    {CMD_HISTORY_ROTATE, "history", "rotate", "[OPTIONS]", "begin a new history file that continues the chain",
     NULL, NULL, cmd_history_rotate, false, false},
    {CMD_HISTORY_EXPORT, "history", "export", "[OPTIONS]", "print all records as JSON lines or CSV",
     "json|csv", NULL, cmd_history_export, false, false},
    {CMD_DOCTOR, NULL, "doctor", "[OPTIONS]", "check configuration, endpoint, credentials, permissions",
     NULL, "The exit status is 1 with findings.", cmd_doctor, false, false},
    {CMD_COMPLETION, NULL, "completion", "bash|zsh|fish", "print completions for a shell",
     NULL, "For bash: eval \"$(run-once completion bash)\"", cmd_completion, false, false},
    {CMD_VERSION, NULL, "version", "[OPTIONS]", "print the version",
     "text|json", NULL, cmd_version, false, false},
    {CMD_HELP, NULL, "help", "[COMMAND]", "print this help, or that of a command",
     NULL, NULL, cmd_help, false, false},
};
/* clang-format on */

const struct command *command_find(const char *group, const char *name) {
  for (int i = 0; i < CMD_COUNT; i++) {
    const struct command *c = &commands[i];
    bool same_group = group ? c->group && strcmp(c->group, group) == 0 : !c->group;
    if (same_group && (name ? strcmp(c->name, name) == 0 : c->by_default)) return c;
  }
  return NULL;
}

bool command_group(const char *name) {
  return command_find(name, NULL) != NULL;
}

option_mask command_bits(const char *group, const struct command *c) {
  if (!group) return 1u << c->id;
  option_mask mask = 0;
  for (int i = 0; i < CMD_COUNT; i++)
    if (commands[i].group && strcmp(commands[i].group, group) == 0) mask |= 1u << commands[i].id;
  return mask;
}

const char *command_title(const struct command *c, char ret[32]) {
  size_t n = 0;
  ret[0] = 0;
  if (c->group) {
    n = strlen(c->group);
    memcpy(ret, c->group, n);
    ret[n++] = ' ';
  }
  memcpy(ret + n, c->name, strlen(c->name) + 1);
  return ret;
}
