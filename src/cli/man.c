/* The man page, as scdoc source, from the tables. */
#include "base/alloc.h"
#include "cli/help.h"
#include <string.h>

/* scdoc reads *, _, \, <, > and leading signs as markup. */
static void escaped(struct buf *out, const char *text) {
  for (; *text; text++) {
    if (strchr("*_\\<>#`[]|~.-", *text)) buf_puts(out, "\\");
    buf_append(out, text, 1);
  }
}

static void commands_part(struct buf *out) {
  buf_puts(out, "# COMMANDS\n\n");
  for (int i = 0; i < CMD_COUNT; i++) {
    char title[32];
    buf_puts(out, "*run\\-once ");
    escaped(out, command_title(&commands[i], title));
    buf_puts(out, "* ");
    escaped(out, commands[i].usage);
    buf_puts(out, "\n\t");
    escaped(out, commands[i].summary);
    if (commands[i].outputs) {
      buf_puts(out, ". *\\-\\-output* ");
      escaped(out, commands[i].outputs);
    }
    if (commands[i].more) {
      buf_puts(out, ".\n\n\t");
      escaped(out, commands[i].more);
    }
    buf_puts(out, "\n\n");
  }
}

/* Commands that take the option, when they are not simply all that run something. */
static void taken_by(struct buf *out, const struct option_row *row) {
  if ((row->commands & ON_ANY_RUN) == ON_ANY_RUN) return;
  buf_puts(out, " (");
  bool any = false;
  for (int i = 0; i < CMD_COUNT; i++) {
    char title[32];
    if (!(row->commands & (1u << i))) continue;
    buf_puts(out, any ? ", " : "");
    escaped(out, command_title(&commands[i], title));
    any = true;
  }
  buf_puts(out, ")");
}

static void option_part(struct buf *out, const struct option_row *row) {
  char name[64];
  buf_puts(out, "*");
  if (row->letter) buf_printf(out, "\\-%c*, *", row->letter);
  buf_puts(out, "\\-\\-");
  escaped(out, row->name);
  buf_puts(out, "*");
  if (row->arg) {
    buf_puts(out, " ");
    escaped(out, row->arg);
  }
  buf_puts(out, "\n\t");
  escaped(out, row->help);
  taken_by(out, row);
  buf_puts(out, ". ");
  if (row->fallback) {
    buf_puts(out, "Default: ");
    escaped(out, row->fallback);
    buf_puts(out, ". ");
  }
  escaped(out, option_variable(row, name));
  buf_puts(out, "\n\n");
}

static void options_part(struct buf *out) {
  buf_puts(
      out,
      "# OPTIONS\n\nEvery option can also be set as a variable, named with it; the command line wins over "
      "the variable, the variable over the task, the task over the release file's defaults.\n\n");
  for (int section = 0; section < SECTION_COUNT; section++) {
    buf_printf(out, "## %s\n\n", option_sections[section]);
    for (int id = 0; id < OPTION_COUNT; id++)
      if ((int)option_rows[id].section == section && option_rows[id].kind != OPTION_LATER)
        option_part(out, &option_rows[id]);
  }
}

static void status_part(struct buf *out) {
  static const char *const rows[][2] = {
      {"0", "the command ended by itself with 0, its input was delivered whole; or detached, with --detach"},
      {"1 to 255", "the command's own status; 128+N as after signal N"},
      {"120", "unknown: the terminal state was not read; settle it with run-once jobs"},
      {"121", "refused: policy or the present state forbids it now"},
      {"122", "killed: it ended because it was stopped"},
      {"124", "a deadline"},
      {"125", "not started: usage, configuration, image, engine, permission"},
      {"126, 127", "not started: not executable, not found"}};
  buf_puts(out, "# EXIT STATUS\n\n");
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    buf_printf(out, "*%s*\n\t", rows[i][0]);
    escaped(out, rows[i][1]);
    buf_puts(out, "\n\n");
  }
  buf_puts(out, "A command may use the same numbers: never decide a retry from the exit status, but from "
                "retry\\_safe of *\\-\\-result*.\n\n");
}

void man_page(struct buf *out) {
  buf_puts(out,
           "run-once(1)\n\n# NAME\n\nrun\\-once \\- run one command, once, in a released application\n\n"
           "# SYNOPSIS\n\n*run\\-once* [*run*] \\[OPTIONS\\] \\[\\-\\-\\] COMMAND \\[ARG...\\]\n\n"
           "# DESCRIPTION\n\nFinds the release (image, configuration and environment), starts a throwaway "
           "container of the very same image with the very same environment, passes the output through byte "
           "for byte, ends with the command's own exit status, and leaves nothing behind except a record of "
           "what was done.\n\n");
  commands_part(out);
  options_part(out);
  status_part(out);
}
