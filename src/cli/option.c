/* Parsing: the command line, RUN_ONCE_… variables, pairs of the release file. */
#include "cli/option.h"
#include "base/alloc.h"
#include "base/parse.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool taken(const struct option_row *row, option_mask mask) {
  return (row->commands & mask) != 0;
}

static int by_name(const char *name, size_t n) {
  for (int id = 0; id < OPTION_COUNT; id++)
    if (strlen(option_rows[id].name) == n && memcmp(option_rows[id].name, name, n) == 0) return id;
  return -1;
}

static int by_letter(char letter, option_mask mask) {
  for (int id = 0; id < OPTION_COUNT; id++)
    if (option_rows[id].letter == letter && taken(&option_rows[id], mask)) return id;
  return -1;
}

/* "option --tiemout: unknown; did you mean --timeout?" The part behind '=' may be a secret and stays unsaid.
 */
static int unknown(const char *dashes, const char *name, size_t n, option_mask mask, struct error *err) {
  const char *known[OPTION_COUNT];
  int count = 0;
  CLEANUP_FREE char *word = xstrndup(name, n);
  for (int id = 0; id < OPTION_COUNT; id++)
    if (taken(&option_rows[id], mask) && option_rows[id].kind != OPTION_LATER)
      known[count++] = option_rows[id].name;
  const char *near = n > 1 ? nearest_word(word, known, count) : NULL;
  if (near) return error_set(err, ERR_USAGE, "option %s%s: unknown; did you mean --%s?", dashes, word, near);
  return error_set(err, ERR_USAGE, "option %s%s: unknown; `run-once help` lists the options", dashes, word);
}

/* The value of a secret option is NAME=VALUE in the caller's argv, which anybody may read in the process
 * list. */
static void wipe(char *text) {
  char *value = strchr(text, '=');
  if (value) memset(value + 1, '*', strlen(value + 1));
}

/* Where the parser stands. */
struct cursor {
  struct options *o;
  option_mask mask;
  int argc, at; /* argv[at] is being read */
  char **argv;
};

static int needs_value(const struct option_row *row, const char *said, struct error *err) {
  return error_set(err, ERR_USAGE, "option %s: needs a value (%s)", said, row->arg);
}

/* `inner`: the value within the same word, or NULL: the next word. */
static int take(struct cursor *c, int id, const char *said, char *inner, struct error *err) {
  const struct option_row *row = &option_rows[id];
  CLEANUP_FREE char *origin = xprintf("option %s", said);
  if (row->kind == OPTION_LATER)
    return option_add(c->o, (enum option_id)id, "", LAYER_COMMAND_LINE, origin, err);
  if (row->kind == OPTION_FLAG)
    return option_add(c->o, (enum option_id)id, inner ? inner : "true", LAYER_COMMAND_LINE, origin, err);
  if (!inner) {
    if (c->at + 1 >= c->argc || strcmp(c->argv[c->at + 1], "--") == 0) return needs_value(row, said, err);
    inner = c->argv[++c->at];
  }
  int result = option_add(c->o, (enum option_id)id, inner, LAYER_COMMAND_LINE, origin, err);
  if (row->flags & OPTION_SECRET) wipe(inner);
  return result;
}

static int read_long(struct cursor *c, struct error *err) {
  char *name = c->argv[c->at] + 2;
  size_t n = strcspn(name, "=");
  int id = by_name(name, n);
  if (id < 0) return unknown("--", name, n, c->mask, err);
  const struct option_row *row = &option_rows[id];
  if (!taken(row, c->mask))
    return error_set(err, ERR_USAGE, "option --%s: not for this command; `run-once help` lists its options",
                     row->name);
  CLEANUP_FREE char *said = xprintf("--%s", row->name);
  return take(c, id, said, name[n] ? name + n + 1 : NULL, err);
}

/* -it, -eNAME=V, -e NAME=V, -e=NAME=V: as docker reads them. */
static int read_short(struct cursor *c, struct error *err) {
  char *word = c->argv[c->at];
  for (char *letter = word + 1; *letter; letter++) {
    char said[3] = {'-', *letter, 0};
    int id = by_letter(*letter, c->mask);
    if (id < 0) return unknown("-", letter, 1, c->mask, err);
    if (id == OPT_HELP && (c->mask & ON_ANY_RUN)) /* docker run's -h: help would end with 0 and run nothing */
      return error_set(err, ERR_USAGE, "option -h: write --help, or --hostname NAME");
    bool flag = option_rows[id].kind == OPTION_FLAG;
    bool equals = letter[1] == '=';
    if (!flag || equals) return take(c, id, said, letter[1] ? letter + 1 + equals : NULL, err);
    if (take(c, id, said, NULL, err) < 0) return -1;
  }
  return 0;
}

int options_parse(struct options *o, option_mask mask, bool options_end, int argc, char **argv,
                  int *ret_first, bool *ret_dashes, struct error *err) {
  struct cursor c = {o, mask, argc, 0, argv};
  char **words = xcalloc((size_t)argc + 1, sizeof *words);
  int n = 0, result = 0;
  bool dashes = false;
  for (; c.at < argc && result == 0; c.at++) {
    char *word = argv[c.at];
    if (strcmp(word, "--") == 0) {
      dashes = true;
      c.at++;
      break;
    }
    if (word[0] == '-' && word[1] == '-') {
      result = read_long(&c, err);
    } else if (word[0] == '-' && word[1]) {
      result = read_short(&c, err);
    } else if (options_end) {
      break;
    } else {
      words[n++] = word;
    }
  }
  if (result == 0) { /* c.at is behind the options; words that stood between them go before the rest */
    for (int i = 0; i < n; i++) argv[c.at - n + i] = words[i];
    *ret_first = c.at - n;
    *ret_dashes = dashes;
  }
  free(words);
  return result;
}

static int add_lines(struct options *o, enum option_id id, const char *text, const char *origin,
                     struct error *err) {
  while (*text) {
    size_t n = strcspn(text, "\n");
    CLEANUP_FREE char *line = xstrndup(text, n);
    if (n > 0 && option_add(o, id, line, LAYER_ENVIRONMENT, origin, err) < 0) return -1;
    text += n + (text[n] == '\n');
  }
  return 0;
}

#define VARIABLE_PREFIX "RUN_ONCE_"

/* "TIMEOUT=30m" is of --timeout. */
static int by_variable(const char *entry) {
  for (int id = 0; id < OPTION_COUNT; id++) {
    const char *name = option_rows[id].name, *p = entry;
    while (*name && *p == (*name == '-' ? '_' : toupper((unsigned char)*name))) name++, p++;
    if (!*name && *p == '=') return id;
  }
  return -1;
}

/* From what is set to the options: there are ninety of them, and mostly none is set. */
int options_environment(struct options *o, option_mask mask, struct error *err) {
  for (char **e = environ; e && *e; e++) {
    if (strncmp(*e, VARIABLE_PREFIX, sizeof VARIABLE_PREFIX - 1) != 0) continue;
    int id = by_variable(*e + sizeof VARIABLE_PREFIX - 1);
    if (id < 0 || id == OPT_HELP || !taken(&option_rows[id], mask)) continue;
    const struct option_row *row = &option_rows[id];
    const char *text = strchr(*e, '=') + 1;
    char name[64];
    if (getenv(option_variable(row, name)) != text) continue; /* set twice: the first one counts */
    if (!*text && !(row->flags & OPTION_EMPTY)) continue;
    int result = row->flags & OPTION_REPEAT
                     ? add_lines(o, (enum option_id)id, text, name, err)
                     : option_add(o, (enum option_id)id, text, LAYER_ENVIRONMENT, name, err);
    if (result < 0) return -1;
  }
  return 0;
}

int options_pairs(struct options *o, option_mask mask, const struct strv *pairs, enum option_layer layer,
                  const char *where, struct error *err) {
  for (size_t i = 0; i + 1 < pairs->n; i += 2) {
    const char *name = pairs->v[i];
    CLEANUP_FREE char *origin = xprintf("%s: %s", where, name);
    int id = by_name(name, strlen(name));
    if (id < 0 || id == OPT_HELP || id == OPT_RELEASE || id == OPT_TASK ||
        !taken(&option_rows[id], ON_ANY_RUN)) {
      unknown("", name, strlen(name), ON_ANY_RUN, err);
      return error_prefix(err, "%s", where);
    }
    if (!taken(&option_rows[id], mask)) continue;
    if (option_add(o, (enum option_id)id, pairs->v[i + 1], layer, origin, err) < 0) return -1;
  }
  return 0;
}
