/* Mounts of the copy. The engine's list of what is really mounted (Mounts) is the truth: binds, volumes,
 * --volumes-from and Compose's re-used volumes are all resolved there. HostConfig.Mounts adds the options
 * that this list does not tell. Everything is asked for through HostConfig.Mounts and not Binds: a bind
 * source that is missing is then an error and not a new empty folder. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include "runtime/docker/mounts.h"
#include "runtime/docker/podman.h"
#include <stdlib.h>
#include <string.h>

bool volume_is_anonymous(const char *name) {
  return name && strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

/* "/data/" and "/data" are one place. */
static bool same_target(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  while (n > 1 && a[n - 1] == '/') n--;
  while (m > 1 && b[m - 1] == '/') m--;
  return n == m && !strncmp(a, b, n);
}

static json_t *entry_for(const json_t *list, const char *target) {
  size_t i;
  json_t *m;
  json_array_foreach(list, i, m) {
    const char *t = json_str(m, "Target");
    if (t && same_target(t, target)) return m;
  }
  return NULL;
}

/* Did --volume name options for this target? SOURCE:TARGET:OPTIONS */
static bool asked_in_binds(const struct clone *c, const char *target) {
  size_t i, n = strlen(target);
  json_t *bind;
  json_array_foreach(json_at(c->f->source, "HostConfig.Binds"), i, bind) {
    const char *text = json_string_value(bind), *colon = text ? strchr(text, ':') : NULL;
    if (colon && !strncmp(colon + 1, target, n) && colon[1 + n] == ':') return true;
  }
  return false;
}

/* The application would lose a volume that somebody relabels for the copy. */
static void mode_words(struct clone *c, json_t *entry, const char *mode, bool volume) {
  CLEANUP_FREE char *words = xstrdup(mode ? mode : "");
  const char *target = json_str(entry, "Target");
  char *save = NULL;
  /* The engine says "z" of every volume that came without options. */
  if (volume && !strcmp(words, "z") && !asked_in_binds(c, target)) return;
  for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
    if (!strcmp(w, "z") || !strcmp(w, "Z") || !strcmp(w, "U"))
      plan_dropped(c, "it would take the volume from the application", "mount option %s of %s", w, target);
    else if (volume && !strcmp(w, "nocopy"))
      json_object_set_new(json_object_in(entry, "VolumeOptions"), "NoCopy", json_true());
  }
}

static json_t *bind_entry(struct clone *c, const json_t *m, const json_t *asked) {
  json_t *e = asked ? json_deep_copy(asked)
                    : json_pack("{s:s, s:s*}", "Type", "bind", "Source", json_str(m, "Source"));
  json_t *options = json_object_in(e, "BindOptions");
  const char *propagation = json_str(m, "Propagation");
  /* A missing source stays an error. */
  json_object_del(options, "CreateMountpoint");
  if (propagation && *propagation && !json_object_get(options, "Propagation"))
    json_object_set_new(options, "Propagation", json_string(propagation));
  if (json_object_size(options) == 0) json_object_del(e, "BindOptions");
  json_object_set_new(e, "Target", json_string(json_str(m, "Destination")));
  mode_words(c, e, json_str(m, "Mode"), false);
  return e;
}

static json_t *volume_entry(struct clone *c, const json_t *m, const json_t *asked) {
  json_t *e = asked ? json_deep_copy(asked) : json_pack("{s:s}", "Type", "volume");
  json_object_set_new(e, "Source", json_string(json_str(m, "Name")));
  json_object_set_new(e, "Target", json_string(json_str(m, "Destination")));
  mode_words(c, e, json_str(m, "Mode"), true);
  return e;
}

/* Was this volume made for this very container? One that came by --volumes-from is somebody else's, and
 * shared on purpose. */
static bool own_anonymous(struct clone *c, const json_t *m) {
  const char *target = json_str(m, "Destination"), *declared;
  json_t *unused;
  if (!volume_is_anonymous(json_str(m, "Name"))) return false;
  if (json_array_size(json_at(c->f->source, "HostConfig.VolumesFrom")) == 0) return true;
  if (entry_for(json_at(c->f->source, "HostConfig.Mounts"), target)) return true;
  json_object_foreach(json_at(c->f->source, "Config.Volumes"), declared,
                      unused) if (same_target(declared, target)) return true;
  return false;
}

/* Is there an image that declares this place as a volume, or did the source ask for it? Then the copy gets a
 * fresh one of its own. */
static void leave_anonymous(struct clone *c, json_t *mounts, const json_t *m, const json_t *asked) {
  const char *target = json_str(m, "Destination"), *declared;
  json_t *unused;
  plan_dropped(c, "anonymous volumes are not shared; the copy has a fresh one", "anonymous volume at %s",
               target);
  if (!asked) {
    /* From Binds (Compose hands an old anonymous volume on that way): declared nowhere else perhaps. */
    json_object_foreach(json_at(c->f->source, "Config.Volumes"), declared,
                        unused) if (same_target(declared, target)) return;
    json_object_set_new(json_object_in(c->config, "Volumes"), target, json_object());
    return;
  }
  json_t *e = json_deep_copy(asked);
  json_object_del(e, "Source");
  json_object_del(json_at(e, "VolumeOptions"), "Labels");
  json_array_append_new(mounts, e);
}

static void add_source_mount(struct clone *c, json_t *mounts, const json_t *m) {
  const char *type = json_str(m, "Type"), *target = json_str(m, "Destination");
  if (!target) return;
  const json_t *asked = entry_for(json_at(c->f->source, "HostConfig.Mounts"), target);
  json_t *e = NULL;
  if (!type || !strcmp(type, "bind")) {
    e = bind_entry(c, m, asked);
  } else if (!strcmp(type, "volume")) {
    if (own_anonymous(c, m)) {
      leave_anonymous(c, mounts, m, asked);
      return;
    }
    e = volume_entry(c, m, asked);
  } else if (asked) {
    e = json_deep_copy(asked);
  } else {
    return; /* tmpfs of HostConfig.Tmpfs, which is copied as it is */
  }
  if (!asked) json_object_set_new(e, "ReadOnly", json_boolean(!json_is(m, "RW")));
  json_array_append_new(mounts, e);
}

/* Entries that were asked for but are not in the list of what is mounted (tmpfs on old engines). */
static void add_unlisted(json_t *mounts, const json_t *source) {
  size_t i, k;
  json_t *asked, *m;
  json_array_foreach(json_at(source, "HostConfig.Mounts"), i, asked) {
    const char *target = json_str(asked, "Target");
    bool listed = false;
    json_array_foreach(json_at(source, "Mounts"), k, m) {
      const char *at = json_str(m, "Destination");
      if (at && target && same_target(at, target)) listed = true;
    }
    if (listed || !target) continue;
    json_t *e = json_deep_copy(asked);
    json_object_del(json_at(e, "BindOptions"), "CreateMountpoint");
    json_array_append_new(mounts, e);
  }
}

/* The settings win by target. */
static void forget_target(struct clone *c, json_t *mounts, const char *target) {
  const char *key;
  json_t *value;
  void *tmp;
  for (size_t i = json_array_size(mounts); i-- > 0;) {
    const char *t = json_str(json_array_get(mounts, i), "Target");
    if (t && same_target(t, target)) json_array_remove(mounts, i);
  }
  json_t *maps[] = {json_at(c->host, "Tmpfs"), json_at(c->config, "Volumes")};
  for (size_t k = 0; k < ARRAY_LEN(maps); k++)
    json_object_foreach_safe(maps[k], tmp, key, value) if (same_target(key, target))
        json_object_del(maps[k], key);
}

static int apply_settings(struct clone *c, json_t *mounts, struct error *err) {
  for (size_t i = 0; i < c->s->n_mounts; i++) {
    const struct mount_setting *m = &c->s->mounts[i];
    forget_target(c, mounts, m->target);
    if (mount_from_setting(c, mounts, m, err) < 0) return -1;
  }
  return 0;
}

static bool mounted_already(const struct clone *c, const json_t *mounts, const char *target) {
  const char *at;
  json_t *unused;
  if (entry_for(mounts, target)) return true;
  json_object_foreach(json_at(c->host, "Tmpfs"), at, unused) if (same_target(at, target)) return true;
  return false;
}

/* A path that the engine would spell otherwise may be mounted twice in its eyes: then it stays what it was.
 */
static bool plain_path(const char *path) {
  return path[0] == '/' && path[1] && !strstr(path, "//") && !strstr(path, "/.");
}

/* Only a volume that is asked for as a mount can be given labels, by which it is found when the engine
 * forgets it; what Volumes declares at the same place the engine then passes over. */
static void ask_for_declared(struct clone *c, json_t *mounts) {
  json_t *declared[] = {json_at(c->config, "Volumes"), json_at(c->f->image, "Config.Volumes")}, *unused;
  const char *target, *driver = json_str(c->host, "VolumeDriver");
  if (!podman_labels_volumes(c->f->podman)) return;
  for (size_t i = 0; i < ARRAY_LEN(declared); i++) {
    json_object_foreach(declared[i], target, unused) {
      if (!plain_path(target) || mounted_already(c, mounts, target)) continue;
      json_t *e = json_pack("{s:s, s:s}", "Type", "volume", "Target", target);
      if (driver && *driver)
        json_object_set_new(e, "VolumeOptions", json_pack("{s:{s:s}}", "DriverConfig", "Name", driver));
      json_array_append_new(mounts, e);
    }
  }
}

static int by_target(const void *a, const void *b) {
  const char *s = json_str(*(json_t *const *)a, "Target"), *t = json_str(*(json_t *const *)b, "Target");
  return strcmp(s ? s : "", t ? t : "");
}

/* Engines tell their mounts in an order that changes from answer to answer; a plan must not. */
static void sort_mounts(json_t *mounts) {
  size_t n = json_array_size(mounts), i;
  json_t **list = xcalloc(n + 1, sizeof(json_t *)), *m;
  json_array_foreach(mounts, i, m) list[i] = json_incref(m);
  qsort(list, n, sizeof(json_t *), by_target);
  json_array_clear(mounts);
  for (i = 0; i < n; i++) json_array_append_new(mounts, list[i]);
  free(list);
}

int clone_mounts(struct clone *c, struct error *err) {
  json_t *mounts = json_array(), *m;
  size_t i;
  json_object_del(c->host, "Binds");
  json_object_del(c->host, "VolumesFrom");
  json_object_set_new(c->host, "Mounts", mounts);
  json_array_foreach(json_at(c->f->source, "Mounts"), i, m) add_source_mount(c, mounts, m);
  add_unlisted(mounts, c->f->source);
  if (apply_settings(c, mounts, err) < 0) return -1;
  ask_for_declared(c, mounts);
  sort_mounts(mounts);
  if (json_array_size(mounts) == 0) json_object_del(c->host, "Mounts");
  json_t *volumes = json_at(c->config, "Volumes");
  if (volumes && json_object_size(volumes) == 0) json_object_del(c->config, "Volumes");
  return 0;
}
