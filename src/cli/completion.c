/* Completions for shells, from the tables. Names of tasks come from `run-once task`, asked when needed. */
#include "base/alloc.h"
#include "base/limits.h"
#include "cli/help.h"
#include "cli/say.h"
#include <stdlib.h>
#include <string.h>

static bool offered(const struct option_row *row, option_mask mask) {
  return row->kind != OPTION_LATER && (row->commands & mask);
}

static void words(struct buf *out, option_mask mask) {
  const char *space = "";
  for (int id = 0; id < OPTION_COUNT; id++) {
    if (!offered(&option_rows[id], mask)) continue;
    buf_printf(out, "%s--%s", space, option_rows[id].name);
    space = " ";
  }
}

static void top_words(struct buf *out) {
  for (int i = 0; i < CMD_COUNT; i++) {
    if (!commands[i].group)
      buf_printf(out, "%s ", commands[i].name);
    else if (commands[i].by_default)
      buf_printf(out, "%s ", commands[i].group);
  }
}

static void member_words(struct buf *out, const char *group) {
  const char *space = "";
  for (int i = 0; i < CMD_COUNT; i++) {
    if (!commands[i].group || strcmp(commands[i].group, group) != 0) continue;
    buf_printf(out, "%s%s", space, commands[i].name);
    space = " ";
  }
}

/* Choices and files after an option that takes a value. */
static void bash_values(struct buf *out) {
  buf_puts(out, "  case $prev in\n");
  for (int id = 0; id < OPTION_COUNT; id++) {
    const struct option_row *row = &option_rows[id];
    if (row->kind != OPTION_CHOICE) continue;
    CLEANUP_FREE char *choices = xstrdup(row->arg);
    for (char *p = choices; (p = strchr(p, '|'));) *p = ' ';
    buf_printf(out, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", row->name, choices);
  }
  buf_puts(out,
           "    --release|--env-file|--result|--history) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
           "    --task) COMPREPLY=($(compgen -W \"$(run-once task 2>/dev/null | cut -d' ' -f1)\" -- "
           "\"$cur\")); return ;;\n"
           "  esac\n");
}

static void bash_options(struct buf *out) {
  buf_puts(out, "  if [[ $cur == -* ]]; then\n    case $command in\n");
  for (int i = 0; i < CMD_COUNT; i++) {
    const struct command *c = &commands[i];
    if (c->group && !c->by_default) continue;
    buf_printf(out, "      %s) COMPREPLY=($(compgen -W '", c->group ? c->group : c->name);
    words(out, command_bits(c->group, c));
    buf_puts(out, "' -- \"$cur\")) ;;\n");
  }
  buf_puts(out, "    esac\n    return\n  fi\n");
}

static void bash(struct buf *out) {
  buf_puts(out,
           "# run-once completion for bash\n_run_once() {\n"
           "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
           "  COMPREPLY=()\n"
           "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W '");
  top_words(out);
  buf_puts(out, "' -- \"$cur\"))\n    return\n  fi\n");
  bash_values(out);
  bash_options(out);
  buf_puts(out, "  case $command in\n    jobs) COMPREPLY=($(compgen -W '");
  member_words(out, "jobs");
  buf_puts(out, "' -- \"$cur\")) ;;\n    history) COMPREPLY=($(compgen -W '");
  member_words(out, "history");
  buf_puts(out,
           "' -- \"$cur\")) ;;\n    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")) ;;\n"
           "    help) COMPREPLY=($(compgen -W '");
  top_words(out);
  buf_puts(
      out,
      "' -- \"$cur\")) ;;\n"
      "    task) COMPREPLY=($(compgen -W \"$(run-once task 2>/dev/null | cut -d' ' -f1)\" -- \"$cur\")) ;;\n"
      "  esac\n}\ncomplete -o default -F _run_once run-once\n");
}

/* In a single-quoted word of zsh's _arguments or of fish. */
static void plain_text(struct buf *out, const char *text, const char *unsafe) {
  for (; *text; text++) {
    if (*text == '\'')
      buf_puts(out, "'\\''");
    else if (strchr(unsafe, *text))
      buf_printf(out, "\\%c", *text);
    else
      buf_append(out, text, 1);
  }
}

static void zsh_option(struct buf *out, const struct option_row *row) {
  buf_printf(out, " '%s--%s", row->flags & OPTION_REPEAT ? "*" : "", row->name);
  if (row->arg) buf_puts(out, "=");
  buf_puts(out, "[");
  plain_text(out, row->help, "[]:");
  buf_puts(out, "]");
  if (row->kind == OPTION_CHOICE) {
    CLEANUP_FREE char *choices = xstrdup(row->arg);
    for (char *p = choices; (p = strchr(p, '|'));) *p = ' ';
    buf_printf(out, ":word:(%s)", choices);
  } else if (row->arg) {
    buf_puts(out, strstr(row->arg, "FILE") || strstr(row->arg, "PATH") ? ":file:_files" : ":value:");
  }
  buf_puts(out, "'");
}

static void zsh(struct buf *out) {
  buf_puts(out, "#compdef run-once\n# run-once completion for zsh\n_run_once() {\n"
                "  if ((CURRENT == 2)); then\n    compadd -- ");
  top_words(out);
  buf_puts(out, "\n    return\n  fi\n  case ${words[2]} in\n");
  for (int i = 0; i < CMD_COUNT; i++) {
    const struct command *c = &commands[i];
    const char *group = c->group;
    if (group && !c->by_default) continue;
    buf_printf(out, "    %s) _arguments", group ? group : c->name);
    for (int id = 0; id < OPTION_COUNT; id++)
      if (offered(&option_rows[id], command_bits(group, c))) zsh_option(out, &option_rows[id]);
    if (group) {
      buf_puts(out, " '*:word:(");
      member_words(out, group);
      buf_puts(out, ")'");
    } else if (c->id == CMD_TASK) {
      buf_puts(out, " \"*:task:(${(f)\"$(run-once task 2>/dev/null | cut -d' ' -f1)\"})\"");
    } else if (c->id == CMD_COMPLETION) {
      buf_puts(out, " '*:shell:(bash zsh fish)'");
    }
    buf_puts(out, " ;;\n");
  }
  buf_puts(out,
           "  esac\n}\nif [[ ${funcstack[1]} == _run_once ]]; then _run_once \"$@\"; else compdef _run_once "
           "run-once; fi\n");
}

static void fish_option(struct buf *out, const char *name, const struct option_row *row) {
  buf_printf(out, "complete -c run-once -n '__fish_seen_subcommand_from %s' -l %s", name, row->name);
  if (row->letter) buf_printf(out, " -s %c", row->letter);
  if (row->kind == OPTION_CHOICE) {
    CLEANUP_FREE char *choices = xstrdup(row->arg);
    for (char *p = choices; (p = strchr(p, '|'));) *p = ' ';
    buf_printf(out, " -x -a '%s'", choices);
  } else if (row->arg) {
    buf_puts(out, strstr(row->arg, "FILE") || strstr(row->arg, "PATH") ? " -r -F" : " -x");
  }
  buf_puts(out, " -d '");
  for (const char *p = row->help; *p; p++) buf_printf(out, *p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
  buf_puts(out, "'\n");
}

static void fish(struct buf *out) {
  buf_puts(out, "# run-once completion for fish\ncomplete -c run-once -f\n"
                "complete -c run-once -n __fish_use_subcommand -a '");
  top_words(out);
  buf_puts(out, "'\n");
  for (int i = 0; i < CMD_COUNT; i++) {
    const struct command *c = &commands[i];
    const char *group = c->group, *name = group ? group : c->name;
    if (group && !c->by_default) continue;
    if (group) {
      buf_printf(out, "complete -c run-once -n '__fish_seen_subcommand_from %s' -a '", name);
      member_words(out, group);
      buf_puts(out, "'\n");
    }
    for (int id = 0; id < OPTION_COUNT; id++)
      if (offered(&option_rows[id], command_bits(group, c))) fish_option(out, name, &option_rows[id]);
  }
  buf_puts(out, "complete -c run-once -n '__fish_seen_subcommand_from task' -a "
                "'(run-once task 2>/dev/null | cut -d\" \" -f1)'\n"
                "complete -c run-once -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n");
}

int cmd_completion(struct cli *c) {
  struct buf out;
  struct error err = ERROR_INIT;
  buf_init(&out, LIMIT_HISTORY_LINE);
  int which = c->argc == 1 ? option_word("bash|zsh|fish", c->argv[0]) : -1;
  if (which < 0) {
    if (c->argc == 1)
      error_set(&err, ERR_USAGE, "completion for %s failed: there is one for bash, zsh and fish", c->argv[0]);
    else
      error_set(&err, ERR_USAGE, "completion failed: name one shell: bash, zsh or fish");
    return say_fault(&err);
  }
  void (*const scripts[])(struct buf *) = {bash, zsh, fish};
  scripts[which](&out);
  return print_all(&out);
}
