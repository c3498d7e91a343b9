/* What would take the copy for the application, and claims that another pod holds. */
#include "kube_case.h"
#include "runtime/kube/checks.h"

struct check {
  struct kube_case c;
  struct kube_copy copy;
  json_t *labels;
};

static void check_init(struct check *k) {
  case_init(&k->c);
  build(&k->c);
  kube_copy_of(&k->c.s, &k->c.f, &k->c.p, &k->copy);
  k->labels = json_pack("{s:s}", "run-once/id", "x");
}
static void check_done(struct check *k) {
  json_decref(k->labels);
  case_done(&k->c);
}
static json_t *parse(const char *text) {
  json_error_t e;
  json_t *j = json_loads(text, 0, &e);
  if (!j) fail_msg("%s: %s", text, e.text);
  return j;
}

static void services(void **state) {
  (void)state;
  struct check k;
  check_init(&k);
  json_t *all = parse(
      "[{\"metadata\":{\"name\":\"manual\"},\"spec\":{}},{\"metadata\":{\"name\":\"none\"},\"spec\":{"
      "\"selector\":{}}},{\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":{\"app\":\"web\"}}},{"
      "\"metadata\":{\"name\":\"front\"},\"spec\":{\"selector\":{\"app\":\"web\",\"tier\":\"front\"}}}]");
  assert_int_equal(kube_judge_services(&k.copy, all, k.labels, &k.c.err), 0);
  expect_checked(&k.c, "none of 4 Services of the namespace selects the copy");
  json_object_set_new(k.labels, "tier", json_string("front")); /* a part of a selector is not enough */
  assert_int_equal(kube_judge_services(&k.copy, all, k.labels, &k.c.err), 0);
  json_object_set_new(k.labels, "app", json_string("web"));
  assert_int_equal(kube_judge_services(&k.copy, all, k.labels, &k.c.err), -1);
  assert_int_equal(k.c.err.kind, ERR_NOT_INERT);
  assert_string_equal(k.c.err.text,
                      "deployment/web refused: Service web (app=web) would send the application's traffic "
                      "to the copy; leave out the label that it selects by");
  json_decref(all);
  check_done(&k);
}

static void policies(void **state) {
  (void)state;
  struct check k;
  check_init(&k);
  size_t before = k.c.p.notes.n;
  json_t *all = parse(
      "[{\"metadata\":{\"name\":\"deny\"},\"spec\":{\"podSelector\":{}}},{\"metadata\":{\"name\":\"db\"},"
      "\"spec\":{\"podSelector\":{\"matchLabels\":{\"app\":\"web\"}}}},{\"metadata\":{\"name\":\"other\"},"
      "\"spec\":{\"podSelector\":{\"matchLabels\":{\"app\":\"else\"}}}}]");
  kube_judge_policies(&k.copy, all, k.labels);
  assert_int_equal(k.c.p.notes.n, before + 2);
  expect_note(&k.c.p.notes, "NetworkPolicy deny has an empty selector: it selects the copy, too");
  expect_note(&k.c.p.notes,
              "NetworkPolicy db (app=web) selects the application but not the copy: what may be reached "
              "can differ; --keep-label keeps a label");
  expect_checked(&k.c, "NetworkPolicy deny has an empty selector: it selects the copy, too");
  json_object_set_new(k.labels, "app", json_string("web")); /* both: nothing to say of "db" */
  before = k.c.p.notes.n;
  kube_judge_policies(&k.copy, all, k.labels);
  assert_int_equal(k.c.p.notes.n, before + 1);
  json_decref(all);
  check_done(&k);
}

static void budgets(void **state) {
  (void)state;
  struct check k;
  check_init(&k);
  size_t before = k.c.p.notes.n;
  json_t *all =
      parse("[{\"metadata\":{\"name\":\"all\"},\"spec\":{\"selector\":{}}},{\"metadata\":{\"name\":\"web\"},"
            "\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"web\"}}}},{\"metadata\":{\"name\":\"null\"},"
            "\"spec\":{}}]");
  kube_judge_budgets(&k.copy, all, false, k.labels); /* before policy/v1 an empty one selected nothing */
  assert_int_equal(k.c.p.notes.n, before);
  expect_checked(&k.c, "PodDisruptionBudget web selects the application but not the copy");
  kube_judge_budgets(&k.copy, all, true, k.labels);
  expect_note(&k.c.p.notes, "PodDisruptionBudget all has an empty selector: it counts the copy, too");
  json_object_set_new(k.labels, "app", json_string("web"));
  kube_judge_budgets(&k.copy, all, true, k.labels);
  expect_note(&k.c.p.notes,
              "PodDisruptionBudget web selects the copy: it counts it as one of the application's pods");
  json_decref(all);
  check_done(&k);
}

#define CLAIM(name, mode)                                                                                    \
  "[{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"accessModes\":[\"" mode                                \
  "\"]},\"status\":{\"accessModes\":[\"" mode "\"]}}]"
#define USER(name, claim, phase, node)                                                                       \
  "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" node                                                    \
  "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{"                                                 \
  "\"claimName\":\"" claim "\"}}]},\"status\":{\"phase\":\"" phase "\"}}"
#define ON(node) "\"nodeName\":\"" node "\","

static int judge(struct check *k, const char *claims, const char *pods) {
  json_t *c = parse(claims), *p = parse(pods);
  int rc = kube_judge_claims(&k->copy, c, p, &k->c.err);
  json_decref(c);
  json_decref(p);
  return rc;
}

static void claims_in_use(void **state) {
  (void)state;
  struct check k;
  check_init(&k);
  json_t *names = kube_claims_of(k.copy.spec);
  expect_json(names, "claims", "[\"shop-data\"]");
  json_decref(names);
  json_t *before = json_deep_copy(json_at(k.copy.spec, "affinity"));
  assert_int_equal(judge(&k, CLAIM("shop-data", "ReadWriteOnce"), "[]"), 0);
  assert_int_equal(
      judge(&k, CLAIM("shop-data", "ReadWriteOnce"),
            "[" USER("a", "shop-data", "Succeeded", ON("n1")) "," USER(
                "b", "shop-data", "Pending", "") "," USER("c", "other", "Running", ON("n1")) "]"),
      0);
  assert_int_equal(
      judge(&k, CLAIM("shop-data", "ReadWriteMany"), "[" USER("a", "shop-data", "Running", ON("n1")) "]"), 0);
  assert_int_equal(judge(&k,
                         "[{\"metadata\":{\"name\":\"shop-data\"},\"spec\":{\"accessModes\":["
                         "\"ReadWriteOnce\",\"ReadWriteMany\"]}}]",
                         "[" USER("a", "shop-data", "Running", ON("n1")) "]"),
                   0);
  assert_true(json_equal(before, json_at(k.copy.spec, "affinity"))); /* none of them pins */
  json_decref(before);
  assert_int_equal(
      judge(&k, CLAIM("shop-data", "ReadWriteOnce"), "[" USER("web-1", "shop-data", "Running", ON("n1")) "]"),
      0);
  expect_checked(&k.c,
                 "claim shop-data is ReadWriteOnce and in use by pod web-1: the copy goes to its node n1");
  /* In each of the terms, of which any may hold. */
  expect_json(json_at(k.copy.spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"),
              "affinity",
              "{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\","
              "\"values\":[\"a\"]}],"
              "\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":[\"n1\"]}]},{"
              "\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"b\"]}],"
              "\"matchFields\":[{\"key\":"
              "\"metadata.name\",\"operator\":\"In\",\"values\":[\"n1\"]}]}]}");
  check_done(&k);
}

static void claims_without_affinity(void **state) {
  (void)state;
  struct check k;
  check_init(&k);
  json_object_del(k.copy.spec, "affinity");
  assert_int_equal(
      judge(&k, CLAIM("shop-data", "ReadWriteOnce"), "[" USER("web-1", "shop-data", "Running", ON("n1")) "]"),
      0);
  expect_json(json_at(k.copy.spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"),
              "affinity",
              "{\"nodeSelectorTerms\":[{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\","
              "\"values\":[\"n1\"]}]}"
              "]}");
  check_done(&k);
}

static void claims_refused(void **state) {
  (void)state;
  struct check k;
  check_init(&k);
  assert_int_equal(judge(&k, CLAIM("one", "ReadWriteOncePod"), "[" USER("web-1", "one", "Pending", "") "]"),
                   -1);
  assert_int_equal(k.c.err.kind, ERR_NOT_INERT);
  assert_string_equal(k.c.err.text,
                      "deployment/web refused: claim one is ReadWriteOncePod and in use by pod web-1; stop "
                      "that one, or run the command in it");
  assert_int_equal(
      judge(&k, CLAIM("one", "ReadWriteOncePod"), "[" USER("web-1", "one", "Succeeded", ON("n")) "]"), 0);
  assert_int_equal(
      judge(&k,
            "[{\"metadata\":{\"name\":\"a\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"]}},{\"metadata\":{"
            "\"name\":\"b\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"]}}]",
            "[" USER("p", "a", "Running", ON("n1")) "," USER("q", "b", "Running", ON("n2")) "]"),
      -1);
  assert_int_equal(k.c.err.kind, ERR_NOT_INERT);
  assert_string_equal(k.c.err.text,
                      "deployment/web refused: claim a is in use on node n1, claim b on node n2, and both "
                      "are ReadWriteOnce: no node can have both");
  check_done(&k);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(services),
      cmocka_unit_test(policies),
      cmocka_unit_test(budgets),
      cmocka_unit_test(claims_in_use),
      cmocka_unit_test(claims_without_affinity),
      cmocka_unit_test(claims_refused),
  };
  return RUN_TESTS(tests);
}
