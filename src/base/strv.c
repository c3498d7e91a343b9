#include "base/strv.h"
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>

void strv_init(struct strv *s) {
  *s = (struct strv){0};
}

void strv_done(struct strv *s) {
  for (size_t i = 0; i < s->n; i++) free(s->v[i]);
  free(s->v);
  strv_init(s);
}

void strv_take(struct strv *s, char *text) {
  /* n + 1 pointers are in use; the room for them doubles when n is a power of two (or 0). */
  if ((s->n & (s->n - 1)) == 0) s->v = xrealloc(s->v, (s->n ? 2 * s->n + 1 : 2) * sizeof *s->v);
  s->v[s->n++] = text;
  s->v[s->n] = NULL;
}

void strv_add(struct strv *s, const char *text) {
  strv_take(s, xstrdup(text));
}

void strv_copy(struct strv *to, const struct strv *from) {
  struct strv copy = {0};
  for (size_t i = 0; i < from->n; i++) strv_add(&copy, from->v[i]);
  strv_done(to);
  *to = copy;
}

bool strv_has(const struct strv *s, const char *text) {
  for (size_t i = 0; i < s->n; i++)
    if (strcmp(s->v[i], text) == 0) return true;
  return false;
}

char *strv_shift(struct strv *s) {
  if (!s->n) return NULL;
  char *first = s->v[0];
  memmove(s->v, s->v + 1, s->n-- * sizeof *s->v); /* with the NULL behind */
  return first;
}
