#include "release/compose/tree.h"
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>

struct yaml *tree_get(struct yaml *map, const char *key) {
  return (struct yaml *)yaml_get(map, key);
}

struct yaml *tree_new(enum yaml_kind kind, const char *text, const struct yaml *where) {
  struct yaml *node = xcalloc(1, sizeof(*node));
  node->kind = kind;
  node->text = kind == YAML_LIST || kind == YAML_MAP ? NULL : xstrdup(text ? text : "");
  if (where) {
    node->line = where->line;
    node->file = where->file;
  }
  return node;
}

/* Full at every power of two: adding n items costs n. */
static void *room_for_one(void *array, size_t n, size_t size) {
  return (n & (n - 1)) == 0 ? xrealloc(array, (n ? 2 * n : 1) * size) : array;
}

void tree_append(struct yaml *list, struct yaml *item) {
  list->items = room_for_one(list->items, list->n, sizeof(struct yaml *));
  list->items[list->n++] = item;
}

void tree_add(struct yaml *map, const char *key, int line, struct yaml *value) {
  map->pairs = room_for_one(map->pairs, map->n, sizeof(*map->pairs));
  map->pairs[map->n++] = (struct yaml_pair){.key = xstrdup(key), .line = line, .value = value};
}

void tree_put(struct yaml *map, const char *key, int line, struct yaml *value) {
  for (size_t i = 0; i < map->n; i++)
    if (!strcmp(map->pairs[i].key, key)) {
      yaml_tree_free(map->pairs[i].value);
      map->pairs[i].value = value;
      map->pairs[i].line = line;
      return;
    }
  tree_add(map, key, line, value);
}

struct yaml *tree_copy(const struct yaml *from) {
  struct yaml *node = tree_new(from->kind, from->text, from);
  node->tag = xstrdup(from->tag);
  node->plain = from->plain;
  for (size_t i = 0; i < from->n; i++)
    if (from->kind == YAML_MAP)
      tree_add(node, from->pairs[i].key, from->pairs[i].line, tree_copy(from->pairs[i].value));
    else
      tree_append(node, tree_copy(from->items[i]));
  return node;
}

void tree_remove(struct yaml *map, const char *key) {
  for (size_t i = 0; i < map->n; i++) {
    if (strcmp(map->pairs[i].key, key) != 0) continue;
    struct yaml gone = {.kind = YAML_MAP, .n = 1};
    gone.pairs = xcalloc(1, sizeof(*gone.pairs));
    gone.pairs[0] = map->pairs[i];
    memmove(&map->pairs[i], &map->pairs[i + 1], (map->n - i - 1) * sizeof(*map->pairs));
    map->n--;
    free(gone.pairs[0].key);
    yaml_tree_free(gone.pairs[0].value);
    free(gone.pairs);
    return;
  }
}

struct yaml *tree_take(struct yaml *map, size_t i) {
  struct yaml *value = map->pairs[i].value;
  map->pairs[i].value = tree_new(YAML_NULL, "", value);
  return value;
}

void tree_mark(struct yaml *y, const char *file) {
  y->file = file;
  for (size_t i = 0; i < y->n; i++) tree_mark(y->kind == YAML_MAP ? y->pairs[i].value : y->items[i], file);
}

bool tree_equal(const struct yaml *a, const struct yaml *b) {
  if (a->kind != b->kind || a->n != b->n) return false;
  if (a->kind != YAML_MAP && a->kind != YAML_LIST) return !strcmp(a->text, b->text);
  for (size_t i = 0; i < a->n; i++) {
    const struct yaml *other = a->kind == YAML_MAP ? yaml_get(b, a->pairs[i].key) : b->items[i];
    if (!other || !tree_equal(a->kind == YAML_MAP ? a->pairs[i].value : a->items[i], other)) return false;
  }
  return true;
}
