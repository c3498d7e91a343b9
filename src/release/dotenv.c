#include "base/alloc.h"
#include "base/name_index.h"
#include "data/envfile.h"
#include "release/keys.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct dotenv {
  const struct dotenv *parent; /* asked first; NULL: none */
  struct strv names, values;   /* side by side */
  struct name_index index;
};

static int remember(void *data, const char *name, const char *value, int line, struct error *err) {
  (void)line;
  (void)err;
  struct dotenv *d = data;
  size_t i;
  if (!value) return 0; /* a name alone: the caller's, which comes first anyway */
  if (name_index_get(&d->index, name, &i)) {
    char *copy = xstrdup(value); /* it may be the very text that goes */
    free(d->values.v[i]);
    d->values.v[i] = copy;
    return 0;
  }
  strv_add(&d->names, name);
  strv_add(&d->values, value);
  name_index_put(&d->index, d->names.v[d->names.n - 1], d->names.n - 1);
  return 0;
}

struct dotenv *dotenv_new(const struct dotenv *parent) {
  struct dotenv *d = xcalloc(1, sizeof(*d));
  d->parent = parent;
  return d;
}

void dotenv_set(struct dotenv *d, const char *name, const char *value) {
  remember(d, name, value, 0, NULL);
}

int dotenv_read(struct dotenv *d, const char *path, struct error *err) {
  return envfile_compose(path, dotenv_lookup, d, remember, d, err);
}

struct dotenv *dotenv_load(const char *dir, struct error *err) {
  struct dotenv *d = dotenv_new(NULL);
  CLEANUP_FREE char *path = strcmp(dir, ".") ? xprintf("%s/.env", dir) : xstrdup(".env");
  struct stat st;
  /* A folder named .env is a Python environment, not a file of variables. */
  if (stat(path, &st) != 0 || S_ISDIR(st.st_mode) || dotenv_read(d, path, err) == 0) return d;
  dotenv_free(d);
  return NULL;
}

void dotenv_free(struct dotenv *d) {
  if (!d) return;
  strv_done(&d->names);
  strv_done(&d->values);
  name_index_done(&d->index);
  free(d);
}

const char *dotenv_lookup(void *dotenv, const char *name) {
  const struct dotenv *d = dotenv;
  if (!d) return getenv(name);
  const char *value = d->parent ? dotenv_lookup((struct dotenv *)d->parent, name) : getenv(name);
  size_t i;
  if (value) return value;
  return name_index_get(&d->index, name, &i) ? d->values.v[i] : NULL;
}
