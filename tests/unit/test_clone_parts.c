/* Mounts, networks, environment, labels and the settings over them. */
#include "base/alloc.h"
#include "base/limits.h"
#include "clone_case.h"
#include "runtime/docker/labels.h"
#include <stdlib.h>

static void give_mount(struct clone_case *c, enum mount_kind kind, const char *source, const char *target,
                       const char *options) {
  struct mount_setting m = {.kind = kind,
                            .source = (char *)source,
                            .target = (char *)target,
                            .options = (char *)options,
                            .origin = (char *)"--volume"};
  settings_mount(&c->s, &m);
}

static void mounts_are_shared(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  expect(&c, "HostConfig.Binds", NULL);
  expect(&c, "HostConfig.VolumesFrom", NULL);
  expect_json(mount_at(&c, "/data"), "Source", "\"shop_data\"");
  expect_json(mount_at(&c, "/data"), "Type", "\"volume\"");
  expect_json(mount_at(&c, "/data"), "ReadOnly", "false");
  expect_json(mount_at(&c, "/etc/shop"), "Source", "\"/srv/shop\"");
  expect_json(mount_at(&c, "/etc/shop"), "ReadOnly", "true");
  expect_json(mount_at(&c, "/etc/shop"), "BindOptions", "{\"Propagation\":\"rslave\"}");
  expect_json(mount_at(&c, "/mnt/two"), "BindOptions", "{\"Propagation\":\"rprivate\"}");
  expect_json(mount_at(&c, "/run/tmp"), "TmpfsOptions", "{\"SizeBytes\":1048576}");
  expect(&c, "HostConfig.Tmpfs", "{\"/tmp\":\"size=8m,noexec\"}");
  expect_dropped(&c, "mount option z of /etc/shop");
  /* The engine's own z of a volume was nobody's wish. */
  assert_false(list_has(json_at(c.p.plan, "dropped"), "what", "mount option z of /data"));
  json_array_set_new(json_at(c.source, "HostConfig.Binds"), 0, json_string("shop_data:/data:z"));
  build(&c);
  expect_dropped(&c, "mount option z of /data");
  case_done(&c);
}

static void anonymous_volumes_are_not(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  expect(&c, "Volumes", "{\"/cache\":{},\"/scratch\":{}}");
  expect_json(mount_at(&c, "/scratch"), "Source", NULL);
  expect_json(mount_at(&c, "/cache"), "Source", NULL);
  assert_true(list_has(json_at(c.p.plan, "mounts"), "origin", "anonymous, fresh"));
  expect_dropped(&c, "anonymous volume at /scratch");
  expect_dropped(&c, "anonymous volume at /cache");
  /* One that Compose handed on by name is still nobody else's. */
  json_array_append_new(json_at(c.source, "HostConfig.Mounts"),
                        json_pack("{s:s, s:s, s:s}", "Type", "volume", "Target", "/scratch", "Source",
                                  "14eaead87e0a695b12189c984e1d709d4f122114fddabd2fd8d2fab6eadf478c"));
  build(&c);
  expect_json(mount_at(&c, "/scratch"), "Source", NULL);
  /* By --volumes-from it is another container's, shared on purpose. */
  json_object_set_new(json_at(c.source, "HostConfig"), "VolumesFrom", json_pack("[s]", "data"));
  json_object_del(json_at(c.source, "Config.Volumes"), "/cache");
  build(&c);
  expect_json(mount_at(&c, "/cache"), "Source",
              "\"51e3e63f9f846965369f13031e6e73a9c91584f0b0b878e5afd2f5dfbab8a314\"");
  case_done(&c);
}

/* Only as mounts can they be given labels; what cannot be one stays declared. */
static void declared_volumes_are_asked_for_as_mounts(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  json_t *image = json_object_in(json_object_in(c.image, "Config"), "Volumes");
  json_object_clear(image);
  static const char *const declared[] = {"/state",   "/state/", "/data/", "/run/cache",
                                         "relative", "/",       "/a//b",  "/a/../c"};
  for (size_t i = 0; i < ARRAY_LEN(declared); i++) json_object_set_new(image, declared[i], json_object());
  json_object_set_new(json_at(c.source, "Config"), "Volumes", json_object());
  json_object_set_new(json_at(c.source, "HostConfig"), "Tmpfs", json_pack("{s:s}", "/run/cache", "size=1m"));
  json_object_set_new(json_at(c.source, "HostConfig"), "VolumeDriver", json_string("nfs"));
  build(&c);
  size_t i, at_state = 0;
  json_t *m;
  json_array_foreach(json_at(c.p.request, "HostConfig.Mounts"), i, m) {
    const char *target = json_str(m, "Target");
    if (!strncmp(target, "/state", 6)) at_state++;
    for (size_t k = 3; k < ARRAY_LEN(declared); k++) assert_string_not_equal(target, declared[k]);
  }
  assert_int_equal(at_state, 1);
  expect_json(mount_at(&c, "/data"), "Source", "\"shop_data\""); /* mounted already: by that name */
  m = mount_at(&c, "/state") ? mount_at(&c, "/state") : mount_at(&c, "/state/");
  expect_json(m, "VolumeOptions.DriverConfig.Name", "\"nfs\"");
  c.f.podman = true; /* there a mount takes no labels */
  build(&c);
  assert_null(mount_at(&c, "/state"));
  case_done(&c);
}

static void mount_options_survive(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  json_t *asked = json_at(c.source, "HostConfig.Mounts");
  json_object_set_new(json_object_in(json_array_get(asked, 1), "BindOptions"), "CreateMountpoint",
                      json_true());
  json_array_append_new(asked, json_pack("{s:s, s:s, s:s, s:{s:b, s:s, s:{s:s}}}", "Type", "volume", "Target",
                                         "/data/", "Source", "shop_data", "VolumeOptions", "NoCopy", 1,
                                         "Subpath", "a", "DriverConfig", "Name", "nfs"));
  build(&c);
  expect_json(mount_at(&c, "/mnt/two"), "BindOptions", "{\"Propagation\":\"rprivate\"}");
  expect_json(mount_at(&c, "/data"), "VolumeOptions",
              "{\"NoCopy\":true,\"Subpath\":\"a\",\"DriverConfig\":{\"Name\":\"nfs\"}}");
  json_t *m = json_array_get(json_at(c.source, "Mounts"), 0);
  json_array_clear(asked);
  json_object_set_new(m, "Mode", json_string("nocopy,Z"));
  build(&c);
  expect_json(mount_at(&c, "/data"), "VolumeOptions", "{\"NoCopy\":true}");
  expect_dropped(&c, "mount option Z of /data");
  case_done(&c);
}

static void mounts_of_settings_win_by_target(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  give_mount(&c, MOUNT_BIND, "/srv/other", "/etc/shop/", "rshared,ro");
  give_mount(&c, MOUNT_VOLUME, "reports", "/reports", "nocopy,z");
  give_mount(&c, MOUNT_VOLUME, NULL, "/data", NULL);
  give_mount(&c, MOUNT_TMPFS, NULL, "/tmp", "size=64m");
  build(&c);
  json_t *m = mount_at(&c, "/etc/shop/");
  expect_json(m, "Source", "\"/srv/other\"");
  expect_json(m, "ReadOnly", "true");
  expect_json(m, "BindOptions", "{\"Propagation\":\"rshared\"}");
  expect_json(mount_at(&c, "/reports"), "VolumeOptions", "{\"NoCopy\":true}");
  expect_json(mount_at(&c, "/data"), "Source", NULL);
  expect(&c, "HostConfig.Tmpfs", "{\"/tmp\":\"size=64m\"}");
  assert_true(strv_has(
      &c.p.notes, "mount option z of /reports is left out: it would take the volume from the application"));
  give_mount(&c, MOUNT_VOLUME, "reports", "/reports", "subpath=a");
  build_fails(&c, ERR_CONFIG, "mount /reports failed: subpath needs API 1.45, the engine has 1.41");
  give_mount(&c, MOUNT_VOLUME, "reports", "/reports", "sideways");
  build_fails(&c, ERR_CONFIG, "mount /reports failed: unknown option 'sideways' (--volume)");
  case_done(&c);
}

/* Engines tell them in an order that changes from answer to answer. */
static void mounts_in_one_order(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  char *first = json_canonical(json_at(c.p.request, "HostConfig.Mounts"));
  json_t *list = json_at(c.source, "Mounts");
  size_t n = json_array_size(list);
  assert_true(n > 1);
  for (size_t i = 0; i < n; i++) { /* turned round */
    json_array_insert(list, i, json_array_get(list, n - 1));
    json_array_remove(list, n);
  }
  build(&c);
  char *second = json_canonical(json_at(c.p.request, "HostConfig.Mounts"));
  assert_string_equal(first, second);
  free(first);
  free(second);
  case_done(&c);
}

static void labels_of_our_own(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  strv_add(&c.s.labels, "run-once.lock=schema");
  build_fails(&c, ERR_USAGE,
              "--label run-once.lock failed: labels that begin with run-once. are run-once's own");
  strv_done(&c.s.labels);
  strv_add(&c.s.keep_labels, "run-once.id");
  build_fails(&c, ERR_USAGE,
              "--keep-label run-once.id failed: labels that begin with run-once. are run-once's own");
  case_done(&c);
}

/* What an engine writes down is CAP_X, what people write is X. */
static void capabilities_by_any_spelling(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  json_object_set_new(json_at(c.source, "HostConfig"), "CapAdd",
                      json_pack("[s, s]", "CAP_NET_ADMIN", "SYS_TIME"));
  json_object_set_new(json_at(c.source, "HostConfig"), "CapDrop", json_null());
  json_object_set_new(c.s.extra, "cap_drop", json_pack("[s, s]", "net_admin", "CAP_SYS_TIME"));
  build(&c);
  assert_int_equal(json_array_size(json_at(c.p.request, "HostConfig.CapAdd")), 0);
  assert_int_equal(json_array_size(json_at(c.p.request, "HostConfig.CapDrop")), 2);
  case_done(&c);
}

static void networks_on_an_old_engine(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
#define BACK "54add5e94282e35015ed851a498a2593a9c6c4e73c9bae99a38d849e9b4107d5"
#define FRONT "4c60e4aa30218a8ca6b3542ae36ee3089f6231e1fa369d7788e726826389b5a1"
  expect(&c, "HostConfig.NetworkMode", "\"" BACK "\"");
  expect(&c, "NetworkingConfig", "{\"EndpointsConfig\":{\"" BACK "\":{\"Links\":[\"shop-db-1:db\"]}}}");
  expect_json(c.p.private_parts, "connect",
              "[{\"network\":\"" FRONT
              "\",\"name\":\"shop_front\",\"config\":{\"DriverOpts\":{\"com.example.opt\":\"1\"}}}]");
  expect_json(c.p.plan, "networks", "[\"shop_back\",\"shop_front\"]");
  case_done(&c);
}

static void networks_on_a_new_engine(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.f.api_minor = 44;
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"shop_back\"");
  expect(&c, "NetworkingConfig.EndpointsConfig.shop_back",
         "{\"Links\":[\"shop-db-1:db\"],\"NetworkID\":\"" BACK "\"}");
  expect(&c, "NetworkingConfig.EndpointsConfig.shop_front.NetworkID", "\"" FRONT "\"");
  expect(&c, "NetworkingConfig.EndpointsConfig.shop_front.Aliases", NULL);
  expect_json(c.p.private_parts, "connect", NULL);
  case_done(&c);
}

static void network_modes(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  json_t *host = json_at(c.source, "HostConfig");
  json_object_set_new(host, "NetworkMode", json_string("host"));
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"host\"");
  expect(&c, "NetworkingConfig", NULL);
  json_object_set_new(host, "NetworkMode", json_string("container:0123"));
  c.s.hostname = strdup("source");
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"container:0123\"");
  expect(&c, "HostConfig.Dns", NULL); /* the engine refuses it there */
  expect(&c, "Hostname", NULL);
  json_object_set_new(host, "NetworkMode", json_string("default"));
  json_object_set_new(json_at(c.source, "NetworkSettings"), "Networks",
                      json_pack("{s:{s:s}}", "bridge", "NetworkID", "0badc0de"));
  json_object_set_new(host, "Links", json_pack("[s]", "/shop-db-1:/shop-web-1/db"));
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"bridge\"");
  expect(&c, "HostConfig.Links", "[\"shop-db-1:db\"]");
  expect(&c, "NetworkingConfig", NULL);
  case_done(&c);
}

static void networks_of_settings_replace(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.s.networks_set = true;
  c.networks = json_pack("[{s:s, s:s}, {s:s, s:s}]", "Id", "aa", "Name", "one", "Id", "bb", "Name", "two");
  c.f.networks = c.networks;
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"aa\"");
  expect_json(c.p.private_parts, "connect", "[{\"network\":\"bb\",\"name\":\"two\",\"config\":{}}]");
  expect_json(c.p.plan, "networks", "[\"one\",\"two\"]");
  c.f.api_minor = 44;
  json_array_insert_new(c.networks, 0, json_string("bridge"));
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"bridge\"");
  expect(&c, "NetworkingConfig.EndpointsConfig",
         "{\"bridge\":{},\"one\":{\"NetworkID\":\"aa\"},\"two\":{\"NetworkID\":\"bb\"}}");
  json_array_append_new(c.networks, json_string("host"));
  build_fails(&c, ERR_CONFIG, "network 'host' failed: it cannot be combined with other networks");
  json_array_clear(c.networks);
  json_array_append_new(c.networks, json_string("none"));
  build(&c);
  expect(&c, "HostConfig.NetworkMode", "\"none\"");
  expect(&c, "NetworkingConfig", NULL);
  case_done(&c);
}

static void environment(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  assert_string_equal(env_of(&c, "DATABASE_URL"), "DATABASE_URL=postgres://shop:s3cr3t@db/shop");
  assert_string_equal(env_of(&c, "EMPTY"), "EMPTY=");
  assert_string_equal(env_of(&c, "VIRTUAL_HOST"), "VIRTUAL_HOST"); /* the image has it: must be taken away */
  assert_null(env_of(&c, "LETSENCRYPT_HOST"));
  assert_null(env_origin(&c, "VIRTUAL_HOST"));
  assert_string_equal(env_origin(&c, "DATABASE_URL"), "container/shop-web-1");
  assert_string_equal(env_origin(&c, "RAILS_ENV"), "image");
  expect_dropped(&c, "environment variable VIRTUAL_HOST");
  expect_dropped(&c, "environment variable LETSENCRYPT_HOST");
  strv_add(&c.s.keep_env, "LETSENCRYPT_HOST");
  strv_add(&c.s.drop_env, "EMPTY");
  settings_env(&c.s, "VIRTUAL_HOST", "mine", "--env");
  settings_env(&c.s, "RAILS_ENV", "test", "release.yaml:7");
  build(&c);
  assert_string_equal(env_of(&c, "LETSENCRYPT_HOST"), "LETSENCRYPT_HOST=shop.example.com");
  assert_null(env_of(&c, "EMPTY"));
  assert_string_equal(env_of(&c, "VIRTUAL_HOST"), "VIRTUAL_HOST=mine");
  assert_string_equal(env_of(&c, "RAILS_ENV"), "RAILS_ENV=test");
  assert_string_equal(env_origin(&c, "RAILS_ENV"), "release.yaml:7");
  case_done(&c);
}

static void environment_no_kernel_carries(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  char *big = malloc(LIMIT_ENV_STRING + 1), name[32];
  memset(big, 'x', LIMIT_ENV_STRING);
  big[LIMIT_ENV_STRING - 4] = 0; /* "BIG=" and this: just fits */
  settings_env(&c.s, "BIG", big, "--env");
  build(&c);
  big[LIMIT_ENV_STRING - 4] = 'x';
  big[LIMIT_ENV_STRING - 3] = 0;
  settings_env(&c.s, "BIG", big, "--env");
  build_fails(
      &c, ERR_CONFIG,
      "environment variable BIG failed: 131072 bytes with its name, no kernel carries more than 131071");
  big[100000] = 0;
  for (int i = 0; i < 20; i++) {
    snprintf(name, sizeof name, "BIG%.*d", i > 0, i);
    settings_env(&c.s, i ? name : "BIG", big, "--env");
  }
  build(&c);
  prepared_done(&c.p);
  for (int i = 0; i < 21; i++) {
    snprintf(name, sizeof name, "HUGE_%d", i);
    settings_env(&c.s, name, big, "--env");
  }
  assert_int_equal(clone_build(&c.s, &c.f, &c.p, &c.err), -1);
  assert_int_equal(c.err.kind, ERR_CONFIG);
  assert_non_null(strstr(c.err.text, "no kernel carries more than 2097152"));
  assert_null(strstr(c.err.text, "xxx"));
  free(big);
  case_done(&c);
}

static void labels(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  /* Of the source: none. Of the image: those that act are made to do nothing. */
  expect(&c, "Labels",
         "{\"com.docker.compose.project\":\"\",\"traefik.http.routers.baked.rule\":\"\",\"traefik.enable\":"
         "\"false\","
         "\"com.centurylinklabs.watchtower.enable\":\"false\"}");
  expect_dropped(&c, "label team");
  expect_dropped(&c, "label com.docker.compose.service");
  expect_dropped(&c, "label traefik.http.routers.web.rule");
  expect_dropped(&c, "image label traefik.enable");
  assert_string_equal(
      json_string_value(json_object_get(json_at(c.p.plan, "labels"), "org.opencontainers.image.version")),
      "1.4.2");
  strv_add(&c.s.keep_labels, "team");
  strv_add(&c.s.keep_labels, "absent");
  strv_add(&c.s.labels, "why=migration=1");
  strv_add(&c.s.labels, "com.docker.compose.project=mine");
  build(&c);
  assert_string_equal(label_of(&c, "team"), "payments");
  assert_string_equal(label_of(&c, "why"), "migration=1");
  assert_string_equal(label_of(&c, "com.docker.compose.project"), "mine");
  assert_true(strv_has(&c.p.notes, "--keep-label absent: the source has no such label"));
  strv_add(&c.s.labels, "=x");
  build_fails(&c, ERR_CONFIG, "label = failed: it must be NAME=VALUE in UTF-8");
  assert_true(label_acts("caddy"));
  assert_true(label_acts("caddy_1.reverse_proxy"));
  assert_false(label_acts("caddyshack"));
  assert_string_equal(label_neutral("wud.watch"), "false");
  assert_string_equal(label_neutral("diun.enable"), "false");
  assert_string_equal(label_neutral("com.docker.stack.namespace"), "");
  case_done(&c);
}

static void extra_keys(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  json_decref(c.s.extra);
  c.s.extra =
      json_loads("{\"cap_add\":[\"CAP_MKNOD\"],\"dns\":[\"10.0.0.53\",\"1.1.1.1\"],\"sysctls\":{\"a\":\"1\"},"
                 "\"ulimits\":{\"nofile\":{\"soft\":7,\"hard\":8},\"core\":{\"soft\":0,\"hard\":0}},"
                 "\"devices\":[\"/dev/a:/dev/xnull:rw\",\"/dev/b\",\"vendor.com/gpu=all\"],"
                 "\"shm_size\":64,\"pid\":\"container:x\",\"domainname\":\"example.org\"}",
                 0, NULL);
  c.s.user = strdup("9");
  c.s.workdir = strdup("/w");
  c.s.memory = 1 << 20;
  c.s.nano_cpus = 500000000;
  c.s.init = TRI_NO;
  c.s.read_only = TRI_NO;
  c.s.privileged = TRI_YES;
  c.s.stop_grace_ms = 1500;
  c.s.stop_signal = strdup("SIGHUP");
  build(&c);
  expect(&c, "HostConfig.CapAdd", "[\"CAP_NET_ADMIN\",\"CAP_MKNOD\"]");
  expect(&c, "HostConfig.CapDrop", "[]");
  expect(&c, "HostConfig.Dns", "[\"10.0.0.53\",\"1.1.1.1\"]");
  expect(&c, "HostConfig.Sysctls", "{\"net.core.somaxconn\":\"512\",\"a\":\"1\"}");
  expect(&c, "HostConfig.Ulimits",
         "[{\"Name\":\"nofile\",\"Soft\":7,\"Hard\":8},{\"Name\":\"core\",\"Soft\":0,\"Hard\":0}]");
  expect(&c, "HostConfig.Devices",
         "[{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/xnull\",\"CgroupPermissions\":\"rw\"},"
         "{\"PathOnHost\":\"/dev/b\",\"PathInContainer\":\"/dev/b\",\"CgroupPermissions\":\"rwm\"}]");
  expect_json(json_array_get(json_at(c.p.request, "HostConfig.DeviceRequests"), 1), "DeviceIDs",
              "[\"vendor.com/gpu=all\"]");
  expect(&c, "HostConfig.ShmSize", "64");
  expect(&c, "HostConfig.PidMode", "\"container:x\"");
  expect(&c, "Domainname", "\"example.org\"");
  expect(&c, "User", "\"9\"");
  expect(&c, "WorkingDir", "\"/w\"");
  expect(&c, "HostConfig.Memory", "1048576");
  expect(&c, "HostConfig.MemorySwap", NULL); /* would be below the engine's rule */
  expect(&c, "HostConfig.NanoCpus", "500000000");
  expect(&c, "HostConfig.CpuQuota", NULL);
  expect(&c, "HostConfig.Init", "false");
  expect(&c, "HostConfig.ReadonlyRootfs", "false");
  expect(&c, "HostConfig.Privileged", "true");
  expect(&c, "HostConfig.MaskedPaths", NULL);
  expect(&c, "StopTimeout", "2");
  assert_int_equal(c.p.stop_grace_ms, 1500);
  assert_string_equal(c.p.stop_signal, "SIGHUP");
  json_object_set_new(c.s.extra, "colour", json_true());
  build_fails(&c, ERR_CONFIG, "colour: the Docker runtime does not know this key");
  case_done(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mounts_are_shared),
      cmocka_unit_test(anonymous_volumes_are_not),
      cmocka_unit_test(declared_volumes_are_asked_for_as_mounts),
      cmocka_unit_test(mount_options_survive),
      cmocka_unit_test(mounts_of_settings_win_by_target),
      cmocka_unit_test(mounts_in_one_order),
      cmocka_unit_test(labels_of_our_own),
      cmocka_unit_test(capabilities_by_any_spelling),
      cmocka_unit_test(networks_on_an_old_engine),
      cmocka_unit_test(networks_on_a_new_engine),
      cmocka_unit_test(network_modes),
      cmocka_unit_test(networks_of_settings_replace),
      cmocka_unit_test(environment),
      cmocka_unit_test(environment_no_kernel_carries),
      cmocka_unit_test(labels),
      cmocka_unit_test(extra_keys),
  };
  return RUN_TESTS(tests);
}
