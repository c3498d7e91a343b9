/* A few members of a large object, without building the rest: an inspect answer carries the whole
 * environment, and jansson takes 100 instructions a byte. */
#include "base/buf.h"
#include "base/limits.h"
#include "data/json.h"
#include <string.h>

static const char *skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
  return p;
}

/* Behind the closing quote; NULL: there is none. */
static const char *skip_string(const char *p, const char *end) {
  for (p++; p < end; p++) {
    if (*p == '\\')
      p++;
    else if (*p == '"')
      return p + 1;
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

/* One member with its key, to `out` if wanted. Returns what follows it; NULL: not as expected. */
static const char *member(const char *p, const char *end, const char *const *keys, struct buf *out) {
  const char *key = p, *behind_key = p < end && *p == '"' ? skip_string(p, end) : NULL;
  const char *colon = behind_key ? skip_space(behind_key, end) : end;
  if (colon >= end || *colon != ':') return NULL;
  const char *behind = skip_value(colon + 1, end);
  if (!behind || !wanted(key + 1, (size_t)(behind_key - key) - 2, keys)) return behind;
  if (out->len > 1) buf_append(out, ",", 1);
  buf_append(out, key, (size_t)(behind - key));
  return behind;
}

static bool pick(const char *p, const char *end, const char *const *keys, struct buf *out) {
  p = skip_space(p, end);
  if (p >= end || *p != '{') return false;
  buf_append(out, "{", 1);
  do {
    p = member(skip_space(p + 1, end), end, keys, out);
  } while (p && *p == ',');
  if (!p || *p != '}' || skip_space(p + 1, end) != end) return false;
  return buf_append(out, "}", 1) == 0;
}

json_t *json_parse_part(const char *text, size_t len, const char *const *keys, struct error *err) {
  struct buf part;
  buf_init(&part, LIMIT_JSON);
  /* What is not as expected is looked at whole: the complaint is the same. */
  bool picked = len <= LIMIT_JSON && pick(text, text + len, keys, &part);
  json_t *o = picked ? json_parse(part.data, part.len, err) : json_parse(text, len, err);
  buf_done(&part);
  return o;
}
