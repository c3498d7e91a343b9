/* Environment, image, volumes and settings of the copy. */
#include "kube_case.h"

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
      "{\"containers\":[{\"name\":\"main\",\"image\":\"busybox:1.36\",\"imagePullPolicy\":\"IfNotPresent\","
      "\"args\":[\"bin/"
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
