#include "data/interpolate.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 16

struct run {
  const struct interpolation *how;
  struct buf out;
  char *unset; /* the first name that became empty */
  struct error *err;
};

static size_t name_length(const char *s, size_t n) {
  if (!n || !(isalpha((unsigned char)*s) || *s == '_')) return 0;
  size_t i = 1;
  while (i < n && (isalnum((unsigned char)s[i]) || s[i] == '_')) i++;
  return i;
}

/* The text may hold secrets ("pa${ss"): complaints tell the rule, never the text. */
static int bad(struct run *r) {
  return error_set(r->err, ERR_CONFIG, "bad substitution: ${NAME} is expected; write $$ for a dollar sign");
}

static int put(struct run *r, const char *s, size_t n) {
  if (!buf_append(&r->out, s, n)) return 0;
  return error_set(r->err, ERR_CONFIG, "more than %u bytes after substitution", LIMIT_ENV_FILE);
}

static int put_plain(struct run *r, const char *name, const char *value) {
  if (value) return put(r, value, strlen(value));
  if (r->how->unset_is_error) return error_set(r->err, ERR_CONFIG, "%s is not set", name);
  if (!r->unset) r->unset = xstrdup(name);
  return 0;
}

static int expand(struct run *r, const char *s, size_t n, int depth);

/* What stands between the braces. */
static int expand_braced(struct run *r, const char *s, size_t n, int depth) {
  size_t length = name_length(s, n);
  if (!length) return bad(r);
  CLEANUP_FREE char *name = xstrndup(s, length);
  const char *value = r->how->lookup(r->how->data, name);
  s += length;
  n -= length;
  if (!n) return put_plain(r, name, value);
  bool colon = *s == ':';
  if (colon) s++, n--;
  if (!n) return bad(r);
  char form = *s++;
  n--;
  bool present = value && !(colon && !*value);
  switch (form) {
  case '-':
    return present ? put(r, value, strlen(value)) : expand(r, s, n, depth + 1);
  case '+':
    return present ? expand(r, s, n, depth + 1) : 0;
  case '?':
    if (present) return put(r, value, strlen(value));
    return error_set(r->err, ERR_CONFIG, "%s is %s%s%.*s", name, value ? "empty" : "not set", n ? ": " : "",
                     (int)(n < ERROR_TEXT_MAX ? n : ERROR_TEXT_MAX), s);
  default:
    return bad(r);
  }
}

/* The index of the brace that closes the "${" at s, counting nested ones, or n. */
static size_t closing_brace(const char *s, size_t n) {
  int open = 0;
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '$' && i + 1 < n && s[i + 1] == '{') {
      open++;
      i++;
    } else if (s[i] == '}' && --open == 0) {
      return i;
    }
  }
  return n;
}

/* One `$` at s; *ret_used says how many bytes of s it took. */
static int expand_dollar(struct run *r, const char *s, size_t n, int depth, size_t *ret_used) {
  char next = n > 1 ? s[1] : '\0';
  if (next == '$') {
    *ret_used = 2;
    return put(r, "$", 1);
  }
  if (next == '{') {
    size_t close = closing_brace(s, n);
    if (close == n) return bad(r);
    *ret_used = close + 1;
    return expand_braced(r, s + 2, close - 2, depth);
  }
  *ret_used = 1;
  if (!r->how->bare_names) return put(r, "$", 1);
  size_t length = name_length(s + 1, n - 1);
  if (!length) return put(r, "$", 1); /* "5$", "$-": Compose lets it stand */
  *ret_used = length + 1;
  CLEANUP_FREE char *name = xstrndup(s + 1, length);
  return put_plain(r, name, r->how->lookup(r->how->data, name));
}

static int expand(struct run *r, const char *s, size_t n, int depth) {
  if (depth > NESTING_MAX)
    return error_set(r->err, ERR_CONFIG, "bad substitution: nested deeper than %d", NESTING_MAX);
  while (n) {
    const char *dollar = memchr(s, '$', n);
    size_t plain = dollar ? (size_t)(dollar - s) : n, used = 0;
    if (put(r, s, plain)) return -1;
    s += plain;
    n -= plain;
    if (n && expand_dollar(r, s, n, depth, &used)) return -1;
    s += used;
    n -= used;
  }
  return 0;
}

char *interpolate(const char *text, const struct interpolation *how, char **ret_unset, struct error *err) {
  struct run r = {.how = how, .err = err};
  buf_init(&r.out, LIMIT_ENV_FILE);
  int failed = expand(&r, text, strlen(text), 0);
  if (!failed && ret_unset) *ret_unset = TAKE(r.unset);
  free(r.unset);
  if (!failed) return buf_take(&r.out);
  buf_done(&r.out);
  return NULL;
}
