/* --history PATH|off; else the default place. *ret NULL means off. */
#ifndef CLI_HISTORY_PLACE_H
#define CLI_HISTORY_PLACE_H
#include "cli/option.h"
#include "job/record.h"

int history_place(const struct options *o, struct history **ret, struct error *err);
#endif
