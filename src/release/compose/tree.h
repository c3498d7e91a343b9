/* Editing of YAML trees: what was read from several files becomes one. A tree owns its nodes. */
#ifndef RELEASE_COMPOSE_TREE_H
#define RELEASE_COMPOSE_TREE_H
#include "data/yaml.h"

struct yaml *tree_get(struct yaml *map, const char *key); /* yaml_get() of a tree that may be changed */
struct yaml *tree_copy(const struct yaml *from);
/* Takes value over; the key is not there yet. */
void tree_add(struct yaml *map, const char *key, int line, struct yaml *value);
/* Takes value over; one that is there already is replaced (and freed), else it becomes the last. */
void tree_put(struct yaml *map, const char *key, int line, struct yaml *value);
void tree_append(struct yaml *list, struct yaml *item); /* takes item over */
void tree_remove(struct yaml *map, const char *key);
struct yaml *tree_take(struct yaml *map, size_t i); /* pairs[i]'s value leaves; null takes its place */
/* New nodes that say they stand where `where` does. */
struct yaml *tree_new(enum yaml_kind kind, const char *text, const struct yaml *where);
void tree_mark(struct yaml *y, const char *file); /* sets file everywhere */
bool tree_equal(const struct yaml *a, const struct yaml *b);
#endif
