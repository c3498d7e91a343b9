/* A growing byte buffer with a cap given at birth (curl's dynbuf). Always NUL-terminated behind len, so data
 * can be used as a string once something was appended. Over the cap: nothing is appended and -1 is returned.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stddef.h>

struct buf {
  char *data;
  size_t len, size, cap;
};

void buf_init(struct buf *b, size_t cap);
void buf_done(struct buf *b); /* frees; may be used again with the same cap */
int buf_append(struct buf *b, const void *p, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t n); /* drops the first n bytes */
void buf_clear(struct buf *b);             /* len 0, memory stays */
char *buf_take(struct buf *b);             /* the string (never NULL); the caller frees it; b is empty */
#endif
