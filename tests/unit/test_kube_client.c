/* Requests to an API server: what goes out, what comes back in words, what is allowed. */
#include "kube_client.h"
#include "runtime/kube/access.h"

/* What goes out */

static void connecting(void **state) {
  struct world *w = *state;
  begin(w, plain);
  assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), 0);
  const struct runtime_info *info = w->k->base.ops->info(&w->k->base);
  assert_string_equal(info->kind, "kubernetes");
  assert_string_equal(info->version, "v1.30.4+k3s1");
  assert_string_equal(info->api, "1.30");
  assert_string_equal(info->namespace, "shop");
  assert_int_equal(w->k->minor, 30);
  assert_true(sent(w, 0, "GET /version HTTP/1.1\r\n"));
  int64_t apart = w->k->base.ops->clock_ns(&w->k->base) - clock_wall_ns() - w->k->clock_offset_ns;
  assert_true(apart < 1000000000 && apart > -1000000000);
}

static struct reply odd_versions(const char *request, struct shared *shared) {
  static const char *const bodies[] = {
      "{\"gitVersion\":\"v1.20.2\",\"major\":\"\",\"minor\":\"\"}", /* no stamp but a name */
      "{\"gitVersion\":\"v0.0.0-master+1\",\"major\":\"0\",\"minor\":\"0\"}",
      "{\"gitVersion\":\"v2.1.0\",\"major\":\"2\",\"minor\":\"1\"}",
      "{\"gitVersion\":\"v1.9.0\",\"major\":\"1\",\"minor\":\"9\"}",
      "{\"gitVersion\":\"nonsense\"}",
      "[]",
      "hello",
  };
  (void)request;
  return good(bodies[shared->n[0]++]);
}

static void versions_of_every_kind(void **state) {
  struct world *w = *state;
  begin(w, odd_versions);
  static const int minors[] = {20, 20, 999};
  for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
    assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), 0);
    assert_int_equal(w->k->minor, minors[i]);
  }
  assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), -1);
  said(w, "the cluster is too old: it is v1.9.0, run-once needs v1.19 or newer");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), -1);
    said(w, "what answers is not a cluster's API server (HTTP 200 to GET /version)");
  }
}

static struct reply hidden(const char *request, struct shared *shared) {
  (void)request;
  if (shared->n[0]++)
    return (struct reply){.text = STATUS("403 Forbidden", "", "<html>no</html>"), .then = REPLY_CLOSE};
  return (struct reply){.text =
                            STATUS("403 Forbidden", "", "{\"kind\":\"Status\",\"message\":\"forbidden\"}"),
                        .then = REPLY_CLOSE};
}

static void a_version_that_is_hidden(void **state) {
  struct world *w = *state;
  begin(w, hidden);
  assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), 0);
  assert_string_equal(w->k->info.version, "unknown");
  assert_int_equal(w->k->minor, 20);
  assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err),
                   -1); /* a proxy's page, not a cluster's word */
  assert_int_equal(w->err.kind, ERR_PERMISSION);
  said(w, "refuses us: <html>no</html>");
}

static void one_connection_serves_and_heads_are_kubectls(void **state) {
  struct world *w = *state;
  begin(w, plain);
  CLEANUP_JSON json_t *body = json_pack("{s:s}", "a", "b");
  struct kube_request patch = {.method = "PATCH", .path = "/p", .body = body},
                      strategic = {.method = "PATCH",
                                   .path = "/p",
                                   .body = body,
                                   .content_type = "application/x"},
                      remove = {.method = "DELETE", .path = "/d", .body = body, .changes = true},
                      log = {.method = "GET", .path = "/l", .accept = "*/*"};
  assert_int_equal(get(w), 0);
  assert_int_equal(kube_json(w->k, &patch, "", NULL, &w->err), 0);
  assert_int_equal(kube_json(w->k, &strategic, "", NULL, &w->err), 0);
  assert_int_equal(kube_json(w->k, &remove, "", NULL, &w->err), 0);
  assert_int_equal(kube_json(w->k, &log, "", NULL, &w->err), 0);
  assert_int_equal(w->s.shared->connections, 1);
  assert_true(sent(w, 0, "GET /x HTTP/1.1\r\n") && sent(w, 0, "Accept: application/json\r\n"));
  assert_false(sent(w, 0, "Authorization"));
  assert_true(sent(w, 1, "PATCH /p ") && sent(w, 1, "Content-Type: application/merge-patch+json\r\n"));
  assert_true(sent(w, 2, "Content-Type: application/x\r\n"));
  assert_true(sent(w, 3, "DELETE /d ") && sent(w, 3, "Content-Type: application/json\r\n") &&
              sent(w, 3, "\r\n\r\n{\"a\":\"b\"}"));
  assert_true(sent(w, 4, "Accept: */*\r\n") && !sent(w, 4, "json"));
}

static void paths(void **state) {
  struct kube k = {.namespace = "shop"};
  static const struct {
    const char *group, *resource, *name, *suffix, *path;
  } rows[] = {
      {"", "pods", NULL, NULL, "/api/v1/namespaces/shop/pods"},
      {"", "pods", "a", "/log?container=web", "/api/v1/namespaces/shop/pods/a/log?container=web"},
      {"batch/v1", "jobs", "j", NULL, "/apis/batch/v1/namespaces/shop/jobs/j"},
      {"", "secrets", "../x?y", NULL, "/api/v1/namespaces/shop/secrets/..%2Fx%3Fy"},
  };
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    CLEANUP_FREE char *path = kube_path(&k, rows[i].group, rows[i].resource, rows[i].name, rows[i].suffix);
    assert_string_equal(path, rows[i].path);
  }
}

/* What comes back */

static void faults_in_words(void **state) {
  static const struct {
    long status;
    const char *body;
    enum error_kind kind;
    const char *text;
  } rows[] = {
      {404, "{\"message\":\"pods \\\"a\\\" not found\",\"reason\":\"NotFound\"}", ERR_MISSING,
       "w: pods \"a\" not found"},
      {409, "{\"message\":\"jobs.batch \\\"a\\\" already exists\",\"reason\":\"AlreadyExists\"}",
       ERR_CONFLICT, "w: jobs.batch \"a\" already exists"},
      {403, "{\"message\":\"pods is forbidden\",\"reason\":\"Forbidden\"}", ERR_PERMISSION,
       "w: pods is forbidden"},
      {403, "{\"message\":\"pods \\\"a\\\" is forbidden: exceeded quota: q, requested: pods=1\"}", ERR_QUOTA,
       "w: pods \"a\" is forbidden: exceeded quota: q, requested: pods=1"},
      {403, "{\"message\":\"is forbidden: failed quota: q: must specify cpu\"}", ERR_QUOTA,
       "w: is forbidden: failed quota: q: must specify cpu"},
      {401, "{\"message\":\"Unauthorized\",\"code\":401}", ERR_PERMISSION,
       "w: Unauthorized: the API server does not accept the credentials, or they have expired; log in again"},
      {422, "{\"message\":\"Job.batch \\\"a\\\" is invalid\",\"reason\":\"Invalid\"}", ERR_CONFIG,
       "w: Job.batch \"a\" is invalid"},
      {410, "{\"message\":\"too old\",\"reason\":\"Expired\"}", ERR_MISSING, "w: too old"},
      {429, "{\"message\":\"slow down\"}", ERR_ENGINE, "w: slow down"},
      {500, "{\"message\":\"admission webhook failed\"}", ERR_ENGINE, "w: admission webhook failed"},
      {500, "{\"message\":\"etcdserver: request timed out\"}", ERR_TIMEOUT,
       "w: etcdserver: request timed out"},
      {500, "{\"message\":\"etcdserver: leader changed\"}", ERR_TIMEOUT, "w: etcdserver: leader changed"},
      {500, "{\"message\":\"x\",\"reason\":\"ServerTimeout\"}", ERR_TIMEOUT, "w: x"},
      {504, "{\"message\":\"request did not complete\",\"reason\":\"Timeout\"}", ERR_TIMEOUT,
       "w: request did not complete"},
      {502, "<html>Bad\nGateway</html>", ERR_LOST, "w: <html>Bad; Gateway</html>"},
      {503, "", ERR_ENGINE, "w: the API server answered HTTP 503 without a word"},
      {500, "{\"kind\":\"Status\"}", ERR_ENGINE, "w: the API server answered HTTP 500 without a word"},
      {500, "{\"message\":\"cut", ERR_ENGINE, "w: {\"message\":\"cut"},
  };
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    struct error err = ERROR_INIT;
    struct http_response r = {.status = rows[i].status};
    r.body.data = (char *)rows[i].body;
    r.body.len = strlen(rows[i].body);
    assert_int_equal(kube_fault(&r, "w", &err), -1);
    assert_int_equal(err.kind, rows[i].kind);
    assert_int_equal(err.http_status, rows[i].status);
    assert_string_equal(err.text, rows[i].text);
  }
}

static void warnings_are_kept_once(void **state) {
  struct kube k = {.namespace = "shop"};
  struct http_response r = {.status = 200};
  static const char head[] =
      "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 15:04:05 GMT\r\n"
      "Warning: 299 - \"would violate PodSecurity \\\"restricted\\\"\"\r\n"
      "warning: 299 - \"old\" \"Sun, 29 Nov 2026 15:04:05 GMT\", 299 - \"older\"\r\n"
      "Warning: 299 - \"old\"\r\nWarning: 299 - unquoted\r\nWarning: 299 - \"open\r\n\r\n";
  (void)state;
  r.headers.data = (char *)head;
  r.headers.len = sizeof head - 1;
  kube_note(&k, &r);
  assert_int_equal(k.warnings.n, 4);
  assert_string_equal(k.warnings.v[0], "would violate PodSecurity \"restricted\"");
  assert_string_equal(k.warnings.v[1], "old");
  assert_string_equal(k.warnings.v[2], "older");
  assert_string_equal(k.warnings.v[3], "open");
  strv_done(&k.warnings); /* said */
  kube_note(&k, &r);
  assert_int_equal(k.warnings.n, 0);
  strv_done(&k.warned);
  assert_true(k.clock_known);
}

/* n[0]: how often 429 is said first; then success */
static struct reply busy(const char *request, struct shared *shared) {
  (void)request;
  if (shared->n[0]-- > 0)
    return (struct reply){
        .text = STATUS("429 Too Many Requests", "Retry-After: 1\r\n", "{\"message\":\"slow down\"}"),
        .then = REPLY_CLOSE};
  return good("{}");
}

static void too_many_requests(void **state) {
  struct world *w = *state;
  begin(w, busy);
  w->s.shared->n[0] = 1;
  int64_t begun = clock_ms();
  assert_int_equal(get(w), 0);
  assert_true(clock_ms() - begun >= 1000);
  assert_int_equal(w->s.shared->requests, 2);
  w->s.shared->n[0] = 1; /* one that changes is not sent again */
  assert_int_equal(post(w), -1);
  said(w, "making failed: slow down");
  w->s.shared->n[0] = 100; /* what would not be in time is not waited for */
  struct kube_request req = {.method = "GET", .path = "/x", .timeout_ms = 900};
  begun = clock_ms();
  assert_int_equal(kube_json(w->k, &req, "looking failed", NULL, &w->err), -1);
  assert_true(clock_ms() - begun < 900);
  assert_int_equal(w->err.http_status, 429);
}

/* What is allowed */

static void rules_are_read_as_rbac_means_them(void **state) {
  (void)state;
  CLEANUP_JSON json_t *rules =
      json_loads("[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"batch\"],\"resources\":[\"jobs\"]},"
                 "{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*/log\"]},"
                 "{\"verbs\":[\"delete\"],\"apiGroups\":[\"batch\"],\"resources\":[\"jobs\"],"
                 "\"resourceNames\":[\"one\"]},"
                 "{\"verbs\":[\"create\"],\"apiGroups\":[\"\"],\"resources\":[\"*\"]}]",
                 0, NULL);
  assert_true(kube_rules_allow(rules, "batch", "jobs", "list"));
  assert_false(kube_rules_allow(rules, "batch", "jobs", "create"));
  assert_false(kube_rules_allow(rules, "", "jobs", "list"));
  assert_false(kube_rules_allow(rules, "batch", "jobs", "delete")); /* of one only */
  assert_true(kube_rules_allow(rules, "", "pods/log", "get"));
  assert_false(kube_rules_allow(rules, "", "pods", "get"));
  assert_true(kube_rules_allow(rules, "", "pods", "create"));
  assert_false(kube_rules_allow(NULL, "", "pods", "create"));
}

#define RULES(text) "{\"status\":{\"incomplete\":true,\"resourceRules\":[" text "]}}"
static struct reply most_rules(const char *request, struct shared *shared) {
  (void)shared;
  if (strstr(request, "selfsubjectrulesreviews"))
    return good(
        RULES("{\"verbs\":[\"*\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"pods/log\",\"secrets\"]}"));
  /* the rest one by one: a webhook allows all of jobs but deleting */
  bool yes = strstr(request, "\"jobs\"") && !strstr(request, "\"delete\"");
  return good(yes ? "{\"status\":{\"allowed\":true}}" : "{\"status\":{\"allowed\":false}}");
}

static void what_is_missing_is_named(void **state) {
  struct world *w = *state;
  begin(w, most_rules);
  assert_int_equal(kube_access(w->k, false, true, &w->err), -1);
  assert_int_equal(w->err.kind, ERR_PERMISSION);
  assert_string_equal(w->err.text,
                      "namespace shop: not allowed to delete jobs.batch; `run-once doctor` prints the Role "
                      "that would do");
  assert_int_equal(w->s.shared->requests, 1 + 6);
  assert_int_equal(kube_access(w->k, true, true, &w->err), -1);
  said(w, "delete jobs.batch; get, create pods/attach; ");
  CLEANUP_FREE char *role = kube_role_yaml(w->k);
  assert_non_null(strstr(role, "  namespace: shop\nrules:\n  - apiGroups: [batch]\n    resources: [jobs]\n"
                               "    verbs: [create, get, list, watch, patch, delete]\n"));
  assert_non_null(strstr(role, "resources: [pods]\n    verbs: [get, list, watch, create, patch, delete]\n"));
}

static struct reply no_reviews(const char *request, struct shared *shared) {
  (void)request, (void)shared;
  return (struct reply){.text = STATUS("403 Forbidden", "", "{\"message\":\"no reviews for you\"}"),
                        .then = REPLY_CLOSE};
}

static void a_server_that_does_not_tell_is_not_in_the_way(void **state) {
  struct world *w = *state;
  begin(w, no_reviews);
  assert_int_equal(kube_access(w->k, true, true, &w->err), 0);
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      CLIENT_TEST(connecting),
      CLIENT_TEST(versions_of_every_kind),
      CLIENT_TEST(a_version_that_is_hidden),
      CLIENT_TEST(one_connection_serves_and_heads_are_kubectls),
      cmocka_unit_test(paths),
      cmocka_unit_test(faults_in_words),
      cmocka_unit_test(warnings_are_kept_once),
      CLIENT_TEST(too_many_requests),
      cmocka_unit_test(rules_are_read_as_rbac_means_them),
      CLIENT_TEST(what_is_missing_is_named),
      CLIENT_TEST(a_server_that_does_not_tell_is_not_in_the_way),
  };
  signal(SIGPIPE, SIG_IGN); /* as io/signals.h does */
  return RUN_TESTS(tests);
}
