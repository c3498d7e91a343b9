#include "cli/help.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/say.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELP_CAP = 1 << 20, COLUMN = 34, WIDTH = 100 };

int print_all(struct buf *out) {
  int status = 0;
  if (out->len && fd_write_all(STDOUT_FILENO, out->data, out->len) < 0 && errno != EPIPE) {
    say("stdout: %s", strerror(errno));
    status = 125;
  }
  buf_done(out);
  return status;
}

bool help_lists(const struct option_row *row, const struct command *c) {
  return row->kind != OPTION_LATER && (row->commands & (1u << c->id));
}

char *help_spelling(const struct option_row *row, const struct command *c) {
  const char *arg = row->arg;
  if (row == &option_rows[OPT_OUTPUT] && c && c->outputs) arg = c->outputs;
  const char *space = arg ? " " : "";
  bool letter = row->letter && !(row->letter == 'h' && c && c->options_end);
  if (!arg) arg = "";
  if (letter) return xprintf("-%c, --%s%s%s", row->letter, row->name, space, arg);
  return xprintf("    --%s%s%s", row->name, space, arg);
}

/* Words of `text` from column COLUMN on, broken at WIDTH. */
static void wrapped(struct buf *out, size_t column, const char *text) {
  size_t at = column;
  for (const char *word = text; *word;) {
    size_t n = strcspn(word, " ");
    if (at > column && at + 1 + n > WIDTH) {
      buf_printf(out, "\n%*s", (int)column, "");
      at = column;
    }
    buf_printf(out, "%s%.*s", at > column ? " " : "", (int)n, word);
    at += n + (at > column);
    word += n + strspn(word + n, " ");
  }
  buf_puts(out, "\n");
}

static void option_line(struct buf *out, const struct option_row *row, const struct command *c) {
  CLEANUP_FREE char *spelling = help_spelling(row, c);
  CLEANUP_FREE char *text =
      row->fallback ? xprintf("%s (default: %s)", row->help, row->fallback) : xstrdup(row->help);
  int n = buf_printf(out, "  %s", spelling);
  (void)n;
  size_t width = strlen(spelling) + 2;
  if (width + 1 > COLUMN) {
    buf_printf(out, "\n%*s", COLUMN, "");
  } else {
    buf_printf(out, "%*s", (int)(COLUMN - width), "");
  }
  wrapped(out, COLUMN, text);
}

static void reserved_line(struct buf *out, const struct command *c) {
  struct buf names;
  buf_init(&names, HELP_CAP);
  for (int id = 0; id < OPTION_COUNT; id++) {
    const struct option_row *row = &option_rows[id];
    if (row->kind != OPTION_LATER || !(row->commands & (1u << c->id))) continue;
    buf_printf(&names, "%s--%s", names.len ? " " : "Not in this version: ", row->name);
  }
  if (names.len) {
    buf_puts(out, "\n");
    wrapped(out, 0, names.data);
  }
  buf_done(&names);
}

void help_command(struct buf *out, const struct command *c) {
  char title[32];
  buf_printf(out, "Usage: run-once %s %s\n\n%s\n", command_title(c, title), c->usage, c->summary);
  if (c->more) {
    buf_puts(out, "\n");
    wrapped(out, 0, c->more);
  }
  for (int section = 0; section < SECTION_COUNT; section++) {
    bool any = false;
    for (int id = 0; id < OPTION_COUNT; id++) {
      const struct option_row *row = &option_rows[id];
      if ((int)row->section != section || !help_lists(row, c)) continue;
      if (!any) buf_printf(out, "\n%s:\n", option_sections[section]);
      any = true;
      option_line(out, row, c);
    }
  }
  reserved_line(out, c);
  buf_puts(out, "\nEvery option can also be set as RUN_ONCE_...: --lock-wait is RUN_ONCE_LOCK_WAIT.\n");
}

static void summary_line(struct buf *out, const struct command *c) {
  char title[32];
  buf_printf(out, "  %-18s", command_title(c, title));
  wrapped(out, 20, c->summary);
}

void help_group(struct buf *out, const char *group) {
  buf_printf(out, "Usage: run-once %s COMMAND [OPTIONS] [JOB...]\n\n", group);
  for (int i = 0; i < CMD_COUNT; i++)
    if (commands[i].group && strcmp(commands[i].group, group) == 0) summary_line(out, &commands[i]);
  buf_printf(out, "\nJOB is a job's id or a unique beginning of it. `run-once help %s COMMAND` says more.\n",
             group);
}

void help_overview(struct buf *out) {
  buf_puts(
      out,
      "Usage: run-once [run] [OPTIONS] [--] COMMAND [ARG...]\n"
      "       run-once COMMAND ...\n\n"
      "Runs one command, once, in a released application: its image, environment and configuration.\n\n");
  for (int i = 0; i < CMD_COUNT; i++) summary_line(out, &commands[i]);
  buf_puts(out,
           "\n`run-once help COMMAND` says more. First use: run-once run --from compose/web -- COMMAND\n");
}

int help_print(const struct command *c) {
  struct buf out;
  buf_init(&out, HELP_CAP);
  help_command(&out, c);
  return print_all(&out);
}

static int no_such_topic(const char *word) {
  const char *known[CMD_COUNT + 2];
  int n = 0;
  for (int i = 0; i < CMD_COUNT; i++)
    if (!commands[i].group) known[n++] = commands[i].name;
  known[n++] = "jobs";
  known[n++] = "history";
  const char *near = nearest_word(word, known, n);
  struct error err = ERROR_INIT;
  if (near)
    error_set(&err, ERR_USAGE, "help %s: no such command; did you mean %s?", word, near);
  else
    error_set(&err, ERR_USAGE, "help %s: no such command; `run-once help` lists them", word);
  return say_fault(&err);
}

int cmd_help(struct cli *c) {
  struct buf out;
  buf_init(&out, HELP_CAP);
  if (c->argc == 0) {
    help_overview(&out);
  } else if (strcmp(c->argv[0], "man") == 0) {
    man_page(&out); /* for the build: not a topic that is listed */
  } else if (command_group(c->argv[0])) {
    const struct command *member = c->argc > 1 ? command_find(c->argv[0], c->argv[1]) : NULL;
    if (member)
      help_command(&out, member);
    else
      help_group(&out, c->argv[0]);
  } else {
    const struct command *topic = command_find(NULL, c->argv[0]);
    if (!topic) return no_such_topic(c->argv[0]);
    help_command(&out, topic);
  }
  return print_all(&out);
}
