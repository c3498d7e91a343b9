/* The contract's "Kept", "Inert" and "Same release" on a real inspect document. */
#include "clone_case.h"
#include <stdlib.h>

static void streams_and_command(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  expect(&c, "Cmd", "[\"bin/rails\",\"db:migrate\"]");
  expect(&c, "Entrypoint", "[\"/bin/env\"]");
  expect(&c, "OpenStdin", "false");
  expect(&c, "StdinOnce", "false");
  expect(&c, "Tty", "false");
  expect(&c, "AttachStdout", "true");
  expect(&c, "HostConfig.ConsoleSize", NULL);
  assert_int_equal(c.p.argv.n, 3);
  assert_string_equal(c.p.argv.v[0], "/bin/env");
  c.s.tty = c.s.open_stdin = true;
  c.s.rows = 40;
  c.s.cols = 132;
  build(&c);
  expect(&c, "OpenStdin", "true");
  expect(&c, "StdinOnce", "true");
  expect(&c, "AttachStdin", "true");
  expect(&c, "Tty", "true");
  expect(&c, "HostConfig.ConsoleSize", "[40,132]");
  assert_true(c.p.tty);
  case_done(&c);
}

static void inert(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  json_object_set_new(json_at(c.source, "Config"), "MacAddress", json_string("02:42:00:00:00:01"));
  build(&c);
  expect_dropped(&c, "fixed MAC 02:42:00:00:00:01");
  expect(&c, "HostConfig.PortBindings", NULL);
  expect(&c, "HostConfig.PublishAllPorts", NULL);
  expect(&c, "ExposedPorts", NULL);
  expect(&c, "HostConfig.RestartPolicy", "{\"Name\":\"no\",\"MaximumRetryCount\":0}");
  expect(&c, "HostConfig.AutoRemove", "false");
  expect(&c, "Healthcheck", "{\"Test\":[\"NONE\"]}");
  expect(&c, "Hostname", NULL);
  expect(&c, "MacAddress", NULL);
  expect(&c, "HostConfig.ContainerIDFile", NULL);
  expect_dropped(&c, "published port 18080 -> 8000/tcp");
  expect_dropped(&c, "restart policy unless-stopped");
  expect_dropped(&c, "health check");
  expect_dropped(&c, "hostname shop.example.com");
  expect_dropped(&c, "container name shop-web-1");
  expect_dropped(&c, "network alias web on shop_back");
  expect_dropped(&c, "network alias front on shop_front");
  expect_dropped(&c, "fixed address 10.213.7.77 on shop_back");
  assert_false(list_has(json_at(c.p.plan, "dropped"), "what", "network alias fda13f985726 on shop_back"));
  case_done(&c);
}

static void kept(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  static const char *const same[] = {"CapAdd",     "CapDrop",        "CgroupnsMode",   "Dns",
                                     "DnsSearch",  "ExtraHosts",     "GroupAdd",       "IpcMode",
                                     "PidMode",    "OomScoreAdj",    "ReadonlyRootfs", "SecurityOpt",
                                     "ShmSize",    "Sysctls",        "Runtime",        "Memory",
                                     "MemorySwap", "NanoCpus",       "Devices",        "PidsLimit",
                                     "Ulimits",    "DeviceRequests", "MaskedPaths",    "ReadonlyPaths",
                                     "Init",       "FutureKnob",     "Tmpfs"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    json_t *was = json_object_get(json_at(c.source, "HostConfig"), same[i]);
    json_t *is = json_object_get(json_at(c.p.request, "HostConfig"), same[i]);
    if (!was || !is || !json_equal(was, is)) fail_msg("HostConfig.%s is not kept", same[i]);
  }
  expect(&c, "User", "\"1234:5678\"");
  expect(&c, "WorkingDir", "\"/work\"");
  expect(&c, "StopSignal", "\"SIGINT\"");
  expect(&c, "StopTimeout", "25");
  expect(&c, "HostConfig.MemorySwappiness", NULL); /* null */
  assert_int_equal(c.p.stop_grace_ms, 25000);
  assert_string_equal(c.p.stop_signal, "SIGINT");
  case_done(&c);
}

static void log_driver(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  expect(&c, "HostConfig.LogConfig",
         "{\"Type\":\"local\",\"Config\":{\"max-size\":\"52428800\",\"max-file\":\"2\",\"compress\":"
         "\"false\"}}");
  c.s.log_driver = strdup("json-file");
  c.s.log_max = 1000;
  build(&c);
  expect(&c, "HostConfig.LogConfig",
         "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"500\",\"max-file\":\"2\"}}");
  free(c.s.log_driver);
  c.s.log_driver = strdup("syslog");
  build(&c);
  expect(&c, "HostConfig.LogConfig", "{\"Type\":\"syslog\",\"Config\":{}}");
  case_done(&c);
}

static void the_running_image_is_pinned(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  expect(&c, "Image", "\"" OLD_ID "\"");
  assert_string_equal(c.p.image, "registry.example.com/shop:1");
  assert_string_equal(c.p.image_id, OLD_ID);
  assert_null(c.p.digest);
  json_object_set_new(c.image, "RepoDigests",
                      json_pack("[s, s]", "other/shop@sha256:aa", "registry.example.com/shop@sha256:bb"));
  build(&c);
  assert_string_equal(c.p.digest, "sha256:bb");
  case_done(&c);
}

static void app_names(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  build(&c);
  assert_string_equal(c.p.app, "shop"); /* the Compose project */
  assert_string_equal(c.p.release_name, "shop");
  assert_string_equal(c.p.target_kind, "container");
  assert_string_equal(c.p.target_name, "shop-web-1");
  json_object_del(json_at(c.source, "Config.Labels"), "com.docker.compose.project");
  build(&c);
  assert_string_equal(c.p.app, "shop-web-1");
  c.s.name = strdup("storefront");
  build(&c);
  assert_string_equal(c.p.app, "storefront");
  c.s.app = strdup("one");
  build(&c);
  assert_string_equal(c.p.app, "one");
  assert_string_equal(c.p.release_name, "storefront");
  static const struct {
    const char *reference, *name;
  } rows[] = {{"registry.example.com:5000/team/shop:1.2", "shop"},
              {"shop", "shop"},
              {"shop:1", "shop"},
              {"registry:5000/shop@sha256:0123", "shop"},
              {"a/b:c@sha256:01", "b"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *name = image_short_name(rows[i].reference);
    assert_string_equal(name, rows[i].name);
    free(name);
  }
  case_done(&c);
}

static void entrypoints(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.s.entrypoint_set = true;
  build(&c);
  expect(&c, "Entrypoint", "[\"\"]");
  assert_int_equal(c.p.argv.n, 2);
  strv_add(&c.s.entrypoint, "/bin/tini");
  build(&c);
  expect(&c, "Entrypoint", "[\"/bin/tini\"]");
  /* Cleared in the source although its image has one: stays cleared. */
  c.s.entrypoint_set = false;
  json_object_set_new(json_at(c.source, "Config"), "Entrypoint", json_null());
  build(&c);
  expect(&c, "Entrypoint", "[\"\"]");
  json_object_set_new(json_at(c.image, "Config"), "Entrypoint", json_null());
  build(&c);
  expect(&c, "Entrypoint", NULL);
  case_done(&c);
}

static void hostnames(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.s.hostname = strdup("source");
  build(&c);
  expect(&c, "Hostname", "\"shop.example.com\"");
  free(c.s.hostname);
  c.s.hostname = strdup("other");
  build(&c);
  expect(&c, "Hostname", "\"other\"");
  case_done(&c);
}

static void another_image(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.s.image = strdup("registry.example.com/shop:2");
  c.f.image = c.new_image;
  c.f.replaced = true;
  /* Inherited from the old image: left to the new one. */
  json_t *config = json_at(c.source, "Config");
  json_object_set_new(config, "User", json_string("1000:1000"));
  json_object_set_new(config, "WorkingDir", json_string("/app"));
  json_object_set_new(config, "StopSignal", json_string("SIGQUIT"));
  build(&c);
  expect(&c, "Image", "\"sha256:224b6c86bf4bf71d77050689e30fdcda3e2c2399e21d0c63e39c3c8130286435\"");
  expect(&c, "Entrypoint", NULL);
  expect(&c, "User", NULL);
  expect(&c, "WorkingDir", NULL);
  expect(&c, "StopSignal", NULL);
  expect(&c, "Volumes", "{\"/scratch\":{}}");
  assert_string_equal(c.p.stop_signal, "SIGQUIT");
  assert_string_equal(c.p.argv.v[0], "/bin/nice");
  assert_null(env_of(&c, "PATH"));
  assert_null(env_of(&c, "RAILS_ENV"));
  assert_string_equal(env_of(&c, "DATABASE_URL"), "DATABASE_URL=postgres://shop:s3cr3t@db/shop");
  assert_string_equal(env_origin(&c, "NEWVAR"), "image");
  assert_false(list_has(json_at(c.p.plan, "dropped"), "what", "label org.opencontainers.image.version"));
  const json_t *d = json_at(c.p.plan, "differences");
  assert_true(list_has(d, NULL, "image: registry.example.com/shop:1 -> registry.example.com/shop:2"));
  assert_true(list_has(d, NULL, "entrypoint: [\"/bin/env\"] -> [\"/bin/nice\"]"));
  assert_true(list_has(d, NULL, "user: \"1000:1000\" -> \"2000\""));
  assert_true(list_has(d, NULL, "working directory: \"/app\" -> \"/srv\""));
  assert_true(list_has(d, NULL, "env NEWVAR: new in the new image"));
  case_done(&c);
}

/* What the source set for itself stays with another image. */
static void another_image_keeps_the_sources_own(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.s.image = strdup("registry.example.com/shop:2");
  c.f.image = c.new_image;
  c.f.replaced = true;
  json_object_set_new(json_at(c.source, "Config"), "Entrypoint", json_null());
  build(&c);
  expect(&c, "User", "\"1234:5678\"");
  expect(&c, "WorkingDir", "\"/work\"");
  expect(&c, "Entrypoint", "[\"\"]");
  c.f.image = NULL; /* not pulled yet */
  build(&c);
  expect(&c, "Image", "\"registry.example.com/shop:2\"");
  assert_null(c.p.image_id);
  case_done(&c);
}

static void only_an_image(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  source_done(&c.s.source);
  assert_int_equal(source_parse("image/registry.example.com/shop:1", &c.s.source, &c.err), 0);
  c.f.source = NULL;
  c.f.old_image = NULL;
  build(&c);
  expect(&c, "Image", "\"" OLD_ID "\"");
  expect(&c, "Healthcheck", "{\"Test\":[\"NONE\"]}");
  expect(&c, "Cmd", "[\"bin/rails\",\"db:migrate\"]");
  expect(&c, "Entrypoint", NULL);
  expect(&c, "HostConfig.Mounts", "[{\"Target\":\"/cache\",\"Type\":\"volume\"}]");
  expect(&c, "NetworkingConfig", NULL);
  assert_string_equal(c.p.app, "shop");
  assert_string_equal(c.p.image, "registry.example.com/shop:1");
  assert_null(c.p.target_name);
  assert_string_equal(c.p.argv.v[0], "/bin/env");
  assert_string_equal(env_origin(&c, "RAILS_ENV"), "image");
  case_done(&c);
}

static void bad_commands(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  strv_done(&c.s.argv);
  build_fails(&c, ERR_USAGE, "the command failed: it is empty");
  strv_add(&c.s.argv, "x");
  strv_add(&c.s.argv, "\xff");
  build_fails(&c, ERR_CONFIG, "argument 1 of the command failed: it is not UTF-8");
  case_done(&c);
}

/* Nothing that is secret in the source may be in the plan. */
static void no_values_in_the_plan(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  settings_env(&c.s, "TOKEN", "s3cr3t-too", "--env");
  build(&c);
  char *text = json_canonical(c.p.plan);
  assert_null(strstr(text, "s3cr3t"));
  free(text);
  case_done(&c);
}

static void late_files(void **state) {
  (void)state;
  struct clone_case c;
  case_init(&c);
  c.f.unread = "/srv/shop/compose.yaml";
  json_t *late = json_pack("[{s:s, s:[s, s], s:[]}]", "path", "/run/secrets", "files", "/run/secrets/db",
                           "/run/secrets/key", "skip");
  c.f.late = late;
  build(&c);
  expect_json(c.p.plan, "copied_files", "[\"/run/secrets/db\",\"/run/secrets/key\"]");
  assert_true(json_equal(json_at(c.p.private_parts, "late"), late));
  assert_string_equal(json_str(c.p.private_parts, "source_id"), json_str(c.source, "Id"));
  assert_true(
      list_has(json_at(c.p.plan, "checked"), NULL,
               "not checked: Compose's configs with content:, because /srv/shop/compose.yaml cannot be "
               "read on this machine"));
  json_decref(late);
  case_done(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_and_command),
      cmocka_unit_test(inert),
      cmocka_unit_test(kept),
      cmocka_unit_test(log_driver),
      cmocka_unit_test(the_running_image_is_pinned),
      cmocka_unit_test(app_names),
      cmocka_unit_test(entrypoints),
      cmocka_unit_test(hostnames),
      cmocka_unit_test(another_image),
      cmocka_unit_test(another_image_keeps_the_sources_own),
      cmocka_unit_test(only_an_image),
      cmocka_unit_test(bad_commands),
      cmocka_unit_test(no_values_in_the_plan),
      cmocka_unit_test(late_files),
  };
  return RUN_TESTS(tests);
}
