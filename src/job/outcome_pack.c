/* An outcome as it stands in memory, for a process that was forked from this one: the struct, then its texts
 * in the order of outcome_text(), then the words of the command; each with its NUL. */
#include "base/alloc.h"
#include "job/outcome.h"
#include <stdlib.h>
#include <string.h>

struct packed {
  char *at, *end; /* at NULL: it did not fit */
};

static void put(struct packed *p, const void *from, size_t n) {
  if (p->at && n > (size_t)(p->end - p->at)) p->at = NULL;
  if (!p->at) return;
  memcpy(p->at, from, n);
  p->at += n;
}

size_t outcome_pack(const struct outcome *o, char *to, size_t size) {
  struct packed p = {to, to + size};
  put(&p, o, sizeof *o);
  for (size_t i = 0; i < OUTCOME_TEXTS; i++) {
    const char *text = *outcome_text((struct outcome *)o, i);
    if (text) put(&p, text, strlen(text) + 1);
  }
  for (size_t i = 0; i < o->command.n; i++) put(&p, o->command.v[i], strlen(o->command.v[i]) + 1);
  return p.at ? (size_t)(p.at - to) : 0;
}

/* The pointers in the packed struct are the other process's: all they tell is whether there was a text. */
void outcome_unpack(const char *from, struct outcome *ret) {
  struct strv command;
  memcpy(ret, from, sizeof *ret);
  from += sizeof *ret;
  for (size_t i = 0; i < OUTCOME_TEXTS; i++) {
    char **text = outcome_text(ret, i);
    if (!*text) continue;
    *text = xstrdup(from);
    from += strlen(from) + 1;
  }
  strv_init(&command);
  for (size_t i = 0; i < ret->command.n; i++) {
    strv_add(&command, from);
    from += strlen(from) + 1;
  }
  ret->command = command;
}
