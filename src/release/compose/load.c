/* One file: read, parsed, every node told where it stands, ${} replaced, and include: taken in. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/interpolate.h"
#include "release/compose/compose.h"
#include "release/compose/number.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int compose_complain(const struct yaml *at, const char *key, struct error *err, const char *fmt, ...) {
  char text[ERROR_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof(text), fmt, ap);
  va_end(ap);
  return error_set(err, ERR_CONFIG, "%s:%d: %s%s%s", at->file ? at->file : "compose", at->line,
                   key ? key : "", key ? ": " : "", text);
}

const char *compose_text(const struct yaml *node) {
  if (!node || node->kind == YAML_LIST || node->kind == YAML_MAP || node->kind == YAML_NULL) return NULL;
  return node->text;
}

const struct compose_file *compose_file_of(const struct compose *c, const struct yaml *node) {
  for (size_t i = 0; i < c->n_files; i++)
    if (c->files[i]->shown == node->file) return c->files[i];
  return c->files[0];
}

static int read_fault(const struct yaml *at, const char *path, const char *why, struct error *err) {
  if (at) return compose_complain(at, NULL, err, "%s: %s", path, why);
  return error_set(err, ERR_CONFIG, "%s: %s", path, why);
}

/* A pipe or a device would be waited for, or never end. */
int compose_read(const char *path, const struct yaml *at, struct buf *ret, struct error *err) {
  struct stat st;
  struct error why = ERROR_INIT;
  if (stat(path, &st) != 0) return read_fault(at, path, strerror(errno), err);
  if (!S_ISREG(st.st_mode))
    return read_fault(at, path, S_ISDIR(st.st_mode) ? "is a folder, not a file" : "is not a regular file",
                      err);
  if (file_read(path, LIMIT_RELEASE_FILE, ret, &why) == 0) return 0;
  return at ? compose_complain(at, NULL, err, "%s", why.text) : error_set(err, ERR_CONFIG, "%s", why.text);
}

static int check_tag(const struct yaml *y, bool pair, struct error *err) {
  if (!y->tag || !strcmp(y->tag, "!")) return 0;
  if (pair && (!strcmp(y->tag, "!reset") || !strcmp(y->tag, "!override"))) return 0;
  return compose_complain(y, NULL, err,
                          "the tag %s has no meaning here; known are !reset and !override, before the "
                          "value of a key",
                          y->tag);
}

#define UNSET_SAID 100 /* names of variables; nobody reads more, and each is searched for */

struct walk {
  struct compose *c;
  struct interpolation how;
  struct error *err;
};

/* What stands in one scalar: ${} replaced, numbers as Compose writes them. */
static int expand(struct walk *w, struct yaml *y, const char *path) {
  if (y->kind == YAML_INT || y->kind == YAML_FLOAT || (y->kind == YAML_STRING && y->plain)) {
    char *number = number_text(y->text);
    if (number) {
      free(y->text);
      y->text = number;
      return 0;
    }
  }
  if (y->kind != YAML_STRING || !strchr(y->text, '$')) return 0;
  CLEANUP_FREE char *unset = NULL;
  char *text = interpolate(y->text, &w->how, &unset, w->err);
  if (!text) return error_prefix(w->err, "%s:%d: %s", y->file, y->line, path);
  free(y->text);
  y->text = text;
  y->plain = false;
  if (unset && w->c->unset.n < UNSET_SAID && !strv_has(&w->c->unset, unset)) {
    strv_add(&w->c->unset, unset);
    strv_take(w->c->notes,
              xprintf("%s:%d: %s: the variable %s is not set, empty is used", y->file, y->line, path, unset));
  }
  return 0;
}

#define PATH_MAX_SHOWN 120

/* path: buffer of PATH_MAX_SHOWN, "services.web.image"; n: what of it is in use. */
static int walk(struct walk *w, struct yaml *y, char *path, size_t n) {
  if (y->kind != YAML_MAP && y->kind != YAML_LIST) return expand(w, y, path);
  for (size_t i = 0; i < y->n; i++) {
    struct yaml *child = y->kind == YAML_MAP ? y->pairs[i].value : y->items[i];
    size_t length = n;
    if (check_tag(child, y->kind == YAML_MAP, w->err)) return -1;
    if (y->kind == YAML_MAP && n < PATH_MAX_SHOWN - 1) {
      int more = snprintf(path + n, PATH_MAX_SHOWN - n, "%s%s", n ? "." : "", y->pairs[i].key);
      length = n + (size_t)more < PATH_MAX_SHOWN ? n + (size_t)more : PATH_MAX_SHOWN - 1;
    }
    if (walk(w, child, path, length)) return -1;
    path[n] = '\0';
  }
  return 0;
}

static int remember(struct compose *c, const char *shown, const char *dir, struct error *err) {
  if (c->n_files == LIMIT_COMPOSE_FILES)
    return error_set(err, ERR_CONFIG, "%s: more than %d files in one project", shown, LIMIT_COMPOSE_FILES);
  c->files = xrealloc(c->files, (c->n_files + 1) * sizeof(struct compose_file *));
  struct compose_file *file = xcalloc(1, sizeof(*file));
  file->shown = xstrdup(shown);
  file->dir = xstrdup(dir);
  c->files[c->n_files++] = file;
  return 0;
}

int compose_parse(struct compose *c, const char *path, const char *shown, const char *dir, struct dotenv *env,
                  struct yaml **ret, struct error *err) {
  struct buf text;
  if (remember(c, shown, dir, err) || compose_read(path, NULL, &text, err)) return -1;
  struct yaml *root = yaml_parse(shown, text.data ? text.data : "", text.len, err);
  buf_done(&text);
  if (!root) return -1;
  char where[PATH_MAX_SHOWN] = "";
  struct walk w = {c, {.lookup = dotenv_lookup, .data = env, .bare_names = true}, err};
  tree_mark(root, c->files[c->n_files - 1]->shown);
  int rc = 0;
  if (root->kind != YAML_MAP)
    rc = compose_complain(root, NULL, err, "expected a map with services:, found %s",
                          yaml_kind_name(root->kind));
  if (rc == 0) rc = check_tag(root, false, err);
  if (rc == 0) rc = walk(&w, root, where, 0);
  if (rc == 0) rc = compose_check_keys(root, err);
  if (rc)
    yaml_tree_free(root);
  else
    *ret = root;
  return rc;
}

/* include: one entry in its long form. */
struct inclusion {
  const struct yaml *paths, *env_files; /* a text or a list of texts */
  const char *folder;                   /* project_directory; NULL: that of the first path */
};

static int read_inclusion(const struct yaml *item, struct inclusion *ret, struct error *err) {
  *ret = (struct inclusion){.paths = item};
  if (compose_text(item)) return 0;
  if (item->kind != YAML_MAP)
    return compose_complain(item, "include", err, "expected a path or a map, found %s",
                            yaml_kind_name(item->kind));
  ret->paths = NULL;
  for (size_t i = 0; i < item->n; i++) {
    const struct yaml_pair *pair = &item->pairs[i];
    if (!strcmp(pair->key, "path"))
      ret->paths = pair->value;
    else if (!strcmp(pair->key, "env_file"))
      ret->env_files = pair->value->kind == YAML_NULL ? NULL : pair->value;
    else if (!strcmp(pair->key, "project_directory"))
      ret->folder = compose_text(pair->value);
    else if (!key_ignored(pair->key))
      return compose_complain(pair->value, "include", err,
                              "unknown key '%s'; known are path, env_file, project_directory", pair->key);
  }
  if (ret->paths && (compose_text(ret->paths) || (ret->paths->kind == YAML_LIST && ret->paths->n))) return 0;
  return compose_complain(item, "include", err, "path: is missing");
}

static size_t count(const struct yaml *one_or_list) {
  return one_or_list->kind == YAML_LIST ? one_or_list->n : 1;
}
static const struct yaml *nth(const struct yaml *one_or_list, size_t i) {
  return one_or_list->kind == YAML_LIST ? one_or_list->items[i] : one_or_list;
}

static int inclusion_env(struct compose *c, const struct inclusion *x, const char *dir, struct dotenv *env,
                         struct error *err) {
  struct stat st;
  if (!x->env_files) {
    CLEANUP_FREE char *path = xprintf("%s/.env", dir);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? dotenv_read(env, path, err) : 0;
  }
  for (size_t i = 0; i < count(x->env_files); i++) {
    const struct yaml *item = nth(x->env_files, i);
    const char *name = compose_text(item);
    if (!name || !*name) return compose_complain(item, "include.env_file", err, "expected a path");
    CLEANUP_FREE char *path = compose_path(c, item, name);
    if (!strcmp(path, "/dev/null")) continue; /* Compose's way to say: none */
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
      return compose_complain(item, "include.env_file", err, "%s is not a file", path);
    if (dotenv_read(env, path, err)) return -1;
  }
  return 0;
}

/* "dir/of/shown.yaml" + "other.yaml" as people would write it. */
static char *shown_beside(const struct yaml *at, const char *name) {
  const char *slash = *name == '/' ? NULL : strrchr(at->file, '/');
  return slash ? xprintf("%.*s/%s", (int)(slash - at->file), at->file, name) : xstrdup(name);
}

static int load_included(struct compose *c, const struct inclusion *x, const char *dir, struct dotenv *env,
                         struct yaml *model, struct error *err) {
  for (size_t i = 0; i < count(x->paths); i++) {
    const struct yaml *item = nth(x->paths, i);
    const char *name = compose_text(item);
    if (!name || !*name) return compose_complain(item, "include", err, "expected a path");
    if (strstr(name, "://") || !strncmp(name, "git@", 4) || !strncmp(name, "oci:", 4))
      return compose_complain(item, "include", err, "'%s' is not on this machine; only files are read", name);
    CLEANUP_FREE char *path = compose_path(c, item, name);
    CLEANUP_FREE char *shown = shown_beside(item, name);
    struct yaml *root;
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
      return compose_complain(item, "include", err, "%s: %s", path,
                              stat(path, &st) ? "no such file" : "is not a regular file");
    if (compose_load(c, path, shown, dir, env, c->service, &root, err)) return -1;
    if (merge_model(model, root, c->service, err)) return -1;
  }
  return 0;
}

/* What was included must not be there already; the same once more is fine. */
static int take_in(struct yaml *root, struct yaml *model, const struct yaml *at, struct error *err) {
  static const char *const kinds[] = {"services", "networks", "volumes", "secrets", "configs"};
  for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
    struct yaml *from = tree_get(model, kinds[i]), *into = tree_get(root, kinds[i]);
    if (!from || from->kind != YAML_MAP) continue;
    if (!into || into->kind != YAML_MAP) {
      into = tree_new(YAML_MAP, NULL, from);
      tree_put(root, kinds[i], from->line, into);
    }
    for (size_t j = 0; j < from->n; j++) {
      const struct yaml *was = yaml_get(into, from->pairs[j].key);
      if (was && !tree_equal(was, from->pairs[j].value))
        return compose_complain(at, "include", err, "%s.%s is there already, and differs (%s:%d)", kinds[i],
                                from->pairs[j].key, was->file, was->line);
      if (!was) tree_add(into, from->pairs[j].key, from->pairs[j].line, tree_take(from, j));
    }
  }
  return 0;
}

static int include_one(struct compose *c, struct yaml *root, const struct yaml *item, struct dotenv *env,
                       struct error *err) {
  struct inclusion x;
  if (read_inclusion(item, &x, err) || !x.paths) return -1;
  const char *first = compose_text(nth(x.paths, 0));
  if (!first || !*first) return compose_complain(item, "include", err, "expected a path");
  CLEANUP_FREE char *path = compose_path(c, item, first);
  char *slash = strrchr(path, '/');
  if (slash > path) *slash = '\0';
  CLEANUP_FREE char *dir = x.folder ? compose_path(c, item, x.folder) : xstrdup(path);
  struct dotenv *inner = dotenv_new(env);
  struct yaml *model = tree_new(YAML_MAP, NULL, item);
  int rc = inclusion_env(c, &x, dir, inner, err);
  if (rc == 0) rc = load_included(c, &x, dir, inner, model, err);
  if (rc == 0) rc = take_in(root, model, item, err);
  yaml_tree_free(model);
  dotenv_free(inner);
  return rc;
}

static int include_all(struct compose *c, struct yaml *root, struct dotenv *env, struct error *err) {
  const struct yaml *list = yaml_get(root, "include");
  if (!list || list->kind == YAML_NULL) return 0;
  if (list->kind != YAML_LIST)
    return compose_complain(list, "include", err, "expected a list, found %s", yaml_kind_name(list->kind));
  for (size_t i = 0; i < list->n; i++)
    if (include_one(c, root, list->items[i], env, err)) return -1;
  return 0;
}

int compose_load(struct compose *c, const char *path, const char *shown, const char *dir, struct dotenv *env,
                 const char *service, struct yaml **ret, struct error *err) {
  struct yaml *root;
  if (strv_has(&c->including, path)) return error_set(err, ERR_CONFIG, "%s: includes itself", shown);
  strv_add(&c->including, path);
  int rc = compose_parse(c, path, shown, dir, env, &root, err);
  if (rc == 0) {
    rc = service ? compose_extend(c, root, service, env, err) : 0;
    if (rc == 0) rc = include_all(c, root, env, err);
    if (rc)
      yaml_tree_free(root);
    else
      *ret = root;
  }
  free(c->including.v[--c->including.n]);
  c->including.v[c->including.n] = NULL;
  return rc;
}
