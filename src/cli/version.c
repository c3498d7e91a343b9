#include "base/limits.h"
#include "cli/help.h"
#include <string.h>

int cmd_version(struct cli *c) {
  const char *form = option_text(&c->opts, OPT_OUTPUT);
  struct buf out;
  buf_init(&out, LIMIT_ERROR_BODY);
  if (form && strcmp(form, "json") == 0)
    buf_puts(&out, "{\"version\": \"" RUN_ONCE_VERSION "\"}\n");
  else
    buf_puts(&out, "run-once " RUN_ONCE_VERSION "\n");
  return print_all(&out);
}
