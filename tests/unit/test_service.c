/* A Swarm service as the source: which task stands for it, and its specification as an inspect document. */
#include "clone_case.h"
#include "runtime/docker/service.h"

static json_t *parse(const char *text) {
  json_error_t e;
  json_t *j = json_loads(text, 0, &e);
  if (!j) fail_msg("%s at %d: %s", e.text, e.position, text);
  return j;
}

/* One task; container: of this engine, with that image, or NULL. */
struct row {
  const char *id, *state, *wanted, *image, *container_image;
  int slot;
};
struct choice {
  struct settings s;
  struct strv notes;
  struct error err;
  json_t *service, *tasks, *containers;
  const json_t *task, *container;
  int rc;
};
static void choose(struct choice *c, const char *update, const char *image_of, const struct row *rows,
                   size_t n) {
  memset(c, 0, sizeof *c);
  settings_init(&c->s);
  assert_int_equal(source_parse("service/web", &c->s.source, &c->err), 0);
  c->s.image_of = image_of ? strdup(image_of) : NULL;
  c->service = json_pack("{s:s, s:{s:s}}", "ID", "sid", "Spec", "Name", "web");
  if (update) json_object_set_new(c->service, "UpdateStatus", json_pack("{s:s}", "State", update));
  c->tasks = json_array();
  c->containers = json_array();
  for (size_t i = 0; i < n; i++) {
    const struct row *r = &rows[i];
    json_array_append_new(c->tasks,
                          json_pack("{s:s, s:i, s:s, s:s, s:{s:s}, s:{s:{s:s}}}", "ID", r->id, "Slot",
                                    r->slot, "NodeID", "node", "DesiredState", r->wanted, "Status", "State",
                                    r->state, "Spec", "ContainerSpec", "Image", r->image));
    if (r->container_image)
      json_array_append_new(c->containers, json_pack("{s:s, s:s, s:{s:s}}", "Id", "c0ffee", "ImageID",
                                                     r->container_image, "Labels", LABEL_SWARM_TASK, r->id));
  }
  c->rc =
      service_choose(c->service, c->tasks, c->containers, &c->s, &c->task, &c->container, &c->notes, &c->err);
}
#define CHOOSE(c, update, image_of, rows) choose(c, update, image_of, rows, sizeof(rows) / sizeof(*(rows)))
static void choice_done(struct choice *c) {
  settings_done(&c->s);
  strv_done(&c->notes);
  json_decref(c->service);
  json_decref(c->tasks);
  json_decref(c->containers);
}
static void takes(struct choice *c, const char *id, bool here) {
  if (c->rc < 0) fail_msg("%s", c->err.text);
  assert_string_equal(json_str(c->task, "ID"), id);
  assert_int_equal(c->container != NULL, here);
  assert_int_equal(c->notes.n, 0);
  choice_done(c);
}
static void fails(struct choice *c, enum error_kind kind, const char *text) {
  assert_int_equal(c->rc, -1);
  assert_string_equal(c->err.text, text);
  assert_int_equal(c->err.kind, kind);
  choice_done(c);
}

#define ONE "shop:1@sha256:1111111111111111"
#define TWO "shop:2@sha256:2222222222222222"

static void what_runs_here_is_nearest(void **state) {
  (void)state;
  struct choice c;
  const struct row rows[] = {{"t2", "running", "running", ONE, "sha256:aa", 2},
                             {"t1", "running", "running", ONE, NULL, 1},
                             {"t3", "preparing", "running", TWO, NULL, 3},
                             {"t4", "running", "shutdown", TWO, NULL, 4}};
  CHOOSE(&c, "completed", NULL, rows);
  takes(&c, "t2", true);
  const struct row elsewhere[] = {{"t2", "running", "running", ONE, NULL, 2},
                                  {"t1", "running", "complete", ONE, NULL, 1}};
  CHOOSE(&c, NULL, NULL, elsewhere);
  takes(&c, "t1", false);
}

static void nothing_runs_and_it_is_said(void **state) {
  (void)state;
  struct choice c;
  const struct row rows[] = {{"t1", "rejected", "running", ONE, NULL, 1}};
  CHOOSE(&c, "paused", NULL, rows);
  assert_int_equal(c.rc, 0);
  assert_null(c.task);
  assert_string_equal(c.notes.v[0],
                      "service/web: none of its tasks is running; what Swarm would start is the source");
  choice_done(&c);
}

static void a_half_done_roll_out_is_refused(void **state) {
  (void)state;
  struct choice c;
  const struct row rows[] = {{"t1", "running", "running", ONE, NULL, 1},
                             {"t2", "running", "running", TWO, NULL, 2}};
  CHOOSE(&c, "updating", NULL, rows);
  fails(&c, ERR_ROLLOUT,
        "service/web refused: its tasks run more than one image, a roll-out is half done: web.1 (shop:1 "
        "111111111111), "
        "web.2 (shop:2 222222222222); --image-of REPLICA chooses");
  static const char *const states[] = {"updating", "paused", "rollback_started", "rollback_paused"};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    choose(&c, states[i], NULL, rows, 1);
    assert_int_equal(c.err.kind, ERR_ROLLOUT);
    assert_non_null(strstr(c.err.text, states[i]));
    choice_done(&c);
  }
  choose(&c, "rollback_completed", NULL, rows, 1);
  takes(&c, "t1", false);
  /* A tag is another image on each node that has another one. */
  const struct row tags[] = {{"t1", "running", "running", "shop:1", "sha256:aaaaaaaaaaaaaaaa", 1},
                             {"t2", "running", "running", "shop:1", "sha256:bbbbbbbbbbbbbbbb", 2}};
  CHOOSE(&c, NULL, NULL, tags);
  fails(&c, ERR_ROLLOUT,
        "service/web refused: its tasks run more than one image, a roll-out is half done: web.1 (shop:1 "
        "aaaaaaaaaaaa), "
        "web.2 (shop:1 bbbbbbbbbbbb); --image-of REPLICA chooses");
}

static void image_of_chooses(void **state) {
  (void)state;
  struct choice c;
  const struct row rows[] = {{"task1", "running", "running", ONE, NULL, 1},
                             {"task2", "running", "running", TWO, "sha256:bb", 2}};
  static const char *const names[] = {"2", "web.2", "task2", "c0ffee"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    CHOOSE(&c, "paused", names[i], rows);
    takes(&c, "task2", true);
  }
  CHOOSE(&c, NULL, "task", rows);
  fails(&c, ERR_CONFIG,
        "--image-of task failed: it fits 2 tasks of service/web: web.1 (shop:1 111111111111), web.2 (shop:2 "
        "222222222222)");
  CHOOSE(&c, NULL, "tas", rows);
  assert_int_equal(c.err.kind, ERR_CONFIG);
  choice_done(&c);
  CHOOSE(&c, NULL, "3", rows);
  fails(&c, ERR_CONFIG,
        "--image-of 3 failed: no task of service/web is called that; there are: web.1 (shop:1 111111111111), "
        "web.2 "
        "(shop:2 222222222222)");
  choose(&c, NULL, "1", rows, 0);
  fails(&c, ERR_CONFIG, "--image-of 1 failed: no task of service/web is running");
}

/* A document of one ContainerSpec and the rest of its TaskTemplate, each as JSON members. */
struct doc {
  struct settings s;
  struct error err;
  json_t *made;
};
static void document(struct doc *d, const char *container, const char *more, const char *networks) {
  char *text = NULL;
  if (asprintf(
          &text,
          "{\"ID\":\"sid\",\"Spec\":{\"Name\":\"web\",\"Labels\":{\"a\":\"1\",\"b\":\"1\"},\"TaskTemplate\":"
          "{\"ContainerSpec\":{\"Image\":\"shop:1\"%s}%s}}}",
          container, more) < 0)
    abort();
  json_t *service = parse(text), *list = json_loads(networks, 0, NULL);
  json_decref(d->made);
  d->made = NULL;
  (void)service_document(service, NULL, list, NULL, &d->s, &d->made, &d->err);
  json_decref(service);
  json_decref(list);
  free(text);
}
static void doc_init(struct doc *d) {
  memset(d, 0, sizeof *d);
  settings_init(&d->s);
  assert_int_equal(source_parse("service/web", &d->s.source, &d->err), 0);
}
static void doc_done(struct doc *d) {
  json_decref(d->made);
  settings_done(&d->s);
}
static void left_out(struct doc *d, const char *what) {
  if (!list_has(json_at(d->made, "LeftOut"), "what", what)) fail_msg("'%s' is not left out", what);
}

static void a_specification_in_a_container_s_shape(void **state) {
  (void)state;
  struct doc d;
  doc_init(&d);
  document(&d,
           ",\"Command\":[\"run\"],\"Args\":[\"serve\"],\"Env\":[\"A=1\"],\"Dir\":\"/"
           "w\",\"User\":\"u\",\"Groups\":[\"33\"],"
           "\"Labels\":{\"b\":\"2\"},\"Hosts\":[\"1.2.3.4 db replica\",\"::1 "
           "six\"],\"StopGracePeriod\":1500000000,"
           "\"CapabilityAdd\":[\"CAP_X\"],\"DNSConfig\":{\"Nameservers\":[\"9.9.9.9\"]},\"Future\":{},"
           "\"Privileges\":{\"NoNewPrivileges\":true,\"SELinuxContext\":{\"Disable\":false,\"Type\":\"t\"},"
           "\"Seccomp\":{\"Mode\":\"custom\",\"Profile\":\"e30=\"},\"AppArmor\":{\"Mode\":\"disabled\"}}",
           ",\"Resources\":{\"Limits\":{\"MemoryBytes\":1024,\"NanoCPUs\":5,\"Pids\":7,\"Swap\":1},"
           "\"Reservations\":{\"GenericResources\":"
           "[{\"DiscreteResourceSpec\":{\"Kind\":\"gpu\",\"Value\":1}},{\"NamedResourceSpec\":{\"Kind\":"
           "\"card\",\"Value\":\"x\"}}]}},"
           "\"Placement\":{\"Constraints\":[\"node.role==manager\"]},\"LogDriver\":{\"Name\":\"gelf\"}",
           "[]");
  if (!d.made) fail_msg("%s", d.err.text);
  expect_json(
      d.made, "Config",
      "{\"Image\":\"shop:1\",\"Entrypoint\":[\"run\"],\"Env\":[\"A=1\"],\"WorkingDir\":\"/w\",\"User\":\"u\","
      "\"StopTimeout\":2,\"Labels\":{\"a\":\"1\",\"b\":\"2\"}}");
  expect_json(
      d.made, "HostConfig",
      "{\"GroupAdd\":[\"33\"],\"CapAdd\":[\"CAP_X\"],\"Dns\":[\"9.9.9.9\"],\"Memory\":1024,\"NanoCpus\":5,"
      "\"PidsLimit\":7,\"NetworkMode\":\"default\",\"PortBindings\":{},"
      "\"ExtraHosts\":[\"db:1.2.3.4\",\"replica:1.2.3.4\",\"six:::1\"],"
      "\"SecurityOpt\":[\"label=type:t\",\"seccomp={}\",\"apparmor=unconfined\",\"no-new-privileges=true\"]"
      "}");
  expect_json(d.made, "Service", "{\"ID\":\"sid\",\"Name\":\"web\"}");
  expect_json(d.made, "Image", NULL);
  /* Nothing is dropped in silence. */
  left_out(&d, "setting Future");
  left_out(&d, "limit Swap");
  left_out(&d, "generic resource gpu");
  left_out(&d, "generic resource card");
  left_out(&d, "placement constraint node.role==manager");
  left_out(&d, "log driver gelf");
  doc_done(&d);
}

static void networks_by_id_and_without_names(void **state) {
  (void)state;
  struct doc d;
  doc_init(&d);
  document(&d, "",
           ",\"Networks\":[{\"Target\":\"n1\",\"Aliases\":[\"web\"],\"DriverOpts\":{\"o\":\"1\"}},{"
           "\"Target\":\"n2\"}]",
           "[{\"Id\":\"n1\",\"Name\":\"front\",\"Scope\":\"swarm\",\"Attachable\":true},{\"Id\":\"n2\","
           "\"Name\":\"near\",\"Scope\":\"local\"}]");
  expect_json(d.made, "HostConfig.NetworkMode", "\"front\"");
  expect_json(d.made, "NetworkSettings.Networks",
              "{\"front\":{\"NetworkID\":\"n1\",\"Aliases\":[\"web\"],\"DriverOpts\":{\"o\":\"1\"}},\"near\":"
              "{\"NetworkID\":\"n2\"}}");
  document(&d, "", ",\"Networks\":[{\"Target\":\"h\"}]",
           "[{\"Id\":\"h\",\"Name\":\"host\",\"Scope\":\"swarm\",\"Driver\":\"host\"}]");
  expect_json(d.made, "HostConfig.NetworkMode", "\"host\"");
  expect_json(d.made, "NetworkSettings.Networks", "{}");
  doc_done(&d);
}

static void what_only_tasks_can_have_is_named(void **state) {
  (void)state;
  struct doc d;
  doc_init(&d);
  static const char spec[] = ",\"Secrets\":[{\"SecretName\":\"db\",\"File\":{\"Name\":\"db_1\"}},{"
                             "\"SecretName\":\"key\",\"File\":{\"Name\":\"/etc/key\"}}],"
                             "\"Configs\":[{\"ConfigName\":\"c\",\"File\":{\"Name\":\"c\"}},{\"ConfigName\":"
                             "\"spec\",\"Runtime\":{}}],"
                             "\"Env\":[\"A=1\",\"N={{.Node.ID}}\",\"M={{.Task.Slot}}\"],"
                             "\"Mounts\":[{\"Type\":\"cluster\",\"Source\":\"group:x\",\"Target\":\"/"
                             "c\"},{\"Type\":\"volume\",\"Source\":\"v-{{.Task.Slot}}\",\"Target\":\"/v\"}]";
  static const char networks[] =
      "[{\"Id\":\"n\",\"Name\":\"closed\",\"Scope\":\"swarm\",\"Attachable\":false}]";
  document(&d, spec, ",\"Networks\":[{\"Target\":\"n\"}]", networks);
  assert_null(d.made);
  assert_int_equal(d.err.kind, ERR_CONFIG);
  assert_string_equal(
      d.err.text,
      "service/web failed: only tasks of the swarm can have these, a container beside them cannot: "
      "secret db (--volume FILE:/run/secrets/db_1:ro), secret key (--volume FILE:/etc/key:ro), "
      "config c (--volume FILE:/c:ro), config spec (--volume FILE:/spec:ro), "
      "the template in variable N (--env), the template in variable M (--env), "
      "the cluster volume at /c (--volume), the template in the mount at /v (--volume), "
      "network closed (not attachable; --network OTHER)");
  /* What the settings give instead is no need. */
  settings_env(&d.s, "N", "here", "--env");
  strv_add(&d.s.drop_env, "M");
  static const char *const targets[] = {"/run/secrets/db_1", "/etc/key", "/c", "/spec", "/v"};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    settings_mount(&d.s, &(struct mount_setting){.kind = MOUNT_TMPFS,
                                                 .target = (char *)targets[i],
                                                 .origin = (char *)"--volume"});
  document(&d, spec, ",\"Networks\":[{\"Target\":\"n\"}]", "[]");
  if (!d.made) fail_msg("%s", d.err.text);
  doc_done(&d);
}

static void plugins_are_no_containers(void **state) {
  (void)state;
  struct doc d;
  doc_init(&d);
  json_t *service = parse("{\"ID\":\"sid\",\"Spec\":{\"Name\":\"web\",\"TaskTemplate\":{\"Runtime\":"
                          "\"plugin\",\"PluginSpec\":{}}}}");
  assert_int_equal(service_document(service, NULL, NULL, NULL, &d.s, &d.made, &d.err), -1);
  assert_string_equal(d.err.text, "service/web failed: its tasks are no containers");
  json_decref(service);
  doc_done(&d);
}

/* The whole way into a create request; image NULL: not on this engine. */
static void make_request(struct clone_case *c, struct doc *d, json_t *image) {
  document(d, ",\"Env\":[\"PATH=/mine\",\"A=1\"],\"User\":\"svc\"", "", "[]");
  if (!d->made) fail_msg("%s", d->err.text);
  service_inherit(d->made, image);
  c->f.source = d->made;
  c->f.old_image = image;
  c->f.unmerged = !image;
  build(c);
}

static void what_the_service_does_not_say_is_the_image_s(void **state) {
  (void)state;
  struct clone_case c;
  struct doc d;
  case_init(&c);
  doc_init(&d);
  json_t *image =
      parse("{\"Id\":\"sha256:1\",\"Config\":{\"Env\":[\"PATH=/"
            "bin\",\"B=2\"],\"Entrypoint\":[\"entry\"],\"User\":\"app\",\"WorkingDir\":\"/app\"}}");
  c.f.image = image;
  make_request(&c, &d, image);
  expect(&c, "Entrypoint", "[\"entry\"]");
  expect(&c, "Env", "[\"B=2\",\"PATH=/mine\",\"A=1\"]");
  expect(&c, "User", "\"svc\"");
  assert_string_equal(c.p.app, "web");
  assert_string_equal(c.p.target_kind, "service");
  /* Another image over one that was never on this engine: the entrypoint is the new one's, not cleared. */
  c.f.replaced = true;
  c.s.image = strdup("shop:2");
  make_request(&c, &d, NULL);
  expect(&c, "Entrypoint", NULL);
  expect(&c, "Env", "[\"PATH=/mine\",\"A=1\"]");
  assert_int_equal(c.p.notes.n, 0);
  json_decref(image);
  doc_done(&d);
  case_done(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_runs_here_is_nearest),
      cmocka_unit_test(nothing_runs_and_it_is_said),
      cmocka_unit_test(a_half_done_roll_out_is_refused),
      cmocka_unit_test(image_of_chooses),
      cmocka_unit_test(a_specification_in_a_container_s_shape),
      cmocka_unit_test(networks_by_id_and_without_names),
      cmocka_unit_test(what_only_tasks_can_have_is_named),
      cmocka_unit_test(plugins_are_no_containers),
      cmocka_unit_test(what_the_service_does_not_say_is_the_image_s),
  };
  return cmocka_run_group_tests(tests, count_descriptors, compare_descriptors);
}
