/* Values: checks on the way in, readers on the way out. */
#include "base/alloc.h"
#include "base/parse.h"
#include "cli/option.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void options_init(struct options *o) {
  memset(o, 0, sizeof *o);
}

void options_done(struct options *o) {
  for (int id = 0; id < OPTION_COUNT; id++) {
    struct option_values *given = &o->given[id];
    for (size_t i = 0; i < given->n; i++) {
      free(given->v[i].text);
      free(given->v[i].origin);
    }
    free(given->v);
  }
  options_init(o);
}

int option_word(const char *words, const char *word) {
  size_t n = strlen(word);
  int index = 0;
  for (const char *at = words; n > 0; index++) {
    size_t len = strcspn(at, "|");
    if (len == n && memcmp(at, word, n) == 0) return index;
    if (!at[len]) break;
    at += len + 1;
  }
  return -1;
}

static int parse_number(enum option_kind kind, const char *text, int64_t *ret) {
  switch (kind) {
  case OPTION_DURATION:
    return parse_duration(text, ret);
  case OPTION_SIZE:
    return parse_size(text, ret);
  default:
    return parse_cpus(text, ret);
  }
}

/* A value of the environment or of a secret option is not quoted: it may be anything. */
static int complain(struct error *err, const struct option_row *row, enum option_layer layer,
                    const char *text, const char *origin, const char *why) {
  enum error_kind kind = layer == LAYER_DEFAULTS || layer == LAYER_TASK ? ERR_CONFIG : ERR_USAGE;
  if (layer == LAYER_ENVIRONMENT || (row->flags & OPTION_SECRET))
    return error_set(err, kind, "%s: %s", origin, why);
  return error_set(err, kind, "%s: '%s' %s", origin, text, why);
}

static int check(const struct option_row *row, enum option_layer layer, const char *text, const char *origin,
                 struct error *err) {
  int64_t number;
  bool yes;
  CLEANUP_FREE char *why = NULL;
  switch (row->kind) {
  case OPTION_LATER:
    return error_set(err, ERR_USAGE, "%s: not in this version", origin);
  case OPTION_FLAG:
    if (parse_bool(text, &yes) == 0) return 0;
    return complain(err, row, layer, text, origin, "is neither true nor false");
  case OPTION_CHOICE:
    if (option_word(row->arg, text) >= 0) return 0;
    why = xprintf("is none of %s", row->arg);
    return complain(err, row, layer, text, origin, why);
  case OPTION_DURATION:
    if (parse_number(row->kind, text, &number) == 0) return 0;
    return complain(err, row, layer, text, origin, "is not a duration; write 90, 30m, 1h30m or 7d (0: none)");
  case OPTION_SIZE:
    if (parse_number(row->kind, text, &number) == 0) return 0;
    return complain(err, row, layer, text, origin, "is not a size; write 64m, 100MiB or 1.5g");
  case OPTION_CPUS:
    if (parse_number(row->kind, text, &number) == 0) return 0;
    return complain(err, row, layer, text, origin, "is not a number of CPUs; write 2 or 0.5");
  case OPTION_TEXT:
    break;
  }
  if ((row->flags & OPTION_NAMED) && !*text)
    return error_set(err, ERR_USAGE, "%s: the value is empty", origin);
  if ((row->flags & OPTION_SECRET) && *text == '=')
    return error_set(err, ERR_USAGE, "%s: the name before '=' is empty", origin);
  return 0;
}

int option_add(struct options *o, enum option_id id, const char *text, enum option_layer layer,
               const char *origin, struct error *err) {
  const struct option_row *row = &option_rows[id];
  if (check(row, layer, text, origin, err) < 0) return -1;
  struct option_value value = {xstrdup(text), xstrdup(origin), layer, ++o->serial};
  if (row->kind == OPTION_FLAG) {
    bool yes = false;
    parse_bool(text, &yes);
    free(value.text);
    value.text = xstrdup(yes ? "true" : "false");
  }
  struct option_values *given = &o->given[id];
  given->v = xrealloc(given->v, (given->n + 1) * sizeof *given->v);
  size_t at = given->n++;
  for (; at > 0 && given->v[at - 1].layer > layer; at--) given->v[at] = given->v[at - 1];
  given->v[at] = value;
  return 0;
}

const struct option_value *option_last(const struct options *o, enum option_id id) {
  const struct option_values *given = &o->given[id];
  return given->n ? &given->v[given->n - 1] : NULL;
}

const char *option_text(const struct options *o, enum option_id id) {
  const struct option_value *value = option_last(o, id);
  return value ? value->text : NULL;
}

bool option_flag(const struct options *o, enum option_id id) {
  const char *text = option_text(o, id);
  return text && strcmp(text, "true") == 0;
}

int64_t option_number(const struct options *o, enum option_id id, int64_t fallback) {
  const char *text = option_text(o, id);
  int64_t number = fallback;
  if (text) parse_number(option_rows[id].kind, text, &number);
  return number;
}

int option_choice(const struct options *o, enum option_id id, int fallback) {
  const char *text = option_text(o, id);
  return text ? option_word(option_rows[id].arg, text) : fallback;
}

int option_opposed(const struct options *o, enum option_id yes, enum option_id no) {
  const struct option_value *a = option_last(o, yes), *b = option_last(o, no);
  bool second = b && (!a || b->layer > a->layer || (b->layer == a->layer && b->serial > a->serial));
  if (second) return strcmp(b->text, "true") != 0;
  return a ? strcmp(a->text, "true") == 0 : -1;
}

const char *option_variable(const struct option_row *row, char ret[64]) {
  int n = snprintf(ret, 64, "RUN_ONCE_%s", row->name);
  for (int i = 9; i < n; i++) ret[i] = ret[i] == '-' ? '_' : (char)toupper((unsigned char)ret[i]);
  return ret;
}
