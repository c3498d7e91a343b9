/* volumes:, tmpfs:, secrets: and configs: of a service. */
#include "base/alloc.h"
#include "base/parse.h"
#include "release/compose/compose.h"
#include <stdlib.h>
#include <string.h>

/* A number is what YAML read (01777 is 1023 by now); the release file's reader wants it as people write
 * modes. */
static void write_mode(struct yaml *volume) {
  struct yaml *mode = tree_get(tree_get(volume, "tmpfs"), "mode");
  int64_t number;
  if (!mode || mode->kind != YAML_INT || parse_int(mode->text, 0, 07777, &number)) return;
  free(mode->text);
  mode->text = xprintf("%o", (unsigned)number);
}

/* One item by the rules of the release file into a scratch, then the volume's name on the engine. */
static int read_volume(struct reading *in, const struct key *k, const struct yaml *one, struct error *err) {
  struct settings scratch;
  struct reading inner = *in;
  settings_init(&scratch);
  inner.settings = &scratch;
  struct yaml *copy = tree_copy(one);
  write_mode(copy->items[0]);
  int rc = read_volumes(&inner, k, copy, err);
  yaml_tree_free(copy);
  for (size_t i = 0; i < scratch.n_mounts && rc == 0; i++) {
    struct mount_setting m = scratch.mounts[i];
    CLEANUP_FREE char *name = NULL;
    if (m.kind == MOUNT_VOLUME && m.source) {
      rc = compose_name(in->compose, "volumes", m.source, one->items[0], &name, err);
      m.source = name;
    }
    if (rc == 0) settings_mount(in->settings, &m);
  }
  for (size_t i = 0; i < scratch.notes.n; i++) strv_add(in->notes, scratch.notes.v[i]);
  settings_done(&scratch);
  return rc;
}

int read_service_volumes(struct reading *in, const struct key *k, const struct yaml *value,
                         struct error *err) {
  return compose_each(in, k, value, read_volume, err);
}

int read_service_tmpfs(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return compose_each(in, k, value, read_tmpfs, err);
}

int read_service_devices(struct reading *in, const struct key *k, const struct yaml *value,
                         struct error *err) {
  return read_extra_devices(in, k, value, err);
}

/* A secret or config: where its text comes from. Compose mounts files; everything else it would write into
 * the container itself. */
static int find_file(struct reading *in, const char *kind, const char *name, const struct yaml *at,
                     char **ret, struct error *err) {
  static const char *const other[] = {"environment", "content", "external"};
  const struct yaml *definition = yaml_get(yaml_get(in->compose->model, kind), name);
  const struct yaml *file = yaml_get(definition, "file");
  bool flag = false;
  if (!definition) return compose_complain(at, kind, err, "'%s' is not declared under %s:", name, kind);
  for (size_t i = 0; i < ARRAY_LEN(other); i++) {
    const struct yaml *value = yaml_get(definition, other[i]);
    bool off = value && compose_text(value) && !parse_bool(value->text, &flag) && !flag && i == 2;
    if (!value || value->kind == YAML_NULL || off) continue;
    return compose_complain(
        value, kind, err,
        "'%s' comes from %s:, which is not supported here; use file:, or copy the running "
        "service (--from compose/%s)",
        name, other[i], in->compose->service);
  }
  if (!compose_text(file) || !*file->text)
    return compose_complain(definition, kind, err, "'%s' has no file:", name);
  *ret = compose_path(in->compose, file, file->text);
  return *ret ? 0 : compose_complain(file, kind, err, "'%s' cannot be made an absolute path", file->text);
}

static int read_file_item(struct reading *in, const struct key *k, const struct yaml *item,
                          const char *folder, struct error *err) {
  const char *name = compose_text(item);
  for (size_t i = 0; item->kind == YAML_MAP && i < item->n; i++) {
    static const char *const known[] = {"source", "target", "uid", "gid", "mode"};
    const struct yaml_pair *pair = &item->pairs[i];
    bool found = key_ignored(pair->key);
    for (size_t j = 0; j < ARRAY_LEN(known); j++) found = found || !strcmp(known[j], pair->key);
    if (!found) return complain(in, pair->line, k->name, err, "unknown key '%s'", pair->key);
    if (!strcmp(pair->key, "source")) name = compose_text(pair->value);
    if (!strcmp(pair->key, "uid") || !strcmp(pair->key, "gid") || !strcmp(pair->key, "mode"))
      compose_left_out(in->settings, "a file is mounted with the owner and mode that it has", "%s of %s %s",
                       pair->key, k->name, name ? name : "");
  }
  if (!name || !*name) return complain(in, item->line, k->name, err, "expected a name, or source: in a map");
  CLEANUP_FREE char *path = NULL, *target = merge_target(item, folder),
                    *origin = xprintf("%s:%d", in->release->file, item->line);
  if (find_file(in, k->name, name, item, &path, err)) return -1;
  const char *given = item->kind == YAML_MAP ? compose_text(yaml_get(item, "target")) : NULL;
  struct mount_setting m = {.kind = MOUNT_BIND, .source = path, .read_only = true, .origin = origin};
  m.target = given && *given == '/' ? (char *)given : target;
  settings_mount(in->settings, &m);
  return 0;
}

static int read_secret(struct reading *in, const struct key *k, const struct yaml *one, struct error *err) {
  return read_file_item(in, k, one->items[0], "/run/secrets", err);
}

static int read_config(struct reading *in, const struct key *k, const struct yaml *one, struct error *err) {
  return read_file_item(in, k, one->items[0], "", err);
}

int read_service_secrets(struct reading *in, const struct key *k, const struct yaml *value,
                         struct error *err) {
  return compose_each(in, k, value, read_secret, err);
}

int read_service_configs(struct reading *in, const struct key *k, const struct yaml *value,
                         struct error *err) {
  return compose_each(in, k, value, read_config, err);
}
