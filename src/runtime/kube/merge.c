/* Which kubeconfig files, and what is found in them together. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/strv.h"
#include "runtime/kube/kubeconfig.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 100 /* in a complaint */

static const char *const lists[][2] = {{"clusters", "cluster"},
                                       {"users", "user"},
                                       {"contexts", "context"}}; /* the list, what each entry holds */

static char *absolute(const char *path) {
  CLEANUP_FREE char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
  return cwd ? xprintf("%s/%s", cwd, path) : xstrdup(path);
}

static char *folder_of(const char *path) {
  char *dir = absolute(path), *slash = strrchr(dir, '/');
  if (slash && slash > dir) *slash = '\0';
  return dir;
}

static void wipe(struct yaml *y) {
  if (!y) return;
  if (y->text) explicit_bzero(y->text, strlen(y->text));
  for (size_t i = 0; i < y->n; i++) wipe(y->kind == YAML_MAP ? y->pairs[i].value : y->items[i]);
}

static void file_done(struct kubeconfig_file *f) {
  free(f->path);
  free(f->dir);
  wipe(f->tree);
  yaml_tree_free(f->tree);
}

/* Every entry is a map with a name, and no name stands twice: then nobody needs to ask again. */
static int check_list(const struct kubeconfig_file *f, const char *list, const char *kind,
                      struct error *err) {
  const struct yaml *l = yaml_get(f->tree, list);
  if (!l || l->kind == YAML_NULL) return 0;
  if (l->kind != YAML_LIST)
    return error_set(err, ERR_CONFIG, "%s:%d: %s must be a list, not %s", f->path, l->line, list,
                     yaml_kind_name(l->kind));
  for (size_t i = 0; i < l->n; i++) {
    const struct yaml *e = l->items[i], *name = e->kind == YAML_MAP ? yaml_get(e, "name") : NULL, *in;
    if (!name || name->kind == YAML_MAP || name->kind == YAML_LIST || !*name->text)
      return error_set(err, ERR_CONFIG, "%s:%d: an entry of %s has no name", f->path, e->line, list);
    in = yaml_get(e, kind);
    if (in && in->kind != YAML_MAP && in->kind != YAML_NULL)
      return error_set(err, ERR_CONFIG, "%s:%d: %s '%s' must be a map, not %s", f->path, in->line, kind,
                       name->text, yaml_kind_name(in->kind));
    for (size_t k = 0; k < i; k++)
      if (!strcmp(yaml_get(l->items[k], "name")->text, name->text))
        return error_set(err, ERR_CONFIG, "%s:%d: %s '%s' stands here twice (line %d, too)", f->path, e->line,
                         kind, name->text, l->items[k]->line);
  }
  return 0;
}

static int check_file(const struct kubeconfig_file *f, struct error *err) {
  const struct yaml *kind = NULL, *current;
  if (f->tree->kind == YAML_NULL) return 0;
  if (f->tree->kind == YAML_MAP) kind = yaml_get(f->tree, "kind");
  if (f->tree->kind != YAML_MAP || (kind && kind->text && *kind->text && strcmp(kind->text, "Config") != 0))
    return error_set(err, ERR_CONFIG, "%s: this is no kubeconfig (kind: %s)", f->path,
                     kind && kind->text ? kind->text : "none");
  current = yaml_get(f->tree, "current-context");
  if (current && (current->kind == YAML_MAP || current->kind == YAML_LIST))
    return error_set(err, ERR_CONFIG, "%s:%d: current-context must be a name, not %s", f->path, current->line,
                     yaml_kind_name(current->kind));
  for (size_t i = 0; i < ARRAY_LEN(lists); i++)
    if (check_list(f, lists[i][0], lists[i][1], err) < 0) return -1;
  return 0;
}

static int add_file(struct kubeconfig *c, const char *path, struct error *err) {
  struct kubeconfig_file f = {.path = xstrdup(path), .dir = folder_of(path)};
  struct buf text;
  int rc = file_read(path, LIMIT_KUBECONFIG, &text, err);
  if (rc == 0) {
    f.tree = yaml_parse(path, text.data ? text.data : "", text.len, err);
    if (text.data) explicit_bzero(text.data, text.len);
    buf_done(&text);
    rc = f.tree ? check_file(&f, err) : -1;
  }
  if (rc < 0) {
    file_done(&f);
    return -1;
  }
  c->files = xrealloc(c->files, (c->n + 1) * sizeof *c->files);
  c->files[c->n++] = f;
  return 0;
}

static bool is_there(const char *path) {
  return access(path, F_OK) == 0 || errno != ENOENT;
}

/* Empty and missing ones are skipped, doubles read once. */
static int add_listed(struct kubeconfig *c, const char *listed, struct error *err) {
  for (const char *p = listed; *p;) {
    size_t n = strcspn(p, ":");
    CLEANUP_FREE char *path = xstrndup(p, n);
    bool known = !n;
    for (size_t i = 0; i < c->n; i++) known |= !strcmp(c->files[i].path, path);
    if (!known && is_there(path) && add_file(c, path, err) < 0) return -1;
    p += n;
    if (*p) p++;
  }
  if (c->n) return 0;
  return error_set(err, ERR_CONFIG, "KUBECONFIG: none of its files is there: %s", listed);
}

int kubeconfig_read(const char *path, struct kubeconfig *ret, struct error *err) {
  struct kubeconfig c = {0};
  const char *listed = getenv("KUBECONFIG"), *home = getenv("HOME");
  CLEANUP_FREE char *own = home ? xprintf("%s/.kube/config", home) : NULL;
  int rc = 0;
  if (path) {
    if ((rc = add_file(&c, path, err)) < 0) error_prefix(err, "--kubeconfig");
  } else if (listed && listed[strspn(listed, ":")])
    rc = add_listed(&c, listed, err);
  else if (own && is_there(own))
    rc = add_file(&c, own, err);
  if (rc < 0) {
    kubeconfig_done(&c);
    return -1;
  }
  *ret = c;
  return 0;
}

void kubeconfig_done(struct kubeconfig *c) {
  for (size_t i = 0; i < c->n; i++) file_done(&c->files[i]);
  free(c->files);
  *c = (struct kubeconfig){0};
}

char *kubeconfig_names(const struct kubeconfig *c) {
  struct buf b;
  buf_init(&b, LIMIT_CONFIG_JSON);
  for (size_t i = 0; i < c->n; i++) buf_printf(&b, "%s%s", i ? ", " : "", c->files[i].path);
  return buf_take(&b);
}

bool kubeconfig_find(const struct kubeconfig *c, const char *list, const char *kind, const char *name,
                     struct kubeconfig_entry *ret) {
  for (size_t i = 0; i < c->n; i++) {
    const struct yaml *l = c->files[i].tree->kind == YAML_MAP ? yaml_get(c->files[i].tree, list) : NULL;
    for (size_t k = 0; l && k < l->n; k++) {
      const struct yaml *at = yaml_get(l->items[k], "name"), *map = yaml_get(l->items[k], kind);
      if (strcmp(at->text, name) != 0) continue;
      if (map && map->kind != YAML_MAP) map = NULL;
      *ret = (struct kubeconfig_entry){
          .kind = kind, .name = at->text, .file = &c->files[i], .map = map, .line = l->items[k]->line};
      return true;
    }
  }
  return false;
}

const char *kubeconfig_current(const struct kubeconfig *c, const char **ret_file) {
  for (size_t i = 0; i < c->n; i++) {
    const struct yaml *y =
        c->files[i].tree->kind == YAML_MAP ? yaml_get(c->files[i].tree, "current-context") : NULL;
    if (!y || y->kind == YAML_NULL || !*y->text) continue;
    *ret_file = c->files[i].path;
    return y->text;
  }
  return NULL;
}

char *kubeconfig_list(const struct kubeconfig *c, const char *list) {
  struct strv names;
  struct buf b;
  strv_init(&names);
  buf_init(&b, LIMIT_KUBECONFIG);
  for (size_t i = 0; i < c->n; i++) {
    const struct yaml *l = c->files[i].tree->kind == YAML_MAP ? yaml_get(c->files[i].tree, list) : NULL;
    for (size_t k = 0; l && k < l->n && names.n < NAMES_MAX; k++) {
      const char *name = yaml_get(l->items[k], "name")->text;
      if (!strv_has(&names, name)) strv_add(&names, name);
    }
  }
  for (size_t i = 0; i < names.n; i++) buf_printf(&b, "%s%s", i ? ", " : "", names.v[i]);
  strv_done(&names);
  return buf_take(&b);
}
