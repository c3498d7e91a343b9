#include "cli/history_place.h"
#include <string.h>

int history_place(const struct options *o, struct history **ret, struct error *err) {
  const char *path = option_text(o, OPT_HISTORY);
  if (path && strcmp(path, "off") == 0) {
    *ret = NULL;
    return 0;
  }
  return history_open(path, ret, err);
}
