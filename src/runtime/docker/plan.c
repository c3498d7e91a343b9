#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include "runtime/docker/mounts.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char *vtext(const char *fmt, va_list ap) {
  char *text = NULL;
  if (vasprintf(&text, fmt, ap) < 0) return xstrdup("");
  return text;
}

json_t *plan_list(struct clone *c, const char *key) {
  json_t *list = json_object_get(c->plan, key);
  if (list) return list;
  list = json_array();
  json_object_set_new(c->plan, key, list);
  return list;
}

void plan_dropped(struct clone *c, const char *why, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  CLEANUP_FREE char *what = vtext(fmt, ap);
  va_end(ap);
  json_array_append_new(plan_list(c, "dropped"), json_pack("{s:s, s:s}", "what", what, "why", why));
}

void plan_checked(struct clone *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  CLEANUP_FREE char *text = vtext(fmt, ap);
  va_end(ap);
  json_array_append_new(plan_list(c, "checked"), json_string(text));
}

void plan_difference(struct clone *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  CLEANUP_FREE char *text = vtext(fmt, ap);
  va_end(ap);
  json_array_append_new(plan_list(c, "differences"), json_string(text));
}

void plan_note(struct clone *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  strv_take(c->notes, vtext(fmt, ap));
  va_end(ap);
}

static const char *mount_origin(const struct clone *c, const json_t *m, const char *target) {
  for (size_t i = 0; i < c->s->n_mounts; i++)
    if (!strcmp(c->s->mounts[i].target, target))
      return c->s->mounts[i].origin ? c->s->mounts[i].origin : "settings";
  if (mount_is_anonymous(m)) return "anonymous, fresh";
  return c->origin;
}

static void show_mount(struct clone *c, const char *type, const char *source, const char *target,
                       const char *mode, const char *origin) {
  json_array_append_new(plan_list(c, "mounts"),
                        json_pack("{s:s, s:s?, s:s, s:s, s:s}", "type", type, "source", source, "target",
                                  target, "mode", mode, "origin", origin));
}

static bool mounted(const struct clone *c, const char *target) {
  size_t i;
  json_t *m;
  json_array_foreach(json_at(c->host, "Mounts"), i, m) {
    const char *t = json_str(m, "Target");
    if (t && !strcmp(t, target)) return true;
  }
  return json_object_get(json_at(c->host, "Tmpfs"), target) != NULL;
}

static void show_mounts(struct clone *c) {
  size_t i;
  json_t *m, *value;
  const char *target;
  plan_list(c, "mounts");
  json_array_foreach(json_at(c->host, "Mounts"), i, m) {
    target = json_str(m, "Target");
    if (target)
      show_mount(c, json_str(m, "Type"), json_str(m, "Source"), target, json_is(m, "ReadOnly") ? "ro" : "rw",
                 mount_origin(c, m, target));
  }
  json_object_foreach(json_at(c->host, "Tmpfs"), target, value) {
    const char *options = json_string_value(value);
    show_mount(c, "tmpfs", NULL, target, options && *options ? options : "rw", mount_origin(c, NULL, target));
  }
  const json_t *lists[] = {json_at(c->config, "Volumes"), json_at(c->f->image, "Config.Volumes")};
  for (i = 0; i < ARRAY_LEN(lists); i++) {
    json_object_foreach((json_t *)lists[i], target, value) {
      bool twice = i == 1 && json_object_get(lists[0], target);
      if (!twice && !mounted(c, target)) show_mount(c, "volume", NULL, target, "rw", "anonymous, fresh");
    }
  }
}

/* "app -> www" of one scalar or list between the two images. */
static void compare(struct clone *c, const char *key, const char *word) {
  CLEANUP_FREE char *path = xprintf("Config.%s", key);
  json_t *a = json_at(c->f->old_image, path), *b = json_at(c->f->image, path);
  if (!clone_inherited(c, key) || (a && b && json_equal(a, b))) return;
  CLEANUP_FREE char *was = a ? json_dumps(a, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  CLEANUP_FREE char *is = b ? json_dumps(b, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  bool nothing = (!was || !strcmp(was, "\"\"") || !strcmp(was, "[]")) &&
                 (!is || !strcmp(is, "\"\"") || !strcmp(is, "[]"));
  if (!nothing) plan_difference(c, "%s: %s -> %s", word, was ? was : "none", is ? is : "none");
}

static void show_differences(struct clone *c) {
  static const struct {
    const char *key, *word;
  } rows[] = {{"Entrypoint", "entrypoint"},
              {"User", "user"},
              {"WorkingDir", "working directory"},
              {"StopSignal", "stop signal"},
              {"Volumes", "declared volumes"}};
  if (!c->f->replaced) return;
  if (!c->f->old_image) {
    if (c->f->unmerged) return; /* nothing of it was taken over */
    plan_note(
        c, "the source's old image is gone: what the source merely had from it cannot be told apart and is "
           "kept");
    return;
  }
  if (!c->f->image) {
    plan_difference(c, "the new image is not on the engine yet: what it brings is not known");
    return;
  }
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) compare(c, rows[i].key, rows[i].word);
}

static void set_text(json_t *o, const char *key, const char *value) {
  json_object_set_new(o, key, value ? json_string(value) : json_null());
}

/* The request's value, else the image's. */
static const char *effective(const struct clone *c, const char *key) {
  const char *value = json_str(c->config, key);
  if (value && *value) return value;
  CLEANUP_FREE char *path = xprintf("Config.%s", key);
  return json_str(c->f->image, path);
}

static void show_limits(struct clone *c) {
  static const char *const keys[] = {"Memory",    "MemorySwap", "NanoCpus", "CpuQuota",
                                     "CpuShares", "PidsLimit",  "ShmSize"};
  json_t *limits = json_object();
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
    long long n = json_int_or(c->host, keys[i], 0);
    if (n) json_object_set_new(limits, keys[i], json_integer(n));
  }
  json_object_set_new(c->plan, "limits", limits);
}

static void show_late(struct clone *c) {
  size_t i, k;
  json_t *entry, *file;
  json_array_foreach(c->f->late, i, entry) {
    json_array_foreach(json_at(entry, "files"), k, file)
        json_array_append(plan_list(c, "copied_files"), file);
  }
  if (c->f->unread)
    plan_checked(c, "not checked: Compose's configs with content:, because %s cannot be read on this machine",
                 c->f->unread);
}

void plan_finish(struct clone *c, const struct prepared *p) {
  json_t *argv = json_array();
  for (size_t i = 0; i < p->argv.n; i++) json_array_append_new(argv, json_string(p->argv.v[i]));
  set_text(c->plan, "image", p->image);
  set_text(c->plan, "image_id", p->image_id);
  set_text(c->plan, "digest", p->digest);
  json_object_set_new(c->plan, "argv", argv);
  set_text(c->plan, "user", effective(c, "User"));
  set_text(c->plan, "workdir", effective(c, "WorkingDir"));
  set_text(c->plan, "hostname", json_str(c->config, "Hostname"));
  set_text(c->plan, "stop_signal", p->stop_signal);
  json_object_set_new(c->plan, "stop_grace_ms", json_integer(p->stop_grace_ms));
  json_object_set_new(c->plan, "tty", json_boolean(p->tty));
  show_mounts(c);
  show_limits(c);
  show_differences(c);
  show_late(c);
  json_array_extend(plan_list(c, "dropped"), json_at(c->s->described, "left_out"));
  json_array_extend(plan_list(c, "dropped"), json_at(c->f->source, "LeftOut"));
  if (c->s->networks_set) plan_checked(c, "the networks given exist on the engine");
  if (c->s->n_mounts && !c->s->create_volumes) plan_checked(c, "the named volumes given exist on the engine");
  if (p->image_id) plan_checked(c, "the image is pinned by its id");
  plan_list(c, "env");
  plan_list(c, "networks");
  plan_list(c, "dropped");
}
