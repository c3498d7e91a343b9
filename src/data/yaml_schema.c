#include "data/yaml_schema.h"
#include "base/alloc.h"
#include <string.h>

static bool is_one_of(const char *text, const char *const *words) {
  for (; *words; words++)
    if (strcmp(text, *words) == 0) return true;
  return false;
}

static size_t span_digits(const char *s) {
  return strspn(s, "0123456789");
}

static bool is_int(const char *s) {
  if (s[0] == '0' && s[1] == 'o') return s[2] && !s[2 + strspn(s + 2, "01234567")];
  if (s[0] == '0' && s[1] == 'x') return s[2] && !s[2 + strspn(s + 2, "0123456789abcdefABCDEF")];
  if (*s == '-' || *s == '+') s++;
  return *s && !s[span_digits(s)];
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_decimal(const char *s) {
  size_t before = span_digits(s), after = 0;
  s += before;
  if (*s == '.') {
    after = span_digits(++s);
    s += after;
  }
  if (!before && !after) return false;
  if (*s == 'e' || *s == 'E') {
    s++;
    if (*s == '-' || *s == '+') s++;
    if (!span_digits(s)) return false;
    s += span_digits(s);
  }
  return !*s;
}

static bool is_float(const char *s) {
  static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
  static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
  if (is_one_of(s, nan)) return true;
  if (*s == '-' || *s == '+') s++;
  return is_one_of(s, infinite) || is_decimal(s);
}

enum yaml_kind yaml_plain_kind(const char *text) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
  if (is_one_of(text, nulls)) return YAML_NULL;
  if (is_one_of(text, bools)) return YAML_BOOL;
  if (is_int(text)) return YAML_INT;
  return is_float(text) ? YAML_FLOAT : YAML_STRING;
}

int yaml_tag_kind(const char *tag) {
  static const char prefix[] = "tag:yaml.org,2002:";
  static const char *const names[] = {
      [YAML_NULL] = "null",  [YAML_BOOL] = "bool", [YAML_INT] = "int", [YAML_FLOAT] = "float",
      [YAML_STRING] = "str", [YAML_LIST] = "seq",  [YAML_MAP] = "map"};
  if (strncmp(tag, prefix, sizeof prefix - 1) != 0) return -1;
  for (size_t i = 0; i < ARRAY_LEN(names); i++)
    if (strcmp(tag + sizeof prefix - 1, names[i]) == 0) return (int)i;
  return -1;
}
