/* Prepare against an API server of the test's own: which paths it asks, and what refusals of the server mean.
 */
#include "kube_client.h"

#define DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define SPEC(image) "{\"containers\":[{\"name\":\"web\",\"image\":\"" image "\"}]}"
#define POD                                                                                                  \
  "{\"items\":[{\"metadata\":{\"name\":\"web-7d4-a\",\"labels\":{\"pod-template-hash\":\"7d4\"},"            \
  "\"ownerReferences\":[{"                                                                                   \
  "\"kind\":\"ReplicaSet\",\"name\":\"web-7d4\",\"controller\":true}]},\"status\":{\"phase\":\"Running\","   \
  "\"containerStatuses\":[{\"name\":\"web\",\"imageID\":\"shop@" DIGEST "\"}]}}]}"
#define FORBIDDEN(words)                                                                                     \
  STATUS("403 Forbidden", "",                                                                                \
         "{\"kind\":\"Status\",\"code\":403,\"reason\":\"Forbidden\",\"message\":\"" words "\"}")

/* What differs; read by the server, which is forked from the test. */
static struct {
  bool behind; /* a newer revision is not running yet */
  const char *dry_run, *services;
} scene;

static struct reply cut(const char *text) {
  return (struct reply){.text = text, .then = REPLY_CLOSE};
}

static struct reply cluster(const char *request, struct shared *shared) {
  (void)shared;
  size_t n = strcspn(request, "\r");
  CLEANUP_FREE char *line = xstrndup(request, n);
  if (strstr(line, "selfsubject"))
    return good(
        "{\"status\":{\"incomplete\":false,\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],"
        "\"resources\":[\"*\"]}]}}");
  if (strstr(line, "pods?dryRun=All"))
    return scene.dry_run ? cut(scene.dry_run) : good("{\"metadata\":{\"labels\":{\"added\":\"yes\"}}}");
  if (strstr(line, "/deployments/web"))
    return good(
        scene.behind
            ? "{\"metadata\":{\"name\":\"web\",\"uid\":\"u\",\"generation\":2},\"spec\":{\"selector\":{"
              "\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"spec\":" SPEC(
                  "shop:2") "}},\"status\":{"
                            "\"observedGeneration\":2,\"replicas\":2,\"updatedReplicas\":1}}"
            : "{\"metadata\":{\"name\":\"web\",\"uid\":\"u\",\"generation\":2},\"spec\":{\"selector\":{"
              "\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"spec\":" SPEC(
                  "shop:1") "}},\"status\":{"
                            "\"observedGeneration\":2,\"replicas\":1,\"updatedReplicas\":1}}");
  if (strstr(line, "/replicasets/web-7d4"))
    return good("{\"spec\":{\"template\":{\"spec\":" SPEC("shop:1") "}}}");
  if (strstr(line, "/cronjobs/nightly"))
    return good("{\"metadata\":{\"name\":\"nightly\",\"uid\":\"u\"},\"spec\":{\"jobTemplate\":{\"spec\":{"
                "\"template\":{"
                "\"spec\":" SPEC("shop:1") "}}}}}");
  if (strstr(line, "/pods?labelSelector=app%3Dweb")) return good(POD);
  if (strstr(line, "/services ") && scene.services) return cut(scene.services);
  if (strstr(line, "/services ") || strstr(line, "/networkpolicies ") ||
      strstr(line, "/poddisruptionbudgets "))
    return good("{\"items\":[]}");
  return cut(
      STATUS("404 Not Found", "", "{\"kind\":\"Status\",\"code\":404,\"message\":\"no such thing here\"}"));
}

struct prepare {
  struct world *w;
  struct settings s;
  struct prepared p;
};

static void open_cluster(struct prepare *t, void **state, const char *source, int minor) {
  *t = (struct prepare){.w = *state};
  settings_init(&t->s);
  assert_int_equal(source_parse(source, &t->s.source, &t->w->err), 0);
  strv_add(&t->s.argv, "ls");
  begin(t->w, cluster);
  t->w->k->minor = minor;
}
static int run(struct prepare *t) {
  prepared_done(&t->p);
  error_clear(&t->w->err);
  return kube_prepare(&t->w->k->base, &t->s, &t->p, &t->w->err);
}
static void close_cluster(struct prepare *t) {
  prepared_done(&t->p);
  settings_done(&t->s);
  memset(&scene, 0, sizeof scene);
}
static bool asked(const struct prepare *t, const char *words) {
  for (int i = 0; i < t->w->s.shared->requests && i < 256; i++)
    if (sent(t->w, i, words)) return true;
  return false;
}
static bool checked(const struct prepare *t, const char *words) {
  CLEANUP_FREE char *all = json_dumps(json_at(t->p.plan, "checked"), 0);
  return all && strstr(all, words);
}

static void pinned_and_named(void **state) {
  struct prepare t;
  open_cluster(&t, state, "deployment/web", 30);
  if (run(&t) < 0) fail_msg("%s", t.w->err.text);
  assert_string_equal(t.p.app, "web");
  assert_string_equal(t.p.image, "shop:1");
  assert_string_equal(t.p.image_id, "shop@" DIGEST);
  assert_string_equal(t.p.digest, DIGEST);
  assert_string_equal(t.p.target_kind, "deployment");
  assert_int_equal(t.p.notes.n, 0);
  assert_true(asked(&t, "GET /apis/policy/v1/namespaces/shop/poddisruptionbudgets"));
  assert_false(asked(&t, "replicasets")); /* its own template is the one that runs */
  close_cluster(&t);
}

static void revision_that_runs(void **state) {
  struct prepare t;
  scene.behind = true;
  open_cluster(&t, state, "deployment/web", 20);
  if (run(&t) < 0) fail_msg("%s", t.w->err.text);
  assert_string_equal(t.p.image, "shop:1");
  assert_string_equal(
      t.p.notes.v[0],
      "deployment/web: its newest revision is not the one that runs; revision 7d4 is the release");
  assert_true(asked(&t, "GET /apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets"));
  close_cluster(&t);
}

static void cronjobs_of_old_servers(void **state) {
  struct prepare t;
  open_cluster(&t, state, "cronjob/nightly", 20);
  if (run(&t) < 0) fail_msg("%s", t.w->err.text);
  assert_true(asked(&t, "GET /apis/batch/v1beta1/namespaces/shop/cronjobs/nightly"));
  assert_true(checked(&t, "not pinned: none of the pods of cronjob/nightly runs"));
  t.w->k->minor = 21;
  if (run(&t) < 0) fail_msg("%s", t.w->err.text);
  assert_true(asked(&t, "GET /apis/batch/v1/namespaces/shop/cronjobs/nightly"));
  close_cluster(&t);
}

static void what_may_not_be_tried(void **state) {
  struct prepare t;
  scene.dry_run =
      FORBIDDEN("pods is forbidden: User \\\"u\\\" cannot create resource \\\"pods\\\" in API group");
  open_cluster(&t, state, "deployment/web", 30);
  if (run(&t) < 0) fail_msg("%s", t.w->err.text);
  assert_true(checked(&t, "not checked: whether the cluster takes the pod"));
  close_cluster(&t);
}

static void quota_refuses_at_once(void **state) {
  struct prepare t;
  scene.dry_run = FORBIDDEN("pods \\\"x\\\" is forbidden: exceeded quota: q, requested: pods=1");
  open_cluster(&t, state, "deployment/web", 30);
  assert_int_equal(run(&t), -1);
  assert_int_equal(t.w->err.kind, ERR_QUOTA);
  said(t.w, "deployment/web failed: its copy is refused: pods \"x\" is forbidden: exceeded quota: q");
  close_cluster(&t);
}

static void services_that_may_not_be_listed(void **state) {
  struct prepare t;
  scene.services = FORBIDDEN("services is forbidden");
  scene.dry_run = FORBIDDEN("cannot create resource \\\"pods\\\"");
  open_cluster(&t, state, "deployment/web", 30);
  if (run(&t) < 0) fail_msg("%s", t.w->err.text);
  assert_true(checked(&t, "not checked: Services, which may not be listed here"));
  strv_add(&t.s.labels, "team=data"); /* now one could select it */
  assert_int_equal(run(&t), -1);
  assert_int_equal(t.w->err.kind, ERR_PERMISSION);
  said(t.w, "deployment/web: that no Service selects the copy cannot be shown: ");
  close_cluster(&t);
}

static void admission_adds_labels(void **state) {
  struct prepare t;
  scene.services =
      STATUS("200 OK", "",
             "{\"items\":[{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{\"added\":\"yes\"}}}]}");
  open_cluster(&t, state, "deployment/web", 30);
  assert_int_equal(run(&t), -1);
  assert_int_equal(t.w->err.kind, ERR_NOT_INERT);
  said(t.w, "deployment/web refused: Service s (added=yes)");
  close_cluster(&t);
}

static void sources_of_others(void **state) {
  struct prepare t;
  open_cluster(&t, state, "container/web", 30);
  assert_int_equal(run(&t), -1);
  assert_int_equal(t.w->err.kind, ERR_USAGE);
  said(t.w, "container/web failed: Kubernetes has no such source; it knows deployment/");
  assert_int_equal(t.w->s.shared->requests, 0);
  close_cluster(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(pinned_and_named, setup, teardown),
      cmocka_unit_test_setup_teardown(revision_that_runs, setup, teardown),
      cmocka_unit_test_setup_teardown(cronjobs_of_old_servers, setup, teardown),
      cmocka_unit_test_setup_teardown(what_may_not_be_tried, setup, teardown),
      cmocka_unit_test_setup_teardown(quota_refuses_at_once, setup, teardown),
      cmocka_unit_test_setup_teardown(services_that_may_not_be_listed, setup, teardown),
      cmocka_unit_test_setup_teardown(admission_adds_labels, setup, teardown),
      cmocka_unit_test_setup_teardown(sources_of_others, setup, teardown),
  };
  return RUN_TESTS(tests);
}
