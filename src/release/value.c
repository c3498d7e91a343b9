#include "base/alloc.h"
#include "base/parse.h"
#include "data/interpolate.h"
#include "release/keys.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *dot(const struct reading *in) {
  return in->path ? "." : "";
}
static const char *path(const struct reading *in) {
  return in->path ? in->path : "";
}

int complain(const struct reading *in, int line, const char *key, struct error *err, const char *fmt, ...) {
  char text[ERROR_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof(text), fmt, ap);
  va_end(ap);
  return error_set(err, ERR_CONFIG, "%s:%d: %s%s%s: %s", in->release->file, line, path(in), dot(in), key,
                   text);
}

int wrong_type(const struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return complain(in, value->line, k->name, err, "expected %s, found %s", k->expect,
                  yaml_kind_name(value->kind));
}

/* Any value will do to see whether the ${} forms of a text are well written. */
static const char *lookup_anything(void *data, const char *name) {
  (void)data;
  (void)name;
  return "x";
}

int value_expand(struct reading *in, const char *key, int line, const char *text, bool must_be_set,
                 char **ret, struct error *err) {
  if (in->compose) {
    *ret = xstrdup(text);
    return 0;
  }
  struct interpolation how = {
      .lookup = dotenv_lookup, .data = in->release->dotenv, .unset_is_error = must_be_set};
  bool unknown = in->check && strstr(text, "${");
  if (unknown) how = (struct interpolation){.lookup = lookup_anything};
  CLEANUP_FREE char *unset = NULL;
  CLEANUP_FREE char *expanded = interpolate(text, &how, &unset, err);
  if (!expanded) return error_prefix(err, "%s:%d: %s%s%s", in->release->file, line, path(in), dot(in), key);
  if (unknown) return 1;
  if (unset)
    strv_take(in->notes, xprintf("%s:%d: %s%s%s: the variable %s is not set, empty is used",
                                 in->release->file, line, path(in), dot(in), key, unset));
  *ret = TAKE(expanded);
  return 0;
}

int value_text(struct reading *in, const struct key *k, const struct yaml *value, char **ret,
               struct error *err) {
  if (value->kind == YAML_NULL || value->kind == YAML_LIST || value->kind == YAML_MAP)
    return wrong_type(in, k, value, err);
  if (value->kind == YAML_STRING) return value_expand(in, k->name, value->line, value->text, false, ret, err);
  *ret = xstrdup(value->text);
  return 0;
}

int value_list(struct reading *in, const struct key *k, const struct yaml *value, bool one, struct strv *ret,
               struct error *err) {
  char *text = NULL;
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_LIST) {
    if (!one) return wrong_type(in, k, value, err);
    int rc = value_text(in, k, value, &text, err);
    if (rc == 0) strv_take(ret, text);
    return rc;
  }
  int unknown = 0;
  for (size_t i = 0; i < value->n; i++) {
    int rc = value_text(in, k, value->items[i], &text, err);
    if (rc < 0) return rc;
    if (rc == 0) strv_take(ret, text);
    unknown |= rc;
  }
  return unknown;
}

/* NAME=VALUE, or NAME alone. */
static int read_pair(struct reading *in, const struct key *k, int line, char *text, pair_fn *fn,
                     struct error *err) {
  char *equals = strchr(text, '=');
  if (equals) *equals = '\0';
  if (!*text) return complain(in, line, k->name, err, "the name is empty");
  return fn(in, k, line, text, equals ? equals + 1 : NULL, err);
}

static int read_pair_of_map(struct reading *in, const struct key *k, const struct yaml_pair *pair,
                            pair_fn *fn, struct error *err) {
  if (!*pair->key || strchr(pair->key, '='))
    return complain(in, pair->line, k->name, err, "'%s' is not a name", pair->key);
  if (pair->value->kind == YAML_NULL) return fn(in, k, pair->line, pair->key, NULL, err);
  CLEANUP_FREE char *name = xprintf("%s.%s", k->name, pair->key);
  struct key of_pair = {.name = name, .expect = "a string or a number"};
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, &of_pair, pair->value, &text, err);
  return rc ? rc : fn(in, k, pair->line, pair->key, text, err);
}

int value_pairs(struct reading *in, const struct key *k, const struct yaml *value, pair_fn *fn,
                struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP && value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    int rc;
    if (value->kind == YAML_MAP) {
      rc = read_pair_of_map(in, k, &value->pairs[i], fn, err);
    } else {
      const struct yaml *item = value->items[i];
      if (item->kind != YAML_STRING)
        return complain(in, item->line, k->name, err, "expected NAME=VALUE, found %s",
                        yaml_kind_name(item->kind));
      CLEANUP_FREE char *text = NULL;
      rc = value_text(in, k, item, &text, err);
      if (rc == 0) rc = read_pair(in, k, item->line, text, fn, err);
    }
    if (rc < 0) return rc;
  }
  return 0;
}

int value_bool(struct reading *in, const struct key *k, const struct yaml *value, bool *ret,
               struct error *err) {
  if (value->kind != YAML_BOOL && value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, k, value, &text, err);
  if (rc) return rc;
  if (parse_bool(text, ret) == 0) return 0;
  return complain(in, value->line, k->name, err, "expected true or false, found '%s'", text);
}
