/* Help from the tables. */
#ifndef CLI_HELP_H
#define CLI_HELP_H
#include "base/buf.h"
#include "cli/command.h"

void help_overview(struct buf *out);
void help_command(struct buf *out, const struct command *c);
void help_group(struct buf *out, const char *group);
void man_page(struct buf *out); /* scdoc source of run-once(1) */
int help_print(const struct command *c);
/* Prints and frees; 0, or 125 when stdout does not take it. */
int print_all(struct buf *out);
/* "-e, --env NAME[=VALUE]"; --output shows the command's own words. For free(). */
char *help_spelling(const struct option_row *row, const struct command *c);
/* Listed in help of the command: taken by it and not reserved. */
bool help_lists(const struct option_row *row, const struct command *c);
#endif
