/* extends: a service that begins as a copy of another one, of the same file or of another. */
#include "base/alloc.h"
#include "base/limits.h"
#include "release/compose/compose.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct extension {
  const char *service, *file; /* file NULL: the same */
  const struct yaml *at;
};

/* false: none. */
static int read_extension(const struct yaml *service, struct extension *ret, struct error *err) {
  const struct yaml *value = yaml_get(service, "extends");
  *ret = (struct extension){.at = value};
  if (!value || value->kind == YAML_NULL) return 0;
  ret->service = compose_text(value);
  for (size_t i = 0; value->kind == YAML_MAP && i < value->n; i++) {
    const struct yaml_pair *pair = &value->pairs[i];
    if (!strcmp(pair->key, "service"))
      ret->service = compose_text(pair->value);
    else if (!strcmp(pair->key, "file"))
      ret->file = compose_text(pair->value);
    else
      return compose_complain(pair->value, "extends", err, "unknown key '%s'; known are service, file",
                              pair->key);
  }
  if (ret->service && *ret->service && !(ret->file && !*ret->file)) return 0;
  return compose_complain(value, "extends", err, "expected the name of a service, or service: and file:");
}

static int resolve(struct compose *c, struct yaml *root, const char *name, const struct yaml *at,
                   struct dotenv *env, struct yaml **ret, struct error *err);

/* The base stands in another file, which is read for it alone. */
static int from_file(struct compose *c, const struct extension *x, struct dotenv *env, struct yaml **ret,
                     struct error *err) {
  if (strstr(x->file, "://"))
    return compose_complain(x->at, "extends", err, "'%s' is not on this machine; only files are read",
                            x->file);
  CLEANUP_FREE char *path = compose_path(c, x->at, x->file);
  CLEANUP_FREE char *dir = xstrdup(path);
  char *slash = strrchr(dir, '/');
  const char *beside = *x->file == '/' ? NULL : strrchr(x->at->file, '/');
  CLEANUP_FREE char *shown =
      beside ? xprintf("%.*s/%s", (int)(beside - x->at->file), x->at->file, x->file) : xstrdup(x->file);
  struct yaml *root;
  struct stat st;
  if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
    return compose_complain(x->at, "extends", err, "%s: %s", path,
                            stat(path, &st) ? "no such file" : "is not a regular file");
  slash[slash == dir] = '\0';
  if (compose_parse(c, path, shown, dir, env, &root, err)) return -1;
  int rc = resolve(c, root, x->service, x->at, env, ret, err);
  yaml_tree_free(root);
  return rc;
}

/* The base, then the service over it. */
static int extended(struct compose *c, struct yaml *root, const struct yaml *service, struct dotenv *env,
                    struct yaml **ret, struct error *err) {
  struct extension x;
  struct yaml *base = NULL;
  if (read_extension(service, &x, err)) return -1;
  if (x.service &&
      (x.file ? from_file(c, &x, env, &base, err) : resolve(c, root, x.service, x.at, env, &base, err)))
    return -1;
  if (!base) base = tree_new(YAML_MAP, NULL, service);
  struct yaml *over = tree_copy(service);
  tree_remove(over, "extends");
  if (merge_service(base, over, err)) {
    yaml_tree_free(base);
    return -1;
  }
  base->line = service->line;
  base->file = service->file;
  *ret = base;
  return 0;
}

static int resolve(struct compose *c, struct yaml *root, const char *name, const struct yaml *at,
                   struct dotenv *env, struct yaml **ret, struct error *err) {
  const struct yaml *services = yaml_get(root, "services"), *service = yaml_get(services, name);
  if (!service)
    return compose_complain(at, "extends", err, "there is no service '%s' in %s", name,
                            root->file ? root->file : at->file);
  if (service->kind != YAML_MAP)
    return compose_complain(service, name, err, "expected a map, found %s", yaml_kind_name(service->kind));
  const struct compose_file *file = compose_file_of(c, service);
  const char *base_name = strrchr(service->file, '/');
  CLEANUP_FREE char *id = xprintf("%s/%s#%s", file->dir, base_name ? base_name + 1 : service->file, name);
  if (strv_has(&c->extending, id))
    return compose_complain(at, "extends", err, "service '%s' extends itself in the end", name);
  if (c->extending.n == LIMIT_COMPOSE_EXTENDS)
    return compose_complain(at, "extends", err, "more than %d services that extend each other",
                            LIMIT_COMPOSE_EXTENDS);
  strv_add(&c->extending, id);
  int rc = extended(c, root, service, env, ret, err);
  free(c->extending.v[--c->extending.n]);
  c->extending.v[c->extending.n] = NULL;
  return rc;
}

int compose_extend(struct compose *c, struct yaml *root, const char *service, struct dotenv *env,
                   struct error *err) {
  struct yaml *services = tree_get(root, "services"), *result = NULL;
  const struct yaml *was = yaml_get(services, service);
  if (!was || !yaml_get(was, "extends")) return 0;
  int line = was->line;
  if (resolve(c, root, service, was, env, &result, err)) return -1;
  tree_put(services, service, line, result);
  return 0;
}
