#include "runtime/docker/late.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/docker/tar.h"
#include <string.h>

/* Secrets pass through here. */
static void wipe(struct buf *b) {
  if (b->data) explicit_bzero(b->data, b->size);
  buf_done(b);
}

/* Names in an archive begin with the last part of the path that was asked for. */
static char *full_path(const char *path, const char *name) {
  const char *slash = strrchr(path, '/');
  return xprintf("%.*s/%s", slash ? (int)(slash - path) : 0, path, name);
}

struct listing {
  const json_t *source;
  const char *path;
  json_t *files, *skip;
};

static int list_entry(void *data, const struct tar_entry *e, struct error *err) {
  struct listing *l = data;
  (void)err;
  if (e->type == '5') return 0;
  CLEANUP_FREE char *full = full_path(l->path, e->name);
  json_array_append_new(late_is_mounted(l->source, full) ? l->skip : l->files, json_string(full));
  return 0;
}

/* Tasks of Swarm have their secrets on a file system that the engine's archive does not show. */
static bool of_swarm(const json_t *source) {
  return json_object_get(json_at(source, "Config.Labels"), "com.docker.swarm.task.id") != NULL;
}

static int cannot_read(const char *paths, const char *why, struct error *err) {
  return error_set(err, ERR_CONFIG, "copying files of the source failed: %s: %s", paths, why);
}

static char *joined(const json_t *list) {
  char *text = xstrdup("");
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    char *longer = xprintf("%s%s%s", text, i ? ", " : "", json_string_value(item));
    free_pointer(&text);
    text = longer;
  }
  return text;
}

/* The files of one place, read or by the list of changes (NULL: read). Nothing there: nothing is added. */
static int list_place(struct docker *d, struct listing *l, const json_t *changes, struct error *err) {
  struct error why = ERROR_INIT;
  struct buf tar;
  int rc = 0;
  if (changes) {
    late_changed(changes, l->source, l->path, l->files, l->skip);
    return 0;
  }
  buf_init(&tar, LIMIT_ARCHIVE);
  if (docker_archive_get(d, json_str(l->source, "Id"), l->path, &tar, &why) < 0) {
    if (why.kind == ERR_MISSING) {
      rc = 0;
    } else if (why.kind == ERR_ENGINE || why.kind == ERR_PERMISSION || why.kind == ERR_CONFLICT) {
      rc = cannot_read(l->path, why.text, err);
    } else { /* the engine is gone, or we were interrupted */
      if (err) *err = why;
      rc = -1;
    }
  } else if (tar_each(tar.data ? tar.data : "", tar.len, list_entry, l, &why) < 0) {
    rc = cannot_read(l->path, why.text, err);
  }
  wipe(&tar);
  return rc;
}

static int look_at(struct docker *d, const json_t *source, const char *path, const json_t *changes,
                   json_t *late, struct error *err) {
  if (late_is_mounted(source, path)) return 0;
  struct listing l = {source, path, json_array(), json_array()};
  int rc = list_place(d, &l, changes, err);
  if (rc == 0 && json_array_size(l.files) && of_swarm(source)) {
    CLEANUP_FREE char *names = joined(l.files);
    rc = cannot_read(names, "the engine does not hand out the secrets of a Swarm task", err);
  }
  if (rc == 0 && json_array_size(l.files))
    json_array_append_new(late, json_pack("{s:s, s:O, s:O}", "path", path, "files", l.files, "skip", l.skip));
  json_decref(l.files);
  json_decref(l.skip);
  return rc;
}

/* *ret stays NULL when the files are to be read at once; also when the engine cannot tell, as when hundreds
 * of thousands of files changed: a folder that it may make is then the smaller evil. */
static int list_changes(struct docker *d, const json_t *source, json_t **ret, struct error *err) {
  struct error why = ERROR_INIT;
  if (!late_reading_makes_folders(source)) return 0;
  CLEANUP_FREE char *path = xprintf("/containers/%s/changes", json_str(source, "Id"));
  if (docker_json(d, path, ret, &why) == 0 || why.kind == ERR_ENGINE) return 0;
  if (err) *err = why;
  return error_prefix(err, "looking for files that were put into the source failed");
}

int late_find(struct docker *d, const json_t *source, json_t **ret, char **ret_unread, struct error *err) {
  json_t *late = json_array();
  struct strv targets;
  strv_init(&targets);
  CLEANUP_FREE char *unread = NULL;
  CLEANUP_JSON json_t *changes = NULL;
  int rc = list_changes(d, source, &changes, err);
  late_targets(source, &targets, &unread);
  for (size_t i = 0; rc == 0 && i < targets.n; i++) rc = look_at(d, source, targets.v[i], changes, late, err);
  strv_done(&targets);
  if (rc < 0) {
    json_decref(late);
    return -1;
  }
  *ret = late;
  *ret_unread = TAKE(unread);
  return 0;
}

struct copying {
  const json_t *entry;
  const char *path;
  struct buf *out;
};

static bool is_skipped(const json_t *entry, const char *full) {
  size_t i;
  json_t *item;
  json_array_foreach(json_at(entry, "skip"), i, item) {
    const char *text = json_string_value(item);
    if (text && !strcmp(text, full)) return true;
  }
  return false;
}

/* The same member with its whole path, so that one archive goes to "/" and makes what folders are missing. */
static int copy_entry(void *data, const struct tar_entry *e, struct error *err) {
  struct copying *c = data;
  CLEANUP_FREE char *full = full_path(c->path, e->name);
  if (!strchr("025", e->type) || is_skipped(c->entry, full)) return 0;
  struct tar_entry copy = *e;
  copy.name = full + 1;
  if (e->type != '2') copy.link = NULL;
  return tar_add(c->out, &copy, err);
}

static int copy_place(struct docker *d, const char *source, const json_t *entry, struct buf *out,
                      struct error *err) {
  struct error why = ERROR_INIT;
  struct buf tar;
  const char *path = json_str(entry, "path");
  if (!path || *path != '/') return 0;
  buf_init(&tar, LIMIT_ARCHIVE);
  int rc = docker_archive_get(d, source, path, &tar, &why);
  struct copying c = {entry, path, out};
  if (rc == 0) rc = tar_each(tar.data ? tar.data : "", tar.len, copy_entry, &c, &why);
  wipe(&tar);
  if (rc == 0) return 0;
  if (why.kind == ERR_MISSING || why.kind == ERR_ENGINE || why.kind == ERR_PERMISSION) {
    CLEANUP_FREE char *names = joined(json_at(entry, "files"));
    return cannot_read(names, why.text, err);
  }
  if (err) *err = why;
  return -1;
}

int docker_late_copy(struct docker *d, const struct prepared *p, const char *new_id, struct error *err) {
  const json_t *late = json_at(p->private_parts, "late"), *entry;
  const char *source = json_str(p->private_parts, "source_id");
  struct buf out;
  size_t i;
  int rc = 0;
  if (json_array_size(late) == 0 || !source) return 0;
  buf_init(&out, LIMIT_ARCHIVE);
  json_array_foreach(late, i, entry) {
    rc = copy_place(d, source, entry, &out, err);
    if (rc < 0) break;
  }
  if (rc == 0) rc = tar_end(&out, err);
  if (rc == 0 && docker_archive_put(d, new_id, "/", out.data, out.len, err) < 0)
    rc = error_prefix(err, "copying files of the source failed");
  wipe(&out);
  return rc;
}
