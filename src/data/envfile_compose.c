/* The dialect of compose-go's dotenv/parser.go, odd corners included, but for two: a last line that is a name
 * alone needs no newline, and text stuck to a closing quote is an error, not a name. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/envfile.h"
#include "data/interpolate.h"
#include "data/json.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
  const char *file;
  const char *at, *end;
  int line;
  lookup_fn *lookup;
  void *lookup_data;
  json_t *set; /* names set earlier in this file -> values */
  struct error *err;
};

static int complain(struct parser *p, int line, const char *what) {
  return error_set(p->err, ERR_CONFIG, "%s:%d: %s", p->file, line, what);
}

/* The caller's world first, then this file, as Compose does. */
static const char *look_up(void *data, const char *name) {
  struct parser *p = data;
  const char *value = p->lookup ? p->lookup(p->lookup_data, name) : NULL;
  return value ? value : json_string_value(json_object_get(p->set, name));
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

static void skip_blanks(struct parser *p) {
  while (p->at < p->end && is_blank(*p->at)) p->at++;
}

static void skip_line(struct parser *p) {
  const char *newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
  p->at = newline ? newline + 1 : p->end;
  p->line++;
}

/* To the next statement, over blank lines and comments; false at the end. */
static bool next_statement(struct parser *p) {
  for (;;) {
    skip_blanks(p);
    if (p->at == p->end) return false;
    if (*p->at != '#' && *p->at != '\n') return true;
    skip_line(p);
  }
}

static bool is_name_byte(char c) {
  unsigned char u = (unsigned char)c;
  return isalnum(u) || u >= 0x80 || (c && strchr("_.-[]", c));
}

static void skip_export(struct parser *p) {
  size_t word = strlen("export");
  if ((size_t)(p->end - p->at) <= word || memcmp(p->at, "export", word) != 0 || !is_blank(p->at[word]))
    return;
  p->at += word;
  skip_blanks(p);
}

/* The name, and what ended it: '=', ':' or '\n' (also at the end of the file), which is left behind. */
static int read_name(struct parser *p, char **ret_name, char *ret_end) {
  skip_export(p);
  const char *start = p->at;
  while (p->at < p->end && is_name_byte(*p->at)) p->at++;
  size_t n = (size_t)(p->at - start);
  skip_blanks(p);
  char end = p->at < p->end ? *p->at : '\n';
  if (end != '=' && end != ':' && end != '\n')
    return complain(p, p->line, "a variable name may hold only letters, digits and _ . - [ ]");
  if (!n) return complain(p, p->line, "no variable name");
  if (p->at < p->end) p->at++;
  *ret_name = xstrndup(start, n);
  *ret_end = end;
  return 0;
}

static void put_utf8(struct buf *b, int code) {
  char two[2] = {(char)(0xc0 | code >> 6), (char)(0x80 | (code & 0x3f))};
  char one = (char)code;
  if (code < 0x80)
    buf_append(b, &one, 1);
  else
    buf_append(b, two, 2);
}

/* The code of "\0nnn" (three octal digits) at s, or 0. */
static int octal(const char *s) {
  int code = 0;
  if (s[0] != '0') return 0;
  for (int i = 1; i <= 3; i++) {
    if (s[i] < '0' || s[i] > '7') return 0;
    code = code * 8 + (s[i] - '0');
  }
  return code > 255 ? 0 : code;
}

/* Escapes of a double-quoted value; unknown ones stay. "\$" becomes "$$", which the expansion makes "$". */
static char *unescape(const char *s) {
  static const char from[] = "abfnrtv\\\"", to[] = "\a\b\f\n\r\t\v\\\"";
  struct buf b;
  buf_init(&b, LIMIT_ENV_FILE);
  for (; *s; s++) {
    const char *found = *s == '\\' && s[1] ? strchr(from, s[1]) : NULL;
    if (found) {
      buf_append(&b, to + (found - from), 1);
      s++;
    } else if (*s == '\\' && s[1] == '$') {
      buf_puts(&b, "$$");
      s++;
    } else if (*s == '\\' && octal(s + 1)) {
      put_utf8(&b, octal(s + 1));
      s += 4;
    } else {
      buf_append(&b, s, 1);
    }
  }
  return buf_take(&b);
}

static int expand(struct parser *p, int line, const char *text, char **ret) {
  struct interpolation how = {.lookup = look_up, .data = p, .bare_names = true};
  char *value = interpolate(text, &how, NULL, p->err);
  if (!value) return error_prefix(p->err, "%s:%d", p->file, line);
  *ret = value;
  return 0;
}

/* p->at stands behind the opening quote. Takes "\" + quote as the quote and leaves other escapes as written.
 */
static int read_quoted(struct parser *p, char quote, char **ret) {
  int line = p->line;
  struct buf raw;
  buf_init(&raw, LIMIT_ENV_FILE);
  for (; p->at < p->end && *p->at != quote; p->at++) {
    if (*p->at == '\\' && p->at + 1 < p->end) {
      if (p->at[1] != quote) buf_append(&raw, p->at, 1);
      p->at++;
    }
    if (*p->at == '\n') p->line++;
    buf_append(&raw, p->at, 1);
  }
  CLEANUP_FREE char *text = buf_take(&raw);
  if (p->at == p->end) return complain(p, line, "a quoted value is not closed");
  p->at++;
  if (p->at < p->end && !is_blank(*p->at) && *p->at != '\n' && *p->at != '#')
    return complain(p, p->line, "text follows the closing quote");
  if (quote == '\'') {
    *ret = TAKE(text);
    return 0;
  }
  CLEANUP_FREE char *plain = unescape(text);
  return expand(p, line, plain, ret);
}

/* To the end of the line or to " #". */
static int read_unquoted(struct parser *p, char **ret) {
  const char *start = p->at;
  int line = p->line;
  skip_line(p);
  size_t n = (size_t)(p->at - start);
  CLEANUP_FREE char *text = xstrndup(start, n);
  char *comment = strstr(text, " #");
  if (comment) *comment = '\0';
  n = strlen(text);
  while (n && isspace((unsigned char)text[n - 1])) text[--n] = '\0';
  return expand(p, line, text, ret);
}

static int read_value(struct parser *p, char **ret) {
  skip_blanks(p);
  char first = p->at < p->end ? *p->at : '\n';
  if (first != '"' && first != '\'') return read_unquoted(p, ret);
  p->at++;
  return read_quoted(p, first, ret);
}

static int statement(struct parser *p, envfile_fn *fn, void *data) {
  CLEANUP_FREE char *name = NULL;
  CLEANUP_FREE char *value = NULL;
  char end = 0;
  int line = p->line;
  if (read_name(p, &name, &end)) return -1;
  if (end == '\n') {
    p->line++;
    return fn(data, name, NULL, line, p->err);
  }
  if (read_value(p, &value)) return -1;
  json_object_set_new_nocheck(p->set, name, json_string_nocheck(value));
  return fn(data, name, value, line, p->err);
}

int envfile_compose_text(const char *file, const char *text, size_t len, lookup_fn *lookup, void *lookup_data,
                         envfile_fn *fn, void *data, struct error *err) {
  struct parser p = {.file = file,
                     .at = text,
                     .end = text + len,
                     .line = 1,
                     .lookup = lookup,
                     .lookup_data = lookup_data,
                     .err = err};
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) p.at += 3;
  const char *nul = memchr(text, '\0', len);
  if (nul) {
    for (const char *c = text; c < nul; c++) p.line += *c == '\n';
    return complain(&p, p.line, "a NUL byte");
  }
  CLEANUP_JSON json_t *set = json_object();
  p.set = set;
  while (next_statement(&p))
    if (statement(&p, fn, data)) return -1;
  return 0;
}

int envfile_compose(const char *path, lookup_fn *lookup, void *lookup_data, envfile_fn *fn, void *data,
                    struct error *err) {
  struct buf text;
  if (file_read(path, LIMIT_ENV_FILE, &text, err)) return -1;
  int result = envfile_compose_text(path, text.data, text.len, lookup, lookup_data, fn, data, err);
  buf_done(&text);
  return result;
}
