#include "base/error.h"
#include "base/alloc.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

/* C1 controls in UTF-8 (U+0080 to U+009F): U+009B begins a terminal's escape sequence just as ESC [ does. */
static bool is_c1(const unsigned char *s) {
  return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;
}

static bool is_break(char c) {
  return c == '\n' || c == '\r';
}

/* Writes the one-line form of `from` to `to` (size bytes with the NUL), cut at a whole UTF-8 character. */
static void one_line(char *to, size_t size, const char *from) {
  size_t n = 0;
  while (*from && n + 2 < size) { /* room for "; " or one byte, and the NUL */
    const unsigned char *u = (const unsigned char *)from;
    if (is_break(*from)) {
      while (is_break(*from) || *from == ' ' || *from == '\t') from++;
      if (n == 0 || !*from) continue;
      to[n++] = ';';
      to[n++] = ' ';
    } else if (is_c1(u)) {
      to[n++] = '?';
      from += 2;
    } else {
      to[n++] = *from == '\t' ? ' ' : is_control(*u) ? '?' : *from;
      from++;
    }
  }
  if (*from && ((unsigned char)*from & 0xc0) == 0x80) { /* cut inside a character */
    while (n && ((unsigned char)to[n - 1] & 0xc0) == 0x80) n--;
    if (n) n--;
  }
  while (n && to[n - 1] == ' ') n--;
  to[n] = '\0';
}

void error_one_line(char *text, size_t size) {
  if (!size) return;
  CLEANUP_FREE char *from = xstrdup(text);
  one_line(text, size, from);
}

/* Through a string of its own, because the arguments may point into err->text. */
static void set_text(struct error *err, const char *prefix, const char *rest) {
  CLEANUP_FREE char *all = rest ? xprintf("%s: %s", prefix, rest) : xstrdup(prefix);
  one_line(err->text, sizeof err->text, all);
}

static char *format(const char *fmt, va_list args) {
  char *text = NULL;
  if (vasprintf(&text, fmt, args) < 0) return xstrdup("out of memory");
  return text;
}

void error_set_text(struct error *err, enum error_kind kind, const char *fmt, ...) {
  if (!err) return;
  va_list args;
  va_start(args, fmt);
  CLEANUP_FREE char *text = format(fmt, args);
  va_end(args);
  err->kind = kind;
  err->http_status = 0;
  set_text(err, text, NULL);
}

void error_prefix_text(struct error *err, const char *fmt, ...) {
  if (!err) return;
  va_list args;
  va_start(args, fmt);
  CLEANUP_FREE char *prefix = format(fmt, args);
  va_end(args);
  set_text(err, prefix, err->text);
}

void error_clear(struct error *err) {
  if (err) *err = (struct error)ERROR_INIT;
}
