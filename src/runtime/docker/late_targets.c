#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/json.h"
#include "data/yaml.h"
#include "runtime/docker/labels.h"
#include "runtime/docker/late.h"
#include <string.h>
#include <sys/stat.h>

static bool below(const char *path, const char *folder) {
  size_t n = strlen(folder);
  while (n > 1 && folder[n - 1] == '/') n--;
  return !strncmp(path, folder, n) && (path[n] == '\0' || path[n] == '/' || n == 1);
}

bool late_is_mounted(const json_t *source, const char *path) {
  size_t i;
  json_t *m, *unused;
  const char *target;
  json_array_foreach(json_at(source, "Mounts"), i, m) {
    target = json_str(m, "Destination");
    if (target && below(path, target)) return true;
  }
  json_object_foreach(json_at(source, "HostConfig.Tmpfs"), target,
                      unused) if (below(path, target)) return true;
  return false;
}

static const char *text_of(const struct yaml *map, const char *key) {
  const struct yaml *y = map && map->kind == YAML_MAP ? yaml_get(map, key) : NULL;
  return y && y->kind == YAML_STRING ? y->text : NULL;
}

/* Only these two are put in by Compose; a file: is a bind mount. */
static bool is_put(const struct yaml *definition) {
  return text_of(definition, "content") || text_of(definition, "environment");
}

static void add_target(struct strv *ret, const char *base, const char *name, const char *target) {
  CLEANUP_FREE char *path =
      target && *target == '/' ? xstrdup(target) : xprintf("%s/%s", base, target ? target : name);
  if (strcmp(base, LATE_SECRETS) == 0 && below(path, LATE_SECRETS)) return; /* already there */
  if (!strchr(path, '$') && !strv_has(ret, path)) strv_add(ret, path);
}

/* configs: and secrets: of one service: a name, or {source, target}. */
static void add_list(const struct yaml *service, const struct yaml *definitions, const char *key,
                     const char *base, struct strv *ret) {
  const struct yaml *list = yaml_get(service, key);
  if (!list || list->kind != YAML_LIST || !definitions || definitions->kind != YAML_MAP) return;
  for (size_t i = 0; i < list->n; i++) {
    const struct yaml *item = list->items[i];
    const char *name = item->kind == YAML_MAP ? text_of(item, "source") : item->text;
    const struct yaml *definition = name ? yaml_get(definitions, name) : NULL;
    if (definition && is_put(definition))
      add_target(ret, base, name, item->kind == YAML_MAP ? text_of(item, "target") : NULL);
  }
}

/* Answers whether the file could be read. */
static bool add_file(const char *path, const char *service_name, struct strv *ret) {
  struct error ignored = ERROR_INIT;
  struct stat st;
  struct buf text;
  if (*path != '/' || stat(path, &st) < 0 || !S_ISREG(st.st_mode)) return false;
  buf_init(&text, LIMIT_RELEASE_FILE);
  struct yaml *y = file_read(path, LIMIT_RELEASE_FILE, &text, &ignored) == 0 && text.len
                       ? yaml_parse(path, text.data, text.len, &ignored)
                       : NULL;
  const struct yaml *services = y && y->kind == YAML_MAP ? yaml_get(y, "services") : NULL;
  const struct yaml *service =
      services && services->kind == YAML_MAP ? yaml_get(services, service_name) : NULL;
  if (service && service->kind == YAML_MAP) {
    add_list(service, yaml_get(y, "configs"), "configs", "", ret);
    add_list(service, yaml_get(y, "secrets"), "secrets", LATE_SECRETS, ret);
  }
  bool read = y != NULL;
  yaml_tree_free(y);
  buf_done(&text);
  return read;
}

void late_targets(const json_t *source, struct strv *ret, char **ret_unread) {
  const json_t *labels = json_at(source, "Config.Labels");
  const char *files = json_string_value(json_object_get(labels, LABEL_COMPOSE_FILES));
  const char *service = json_string_value(json_object_get(labels, LABEL_COMPOSE_SERVICE));
  strv_add(ret, LATE_SECRETS);
  *ret_unread = NULL;
  if (!files || !service) return;
  CLEANUP_FREE char *copy = xstrdup(files);
  char *save = NULL;
  for (char *path = strtok_r(copy, ",", &save); path; path = strtok_r(NULL, ",", &save))
    if (!add_file(path, service, ret) && !*ret_unread) *ret_unread = xstrdup(path);
}
