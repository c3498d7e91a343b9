/* The Secret and the Job as they are sent. */
#include "kube_case.h"
#include "runtime/kube/kube.h"
#include "runtime/kube/source.h"
#include <unistd.h>

struct sent {
  struct kube_case c;
  struct kube k;
  struct identity who;
  json_t *labels, *secret, *job;
};

static void sent_init(struct sent *s) {
  case_init(&s->c);
  settings_env(&s->c.s, "TOKEN", "marker-4711", "--env");
  s->k = (struct kube){.namespace = "shop", .minor = 20};
  s->labels = json_pack("{s:s, s:s, s:s, s:s}", "run-once.id", "abc123", "run-once.app", "shop",
                        "run-once.reason", "because of reasons", "run-once.lock", "schema");
  s->who = (struct identity){.id = "abc123",
                             .name = "run-once.abc123",
                             .labels = s->labels,
                             .run_ms = 60000,
                             .start_ms = 600000,
                             .keep_ms = 3600000,
                             .stop_ms = -1};
}

static void make(struct sent *s, const char *uid) {
  json_decref(s->secret);
  json_decref(s->job);
  build(&s->c);
  kube_objects(&s->k, &s->c.p, &s->who, uid, &s->secret, &s->job);
}
static void sent_done(struct sent *s) {
  json_decref(s->labels);
  json_decref(s->secret);
  json_decref(s->job);
  case_done(&s->c);
}
#define expect_job(s, path, text) expect_json(json_at((s)->job, path), path, text)
#define expect_secret(s, path, text) expect_json(json_at((s)->secret, path), path, text)

static void job_fields(void **state) {
  (void)state;
  struct sent s = {0};
  sent_init(&s);
  make(&s, "uid-of-secret");
  expect_job(&s, "apiVersion", "\"batch/v1\"");
  expect_job(&s, "kind", "\"Job\"");
  expect_job(&s, "metadata.name", "\"run-once-abc123\"");
  expect_job(&s, "metadata.namespace", "\"shop\"");
  expect_job(
      &s, "metadata.ownerReferences",
      "[{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"name\":\"run-once-abc123\",\"uid\":\"uid-of-secret\"}]");
  expect_job(&s, "spec.backoffLimit", "0");
  expect_job(&s, "spec.completions", "1");
  expect_job(&s, "spec.parallelism", "1");
  expect_job(&s, "spec.ttlSecondsAfterFinished", "3600");
  expect_job(&s, "spec.template.spec.restartPolicy", "\"Never\"");
  expect_job(&s, "spec.podReplacementPolicy", NULL);
  expect_job(&s, "spec.podFailurePolicy", NULL); /* "Ignore" would start a second pod */
  s.k.minor = 28;                                /* there behind a gate only */
  make(&s, NULL);
  expect_job(&s, "spec.podReplacementPolicy", NULL);
  expect_job(&s, "metadata.ownerReferences", NULL);
  s.k.minor = 29;
  make(&s, NULL);
  expect_job(&s, "spec.podReplacementPolicy", "\"Failed\"");
  sent_done(&s);
}

static void who_and_why(void **state) {
  (void)state;
  struct sent s = {0};
  sent_init(&s);
  make(&s, NULL);
  const json_t *metas[] = {json_at(s.secret, "metadata"), json_at(s.job, "metadata"),
                           json_at(s.job, "spec.template.metadata")};
  for (int i = 0; i < 3; i++) {
    expect_json(json_object_get(json_at(metas[i], "labels"), "run-once/id"), "id", "\"abc123\"");
    expect_json(json_object_get(json_at(metas[i], "annotations"), "run-once/reason"), "reason",
                "\"because of reasons\"");
    expect_json(json_object_get(json_at(metas[i], "annotations"), "run-once/lock"), "lock", "\"schema\"");
  }
  const json_t *notes = json_at(metas[2], "annotations");
  expect_json(json_object_get(notes, "run-once/container"), "container", "\"web\"");
  expect_json(json_object_get(notes, "cluster-autoscaler.kubernetes.io/safe-to-evict"), "autoscaler",
              "\"false\"");
  expect_json(json_object_get(notes, "karpenter.sh/do-not-disrupt"), "karpenter", "\"true\"");
  expect_json(json_object_get(notes, "vault.hashicorp.com/agent-inject"), "the source's", "\"true\"");
  expect_json(json_object_get(json_at(metas[2], "labels"), "run-once/object"), "object",
              "\"run-once-abc123\"");
  expect_json(json_object_get(json_at(metas[2], "labels"), "app"), "the source's", NULL);
  sent_done(&s);
}

static void deadlines(void **state) {
  (void)state;
  struct sent s = {0};
  sent_init(&s);
  make(&s, NULL);
  expect_job(&s, "spec.template.spec.activeDeadlineSeconds", "660");
  expect_job(&s, "spec.activeDeadlineSeconds", "985"); /* after the pod's own and its grace of 25 s */
  s.who.stop_ms = 40500;
  make(&s, NULL);
  expect_job(&s, "spec.template.spec.terminationGracePeriodSeconds", "41");
  expect_job(&s, "spec.activeDeadlineSeconds", "1001");
  s.who.run_ms = 0; /* no --timeout */
  make(&s, NULL);
  expect_job(&s, "spec.template.spec.activeDeadlineSeconds", NULL);
  expect_job(&s, "spec.activeDeadlineSeconds", NULL);
  s.who.run_ms = 1500;
  s.who.start_ms = 0;
  make(&s, NULL);
  expect_job(&s, "spec.template.spec.activeDeadlineSeconds", NULL);
  s.who.start_ms = 1;
  make(&s, NULL);
  expect_job(&s, "spec.template.spec.activeDeadlineSeconds", "2");
  s.who.start_ms = INT64_C(1) << 52;
  make(&s, NULL);
  expect_job(&s, "spec.template.spec.activeDeadlineSeconds", "2147483647");
  expect_job(&s, "spec.activeDeadlineSeconds", "2147483647");
  sent_done(&s);
}

static void ttl_is_never_zero(void **state) {
  (void)state;
  struct sent s = {0};
  sent_init(&s);
  s.who.keep_ms = 0;
  make(&s, NULL);
  expect_job(&s, "spec.ttlSecondsAfterFinished", "86400");
  s.who.keep_ms = 1;
  make(&s, NULL);
  expect_job(&s, "spec.ttlSecondsAfterFinished", "60");
  sent_done(&s);
}

static void ticket_and_values(void **state) {
  (void)state;
  struct sent s = {0};
  sent_init(&s);
  s.who.name = "run-once.lock.shop.schema";
  s.c.s.kube.init_containers = true;
  strv_add(&s.c.s.kube.with, "proxy");
  make(&s, "u");
  char lock[64];
  kube_object_name(s.who.name, lock);
  expect_secret(&s, "stringData", "{\"env.TOKEN\":\"marker-4711\",\"ticket-abc123\":\"abc123\"}");
  expect_secret(&s, "type", "\"Opaque\"");
  assert_string_equal(json_str(s.secret, "metadata.name"), lock);
  assert_string_equal(json_str(s.job, "metadata.name"), "run-once-abc123");
  const json_t *spec = json_at(s.job, "spec.template.spec");
  const json_t *env = json_at(kube_find_named(json_at(spec, "containers"), "web"), "env");
  const json_t *first = json_array_get(env, 0);
  assert_string_equal(json_str(first, "name"), "RUN_ONCE_JOB");
  assert_string_equal(json_str(first, "valueFrom.secretKeyRef.name"), lock);
  assert_string_equal(json_str(first, "valueFrom.secretKeyRef.key"), "ticket-abc123");
  expect_json(json_at(first, "valueFrom.secretKeyRef.optional"), "optional", NULL);
  assert_string_equal(json_str(kube_find_named(env, "TOKEN"), "valueFrom.secretKeyRef.name"), lock);
  assert_string_equal(json_str(kube_find_named(env, "DATABASE_URL"), "valueFrom.secretKeyRef.name"),
                      "shop-db");
  /* Init containers run before it, so in a second pod they would, too. What runs beside it may start later.
   */
  const json_t *init = json_at(spec, "initContainers");
  assert_non_null(kube_find_named(json_at(kube_find_named(init, "fetch"), "env"), "RUN_ONCE_JOB"));
  assert_null(kube_find_named(json_at(kube_find_named(init, "sql"), "env"), "RUN_ONCE_JOB"));
  assert_null(
      kube_find_named(json_at(kube_find_named(json_at(spec, "containers"), "proxy"), "env"), "RUN_ONCE_JOB"));
  char *job = json_dumps(s.job, 0);
  assert_null(strstr(job, "marker-4711"));
  free(job);
  expect_json(json_at(kube_find_named(json_at(container_of(&s.c, "web"), "env"), "TOKEN"),
                      "valueFrom.secretKeyRef.name"),
              "prepared's own stays empty", "\"\"");
  sent_done(&s);
}

/* --- a template of the user's own --- */

static int read_template(const char *text, json_t **ret_object, json_t **ret, struct error *err) {
  char path[] = "/tmp/run-once-unit-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  int rc = kube_template_file(path, "shop", ret_object, ret, err);
  unlink(path);
  return rc;
}

static void template_files(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  json_t *object, *made;
  assert_int_equal(
      read_template(
          "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec:\n  template:\n    spec:\n"
          "      containers:\n      - name: a\n        args: [\"1\", x, 'true']\n        env:\n        - "
          "{name: A, value: \"8\"}\n        tty: true\n        n: 0x10\n",
          &object, &made, &err),
      0);
  expect_json(json_at(made, "spec"), "spec",
              "{\"containers\":[{\"name\":\"a\",\"args\":[\"1\",\"x\",\"true\"],\"env\":[{\"name\":\"A\","
              "\"value\":\"8\"}],"
              "\"tty\":true,\"n\":16}]}");
  json_decref(object);
  json_decref(made);
  assert_int_equal(
      read_template(
          "{\"kind\": \"PodTemplate\", \"metadata\": {\"namespace\": \"shop\"}, \"template\": {\"spec\": "
          "{\"containers\": []}}}",
          &object, &made, &err),
      0);
  expect_json(made, "template", "{\"spec\":{\"containers\":[]}}");
  json_decref(object);
  json_decref(made);
}

static void bad_template_files(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } rows[] = {{"kind: Deployment\n", ":1: kind: is Deployment; a template is a Job or a PodTemplate"},
              {"a: 1\n", ":1: kind: is missing; a template is a Job or a PodTemplate"},
              {"[1]\n", ":1: expected a Job or a PodTemplate, found a list"},
              {"kind: Job\nspec: {}\n", ":1: spec.template.spec: is missing"},
              {"kind: Job\nmetadata: {namespace: other}\n",
               ":1: its namespace is other, but the job would run in shop; say --namespace other, or leave "
               "it out of the "
               "file"},
              {"kind: [\n", ":2: "}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct error err = ERROR_INIT;
    json_t *object, *made;
    assert_int_equal(read_template(rows[i].text, &object, &made, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    if (!strstr(err.text, rows[i].says)) fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(job_fields),         cmocka_unit_test(who_and_why),
      cmocka_unit_test(deadlines),          cmocka_unit_test(ttl_is_never_zero),
      cmocka_unit_test(ticket_and_values),  cmocka_unit_test(template_files),
      cmocka_unit_test(bad_template_files),
  };
  return RUN_TESTS(tests);
}
