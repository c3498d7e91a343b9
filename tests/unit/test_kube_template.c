/* The contract's "Kept", "Inert" and section 8 on a Deployment that has everything. */
#include "kube_case.h"

static void kept(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  build(&c);
  static const char *const paths[] = {"nodeSelector",
                                      "tolerations",
                                      "priorityClassName",
                                      "runtimeClassName",
                                      "serviceAccountName",
                                      "imagePullSecrets",
                                      "securityContext",
                                      "dnsPolicy",
                                      "hostAliases",
                                      "schedulerName",
                                      "automountServiceAccountToken",
                                      "affinity.nodeAffinity",
                                      "setHostnameAsFQDN"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    json_t *was = json_at(json_at(c.workload, "spec.template.spec"), paths[i]);
    char *text = json_dumps(was, JSON_ENCODE_ANY);
    expect_spec(&c, paths[i], text);
    free(text);
  }
  expect_container(&c, "workingDir", "\"/app\"");
  expect_container(&c, "imagePullPolicy", "\"IfNotPresent\"");
  expect_container(&c, "securityContext",
                   "{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]}}");
  expect_container(&c, "resources",
                   "{\"limits\":{\"memory\":\"512Mi\",\"cpu\":\"2\"},\"requests\":{\"memory\":\"256Mi\","
                   "\"cpu\":\"500m\"}}");
  expect_container(
      &c, "volumeMounts",
      "[{\"name\":\"assets\",\"mountPath\":\"/app/assets\"},{\"name\":\"config\",\"mountPath\":\"/etc/shop\","
      "\"readOnly\":true},{\"name\":\"data\",\"mountPath\":\"/data\"}]");
  expect_container(
      &c, "envFrom",
      "[{\"configMapRef\":{\"name\":\"shop\"}},{\"secretRef\":{\"name\":\"shop\"},\"prefix\":\"S_\"}]");
  assert_int_equal(c.p.memory_limit, 512 << 20);
  assert_int_equal(c.p.stop_grace_ms, 25000);
  assert_string_equal(c.p.stop_signal, "SIGTERM");
  case_done(&c);
}

static void pod_fields_dropped(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  build(&c);
  static const char *const gone[] = {"readinessGates",
                                     "schedulingGates",
                                     "nodeName",
                                     "subdomain",
                                     "ephemeralContainers",
                                     "topologySpreadConstraints",
                                     "activeDeadlineSeconds"};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
    expect_spec(&c, gone[i], NULL);
    expect_dropped(&c, gone[i]);
  }
  expect_spec(&c, "hostname", NULL);
  expect_dropped(&c, "hostname www");
  expect_spec(&c, "affinity.podAntiAffinity", NULL);
  expect_dropped(&c, "podAntiAffinity");
  expect_spec(&c, "serviceAccount", NULL);
  expect_spec(&c, "restartPolicy", "\"Never\"");
  expect_dropped(&c, "restart policy Always");
  expect_spec(&c, "terminationGracePeriodSeconds", "25");
  c.s.hostname = strdup("source");
  build(&c);
  expect_spec(&c, "hostname", "\"www\"");
  json_object_del(json_at(c.workload, "spec.template.spec.affinity"), "nodeAffinity");
  build(&c);
  expect_spec(&c, "affinity", NULL);
  case_done(&c);
}

static void container_fields_dropped(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  json_t *web = json_array_get(json_at(c.workload, "spec.template.spec.containers"), 0);
  json_object_set_new(web, "restartPolicy", json_string("OnFailure"));
  json_object_set_new(web, "restartPolicyRules", json_array());
  build(&c);
  static const char *const gone[] = {
      "livenessProbe", "readinessProbe", "startupProbe",  "lifecycle",
      "ports",         "resizePolicy",   "restartPolicy", "restartPolicyRules"};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
    char what[64];
    snprintf(what, sizeof what, "%s of container web", gone[i]);
    expect_container(&c, gone[i], NULL);
    expect_dropped(&c, what);
  }
  expect_container(&c, "stdin", NULL);
  expect_container(&c, "stdinOnce", NULL);
  expect_container(&c, "tty", NULL);
  assert_false(c.p.tty);
  c.s.open_stdin = c.s.tty = true;
  build(&c);
  expect_container(&c, "stdin", "true");
  expect_container(&c, "stdinOnce", "true");
  expect_container(&c, "tty", "true");
  assert_true(c.p.tty);
  case_done(&c);
}

static void which_containers_run(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  build(&c);
  assert_int_equal(json_array_size(json_at(pod_of(&c), "spec.containers")), 1);
  expect_dropped(&c, "container proxy");
  expect_dropped(&c, "init container fetch");
  expect_json(json_object_get(c.p.request, "container"), "container", "\"web\"");
  expect_note(&c.p.notes, "deployment/web has several containers (web, proxy); the command runs in the "
                          "first; --container chooses");
  expect_note(&c.p.notes,
              "init container fetch is left out, but it shares the emptyDir volume assets with container "
              "web: what it puts there will be missing; --init-containers runs it");
  assert_int_equal(c.p.notes.n, 2); /* not of "scratch", which web does not mount */
  expect_spec(
      &c, "initContainers",
      "[{\"name\":\"sql\",\"image\":\"sqlproxy:2\",\"restartPolicy\":\"Always\",\"startupProbe\":{"
      "\"httpGet\":"
      "{\"path\":\"/"
      "up\",\"port\":9801}},\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":[\"sleep\",\"1\"]}}}}]");
  expect_listed(json_at(c.p.plan, "runs_beside"), NULL, "sql (native sidecar)");
  c.s.kube.init_containers = true;
  strv_add(&c.s.kube.with, "proxy");
  build(&c);
  assert_int_equal(json_array_size(json_at(pod_of(&c), "spec.containers")), 2);
  assert_int_equal(json_array_size(json_at(pod_of(&c), "spec.initContainers")), 2);
  expect_json(json_at(container_of(&c, "proxy"), "livenessProbe"), "livenessProbe", NULL);
  expect_json(json_at(container_of(&c, "proxy"), "ports"), "ports", NULL);
  assert_int_equal(c.p.notes.n, 1);
  case_done(&c);
}

static void chosen_container(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  json_object_set_new(json_at(c.workload, "spec.template.metadata.annotations"),
                      "kubectl.kubernetes.io/default-container", json_string("proxy"));
  build(&c);
  expect_json(json_object_get(c.p.request, "container"), "by the annotation", "\"proxy\"");
  assert_int_equal(c.p.notes.n, 0);
  c.s.kube.container = strdup("web");
  build(&c);
  expect_json(json_object_get(c.p.request, "container"), "by --container", "\"web\"");
  free(c.s.kube.container);
  c.s.kube.container = strdup("wep");
  build_fails(&c, ERR_CONFIG,
              "--container wep failed: deployment/web has no container of that name; it has: web, proxy");
  free(c.s.kube.container);
  c.s.kube.container = NULL;
  strv_add(&c.s.kube.with, "redis");
  build_fails(&c, ERR_CONFIG,
              "--with redis failed: deployment/web has no container of that name; it has: web, proxy");
  case_done(&c);
}

static void labels(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  build(&c);
  expect_json(json_at(pod_of(&c), "metadata.labels"), "labels",
              "{\"azure.workload.identity/use\":\"true\",\"sidecar.istio.io/inject\":\"true\"}");
  expect_dropped(&c, "label app");
  expect_dropped(&c, "label tier");
  expect_dropped(&c, "label pod-template-hash");
  strv_add(&c.s.keep_labels, "tier");
  strv_add(&c.s.keep_labels, "pod-template-hash"); /* would be refused: a controller's */
  strv_add(&c.s.labels, "team=data");
  strv_add(&c.s.labels, "example.com/why=because of reasons");
  build(&c);
  expect_json(
      json_at(pod_of(&c), "metadata.labels"), "labels",
      "{\"azure.workload.identity/use\":\"true\",\"sidecar.istio.io/inject\":\"true\",\"tier\":\"front\","
      "\"team\":\"data\"}");
  expect_json(json_object_get(json_at(pod_of(&c), "metadata.annotations"), "example.com/why"), "why",
              "\"because of reasons\"");
  strv_add(&c.s.labels, "run-once/id=x");
  build_fails(&c, ERR_CONFIG, "--label run-once/id failed: it is set by the cluster or by run-once itself");
  strv_done(&c.s.labels);
  strv_add(&c.s.labels, "a b=x");
  build_fails(&c, ERR_CONFIG, "--label a b failed: Kubernetes takes no such key");
  case_done(&c);
}

static void labels_of_own_file(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  source_done(&c.s.source);
  c.s.kube.template_file = strdup("job.yaml");
  c.f.own_file = true;
  build(&c);
  expect_json(json_object_get(json_at(pod_of(&c), "metadata.labels"), "app"), "app", "\"web\"");
  expect_json(json_object_get(json_at(pod_of(&c), "metadata.labels"), "pod-template-hash"), "hash", NULL);
  case_done(&c);
}

static void annotations(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  build(&c);
  expect_json(json_at(pod_of(&c), "metadata.annotations"), "annotations",
              "{\"vault.hashicorp.com/agent-inject\":\"true\","
              "\"container.apparmor.security.beta.kubernetes.io/web\":\"runtime/default\"}");
  static const char *const gone[] = {"kubectl.kubernetes.io/restartedAt",
                                     "deployment.kubernetes.io/revision",
                                     "checksum/config",
                                     "prometheus.io/scrape",
                                     "prometheus.io/port",
                                     "ad.datadoghq.com/web.check_names",
                                     "container.apparmor.security.beta.kubernetes.io/proxy"};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
    char what[128];
    snprintf(what, sizeof what, "annotation %s", gone[i]);
    expect_dropped(&c, what);
  }
  case_done(&c);
}

static void command(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  json_t *web = json_array_get(json_at(c.workload, "spec.template.spec.containers"), 0);
  build(&c);
  expect_container(&c, "command", "[\"/bin/env\"]");
  expect_container(&c, "args", "[\"bin/rails\",\"db:migrate\"]");
  assert_int_equal(c.p.argv.n, 3);
  assert_string_equal(c.p.argv.v[0], "/bin/env");
  json_object_del(web, "args"); /* then COMMAND takes the place of `command` */
  build(&c);
  expect_container(&c, "command", "[\"bin/rails\",\"db:migrate\"]");
  expect_container(&c, "args", NULL);
  assert_int_equal(c.p.argv.n, 2);
  json_object_del(web, "command"); /* neither: the image's entrypoint stays */
  build(&c);
  expect_container(&c, "command", NULL);
  expect_container(&c, "args", "[\"bin/rails\",\"db:migrate\"]");
  c.s.entrypoint_set = true; /* --entrypoint "" */
  json_object_set_new(web, "args", json_pack("[s]", "puma"));
  build(&c);
  expect_container(&c, "command", "[\"bin/rails\",\"db:migrate\"]");
  expect_container(&c, "args", NULL);
  strv_add(&c.s.entrypoint, "/bin/sh");
  build(&c);
  expect_container(&c, "command", "[\"/bin/sh\"]");
  expect_container(&c, "args", "[\"bin/rails\",\"db:migrate\"]");
  assert_string_equal(c.p.argv.v[0], "/bin/sh");
  case_done(&c);
}

/* What the kubelet makes of it (third_party/forked/golang/expansion), with no variable of that name known. */
static char *expand(const char *text) {
  char *out = calloc(1, strlen(text) + 20);
  size_t k = 0;
  for (size_t i = 0; text[i]; i++) {
    if (text[i] != '$' || !text[i + 1]) {
      out[k++] = text[i];
    } else if (text[i + 1] == '$') {
      out[k++] = '$';
      i++;
    } else if (text[i + 1] == '(' && strchr(text + i, ')')) {
      memcpy(out + k, "EXPANDED", 8);
      k += 8;
      i += (size_t)(strchr(text + i, ')') - (text + i));
    } else {
      out[k++] = '$';
      out[k++] = text[++i];
    }
  }
  return out;
}

static void words_are_exact(void **state) {
  (void)state;
  static const char alphabet[] = "$()A";
  char word[8];
  for (unsigned n = 0; n < 4 * 4 * 4 * 4 * 4 * 4; n++) {
    unsigned rest = n;
    for (int i = 0; i < 6; i++, rest /= 4) word[i] = alphabet[rest % 4];
    word[6] = '\0';
    char *escaped = kube_escape_word(word), *back = expand(escaped);
    assert_string_equal(back, word);
    free(escaped);
    free(back);
  }
  char *same = kube_escape_word("echo $HOME 5$");
  assert_string_equal(same, "echo $HOME 5$");
  free(same);
}

static void bad_words(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  strv_add(&c.s.argv, "\xff");
  build_fails(&c, ERR_CONFIG, "argument 2 of the command failed: it is not UTF-8");
  strv_done(&c.s.argv);
  build_fails(&c, ERR_USAGE, "the command failed: it is empty");
  char *big = malloc(131073);
  memset(big, 'x', 131072);
  big[131072] = '\0';
  strv_add(&c.s.argv, big);
  build_fails(&c, ERR_CONFIG,
              "argument 0 of the command failed: 131072 bytes, no kernel takes more than 131071");
  free(big);
  case_done(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kept),
      cmocka_unit_test(pod_fields_dropped),
      cmocka_unit_test(container_fields_dropped),
      cmocka_unit_test(which_containers_run),
      cmocka_unit_test(chosen_container),
      cmocka_unit_test(labels),
      cmocka_unit_test(labels_of_own_file),
      cmocka_unit_test(annotations),
      cmocka_unit_test(command),
      cmocka_unit_test(words_are_exact),
      cmocka_unit_test(bad_words),
  };
  return RUN_TESTS(tests);
}
