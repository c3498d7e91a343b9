/* env: and env_file: of the file and of tasks. */
#include "base/alloc.h"
#include "data/envfile.h"
#include "release/keys.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int set_variable(struct reading *in, const struct key *k, int line, const char *name,
                        const char *value, struct error *err) {
  if (!value && !in->check) value = dotenv_lookup(in->release->dotenv, name);
  if (!value && !in->check)
    return complain(in, line, k->name, err, "%s has no value here and is not set in the environment", name);
  CLEANUP_FREE char *origin =
      in->task ? xprintf("task %s", in->task->name) : xprintf("%s:%d", in->release->file, line);
  settings_env(in->settings, name, value ? value : "", origin);
  return 0;
}

int read_env(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return value_pairs(in, k, value, set_variable, err);
}

struct env_file {
  struct reading *in;
  const char *shown;
};

static int add_variable(void *data, const char *name, const char *value, int line, struct error *err) {
  const struct env_file *file = data;
  (void)err;
  if (!value) value = dotenv_lookup(file->in->release->dotenv, name);
  if (!value) return 0; /* Compose: a name alone that nobody sets is left out */
  CLEANUP_FREE char *origin = xprintf("env_file %s:%d", file->shown, line);
  settings_env(file->in->settings, name, value, origin);
  return 0;
}

static int read_file(struct reading *in, const struct key *k, int line, const char *name, bool required,
                     bool raw, struct error *err) {
  if (!*name) return complain(in, line, k->name, err, "the name of a file is empty");
  if (in->check) return 0;
  CLEANUP_FREE char *path = release_path(in->release, name);
  if (access(path, F_OK) != 0) {
    if (!required) return 0;
    return complain(in, line, k->name, err, "no such file: %s; with required: false it may be missing", path);
  }
  struct env_file file = {in, name};
  return raw ? envfile_docker(path, add_variable, &file, err)
             : envfile_compose(path, dotenv_lookup, in->release->dotenv, add_variable, &file, err);
}

/* {path, required: true, format: raw} */
static int read_long_form(struct reading *in, const struct key *k, const struct yaml *map,
                          struct error *err) {
  static const struct key required_key = {.name = "env_file.required", .expect = "true or false"};
  static const struct key format_key = {.name = "env_file.format", .expect = "raw"};
  const struct yaml *path = NULL, *format = NULL;
  CLEANUP_FREE char *name = NULL;
  bool required = true;
  int rc = 0;
  for (size_t i = 0; i < map->n && rc >= 0; i++) {
    const struct yaml_pair *pair = &map->pairs[i];
    if (key_ignored(pair->key)) continue;
    if (!strcmp(pair->key, "path"))
      path = pair->value;
    else if (!strcmp(pair->key, "format"))
      format = pair->value;
    else if (!strcmp(pair->key, "required"))
      rc = value_bool(in, &required_key, pair->value, &required, err);
    else
      return complain(in, pair->line, k->name, err, "unknown key '%s'; known are path, required, format",
                      pair->key);
  }
  if (rc < 0) return rc;
  if (!path) return complain(in, map->line, k->name, err, "path: is missing");
  if (format && (format->kind != YAML_STRING || strcmp(format->text, "raw") != 0))
    return complain(in, format->line, format_key.name, err, "expected raw, or no format at all");
  rc = value_text(in, k, path, &name, err);
  return rc ? rc : read_file(in, k, map->line, name, required, format != NULL, err);
}

static int read_one(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_MAP) return read_long_form(in, k, value, err);
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *name = NULL;
  int rc = value_text(in, k, value, &name, err);
  return rc ? rc : read_file(in, k, value->line, name, true, false, err);
}

int read_env_file(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_LIST) return read_one(in, k, value, err);
  for (size_t i = 0; i < value->n; i++)
    if (read_one(in, k, value->items[i], err) < 0) return -1;
  return 0;
}
