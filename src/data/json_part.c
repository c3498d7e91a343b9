/* A few members of a large object, without building the rest: an inspect answer carries the whole
 * environment, and jansson takes 100 instructions a byte. */
#include "base/buf.h"
#include "base/limits.h"
#include "data/json.h"
#include <string.h>

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *p, const char *end) {
  while (p < end && is_space(*p)) p++;
  return p;
}

/* Behind the closing quote; NULL: there is none. */
static const char *skip_string(const char *p, const char *end) {
  for (p++; p < end && (p = memchr(p, '"', (size_t)(end - p))); p++) {
    const char *back = p;
    while (back[-1] == '\\') back--; /* the opening quote ends it at the latest */
    if ((p - back) % 2 == 0) return p + 1;
  }
  return NULL;
}

/* Behind a value: at the comma or bracket that ends it. Brackets are counted, not matched. */
static const char *skip_value(const char *p, const char *end) {
  int depth = 0;
  while (p && p < end) {
    if (*p == '"') {
      p = skip_string(p, end);
      continue;
    }
    if (depth == 0 && (*p == ',' || *p == '}' || *p == ']')) return p;
    depth += *p == '{' || *p == '[' ? 1 : *p == '}' || *p == ']' ? -1 : 0;
    p++;
  }
  return NULL;
}

static bool wanted(const char *key, size_t n, const char *const *keys) {
  for (; *keys; keys++)
    if (strlen(*keys) == n && !memcmp(*keys, key, n)) return true;
  return false;
}

#define INNER_MAX 8

static bool pick(const char *p, const char *end, const char *const *keys, struct buf *out);

/* Of "Actor.Attributes.signal" at the member Actor: what is wanted inside of it. Returns how many. */
static size_t inner(const char *key, size_t n, const char *const *keys, const char **ret) {
  size_t k = 0;
  for (; *keys && k < INNER_MAX; keys++)
    if (strlen(*keys) > n && !memcmp(*keys, key, n) && (*keys)[n] == '.') ret[k++] = *keys + n + 1;
  ret[k] = NULL;
  return k;
}

static void begin_member(struct buf *out, const char *p, size_t n) {
  if (out->data[out->len - 1] != '{') buf_append(out, ",", 1);
  buf_append(out, p, n);
}

/* One member with its key, to `out` if wanted. Returns what follows it; NULL: not as expected. */
static const char *member(const char *p, const char *end, const char *const *keys, struct buf *out) {
  const char *key = p, *behind_key = p < end && *p == '"' ? skip_string(p, end) : NULL;
  const char *colon = behind_key ? skip_space(behind_key, end) : end, *inside[INNER_MAX + 1];
  if (colon >= end || *colon != ':') return NULL;
  const char *value = skip_space(colon + 1, end), *behind = skip_value(value, end);
  size_t n = (size_t)(behind_key - key) - 2;
  if (!behind) return NULL;
  if (wanted(key + 1, n, keys)) {
    begin_member(out, key, (size_t)(behind - key));
  } else if (*value == '{' && inner(key + 1, n, keys, inside)) {
    begin_member(out, key, (size_t)(value - key));
    if (!pick(value, behind, inside, out)) return NULL;
  }
  return behind;
}

static bool pick(const char *p, const char *end, const char *const *keys, struct buf *out) {
  p = skip_space(p, end);
  if (p >= end || *p != '{') return false;
  buf_append(out, "{", 1);
  const char *first = skip_space(p + 1, end);
  bool empty = first < end && *first == '}';
  if (empty) p = first;
  while (!empty && (p = member(skip_space(p + 1, end), end, keys, out)) && *p == ',') {
  }
  if (!p || *p != '}' || skip_space(p + 1, end) != end) return false;
  return buf_append(out, "}", 1) == 0;
}

/* The same of every object of an array. */
static bool pick_rows(const char *p, const char *end, const char *const *keys, struct buf *out) {
  const char *row = skip_space(p + 1, end), *behind = row;
  buf_append(out, "[", 1);
  bool empty = row < end && *row == ']';
  while (!empty) {
    behind = skip_value(row, end);
    if (!behind || !pick(row, behind, keys, out)) return false;
    if (*behind != ',') break;
    buf_append(out, ",", 1);
    row = skip_space(behind + 1, end);
  }
  return *behind == ']' && skip_space(behind + 1, end) == end && buf_append(out, "]", 1) == 0;
}

json_t *json_parse_part(const char *text, size_t len, const char *const *keys, struct error *err) {
  struct buf part;
  buf_init(&part, LIMIT_JSON);
  /* What is not as expected is looked at whole: the complaint is the same. */
  const char *end = text + len, *begin = skip_space(text, end);
  bool rows = begin < end && *begin == '[';
  bool picked = len <= LIMIT_JSON && (rows ? pick_rows : pick)(begin, end, keys, &part);
  json_t *o = picked ? json_parse(part.data, part.len, err) : json_parse(text, len, err);
  buf_done(&part);
  return o;
}

/* Is this string the key of an array that is in `names`? Then where the array begins. */
static const char *named_array(const char *string, const char *behind, const char *end,
                               const char *const *names) {
  const char *colon = skip_space(behind, end);
  if (colon >= end || *colon != ':' || !wanted(string + 1, (size_t)(behind - string) - 2, names)) return NULL;
  const char *value = skip_space(colon + 1, end);
  return value < end && *value == '[' ? value : NULL;
}

/* The comma that stood before or behind a member goes with it. Returns where to go on. */
static const char *close_gap(const char *behind, const char *end, struct buf *out) {
  const char *next = skip_space(behind, end);
  if (next < end && *next == ',') return next + 1;
  while (out->len && is_space(out->data[out->len - 1])) out->len--;
  if (out->len && out->data[out->len - 1] == ',') out->len--;
  return behind;
}

/* Only strings are looked at: a key is one with a colon behind it. */
static bool leave_out(const char *p, const char *end, const char *const *names, struct buf *out) {
  const char *from = p, *quote, *behind;
  while (p < end && (quote = memchr(p, '"', (size_t)(end - p)))) {
    if (!(behind = skip_string(quote, end))) return false;
    p = behind;
    const char *array = named_array(quote, behind, end, names);
    if (!array) continue;
    if (!(behind = skip_value(array, end)) || buf_append(out, from, (size_t)(quote - from)) < 0) return false;
    p = from = close_gap(behind, end, out);
  }
  return buf_append(out, from, (size_t)(end - from)) == 0;
}

json_t *json_parse_without(const char *text, size_t len, const char *const *names, struct error *err) {
  struct buf rest;
  struct error ignored = ERROR_INIT;
  buf_init(&rest, LIMIT_JSON);
  json_t *o = NULL;
  if (len <= LIMIT_JSON && leave_out(text, text + len, names, &rest))
    o = json_parse(rest.data ? rest.data : "", rest.len, &ignored);
  buf_done(&rest);
  return o ? o : json_parse(text, len, err); /* the complaint is of the text as it came */
}
