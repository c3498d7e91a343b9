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

static void environment(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  settings_env(&c.s, "HOST", "marker-4711", "--env");
  settings_env(&c.s, "NEW VAR", "x", "release.yaml:7");
  build(&c);
  expect_env(&c, "RAILS_ENV", "{\"name\":\"RAILS_ENV\",\"value\":\"production\"}");
  expect_env(
      &c, "DATABASE_URL",
      "{\"name\":\"DATABASE_URL\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"shop-db\",\"key\":\"url\"}}}");
  expect_env(&c, "MODE",
             "{\"name\":\"MODE\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"shop\",\"key\":\"mode\"}}}");
  expect_env(&c, "HOST",
             "{\"name\":\"HOST\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"\",\"key\":\"env.HOST\"}}}");
  expect_env(&c, "NEW VAR",
             "{\"name\":\"NEW VAR\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"\",\"key\":\"env-1\"}}}");
  /* Its label is not on the copy. */
  expect_env(&c, "APP", "{\"name\":\"APP\",\"value\":\"web\"}");
  expect_env(&c, "VIRTUAL_HOST", NULL);
  expect_dropped(&c, "environment variable VIRTUAL_HOST");
  expect_json(json_at(c.p.request, "secret.stringData"), "values",
              "{\"env.HOST\":\"marker-4711\",\"env-1\":\"x\"}");
  /* $(HOST) in URL refers to what stands above it. */
  expect_json(json_at(json_array_get(json_at(container_of(&c, "web"), "env"), 0), "name"), "first",
              "\"HOST\"");
  char *spec = json_dumps(json_at(c.p.request, "job"), 0), *plan = json_dumps(c.p.plan, 0);
  assert_null(strstr(spec, "marker-4711"));
  assert_null(strstr(plan, "marker-4711"));
  assert_null(strstr(plan, "production"));
  free(spec);
  free(plan);
  expect_json(kube_find_named(json_at(c.p.plan, "env"), "DATABASE_URL"), "origin",
              "{\"name\":\"DATABASE_URL\",\"origin\":\"deployment/web, secret shop-db key url\"}");
  expect_json(kube_find_named(json_at(c.p.plan, "env"), "HOST"), "origin",
              "{\"name\":\"HOST\",\"origin\":\"--env\"}");
  expect_listed(json_at(c.p.plan, "env_from"), NULL, "secret shop, each with prefix S_");
  case_done(&c);
}

static void environment_dropped(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  strv_add(&c.s.drop_env, "RAILS_ENV");
  strv_add(&c.s.keep_env, "VIRTUAL_HOST");
  build(&c);
  expect_env(&c, "RAILS_ENV", NULL);
  expect_dropped(&c, "environment variable RAILS_ENV");
  expect_env(&c, "VIRTUAL_HOST", "{\"name\":\"VIRTUAL_HOST\",\"value\":\"shop.example.com\"}");
  expect_checked(
      &c, "not checked: whether envFrom brings a variable that drop_env lists; it cannot be dropped there");
  strv_done(&c.s.keep_env);
  settings_env(&c.s, "VIRTUAL_HOST", "given", "--env"); /* one given stays */
  build(&c);
  assert_non_null(kube_find_named(json_at(container_of(&c, "web"), "env"), "VIRTUAL_HOST"));
  case_done(&c);
}

static void environment_too_large(void **state) {
  (void)state;
  struct kube_case c;
  char *big = malloc(131072), name[16];
  memset(big, 'x', 131071);
  big[131071] = '\0';
  case_init(&c);
  settings_env(&c.s, "BIG", big, "--env");
  build_fails(
      &c, ERR_CONFIG,
      "environment variable BIG failed: 131075 bytes with its name, no kernel carries more than 131071");
  case_done(&c);
  case_init(&c);
  big[131000] = '\0';
  for (int i = 0; i < 9; i++) {
    snprintf(name, sizeof name, "V%d", i);
    settings_env(&c.s, name, big, "--env");
  }
  build_fails(
      &c, ERR_CONFIG,
      "environment failed: with variable V8 (--env) the values given are over 1048576 bytes, more than a "
      "Secret holds; put them into one of your own, which the source refers to");
  case_done(&c);
  case_init(&c);
  settings_env(&c.s, "RUN_ONCE_JOB", "x", "--env");
  build_fails(&c, ERR_CONFIG,
              "environment variable RUN_ONCE_JOB failed: on Kubernetes it is run-once's own (--env)");
  case_done(&c);
  free(big);
}

static void image(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  build(&c);
  expect_container(&c, "image", "\"registry.example.com/shop:1\"");
  assert_string_equal(c.p.image, "registry.example.com/shop:1");
  assert_string_equal(c.p.image_id, "registry.example.com/shop:1");
  assert_null(c.p.digest);
  c.f.pinned = "registry.example.com/shop@sha256:abcd";
  build(&c);
  expect_container(&c, "image", "\"registry.example.com/shop@sha256:abcd\"");
  assert_string_equal(c.p.image, "registry.example.com/shop:1");
  assert_string_equal(c.p.image_id, "registry.example.com/shop@sha256:abcd");
  assert_string_equal(c.p.digest, "sha256:abcd");
  expect_checked(&c, "the image is pinned by its digest");
  c.s.image = strdup("shop:2");
  c.s.kube.pull = KUBE_PULL_ALWAYS;
  build(&c);
  expect_container(&c, "image", "\"shop:2\"");
  expect_container(&c, "imagePullPolicy", "\"Always\"");
  assert_string_equal(c.p.image, "shop:2");
  expect_listed(json_at(c.p.plan, "differences"), NULL, "image: registry.example.com/shop:1 -> shop:2");
  c.s.kube.pull = KUBE_PULL_NEVER;
  build(&c);
  expect_container(&c, "imagePullPolicy", "\"Never\"");
  case_done(&c);
}

static void image_alone(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  c.f.pod_template = NULL;
  source_done(&c.s.source);
  source_parse("image/busybox:1.36", &c.s.source, &c.err);
  build(&c);
  expect_json(
      json_at(pod_of(&c), "spec"), "spec",
      "{\"containers\":[{\"name\":\"main\",\"image\":\"busybox:1.36\",\"imagePullPolicy\":\"IfNotPresent\",\"args\":[\"bin/"
      "rails\",\"db:migrate\"]}],"
      "\"enableServiceLinks\":false,\"restartPolicy\":\"Never\",\"terminationGracePeriodSeconds\":10}");
  assert_int_equal(c.p.stop_grace_ms, 10000);
  assert_string_equal(c.p.image, "busybox:1.36");
  assert_non_null(c.p.image_id); /* the kubelet pulls: nothing is absent for us */
  case_done(&c);
}

static void volumes(void **state) {
  (void)state;
  struct kube_case c;
  struct mount_setting
      claim = {.kind = MOUNT_VOLUME, .source = "uploads", .target = "/data", .origin = "--volume"},
      tmp = {.kind = MOUNT_TMPFS, .target = "/tmp", .options = "size=64m", .origin = "--volume"},
      fresh = {.kind = MOUNT_VOLUME, .target = "/fresh", .read_only = true, .origin = "--volume"},
      bind = {.kind = MOUNT_BIND, .source = "/srv", .target = "/srv", .origin = "release.yaml:4"};
  case_init(&c);
  build(&c);
  expect_dropped(&c, "volume certs"); /* only the proxy's */
  expect_dropped(&c, "volume scratch");
  assert_int_equal(json_array_size(json_at(pod_of(&c), "spec.volumes")), 3);
  expect_listed(json_at(c.p.plan, "mounts"), "target", "/etc/shop");
  expect_json(json_array_get(json_at(c.p.plan, "mounts"), 2), "mount",
              "{\"type\":\"claim\",\"source\":\"shop-data\",\"target\":\"/"
              "data\",\"mode\":\"rw\",\"origin\":\"deployment/web\"}");
  settings_mount(&c.s, &claim);
  settings_mount(&c.s, &tmp);
  settings_mount(&c.s, &fresh);
  build(&c);
  json_t *all = json_at(pod_of(&c), "spec.volumes");
  expect_json(kube_find_named(all, "data"), "replaced by target", NULL);
  expect_json(kube_find_named(all, "run-once-0"), "claim",
              "{\"name\":\"run-once-0\",\"persistentVolumeClaim\":{\"claimName\":\"uploads\"}}");
  expect_json(kube_find_named(all, "run-once-1"), "tmpfs",
              "{\"name\":\"run-once-1\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"67108864\"}}");
  expect_json(kube_find_named(all, "run-once-2"), "fresh", "{\"name\":\"run-once-2\",\"emptyDir\":{}}");
  expect_json(kube_find_named(json_at(container_of(&c, "web"), "volumeMounts"), "run-once-2"), "mount",
              "{\"name\":\"run-once-2\",\"mountPath\":\"/fresh\",\"readOnly\":true}");
  settings_mount(&c.s, &bind);
  build_fails(
      &c, ERR_CONFIG,
      "volume /srv:/srv failed: a folder of one machine is not there on the cluster's nodes; name a claim "
      "(CLAIM:/TARGET), or write the volume into kubernetes.template (release.yaml:4)");
  case_done(&c);
}

static void stateful_claims(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  json_t *claims = json_pack("[{s:{s:s}}]", "metadata", "name", "data");
  c.f.claim_templates = claims;
  build(&c);
  expect_dropped(&c, "volume data");
  expect_json(kube_find_named(json_at(pod_of(&c), "spec.volumes"), "data"), "data", NULL);
  expect_json(kube_find_named(json_at(container_of(&c, "web"), "volumeMounts"), "data"), "mount", NULL);
  c.s.kube.volumes_of = strdup("web-0");
  build(&c);
  expect_json(kube_find_named(json_at(pod_of(&c), "spec.volumes"), "data"), "data",
              "{\"name\":\"data\",\"persistentVolumeClaim\":{\"claimName\":\"data-web-0\"}}");
  c.f.claim_templates = NULL;
  build_fails(&c, ERR_CONFIG, "--volumes-of web-0 failed: deployment/web has no volumeClaimTemplates");
  json_decref(claims);
  case_done(&c);
}

static void live_pod(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  json_t *spec = json_at(c.workload, "spec.template.spec");
  json_t *web = json_array_get(json_at(spec, "containers"), 0);
  c.f.of_pod = true;
  json_object_set_new(spec, "priority", json_integer(1000));
  json_object_set_new(spec, "preemptionPolicy", json_string("Never"));
  json_object_set_new(spec, "overhead", json_object());
  json_array_append_new(json_at(spec, "volumes"),
                        json_pack("{s:s, s:{}}", "name", "kube-api-access-x", "projected"));
  json_array_append_new(json_at(spec, "volumes"), json_pack("{s:s, s:{s:s}}", "name", "shop-token-1",
                                                            "secret", "secretName", "shop-token-1"));
  json_array_append_new(json_at(web, "volumeMounts"), json_pack("{s:s, s:s}", "name", "kube-api-access-x",
                                                                "mountPath", "/var/run/secrets/x"));
  json_array_append_new(json_at(web, "volumeMounts"),
                        json_pack("{s:s, s:s}", "name", "shop-token-1", "mountPath", "/var/run/secrets/y"));
  json_object_set_new(json_at(c.workload, "spec.template.metadata.annotations"),
                      "cni.projectcalico.org/podIP", json_string("10.0.0.1/32"));
  build(&c);
  expect_spec(&c, "priority", NULL);
  expect_spec(&c, "preemptionPolicy", NULL);
  expect_spec(&c, "overhead", NULL);
  assert_null(kube_find_named(json_at(pod_of(&c), "spec.volumes"), "kube-api-access-x"));
  assert_null(kube_find_named(json_at(pod_of(&c), "spec.volumes"), "shop-token-1"));
  assert_null(kube_find_named(json_at(container_of(&c, "web"), "volumeMounts"), "kube-api-access-x"));
  assert_null(kube_find_named(json_at(container_of(&c, "web"), "volumeMounts"), "shop-token-1"));
  expect_dropped(&c, "annotation cni.projectcalico.org/podIP");
  case_done(&c);
}

static void settings_over_it(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  c.s.user = strdup("0:0");
  c.s.workdir = strdup("/srv");
  c.s.memory = 100 << 20;
  c.s.nano_cpus = 250000000;
  c.s.read_only = TRI_YES;
  c.s.privileged = TRI_NO;
  c.s.stop_grace_ms = 1500;
  c.s.platform = strdup("linux/arm64/v8");
  c.s.kube.service_account = strdup("runner");
  build(&c);
  expect_container(&c, "securityContext.runAsUser", "0");
  expect_container(&c, "securityContext.runAsGroup", "0");
  expect_container(&c, "securityContext.readOnlyRootFilesystem", "true");
  expect_container(&c, "securityContext.privileged", "false");
  expect_container(&c, "workingDir", "\"/srv\"");
  /* A request above the limit would be refused. */
  expect_container(&c, "resources",
                   "{\"limits\":{\"memory\":\"104857600\",\"cpu\":\"250m\"},\"requests\":{\"memory\":"
                   "\"104857600\",\"cpu\":\"250m\"}}");
  assert_int_equal(c.p.memory_limit, 100 << 20);
  expect_spec(&c, "terminationGracePeriodSeconds", "2");
  assert_int_equal(c.p.stop_grace_ms, 1500);
  expect_spec(&c, "nodeSelector",
              "{\"disk\":\"ssd\",\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"arm64\"}");
  expect_spec(&c, "serviceAccountName", "\"runner\"");
  expect_json(json_at(c.p.plan, "user"), "user", "\"0:0\"");
  free(c.s.user);
  c.s.user = strdup("rails");
  build_fails(&c, ERR_CONFIG,
              "user 'rails' failed: Kubernetes takes numbers only, such as --user 1000 or --user 1000:1000");
  case_done(&c);
}

static void further_keys(void **state) {
  (void)state;
  struct kube_case c;
  case_init(&c);
  json_decref(c.s.extra);
  c.s.extra = json_loads(
      "{\"cap_add\":[\"CAP_NET_ADMIN\"],\"group_add\":[\"7\"],\"extra_hosts\":[\"v6:::1\"],"
      "\"dns\":[\"1.1.1.1\"],\"dns_search\":[\"x\"],\"dns_opt\":[\"ndots:2\",\"rotate\"],\"sysctls\":"
      "{\"net.core.somaxconn\":\"9\"},\"security_opt\":[\"no-new-privileges:true\"],\"devices\":[]}",
      0, NULL);
  build(&c);
  expect_container(&c, "securityContext.capabilities", "{\"drop\":[\"ALL\"],\"add\":[\"NET_ADMIN\"]}");
  expect_container(&c, "securityContext.allowPrivilegeEscalation", "false");
  expect_spec(&c, "securityContext.supplementalGroups", "[7]");
  expect_spec(&c, "securityContext.sysctls", "[{\"name\":\"net.core.somaxconn\",\"value\":\"9\"}]");
  expect_spec(&c, "hostAliases",
              "[{\"ip\":\"10.0.0.9\",\"hostnames\":[\"db\"]},{\"ip\":\"::1\",\"hostnames\":[\"v6\"]}]");
  expect_spec(&c, "dnsConfig",
              "{\"nameservers\":[\"1.1.1.1\"],\"searches\":[\"x\"],\"options\":[{\"name\":\"ndots\","
              "\"value\":\"2\"},{\"name\":\"rotate\"}]}");
  json_object_set_new(c.s.extra, "devices", json_pack("[s]", "/dev/kvm"));
  json_object_set_new(c.s.extra, "shm_size", json_integer(1));
  c.s.networks_set = true;
  strv_add(&c.s.networks, "back");
  c.s.init = TRI_YES;
  build_fails(&c, ERR_CONFIG,
              "settings failed: Kubernetes cannot have these: networks, init, devices, shm_size; leave them "
              "out there, "
              "or write what is meant into kubernetes.template");
  case_done(&c);
}

static void quantities(void **state) {
  (void)state;
  assert_int_equal(kube_quantity("512Mi"), 512 << 20);
  assert_int_equal(kube_quantity("1.5Gi"), 1610612736);
  assert_int_equal(kube_quantity("1e3"), 1000);
  assert_int_equal(kube_quantity("128974848"), 128974848);
  assert_int_equal(kube_quantity("2G"), 2000000000);
  assert_int_equal(kube_quantity("1500m"), 2);
  assert_int_equal(kube_quantity("x"), -1);
  assert_int_equal(kube_quantity("5Qi"), -1);
  assert_int_equal(kube_quantity("-1"), -1);
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
      cmocka_unit_test(environment),
      cmocka_unit_test(environment_dropped),
      cmocka_unit_test(environment_too_large),
      cmocka_unit_test(image),
      cmocka_unit_test(image_alone),
      cmocka_unit_test(volumes),
      cmocka_unit_test(stateful_claims),
      cmocka_unit_test(live_pod),
      cmocka_unit_test(settings_over_it),
      cmocka_unit_test(further_keys),
      cmocka_unit_test(quantities),
  };
  return RUN_TESTS(tests);
}
