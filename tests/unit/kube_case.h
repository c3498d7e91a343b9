/* A copy's template out of a Deployment (tests/unit/data/kube-deployment.json). */
#ifndef KUBE_CASE_H
#define KUBE_CASE_H
#include "data/json.h"
#include "descriptors.h"
#include "runtime/kube/template.h"
#include <stdlib.h>
#include <string.h>

struct kube_case {
  struct settings s;
  struct kube_facts f;
  struct prepared p;
  struct error err;
  json_t *workload;
};

static inline json_t *kube_load(const char *name) {
  json_error_t e;
  json_t *j = json_load_file(name, 0, &e);
  if (!j) fail_msg("%s: %s (run from the top of the tree)", name, e.text);
  return j;
}

static inline void case_init(struct kube_case *c) {
  memset(c, 0, sizeof *c);
  settings_init(&c->s);
  source_parse("deployment/web", &c->s.source, &c->err);
  strv_add(&c->s.argv, "bin/rails");
  strv_add(&c->s.argv, "db:migrate");
  c->workload = kube_load("tests/unit/data/kube-deployment.json");
  c->f = (struct kube_facts){.pod_template = json_at(c->workload, "spec.template")};
}

static inline void case_done(struct kube_case *c) {
  prepared_done(&c->p);
  settings_done(&c->s);
  json_decref(c->workload);
}

static inline void build(struct kube_case *c) {
  prepared_done(&c->p);
  if (kube_template(&c->s, &c->f, &c->p, &c->err) < 0) fail_msg("%s", c->err.text);
}

static inline void build_fails(struct kube_case *c, enum error_kind kind, const char *text) {
  prepared_done(&c->p);
  assert_int_equal(kube_template(&c->s, &c->f, &c->p, &c->err), -1);
  assert_string_equal(c->err.text, text);
  assert_int_equal(c->err.kind, kind);
}

/* Must be exactly that JSON. NULL: must be absent. */
static inline void expect_json(const json_t *is, const char *what, const char *text) {
  json_t *parsed = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
  if (text && !parsed) fail_msg("the expectation is not JSON: %s", text);
  char *got = is ? json_dumps(is, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : strdup("absent");
  char *want =
      parsed ? json_dumps(parsed, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : strdup("absent");
  if (strcmp(got, want) != 0) fail_msg("%s is %s, not %s", what, got, want);
  free(got);
  free(want);
  json_decref(parsed);
}

static inline json_t *pod_of(const struct kube_case *c) {
  return json_at(c->p.request, "job.spec.template");
}
static inline json_t *container_of(const struct kube_case *c, const char *name) {
  return kube_find_named(json_at(pod_of(c), "spec.containers"), name);
}
#define expect_spec(c, path, text) expect_json(json_at(json_at(pod_of(c), "spec"), path), path, text)
#define expect_container(c, path, text) expect_json(json_at(container_of(c, "web"), path), path, text)
#define expect_env(c, name, text)                                                                            \
  expect_json(kube_find_named(json_at(container_of(c, "web"), "env"), name), name, text)

static inline bool list_has(const json_t *list, const char *key, const char *text) {
  size_t i;
  json_t *item;
  json_array_foreach((json_t *)list, i, item) {
    const char *is = key ? json_str(item, key) : json_string_value(item);
    if (is && !strcmp(is, text)) return true;
  }
  return false;
}

static inline void expect_listed(const json_t *list, const char *key, const char *text) {
  if (list_has(list, key, text)) return;
  char *all = list ? json_dumps(list, JSON_INDENT(1)) : strdup("nothing");
  print_error("%s\n", all);
  free(all);
  fail_msg("not there: %s", text);
}
#define expect_dropped(c, text) expect_listed(json_at((c)->p.plan, "dropped"), "what", text)
#define expect_checked(c, text) expect_listed(json_at((c)->p.plan, "checked"), NULL, text)

static inline void expect_note(const struct strv *notes, const char *text) {
  if (strv_has(notes, text)) return;
  for (size_t i = 0; i < notes->n; i++) print_error("%s\n", notes->v[i]);
  fail_msg("not said: %s", text);
}
#endif
