#include "base/buf.h"
#include "base/alloc.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 128

void buf_init(struct buf *b, size_t cap) {
  /* One byte is kept for the NUL: size must not wrap. */
  *b = (struct buf){.cap = cap < SIZE_MAX / 2 ? cap : SIZE_MAX / 2};
}

void buf_done(struct buf *b) {
  free(b->data);
  buf_init(b, b->cap);
}

/* Room for n more bytes and the NUL, by doubling; -1 over the cap. */
static int reserve(struct buf *b, size_t n) {
  if (n > b->cap - b->len) return -1;
  size_t need = b->len + n + 1;
  if (need <= b->size) return 0;
  size_t size = b->size ? b->size : FIRST_SIZE;
  while (size < need) size *= 2;
  if (size > b->cap + 1) size = b->cap + 1;
  b->data = xrealloc(b->data, size);
  b->size = size;
  return 0;
}

int buf_append(struct buf *b, const void *p, size_t n) {
  if (reserve(b, n)) return -1;
  if (n) memcpy(b->data + b->len, p, n);
  b->len += n;
  b->data[b->len] = '\0';
  return 0;
}

int buf_puts(struct buf *b, const char *s) {
  return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  int result = n < 0 ? -1 : reserve(b, (size_t)n);
  if (!result) {
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
  return result;
}

void buf_consume(struct buf *b, size_t n) {
  if (n > b->len) n = b->len;
  if (!n) return;
  b->len -= n;
  memmove(b->data, b->data + n, b->len + 1);
}

void buf_clear(struct buf *b) {
  b->len = 0;
  if (b->data) b->data[0] = '\0';
}

char *buf_take(struct buf *b) {
  char *text = b->data ? b->data : xstrdup("");
  buf_init(b, b->cap);
  return text;
}
