/* Which value wins, which lists grow: override/merge.go and override/uncity.go of compose-go. */
#include "base/alloc.h"
#include "base/name_index.h"
#include "release/compose/compose.h"
#include <stdlib.h>
#include <string.h>

static bool has_tag(const struct yaml *y, const char *tag) {
  return y->tag && !strcmp(y->tag, tag);
}

/* Takes the orders out of a tree that goes over nothing. */
static void settle(struct yaml *y) {
  if (has_tag(y, "!override")) free(TAKE(y->tag));
  for (size_t i = 0; i < y->n;) {
    struct yaml *child = y->kind == YAML_MAP ? y->pairs[i].value : y->items[i];
    if (y->kind == YAML_MAP && has_tag(child, "!reset")) {
      CLEANUP_FREE char *key = xstrdup(y->pairs[i].key);
      tree_remove(y, key);
      continue;
    }
    settle(child);
    i++;
  }
}

static void merge_maps(struct yaml *into, struct yaml *over, bool nulls);

/* Value over the one at into->pairs[i]; taken over. nulls: one is a value (a variable of the caller), not
 * nothing. */
static void merge_value(struct yaml *into, size_t i, struct yaml *value, bool nulls) {
  struct yaml *was = into->pairs[i].value;
  if (value->kind == YAML_NULL && !value->tag && !nulls) {
    yaml_tree_free(value);
  } else if (was->kind == YAML_MAP && value->kind == YAML_MAP && !value->tag) {
    merge_maps(was, value, nulls);
  } else if (was->kind == YAML_LIST && value->kind == YAML_LIST && !value->tag) {
    for (size_t j = 0; j < value->n; j++) {
      settle(value->items[j]);
      tree_append(was, value->items[j]);
    }
    value->n = 0;
    yaml_tree_free(value);
  } else {
    settle(value);
    yaml_tree_free(was);
    into->pairs[i].value = value;
  }
}

static void merge_maps(struct yaml *into, struct yaml *over, bool nulls) {
  struct name_index index = {0};
  for (size_t i = 0; i < into->n; i++) name_index_put(&index, into->pairs[i].key, i);
  struct strv reset = {0};
  for (size_t i = 0; i < over->n; i++) {
    size_t at;
    const char *key = over->pairs[i].key;
    int line = over->pairs[i].line;
    struct yaml *value = tree_take(over, i);
    if (has_tag(value, "!reset")) {
      strv_add(&reset, key);
      yaml_tree_free(value);
    } else if (name_index_get(&index, key, &at)) {
      if (value->kind != YAML_NULL || nulls) into->pairs[at].line = line;
      merge_value(into, at, value, nulls);
    } else {
      settle(value);
      tree_add(into, key, line, value);
    }
  }
  name_index_done(&index);
  for (size_t i = 0; i < reset.n; i++) tree_remove(into, reset.v[i]);
  strv_done(&reset);
  yaml_tree_free(over);
}

char *merge_target(const struct yaml *item, const char *folder) {
  const char *text = compose_text(item);
  if (item->kind == YAML_MAP) {
    text = compose_text(yaml_get(item, "target"));
    const char *source = compose_text(yaml_get(item, "source"));
    if (folder && !text && source) return xprintf("%s/%s", folder, source);
    if (folder && text && *text != '/') return xprintf("%s/%s", folder, text);
    return xstrdup(text ? text : source ? source : "");
  }
  if (!text) return xstrdup("");
  if (folder) return xprintf("%s/%s", folder, text);
  const char *colon = strchr(text, ':');
  if (!colon) return xstrdup(text);
  return xstrndup(colon + 1, strcspn(colon + 1, ":"));
}

/* What makes two items of a list one. For free(). */
static char *identity(enum merge rule, const struct yaml *item) {
  const char *text = compose_text(item);
  switch (rule) {
  case MERGE_MOUNTS:
    return merge_target(item, "/run/secrets");
  case MERGE_VOLUMES:
  case MERGE_DEVICES:
    return merge_target(item, NULL);
  case MERGE_FILES:
    if (item->kind == YAML_MAP) text = compose_text(yaml_get(item, "path"));
    return xstrdup(text ? text : "");
  case MERGE_HOSTS:
  default:
    /* compose-go looks at what stands before '='; of HOST:ADDRESS and HOST=ADDRESS several are meant */
    if (!text) return NULL;
    return rule == MERGE_HOSTS ? xstrdup(text) : xstrndup(text, strcspn(text, "="));
  }
}

static void make_unique(enum merge rule, struct yaml *list) {
  struct name_index index = {0};
  struct strv names = {0};
  size_t kept = 0, at;
  for (size_t i = 0; i < list->n; i++) {
    struct yaml *item = list->items[i];
    char *name = identity(rule, item);
    if (name && *name && name_index_get(&index, name, &at)) {
      yaml_tree_free(list->items[at]);
      list->items[at] = item;
      free(name);
      continue;
    }
    strv_take(&names, name ? name : xstrdup(""));
    if (name && *name) name_index_put(&index, names.v[names.n - 1], kept);
    list->items[kept++] = item;
  }
  list->n = kept;
  name_index_done(&index);
  strv_done(&names);
}

static bool is_list_rule(enum merge rule) {
  return rule == MERGE_LIST || rule == MERGE_ONE || rule == MERGE_HOSTS || rule == MERGE_VOLUMES ||
         rule == MERGE_MOUNTS || rule == MERGE_DEVICES || rule == MERGE_FILES;
}

/* A list of NAME=VALUE or of names as a map. */
static int map_of_list(enum merge rule, const struct yaml *list, const char *key, struct yaml **ret,
                       struct error *err) {
  struct yaml *map = tree_new(YAML_MAP, NULL, list);
  struct name_index index = {0};
  size_t at;
  map->tag = xstrdup(list->tag);
  for (size_t i = 0; i < list->n; i++) {
    const struct yaml *item = list->items[i];
    const char *text = compose_text(item);
    if (!text || !*text || *text == '=') {
      yaml_tree_free(map);
      name_index_done(&index);
      return compose_complain(item, key, err, "expected %s, found %s",
                              rule == MERGE_PAIRS ? "NAME=VALUE" : "a name",
                              text ? "an empty name" : yaml_kind_name(item->kind));
    }
    const char *equals = rule == MERGE_PAIRS ? strchr(text, '=') : NULL;
    CLEANUP_FREE char *name = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
    struct yaml *value = tree_new(equals ? YAML_STRING : YAML_NULL, equals ? equals + 1 : "", item);
    if (name_index_get(&index, name, &at)) { /* the later one */
      yaml_tree_free(map->pairs[at].value);
      map->pairs[at].value = value;
    } else {
      tree_add(map, name, item->line, value);
      name_index_put(&index, map->pairs[map->n - 1].key, map->n - 1);
    }
  }
  name_index_done(&index);
  *ret = map;
  return 0;
}

static struct yaml *list_of_hosts(const struct yaml *map) {
  struct yaml *list = tree_new(YAML_LIST, NULL, map);
  list->tag = xstrdup(map->tag);
  for (size_t i = 0; i < map->n; i++) {
    const struct yaml *value = map->pairs[i].value;
    for (size_t j = 0; j < (value->kind == YAML_LIST ? value->n : 1); j++) {
      const char *address = compose_text(value->kind == YAML_LIST ? value->items[j] : value);
      CLEANUP_FREE char *text = xprintf("%s=%s", map->pairs[i].key, address ? address : "");
      tree_append(list, tree_new(YAML_STRING, text, value));
    }
  }
  return list;
}

/* The one form in which values of a key are merged and read. */
static int canonical(enum merge rule, const char *key, struct yaml **value, struct error *err) {
  struct yaml *was = *value, *now = NULL;
  if (was->kind == YAML_NULL) return 0;
  if ((rule == MERGE_PAIRS || rule == MERGE_NAMES) && was->kind == YAML_LIST) {
    if (map_of_list(rule, was, key, &now, err)) return -1;
  } else if (rule == MERGE_HOSTS && was->kind == YAML_MAP) {
    now = list_of_hosts(was);
  } else if ((rule == MERGE_ONE || rule == MERGE_FILES) && was->kind != YAML_LIST) {
    now = tree_new(YAML_LIST, NULL, was);
    now->tag = TAKE(was->tag);
    tree_append(now, tree_copy(was));
  } else if (rule == MERGE_BUILD && compose_text(was)) {
    now = tree_new(YAML_MAP, NULL, was);
    tree_put(now, "context", was->line, tree_copy(was));
  }
  if (!now) return 0;
  yaml_tree_free(was);
  *value = now;
  return 0;
}

static int merge_key(struct yaml *into, const char *key, int line, struct yaml *value, struct error *err) {
  const struct service_key *k = service_key(key);
  enum merge rule = k ? k->merge : MERGE_MAP;
  if (has_tag(value, "!reset")) {
    tree_remove(into, key);
    yaml_tree_free(value);
    return 0;
  }
  if (canonical(rule, key, &value, err)) {
    yaml_tree_free(value);
    return -1;
  }
  struct yaml *was = tree_get(into, key);
  if (!was || was->kind == YAML_NULL || has_tag(value, "!override") ||
      (rule == MERGE_REPLACE && value->kind != YAML_NULL)) {
    settle(value);
    tree_put(into, key, line, value);
  } else if (value->kind != YAML_NULL && was->kind != value->kind &&
             (was->kind == YAML_MAP || was->kind == YAML_LIST)) {
    compose_complain(value, key, err, "%s cannot go over %s of %s:%d", yaml_kind_name(value->kind),
                     yaml_kind_name(was->kind), was->file, was->line);
    yaml_tree_free(value);
    return -1;
  } else {
    for (size_t i = 0; i < into->n; i++)
      if (into->pairs[i].value == was) {
        if (value->kind != YAML_NULL) into->pairs[i].line = line;
        if (value->kind == YAML_NULL)
          yaml_tree_free(value);
        else
          merge_value(into, i, value, rule == MERGE_PAIRS);
        break;
      }
  }
  was = tree_get(into, key);
  if (is_list_rule(rule) && was->kind == YAML_LIST) make_unique(rule, was);
  return 0;
}

int merge_service(struct yaml *into, struct yaml *over, struct error *err) {
  int rc = 0;
  for (size_t i = 0; i < over->n && rc == 0; i++)
    rc = merge_key(into, over->pairs[i].key, over->pairs[i].line, tree_take(over, i), err);
  yaml_tree_free(over);
  return rc;
}

static int merge_chosen(struct yaml *into, const char *name, int line, struct yaml *value,
                        struct error *err) {
  struct yaml *was = tree_get(into, name);
  if (has_tag(value, "!reset")) {
    tree_remove(into, name);
    yaml_tree_free(value);
    return 0;
  }
  if (!was || was->kind != YAML_MAP || has_tag(value, "!override")) {
    was = tree_new(YAML_MAP, NULL, value);
    tree_put(into, name, line, was);
  }
  return merge_service(was, value, err);
}

/* services: of several files. Of those that were not chosen one definition is as good as another. */
static int merge_services(struct yaml *into, struct yaml *over, const char *service, struct error *err) {
  int rc = 0;
  struct name_index index = {0};
  size_t unused;
  for (size_t i = 0; i < into->n; i++) name_index_put(&index, into->pairs[i].key, i);
  for (size_t i = 0; i < over->n && rc == 0; i++) {
    const char *name = over->pairs[i].key;
    if (!strcmp(name, service)) {
      rc = merge_chosen(into, name, over->pairs[i].line, tree_take(over, i), err);
    } else if (!name_index_get(&index, name, &unused)) {
      struct yaml *value = tree_take(over, i);
      settle(value);
      tree_add(into, name, over->pairs[i].line, value);
    }
  }
  name_index_done(&index);
  yaml_tree_free(over);
  return rc;
}

int merge_model(struct yaml *into, struct yaml *over, const char *service, struct error *err) {
  int rc = 0;
  struct yaml *was = tree_get(into, "services");
  for (size_t i = 0; i < over->n && rc == 0; i++) {
    if (strcmp(over->pairs[i].key, "services") != 0 || over->pairs[i].value->kind != YAML_MAP) continue;
    if (!was || was->kind != YAML_MAP) {
      was = tree_new(YAML_MAP, NULL, over->pairs[i].value);
      tree_put(into, "services", over->pairs[i].line, was);
    }
    rc = merge_services(was, tree_take(over, i), service, err);
  }
  if (rc == 0)
    merge_maps(into, over, false);
  else
    yaml_tree_free(over);
  return rc;
}
