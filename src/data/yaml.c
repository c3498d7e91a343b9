/* libyaml's events, read by recursive descent. Aliases are copied, never shared: a tree has one owner, and
 * the limit of nodes is a limit of memory. */
#include "data/yaml.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/yaml_schema.h"
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
  char *name;
  struct yaml *node;
  bool open; /* still being read: an alias to it would be a loop */
};

struct parser {
  yaml_parser_t lib;
  const char *file, *text;
  size_t len;
  int line; /* of the event that is being read */
  size_t nodes;
  struct anchor *anchors;
  size_t n_anchors;
  struct yaml kept; /* nodes that are in no tree (keys, merged maps) but may still be aliased */
  struct error *err;
};

void yaml_tree_free(struct yaml *y) {
  if (!y) return;
  for (size_t i = 0; i < y->n; i++) {
    if (y->pairs) {
      free(y->pairs[i].key);
      yaml_tree_free(y->pairs[i].value);
    } else {
      yaml_tree_free(y->items[i]);
    }
  }
  free(y->pairs);
  free(y->items);
  free(y->text);
  free(y->tag);
  free(y);
}

const struct yaml *yaml_get(const struct yaml *map, const char *key) {
  if (!map || map->kind != YAML_MAP) return NULL;
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->pairs[i].key, key) == 0) return map->pairs[i].value;
  return NULL;
}

const char *yaml_kind_name(enum yaml_kind kind) {
  static const char *const names[] = {
      [YAML_NULL] = "nothing",   [YAML_BOOL] = "true or false", [YAML_INT] = "a number",
      [YAML_FLOAT] = "a number", [YAML_STRING] = "a string",    [YAML_LIST] = "a list",
      [YAML_MAP] = "a map"};
  return names[kind];
}

#define complain(p, line, ...) (complain_text((p), xprintf(__VA_ARGS__), (line)), error_failed())

static void complain_text(struct parser *p, char *text, int line) {
  error_set(p->err, ERR_CONFIG, "%s:%d: %s", p->file, line, text);
  free(text);
}

static int line_of(const yaml_mark_t *mark) {
  return (int)mark->line + 1;
}

static void event_done(yaml_event_t *e) {
  yaml_event_delete(e);
}
#define CLEANUP_EVENT __attribute__((cleanup(event_done)))

static int next_event(struct parser *p, yaml_event_t *ret) {
  if (yaml_parser_parse(&p->lib, ret)) return 0;
  memset(ret, 0, sizeof *ret);
  int line = line_of(&p->lib.problem_mark);
  if (p->lib.error == YAML_MEMORY_ERROR) abort();
  if (p->lib.error == YAML_READER_ERROR) { /* has an offset only */
    line = 1;
    for (size_t i = 0; i < p->len && i < p->lib.problem_offset; i++) line += p->text[i] == '\n';
  }
  return complain(p, line, "%s", p->lib.problem ? p->lib.problem : "not YAML");
}

/* A long text counts as several nodes, so that aliases to it are no bomb either. */
static struct yaml *new_node(struct parser *p, enum yaml_kind kind, int line, size_t text_length) {
  p->nodes += 1 + text_length / 64;
  if (p->nodes > LIMIT_YAML_NODES) {
    complain(p, p->line, "more than %d nodes (aliases count as often as they are used)", LIMIT_YAML_NODES);
    return NULL;
  }
  struct yaml *node = xcalloc(1, sizeof *node);
  node->kind = kind;
  node->line = line;
  return node;
}

/* Growth in powers of two: an array of n is full when n is one. */
static bool is_full(size_t n) {
  return (n & (n - 1)) == 0;
}

static void add_item(struct yaml *list, struct yaml *item) {
  if (is_full(list->n))
    list->items = xrealloc(list->items, (list->n ? 2 * list->n : 1) * sizeof(struct yaml *));
  list->items[list->n++] = item;
}

static void add_pair(struct yaml *map, const char *key, int line, struct yaml *value) {
  if (is_full(map->n)) map->pairs = xrealloc(map->pairs, (map->n ? 2 * map->n : 1) * sizeof *map->pairs);
  map->pairs[map->n++] = (struct yaml_pair){.key = xstrdup(key), .line = line, .value = value};
}

static int check_depth(struct parser *p, int depth) {
  return depth <= LIMIT_YAML_DEPTH ? 0 : complain(p, p->line, "nested deeper than %d", LIMIT_YAML_DEPTH);
}

static struct yaml *copy_node(struct parser *p, const struct yaml *from, int depth) {
  if (check_depth(p, depth)) return NULL;
  struct yaml *node = new_node(p, from->kind, from->line, from->text ? strlen(from->text) : 0);
  if (!node) return NULL;
  node->text = xstrdup(from->text);
  node->tag = xstrdup(from->tag);
  node->plain = from->plain;
  for (size_t i = 0; i < from->n; i++) {
    struct yaml *child = copy_node(p, from->pairs ? from->pairs[i].value : from->items[i], depth + 1);
    if (!child) {
      yaml_tree_free(node);
      return NULL;
    }
    if (from->pairs)
      add_pair(node, from->pairs[i].key, from->pairs[i].line, child);
    else
      add_item(node, child);
  }
  return node;
}

/* The latest of that name counts. */
static struct anchor *find_anchor(struct parser *p, const char *name) {
  for (size_t i = p->n_anchors; i--;)
    if (strcmp(p->anchors[i].name, name) == 0) return &p->anchors[i];
  return NULL;
}

/* *ret: index + 1 of the new anchor, 0 without one. A name that is used again keeps its place. */
static int open_anchor(struct parser *p, const yaml_char_t *name, struct yaml *node, size_t *ret) {
  *ret = 0;
  if (!name) return 0;
  struct anchor *anchor = find_anchor(p, (const char *)name);
  if (!anchor || anchor->open) { /* an open one is needed until it closes */
    if (p->n_anchors == LIMIT_YAML_ANCHORS)
      return complain(p, node->line, "more than %d anchors", LIMIT_YAML_ANCHORS);
    if (is_full(p->n_anchors))
      p->anchors = xrealloc(p->anchors, (p->n_anchors ? 2 * p->n_anchors : 1) * sizeof *p->anchors);
    anchor = &p->anchors[p->n_anchors++];
    anchor->name = xstrdup((const char *)name);
  }
  anchor->node = node;
  anchor->open = true;
  *ret = (size_t)(anchor - p->anchors) + 1;
  return 0;
}

static void close_anchor(struct parser *p, size_t index) {
  if (index) p->anchors[index - 1].open = false;
}

static struct yaml *read_alias(struct parser *p, const yaml_event_t *e, int depth) {
  const char *name = (const char *)e->data.alias.anchor;
  int line = line_of(&e->start_mark);
  struct anchor *anchor = find_anchor(p, name);
  if (!anchor)
    complain(p, line, "alias *%s has no anchor before it", name);
  else if (anchor->open)
    complain(p, line, "alias *%s stands inside its own anchor", name);
  else {
    struct yaml *copy = copy_node(p, anchor->node, depth);
    if (copy) copy->line = line;
    return copy;
  }
  return NULL;
}

/* Tags of the core schema decide the kind and are dropped; others are kept for the reader of the tree. */
static int apply_tag(struct parser *p, struct yaml *node, const yaml_char_t *tag) {
  if (!tag || strcmp((const char *)tag, "!") == 0) return 0;
  int kind = yaml_tag_kind((const char *)tag);
  if (kind < 0) {
    node->tag = xstrdup((const char *)tag);
    return 0;
  }
  bool fits = (int)node->kind == kind;
  if (node->text) {
    enum yaml_kind plain = yaml_plain_kind(node->text);
    fits = kind == YAML_STRING || (int)plain == kind || (kind == YAML_FLOAT && plain == YAML_INT);
  }
  if (!fits)
    return complain(p, node->line, "this is not %s, as its tag says", yaml_kind_name((enum yaml_kind)kind));
  node->kind = (enum yaml_kind)kind;
  return 0;
}

static struct yaml *read_scalar(struct parser *p, const yaml_event_t *e) {
  const char *text = (const char *)e->data.scalar.value;
  int line = line_of(&e->start_mark);
  if (strlen(text) != e->data.scalar.length) {
    complain(p, line, "a NUL character in a string");
    return NULL;
  }
  bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
  struct yaml *node = new_node(p, plain ? yaml_plain_kind(text) : YAML_STRING, line, e->data.scalar.length);
  if (!node) return NULL;
  node->text = xstrdup(text);
  node->plain = plain;
  size_t anchor;
  if (apply_tag(p, node, e->data.scalar.tag) || open_anchor(p, e->data.scalar.anchor, node, &anchor)) {
    yaml_tree_free(node);
    return NULL;
  }
  if (node->kind == YAML_NULL) node->text[0] = '\0';
  close_anchor(p, anchor);
  return node;
}

static struct yaml *read_node(struct parser *p, const yaml_event_t *e, int depth);

static int fill_list(struct parser *p, struct yaml *list, int depth) {
  for (;;) {
    CLEANUP_EVENT yaml_event_t e;
    if (next_event(p, &e)) return -1;
    if (e.type == YAML_SEQUENCE_END_EVENT) return 0;
    struct yaml *item = read_node(p, &e, depth + 1);
    if (!item) return -1;
    add_item(list, item);
  }
}

/* Puts copies of the pairs of a `<<` value (a map or a list of maps) behind `merged`, for settle_keys. */
static int collect_merged(struct parser *p, struct yaml *merged, const struct yaml *from, int depth) {
  if (from->kind == YAML_LIST) {
    for (size_t i = 0; i < from->n; i++) {
      if (from->items[i]->kind != YAML_MAP)
        return complain(p, from->line, "<< takes a map or a list of maps");
      if (collect_merged(p, merged, from->items[i], depth)) return -1;
    }
    return 0;
  }
  if (from->kind != YAML_MAP) return complain(p, from->line, "<< takes a map or a list of maps");
  for (size_t i = 0; i < from->n; i++) {
    struct yaml *value = copy_node(p, from->pairs[i].value, depth + 1);
    if (!value) return -1;
    add_pair(merged, from->pairs[i].key, from->pairs[i].line, value);
  }
  return 0;
}

struct key_place {
  const char *key;
  size_t index;
};

static int compare_places(const void *a, const void *b) {
  const struct key_place *x = a, *y = b;
  int order = strcmp(x->key, y->key);
  return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The first `own` pairs stand in the map itself: a key twice among them is an error. Of the rest, which was
 * merged, a key that is there already is dropped. */
static int settle_keys(struct parser *p, struct yaml *map, size_t own) {
  if (map->n < 2) return 0;
  CLEANUP_FREE struct key_place *places = xcalloc(map->n, sizeof *places);
  CLEANUP_FREE bool *drop = xcalloc(map->n, sizeof *drop);
  for (size_t i = 0; i < map->n; i++) places[i] = (struct key_place){map->pairs[i].key, i};
  qsort(places, map->n, sizeof *places, compare_places);
  for (size_t i = 1; i < map->n; i++) {
    if (strcmp(places[i - 1].key, places[i].key) != 0) continue;
    if (places[i].index < own)
      return complain(p, map->pairs[places[i].index].line, "key \"%s\" is given twice (first in line %d)",
                      places[i].key, map->pairs[places[i - 1].index].line);
    drop[places[i].index] = true;
  }
  size_t kept = 0;
  for (size_t i = 0; i < map->n; i++) {
    if (drop[i]) {
      free(map->pairs[i].key);
      yaml_tree_free(map->pairs[i].value);
    } else {
      map->pairs[kept++] = map->pairs[i];
    }
  }
  map->n = kept;
  return 0;
}

static bool is_merge_key(const yaml_event_t *e) {
  return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
         !e->data.scalar.tag && strcmp((const char *)e->data.scalar.value, "<<") == 0;
}

/* One key and its value into map, or into merged for `<<`. */
static int read_pair(struct parser *p, const yaml_event_t *e, struct yaml *map, struct yaml *merged,
                     int depth) {
  bool merge = is_merge_key(e);
  struct yaml *key = read_node(p, e, depth + 1);
  if (!key) return -1;
  add_item(&p->kept, key);
  if (!key->text) return complain(p, key->line, "a key must be a word, not %s", yaml_kind_name(key->kind));
  if (key->kind == YAML_NULL) return complain(p, key->line, "a key is empty");
  CLEANUP_EVENT yaml_event_t next;
  if (next_event(p, &next)) return -1;
  struct yaml *value = read_node(p, &next, depth + 1);
  if (!value) return -1;
  if (!merge) {
    add_pair(map, key->text, line_of(&e->start_mark), value);
    return 0;
  }
  add_item(&p->kept, value);
  return collect_merged(p, merged, value, depth);
}

static int fill_map(struct parser *p, struct yaml *map, struct yaml *merged, int depth) {
  for (;;) {
    CLEANUP_EVENT yaml_event_t e;
    if (next_event(p, &e)) return -1;
    if (e.type == YAML_MAPPING_END_EVENT) break;
    if (read_pair(p, &e, map, merged, depth)) return -1;
  }
  size_t own = map->n;
  for (size_t i = 0; i < merged->n; i++) {
    add_pair(map, merged->pairs[i].key, merged->pairs[i].line, merged->pairs[i].value);
    merged->pairs[i].value = NULL;
  }
  return settle_keys(p, map, own);
}

static struct yaml *read_collection(struct parser *p, const yaml_event_t *e, int depth) {
  bool is_map = e->type == YAML_MAPPING_START_EVENT;
  int line = line_of(&e->start_mark);
  struct yaml *node = new_node(p, is_map ? YAML_MAP : YAML_LIST, line, 0);
  if (!node) return NULL;
  size_t anchor;
  int failed =
      open_anchor(p, is_map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, node, &anchor);
  if (!failed) failed = apply_tag(p, node, is_map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
  if (!failed && is_map) {
    struct yaml *merged = xcalloc(1, sizeof *merged);
    failed = fill_map(p, node, merged, depth);
    yaml_tree_free(merged);
  } else if (!failed) {
    failed = fill_list(p, node, depth);
  }
  close_anchor(p, anchor);
  if (!failed) return node;
  yaml_tree_free(node);
  return NULL;
}

static struct yaml *read_node(struct parser *p, const yaml_event_t *e, int depth) {
  p->line = line_of(&e->start_mark);
  if (check_depth(p, depth)) return NULL;
  switch (e->type) {
  case YAML_ALIAS_EVENT:
    return read_alias(p, e, depth);
  case YAML_SCALAR_EVENT:
    return read_scalar(p, e);
  case YAML_SEQUENCE_START_EVENT:
  case YAML_MAPPING_START_EVENT:
    return read_collection(p, e, depth);
  default:
    complain(p, line_of(&e->start_mark), "not YAML");
    return NULL;
  }
}

/* stream-start, document-start, the root, document-end, stream-end; an empty stream has no document. */
static struct yaml *read_stream(struct parser *p) {
  struct yaml *root = NULL;
  for (;;) {
    CLEANUP_EVENT yaml_event_t e;
    int failed = next_event(p, &e);
    if (!failed && e.type == YAML_STREAM_END_EVENT) break;
    if (!failed && e.type == YAML_DOCUMENT_START_EVENT && root)
      failed = complain(p, line_of(&e.start_mark), "more than one document");
    else if (!failed && e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT &&
             e.type != YAML_DOCUMENT_END_EVENT)
      failed = (root = read_node(p, &e, 1)) ? 0 : -1;
    if (failed) {
      yaml_tree_free(root);
      return NULL;
    }
  }
  if (root) return root;
  root = new_node(p, YAML_NULL, 1, 0);
  root->text = xstrdup("");
  return root;
}

struct yaml *yaml_parse(const char *file, const char *text, size_t len, struct error *err) {
  struct parser p = {.file = file, .text = text, .len = len, .err = err};
  if (!yaml_parser_initialize(&p.lib)) abort(); /* out of memory */
  yaml_parser_set_input_string(&p.lib, (const unsigned char *)text, len);
  struct yaml *root = read_stream(&p);
  yaml_parser_delete(&p.lib);
  for (size_t i = 0; i < p.n_anchors; i++) free(p.anchors[i].name);
  free(p.anchors);
  for (size_t i = 0; i < p.kept.n; i++) yaml_tree_free(p.kept.items[i]);
  free(p.kept.items);
  return root;
}
