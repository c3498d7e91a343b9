#include "data/json_plain.h"
#include "base/alloc.h"
#include "base/limits.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18 /* of a number that is surely in range */

struct reader {
  const char *p, *end;
  int depth;
};

static json_t *read_value(struct reader *r);

/* The next character that is no space; NUL at the end, which no JSON holds. */
static char next(struct reader *r) {
  while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) r->p++;
  return r->p < r->end ? *r->p : '\0';
}

static bool take(struct reader *r, char c) {
  if (next(r) != c) return false;
  r->p++;
  return true;
}

/* Behind the opening quote: moves behind the closing one. Returns the first of *n bytes between; NULL: not
 * plain. */
static const char *read_text(struct reader *r, size_t *n, bool *escaped) {
  const char *begin = r->p;
  for (; r->p < r->end && *r->p != '"'; r->p++) {
    if ((unsigned char)*r->p < ' ' || (unsigned char)*r->p >= 0x7f) return NULL;
    if (*r->p != '\\') continue;
    *escaped = true;
    if (++r->p == r->end || !strchr("\"\\/bfnrt", *r->p) || !*r->p) return NULL;
  }
  if (r->p == r->end) return NULL;
  *n = (size_t)(r->p++ - begin);
  return begin;
}

static char meaning(char c) {
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  const char *at = strchr(from, c);
  return at ? to[at - from] : c;
}

static json_t *read_string(struct reader *r) {
  size_t n, k = 0;
  bool escaped = false;
  const char *p = read_text(r, &n, &escaped);
  if (!p) return NULL;
  if (!escaped) return json_stringn_nocheck(p, n);
  char *s = xmalloc(n + 1);
  for (size_t i = 0; i < n; i++) s[k++] = p[i] == '\\' ? meaning(p[++i]) : p[i];
  json_t *o = json_stringn_nocheck(s, k);
  free(s);
  return o;
}

static json_t *read_number(struct reader *r) {
  json_int_t value = 0;
  bool minus = *r->p == '-';
  if (minus) r->p++;
  const char *begin = r->p;
  for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - begin <= DIGITS_MAX; r->p++)
    value = value * 10 + (*r->p - '0');
  ptrdiff_t n = r->p - begin;
  bool more = r->p < r->end && strchr(".eE", *r->p);
  if (n == 0 || n > DIGITS_MAX || (n > 1 && *begin == '0') || more) return NULL;
  return json_integer(minus ? -value : value);
}

static json_t *read_word(struct reader *r, const char *word, json_t *value) {
  size_t n = strlen(word);
  if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) return NULL;
  r->p += n;
  return value;
}

static bool read_member(struct reader *r, json_t *o) {
  size_t n;
  bool escaped = false;
  const char *key = take(r, '"') ? read_text(r, &n, &escaped) : NULL;
  if (!key || escaped || !take(r, ':')) return false;
  json_t *value = read_value(r);
  return value && !json_object_setn_new_nocheck(o, key, n, value);
}

static bool read_item(struct reader *r, json_t *o) {
  json_t *value = read_value(r);
  return value && !json_array_append_new(o, value);
}

/* Behind the opening bracket. */
static json_t *read_all(struct reader *r, json_t *o, char close, bool (*one)(struct reader *, json_t *)) {
  bool good = r->depth++ < LIMIT_JSON_DEPTH;
  if (good && !take(r, close)) {
    while ((good = one(r, o)) && take(r, ',')) {
    }
    good = good && take(r, close);
  }
  r->depth--;
  if (good) return o;
  json_decref(o);
  return NULL;
}

static json_t *read_value(struct reader *r) {
  switch (next(r)) {
  case '{':
    r->p++;
    return read_all(r, json_object(), '}', read_member);
  case '[':
    r->p++;
    return read_all(r, json_array(), ']', read_item);
  case '"':
    r->p++;
    return read_string(r);
  case 't':
    return read_word(r, "true", json_true());
  case 'f':
    return read_word(r, "false", json_false());
  case 'n':
    return read_word(r, "null", json_null());
  case '\0':
    return NULL;
  default:
    return read_number(r);
  }
}

json_t *json_plain(const char *text, size_t len) {
  struct reader r = {.p = text, .end = text + len};
  json_t *o = read_value(&r);
  if (!o || (next(&r) == '\0' && r.p == r.end)) return o;
  json_decref(o);
  return NULL;
}
