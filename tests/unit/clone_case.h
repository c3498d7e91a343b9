/* A create request out of inspect documents (tests/unit/data, taken from a real engine 20.10). */
#ifndef CLONE_CASE_H
#define CLONE_CASE_H
#include "data/json.h"
#include "descriptors.h"
#include "runtime/docker/clone.h"
#include <stdlib.h>
#include <string.h>

#define DATA "tests/unit/data/"
#define OLD_ID "sha256:1f26f3b59316913ee94e5458061becb19018d90b0bd0f78959dec44a0077e0af"

struct clone_case {
  struct settings s;
  struct facts f;
  struct prepared p;
  struct error err;
  json_t *source, *image, *new_image, *networks;
};

static inline json_t *load(const char *name) {
  json_error_t e;
  json_t *j = json_load_file(name, 0, &e);
  if (!j) fail_msg("%s: %s (run from the top of the tree)", name, e.text);
  return j;
}

/* The source container of the fixtures, its own image, API 1.41, one command. */
static inline void case_init(struct clone_case *c) {
  memset(c, 0, sizeof *c);
  settings_init(&c->s);
  source_parse("container/shop-web-1", &c->s.source, &c->err);
  strv_add(&c->s.argv, "bin/rails");
  strv_add(&c->s.argv, "db:migrate");
  c->source = load(DATA "inspect-container.json");
  c->image = load(DATA "inspect-image.json");
  c->new_image = load(DATA "inspect-image-new.json");
  c->f = (struct facts){.source = c->source, .old_image = c->image, .image = c->image, .api_minor = 41};
}

static inline void case_done(struct clone_case *c) {
  prepared_done(&c->p);
  settings_done(&c->s);
  json_decref(c->source);
  json_decref(c->image);
  json_decref(c->new_image);
  json_decref(c->networks);
}

static inline void build(struct clone_case *c) {
  prepared_done(&c->p);
  if (clone_build(&c->s, &c->f, &c->p, &c->err) < 0) fail_msg("%s", c->err.text);
}
/* Must fail with that kind and text. */
static inline void build_fails(struct clone_case *c, enum error_kind kind, const char *text) {
  prepared_done(&c->p);
  assert_int_equal(clone_build(&c->s, &c->f, &c->p, &c->err), -1);
  assert_string_equal(c->err.text, text);
  assert_int_equal(c->err.kind, kind);
}

/* A part of the request (or any JSON) must be exactly that text. NULL: must be absent. */
static inline void expect_json(const json_t *o, const char *path, const char *text) {
  json_t *is = json_at(o, path), *parsed = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
  if (text && !parsed) fail_msg("the expectation is not JSON: %s", text);
  char *got = is ? json_canonical(is) : strdup("absent");
  char *want = parsed ? json_canonical(parsed) : strdup("absent");
  if (strcmp(got, want) != 0) fail_msg("%s is %s, not %s", path, got, want);
  free(got);
  free(want);
  json_decref(parsed);
}
#define expect(c, path, text) expect_json((c)->p.request, path, text)

static inline bool list_has(const json_t *list, const char *key, const char *text) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    const char *is = key ? json_str(item, key) : json_string_value(item);
    if (is && !strcmp(is, text)) return true;
  }
  return false;
}
static inline void expect_dropped(struct clone_case *c, const char *what) {
  if (!list_has(json_at(c->p.plan, "dropped"), "what", what)) {
    char *text = json_canonical(json_at(c->p.plan, "dropped"));
    fail_msg("'%s' is not in the plan's dropped: %s", what, text);
  }
}
static inline const char *env_of(struct clone_case *c, const char *name) {
  size_t i, n = strlen(name);
  json_t *item;
  json_array_foreach(json_at(c->p.request, "Env"), i, item) {
    const char *is = json_string_value(item);
    if (is && !strncmp(is, name, n) && (is[n] == '=' || !is[n])) return is;
  }
  return NULL;
}
static inline const char *env_origin(struct clone_case *c, const char *name) {
  size_t i;
  json_t *item;
  json_array_foreach(json_at(c->p.plan, "env"), i, item) {
    const char *is = json_str(item, "name");
    if (is && !strcmp(is, name)) return json_str(item, "origin");
  }
  return NULL;
}
static inline json_t *mount_at(struct clone_case *c, const char *target) {
  size_t i;
  json_t *item;
  json_array_foreach(json_at(c->p.request, "HostConfig.Mounts"), i, item) {
    const char *is = json_str(item, "Target");
    if (is && !strcmp(is, target)) return item;
  }
  return NULL;
}
static inline const char *label_of(struct clone_case *c, const char *name) {
  return json_string_value(json_object_get(json_at(c->p.request, "Labels"), name));
}
#endif
