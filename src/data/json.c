#include "data/json.h"
#include "base/alloc.h"
#include "base/limits.h"
#include <string.h>

/* jansson's own limit of nesting is 2,048 and fixed when it was built, so ours is held before it reads. Only
 * brackets outside strings count; whether the text is JSON at all is not asked here. */
static bool too_deep(const char *text, size_t len) {
  int depth = 0;
  bool string = false;
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    if (string) {
      if (c == '\\') i++;
      if (c == '"') string = false;
    } else if (c == '"') {
      string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > LIMIT_JSON_DEPTH) return true;
    } else if (c == ']' || c == '}') {
      depth--;
    }
  }
  return false;
}

/* jansson's text quotes the place of the fault ("near 'hunter2'"): only its code is used. */
static const char *reason(const json_error_t *e) {
  switch (json_error_code(e)) {
  case json_error_premature_end_of_input:
    return "it ends too early";
  case json_error_end_of_input_expected:
    return "something follows its end";
  case json_error_invalid_utf8:
    return "not UTF-8";
  case json_error_null_character:
  case json_error_null_byte_in_key:
    return "a NUL character in a string";
  case json_error_numeric_overflow:
    return "a number is too large";
  case json_error_out_of_memory:
    return "out of memory";
  default:
    return "syntax";
  }
}

json_t *json_parse(const char *text, size_t len, struct error *err) {
  if (len > LIMIT_JSON) {
    error_set(err, ERR_ENGINE, "not JSON: more than %u MiB", LIMIT_JSON >> 20);
    return NULL;
  }
  if (too_deep(text, len)) {
    error_set(err, ERR_ENGINE, "not JSON: nested deeper than %d", LIMIT_JSON_DEPTH);
    return NULL;
  }
  json_error_t e;
  json_t *o = json_loadb(text, len, JSON_DECODE_ANY, &e);
  if (!o) error_set(err, ERR_ENGINE, "not JSON: %s at byte %d of %zu", reason(&e), e.position, len);
  return o;
}

json_t *json_at(const json_t *o, const char *path) {
  while (o) {
    size_t n = strcspn(path, ".");
    o = json_object_getn(o, path, n); /* NULL for what is no object */
    if (!path[n]) break;
    path += n + 1;
  }
  return json_is_null(o) ? NULL : (json_t *)o;
}

const char *json_str(const json_t *o, const char *path) {
  return json_string_value(json_at(o, path));
}

long long json_int_or(const json_t *o, const char *path, long long fallback) {
  const json_t *value = json_at(o, path);
  return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_is(const json_t *o, const char *path) {
  return json_is_true(json_at(o, path));
}

json_t *json_object_in(json_t *o, const char *key) {
  json_t *in = json_object_get(o, key);
  if (json_is_object(in)) return in;
  in = json_object();
  json_object_set_new(o, key, in);
  return in;
}

void json_unref(json_t **o) {
  json_decref(*o);
  *o = NULL;
}

char *json_canonical(const json_t *o) {
  char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  return text ? text : xstrdup("null");
}
