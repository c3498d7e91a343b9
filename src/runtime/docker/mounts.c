#include "runtime/docker/mounts.h"
#include "base/alloc.h"
#include "data/json.h"
#include <string.h>

#define API_SUBPATH 45

static bool one_of(const char *word, const char *const *list) {
  for (; *list; list++)
    if (!strcmp(word, *list)) return true;
  return false;
}

static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
                                           "slave",   "rslave",   NULL};
/* Of Docker Desktop; no Linux engine does anything for them. */
static const char *const ignored[] = {"rw", "cached", "delegated", "consistent", "default", "copy", NULL};
static const char *const relabels[] = {"z", "Z", "U", NULL};

static int volume_word(struct clone *c, json_t *e, const char *word, bool *ret_known, struct error *err) {
  json_t *options = json_object_in(e, "VolumeOptions");
  *ret_known = true;
  if (!strcmp(word, "nocopy") || !strcmp(word, "volume-nocopy")) {
    json_object_set_new(options, "NoCopy", json_true());
  } else if (!strncmp(word, "subpath=", 8) || !strncmp(word, "volume-subpath=", 15)) {
    if (c->f->api_minor < API_SUBPATH)
      return error_set(err, ERR_CONFIG, "mount %s failed: subpath needs API 1.45, the engine has 1.%d",
                       json_str(e, "Target"), c->f->api_minor);
    json_object_set_new(options, "Subpath", json_string(strchr(word, '=') + 1));
  } else {
    *ret_known = false;
  }
  if (json_object_size(options) == 0) json_object_del(e, "VolumeOptions");
  return 0;
}

static bool bind_word(json_t *e, const char *word) {
  bool known = true;
  json_t *options = json_object_in(e, "BindOptions");
  if (one_of(word, propagations))
    json_object_set_new(options, "Propagation", json_string(word));
  else if (!strcmp(word, "bind-nonrecursive") || !strcmp(word, "bind"))
    json_object_set_new(options, "NonRecursive", json_true());
  else if (strcmp(word, "rbind") != 0)
    known = false;
  if (json_object_size(options) == 0) json_object_del(e, "BindOptions");
  return known;
}

static int one_word(struct clone *c, json_t *e, const struct mount_setting *m, const char *word,
                    struct error *err) {
  bool known = false;
  if (one_of(word, relabels)) {
    plan_note(c, "mount option %s of %s is left out: it would take the volume from the application", word,
              m->target);
    plan_dropped(c, "it would take the volume from the application", "mount option %s of %s", word,
                 m->target);
    return 0;
  }
  if (one_of(word, ignored)) return 0;
  if (!strcmp(word, "ro") || !strcmp(word, "readonly")) {
    json_object_set_new(e, "ReadOnly", json_true());
    return 0;
  }
  if (m->kind == MOUNT_VOLUME && volume_word(c, e, word, &known, err) < 0) return -1;
  if (m->kind == MOUNT_BIND) known = bind_word(e, word);
  if (!known)
    return error_set(err, ERR_CONFIG, "mount %s failed: unknown option '%s' (%s)", m->target, word,
                     m->origin ? m->origin : "settings");
  return 0;
}

/* Mount tables take every option of the kernel; HostConfig.Tmpfs hands them on as they are. */
static void add_tmpfs(struct clone *c, const struct mount_setting *m) {
  const char *options = m->options ? m->options : "";
  json_object_set_new(json_object_in(c->host, "Tmpfs"), m->target,
                      m->read_only ? json_sprintf("ro%s%s", *options ? "," : "", options)
                                   : json_string(options));
}

bool mount_is_anonymous(const json_t *m) {
  const char *type = json_str(m, "Type"), *source = json_str(m, "Source");
  return type && !strcmp(type, "volume") && (!source || !*source);
}

int mount_from_setting(struct clone *c, json_t *mounts, const struct mount_setting *m, struct error *err) {
  if (m->kind == MOUNT_TMPFS) {
    add_tmpfs(c, m);
    return 0;
  }
  json_t *e = json_pack("{s:s, s:s, s:b}", "Type", m->kind == MOUNT_BIND ? "bind" : "volume", "Target",
                        m->target, "ReadOnly", m->read_only);
  json_array_append_new(mounts, e);
  if (m->source) json_object_set_new(e, "Source", json_string(m->source));
  CLEANUP_FREE char *words = xstrdup(m->options ? m->options : "");
  char *save = NULL;
  for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save))
    if (one_word(c, e, m, w, err) < 0) return -1;
  return 0;
}
