/* A YAML document as a tree that remembers where each node stood, on libyaml. Anchors, aliases and merge keys
 * (<<) are resolved; duplicates of a key are an error; LIMIT_YAML_DEPTH and LIMIT_YAML_NODES hold (aliases
 * counted as often as used). YAML 1.2 core schema decides the type of plain scalars; quoted ones are strings.
 */
#ifndef DATA_YAML_H
#define DATA_YAML_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_STRING, YAML_LIST, YAML_MAP };

struct yaml {
  enum yaml_kind kind;
  int line;                /* 1-based */
  char *text;              /* scalars: as written (strings unquoted); "" for null */
  char *tag;               /* explicit tag ("!reset"), NULL: none */
  bool plain;              /* a scalar without quotes and tag */
  const char *file;        /* for readers of several files, who set it; borrowed. NULL from yaml_parse */
  struct yaml_pair *pairs; /* maps, in order */
  struct yaml **items;     /* lists */
  size_t n;
};
struct yaml_pair {
  char *key;
  int line;
  struct yaml *value;
};

/* file is used in complaints: "release.yaml:7: did not find expected key". ERR_CONFIG. An empty document is a
 * YAML_NULL. More than one document is an error. NULL on failure; free with yaml_tree_free. */
struct yaml *yaml_parse(const char *file, const char *text, size_t len, struct error *err);
void yaml_tree_free(
    struct yaml *y); /* yaml_free is taken: a symbol of libyaml's own, which ours would replace */
const struct yaml *yaml_get(const struct yaml *map, const char *key); /* NULL if absent */
const char *yaml_kind_name(enum yaml_kind kind); /* "a list", "a number", for complaints */
#endif
