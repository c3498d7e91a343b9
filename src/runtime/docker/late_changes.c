/* Reading an archive from a container mounts its volumes, and for the old kind of bind (HostConfig.Binds, of
 * docker run -v and Compose) the engine makes a source folder that is missing. A source that does not run is
 * therefore asked for its list of changes instead, which mounts nothing; the files themselves are read when
 * the copy has been created, and that had failed if a bind source were missing. */
#include "data/json.h"
#include "runtime/docker/late.h"
#include <string.h>

enum { CHANGE_DELETED = 2 };

bool late_reading_makes_folders(const json_t *source) {
  size_t i;
  json_t *bind, *mount;
  json_array_foreach(json_at(source, "HostConfig.Binds"), i, bind) {
    const char *text = json_string_value(bind);
    if (text && *text == '/') return true;
  }
  json_array_foreach(json_at(source, "HostConfig.Mounts"), i, mount) {
    if (json_is(mount, "BindOptions.CreateMountpoint")) return true;
  }
  return false;
}

static bool below(const char *path, const char *folder) {
  size_t n = strlen(folder);
  return !strncmp(path, folder, n) && path[n] == '/';
}

/* The list does not tell folders from files: what has something below it is a folder. */
static bool is_folder(const json_t *changes, const char *path) {
  size_t i;
  json_t *change;
  json_array_foreach(changes, i, change) {
    const char *other = json_str(change, "Path");
    if (other && below(other, path)) return true;
  }
  return false;
}

void late_changed(const json_t *changes, const json_t *source, const char *path, json_t *files,
                  json_t *skip) {
  size_t i;
  json_t *change;
  json_array_foreach(changes, i, change) {
    const char *at = json_str(change, "Path");
    if (!at || json_int_or(change, "Kind", CHANGE_DELETED) == CHANGE_DELETED) continue;
    if ((strcmp(at, path) != 0 || !strcmp(path, LATE_SECRETS)) && !below(at, path)) continue;
    if (is_folder(changes, at)) continue;
    json_array_append_new(late_is_mounted(source, at) ? skip : files, json_string(at));
  }
}
