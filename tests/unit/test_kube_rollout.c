/* Which pods are the release, and the digest that runs. */
#include "kube_case.h"
#include "runtime/kube/rollout.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define REF "registry.example.com/shop:1"

struct pod {
  const char *name, *hash, *owner_kind, *owner, *phase, *digest;
  bool deleting;
};

static json_t *pod_json(const struct pod *p) {
  json_t *pod =
      json_pack("{s:{s:s, s:{s:s, s:s}, s:[{s:s, s:s, s:s, s:b}]}, s:{s:s, s:[{s:s, s:s, s:o}]}}", "metadata",
                "name", p->name, "labels", "pod-template-hash", p->hash, "app", "web", "ownerReferences",
                "kind", p->owner_kind, "name", p->owner, "uid", p->owner, "controller", 1, "status", "phase",
                p->phase, "containerStatuses", "name", "web", "image", REF, "imageID",
                json_sprintf("docker-pullable://registry.example.com/shop@%s", p->digest));
  if (p->deleting)
    json_object_set_new(json_at(pod, "metadata"), "deletionTimestamp", json_string("2026-01-01T00:00:00Z"));
  return pod;
}

static json_t *pods_json(const struct pod *pods, size_t n) {
  json_t *list = json_array();
  for (size_t i = 0; i < n; i++) json_array_append_new(list, pod_json(&pods[i]));
  return list;
}

static json_t *mine(const struct kube_case *c, const char *type, const struct pod *pods, size_t n) {
  json_t *list = pods_json(pods, n), *found = kube_rollout_pods(c->workload, type, list);
  json_decref(list);
  return found;
}

static void only_running_pods_of_the_workload(void **state) {
  (void)state;
  static const struct pod pods[] = {{"web-7d4-a", "7d4", "ReplicaSet", "web-7d4", "Running", D1, false},
                                    {"web-6c3-b", "6c3", "ReplicaSet", "web-6c3", "Running", D2, true},
                                    {"web-6c3-c", "6c3", "ReplicaSet", "web-6c3", "Pending", D2, false},
                                    {"web-6c3-d", "6c3", "ReplicaSet", "web-6c3", "Failed", D2, false},
                                    {"other-6c3-e", "6c3", "ReplicaSet", "other-6c3", "Running", D2, false},
                                    {"job-f", "6c3", "Job", "web-6c3", "Running", D2, false}};
  struct kube_case c;
  case_init(&c);
  json_t *found = mine(&c, "deployment", pods, 6);
  const json_t *chosen;
  assert_int_equal(json_array_size(found), 1);
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), 0);
  assert_string_equal(json_str(chosen, "metadata.name"), "web-7d4-a");
  json_decref(found);
  case_done(&c);
}

static void half_done(void **state) {
  (void)state;
  static const struct pod pods[] = {{"web-7d4-a", "7d4", "ReplicaSet", "web-7d4", "Running", D1, false},
                                    {"web-6c3-b", "6c3", "ReplicaSet", "web-6c3", "Running", D2, false}};
  struct kube_case c;
  case_init(&c);
  json_t *found = mine(&c, "deployment", pods, 2);
  const json_t *chosen;
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), -1);
  assert_int_equal(c.err.kind, ERR_ROLLOUT);
  assert_string_equal(c.err.text,
                      "deployment/web refused: pods of more than one revision run, a roll-out is half "
                      "done: web-7d4-a (revision 7d4, " REF " sha256:111111111111), web-6c3-b (revision "
                      "6c3, " REF " sha256:222222222222); --image-of POD chooses");
  c.s.image_of = strdup("web-6c3-b");
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), 0);
  assert_string_equal(json_str(chosen, "metadata.name"), "web-6c3-b");
  free(c.s.image_of);
  c.s.image_of = strdup("web-5-x");
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), -1);
  assert_int_equal(c.err.kind, ERR_CONFIG);
  assert_non_null(strstr(c.err.text,
                         "--image-of web-5-x failed: no running pod of deployment/web is called that; "
                         "there are: web-7d4-a (revision"));
  json_decref(found);
  case_done(&c);
}

static void pinned(void **state) {
  (void)state;
  static const struct pod pods[] = {{"web-7d4-a", "7d4", "ReplicaSet", "web-7d4", "Running", D1, false},
                                    {"web-7d4-b", "7d4", "ReplicaSet", "web-7d4", "Running", D1, false}};
  struct kube_case c;
  struct strv notes;
  char *pin, *why;
  const json_t *chosen;
  case_init(&c);
  strv_init(&notes);
  json_t *found = mine(&c, "deployment", pods, 2);
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), 0);
  assert_int_equal(kube_rollout_pin(&c.s, found, chosen, "web", REF, &pin, &why, &notes, &c.err), 0);
  assert_string_equal(pin, "registry.example.com/shop@" D1);
  assert_null(why);
  assert_int_equal(notes.n, 0);
  free(pin);
  /* The workload itself says a digest. */
  assert_int_equal(kube_rollout_pin(&c.s, found, chosen, "web", "shop@" D2, &pin, &why, &notes, &c.err), 0);
  assert_string_equal(pin, "shop@" D2);
  free(pin);
  assert_int_equal(kube_rollout_pin(&c.s, found, NULL, "web", REF, &pin, &why, &notes, &c.err), 0);
  assert_null(pin);
  assert_string_equal(why, "not pinned: none of the pods of deployment/web runs, so the image is " REF
                           " by its tag");
  free(why);
  json_decref(found);
  case_done(&c);
}

static void moved_tag(void **state) {
  (void)state;
  static const struct pod pods[] = {{"web-7d4-a", "7d4", "ReplicaSet", "web-7d4", "Running", D1, false},
                                    {"web-7d4-b", "7d4", "ReplicaSet", "web-7d4", "Running", D2, false}};
  struct kube_case c;
  struct strv notes;
  char *pin, *why;
  const json_t *chosen;
  case_init(&c);
  strv_init(&notes);
  json_t *found = mine(&c, "deployment", pods, 2);
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), 0);
  assert_int_equal(kube_rollout_pin(&c.s, found, chosen, "web", REF, &pin, &why, &notes, &c.err), -1);
  assert_int_equal(c.err.kind, ERR_ROLLOUT);
  assert_non_null(strstr(c.err.text,
                         "deployment/web refused: its pods run more than one image, the tag of " REF
                         " has moved: web-7d4-a (revision 7d4, "));
  c.s.image_of = strdup("web-7d4-b");
  assert_int_equal(kube_rollout_choose(&c.s, found, &chosen, &c.err), 0);
  assert_int_equal(kube_rollout_pin(&c.s, found, chosen, "web", REF, &pin, &why, &notes, &c.err), 0);
  assert_string_equal(pin, "registry.example.com/shop@" D2);
  expect_note(&notes, "the tag of " REF " has moved: pods of deployment/web run it as " D2 " and as " D1);
  free(pin);
  strv_done(&notes);
  json_decref(found);
  case_done(&c);
}

static void pins(void **state) {
  (void)state;
  static const struct {
    const char *reference, *id, *pin;
  } rows[] = {{"shop:1", "docker-pullable://shop@" D1, "shop@" D1},
              {"shop", "docker.io/library/shop@" D1, "shop@" D1},
              {"docker.io/library/shop:1", "shop@" D1, "docker.io/library/shop@" D1},
              {"localhost:5000/shop", "localhost:5000/shop@" D1, "localhost:5000/shop@" D1},
              {"localhost:5000/shop:1", "localhost:5000/shop@" D1, "localhost:5000/shop@" D1},
              {"mirror/shop:1", "docker-pullable://origin/shop@" D1, "origin/shop@" D1},
              {"shop:1", "docker://" D1, NULL},
              {"shop:1", D1, NULL},
              {"shop:1", "", NULL},
              {"shop:1", NULL, NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *pin = kube_pin(rows[i].reference, rows[i].id);
    if (rows[i].pin && pin)
      assert_string_equal(pin, rows[i].pin);
    else
      assert_true(!pin && !rows[i].pin);
    free(pin);
  }
  char *name = kube_image_name("localhost:5000/team/shop:1@" D1);
  assert_string_equal(name, "shop");
  free(name);
  name = kube_image_name("localhost:5000/shop");
  assert_string_equal(name, "shop");
  free(name);
}

static void newest_template_or_not(void **state) {
  (void)state;
  static const struct pod web = {"web-7d4-a", "7d4", "ReplicaSet", "web-7d4", "Running", D1, false};
  struct kube_case c;
  case_init(&c);
  json_t *pod = pod_json(&web), *status = json_at(c.workload, "status");
  assert_true(kube_rollout_current(c.workload, "deployment", pod));
  json_object_set_new(status, "updatedReplicas", json_integer(1)); /* a new pod is not running yet */
  assert_false(kube_rollout_current(c.workload, "deployment", pod));
  json_object_set_new(status, "updatedReplicas", json_integer(2));
  json_object_set_new(status, "observedGeneration", json_integer(2));
  assert_false(kube_rollout_current(c.workload, "deployment", pod));
  json_object_set_new(status, "observedGeneration", json_integer(3));
  json_object_set_new(status, "updateRevision", json_string("web-99"));
  assert_false(kube_rollout_current(c.workload, "statefulset", pod));
  json_object_set_new(status, "updateRevision", json_string("7d4"));
  assert_true(kube_rollout_current(c.workload, "statefulset", pod));
  json_object_set_new(status, "currentNumberScheduled", json_integer(3));
  assert_false(kube_rollout_current(c.workload, "daemonset", pod));
  json_object_set_new(status, "updatedNumberScheduled", json_integer(3));
  assert_true(kube_rollout_current(c.workload, "daemonset", pod));
  assert_true(kube_rollout_current(c.workload, "job", pod));
  json_decref(pod);
  case_done(&c);
}

static void other_kinds(void **state) {
  (void)state;
  static const struct pod pods[] = {{"db-0", "h", "StatefulSet", "7f2b", "Running", D1, false},
                                    {"x", "h", "StatefulSet", "another", "Running", D1, false},
                                    {"done", "h", "Job", "7f2b", "Succeeded", D1, false}};
  struct kube_case c;
  case_init(&c);
  json_t *found = mine(&c, "statefulset", pods, 3);
  assert_int_equal(json_array_size(found), 1);
  json_decref(found);
  found = mine(&c, "job", pods, 3); /* what ended is still that one's image */
  assert_int_equal(json_array_size(found), 2);
  json_decref(found);
  found = mine(&c, "pod", pods + 2, 1);
  assert_int_equal(json_array_size(found), 1);
  json_decref(found);
  case_done(&c);
}

static void selectors(void **state) {
  (void)state;
  json_t *s = json_loads(
      "{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"In\","
      "\"values\":[\"a\",\"b\"]},{\"key\":\"env\",\"operator\":\"NotIn\",\"values\":[\"dev\"]},{\"key\":"
      "\"x\",\"operator\":\"Exists\"},{\"key\":\"y\",\"operator\":\"DoesNotExist\"}]}",
      0, NULL);
  char *text = kube_selector_text(s);
  assert_string_equal(text, "app=web,tier in (a,b),env notin (dev),x,!y");
  free(text);
  static const struct {
    const char *labels;
    bool fits;
  } rows[] = {{"{\"app\":\"web\",\"tier\":\"b\",\"x\":\"\"}", true},
              {"{\"app\":\"web\",\"tier\":\"b\",\"x\":\"\",\"env\":\"prod\"}", true},
              {"{\"app\":\"web\",\"tier\":\"b\",\"x\":\"\",\"env\":\"dev\"}", false},
              {"{\"app\":\"web\",\"tier\":\"c\",\"x\":\"\"}", false},
              {"{\"app\":\"web\",\"tier\":\"b\"}", false},
              {"{\"app\":\"web\",\"tier\":\"b\",\"x\":\"\",\"y\":\"\"}", false},
              {"{\"tier\":\"b\",\"x\":\"\"}", false},
              {"{}", false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    json_t *labels = json_loads(rows[i].labels, 0, NULL);
    assert_int_equal(kube_selects(s, labels), rows[i].fits);
    json_decref(labels);
  }
  json_decref(s);
  s = json_object();
  assert_null(kube_selector_text(s));
  assert_true(kube_selects(s, s));
  json_decref(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_running_pods_of_the_workload),
      cmocka_unit_test(half_done),
      cmocka_unit_test(pinned),
      cmocka_unit_test(moved_tag),
      cmocka_unit_test(pins),
      cmocka_unit_test(newest_template_or_not),
      cmocka_unit_test(other_kinds),
      cmocka_unit_test(selectors),
  };
  return RUN_TESTS(tests);
}
