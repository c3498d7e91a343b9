/* A NULL-terminated vector of owned strings. */
#ifndef BASE_STRV_H
#define BASE_STRV_H
#include <stdbool.h>
#include <stddef.h>

struct strv {
  char **v; /* v[n] == NULL once something was added; NULL before */
  size_t n;
};

void strv_init(struct strv *s);
void strv_done(struct strv *s);
void strv_add(struct strv *s, const char *text);          /* copies */
void strv_take(struct strv *s, char *text);               /* takes over */
void strv_copy(struct strv *to, const struct strv *from); /* to is replaced */
char *strv_shift(struct strv *s);                         /* the first one, for free(); NULL: empty */
bool strv_has(const struct strv *s, const char *text);
#endif
