#include "release_case.h"

#include "base/clock.h"
#include "release/keys.h"
#include <sys/stat.h>

#define HEAD "version: 1\nname: shop\n"

/* The settings of a whole file, with a task if it has one. */
static struct settings settings_of(const char *text) {
  struct settings s;
  struct error err = ERROR_INIT;
  struct release *r = load_text(text);
  const struct task *t = NULL;
  settings_init(&s);
  if (r->n_tasks && release_task(r, r->tasks[0].name, &t, &err)) fail_msg("%s", err.text);
  if (release_settings(r, t, &s, &err)) fail_msg("%s", err.text);
  release_free(r);
  return s;
}

static const char *joined(const struct strv *list) {
  static char text[2000];
  size_t n = 0;
  text[0] = '\0';
  for (size_t i = 0; i < list->n; i++)
    n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "|" : "", list->v[i]);
  return text;
}

static const char *environment_of(const struct settings *s) {
  static char text[2000];
  size_t n = 0;
  text[0] = '\0';
  for (size_t i = 0; i < s->n_env; i++)
    n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s (%s)", i ? "|" : "", s->env[i].name,
                          s->env[i].value, s->env[i].origin);
  return text;
}

static void test_head(void **state) {
  (void)state;
  setenv("TAG", "7", 1);
  unsetenv("UNSET");
  struct release *r = load_text("# ours\nversion: 1\nname: shop\nimage: example.com/shop:${TAG:-stable}\n"
                                "from: compose/shop/web\nruntime: podman\ncontext: ${UNSET-production}\n"
                                "x-note: {any: [thing]}\nkubernetes: {namespace: shop, x-a: 1}\ntasks:\n");
  assert_string_equal(r->file, "release.yaml");
  assert_string_equal(r->dir, ".");
  assert_string_equal(r->name, "shop");
  assert_string_equal(r->image, "example.com/shop:7");
  assert_string_equal(r->from, "compose/shop/web");
  assert_string_equal(r->runtime, "podman");
  assert_string_equal(r->context, "production");
  struct settings s;
  settings_init(&s);
  assert_int_equal(release_settings(r, NULL, &s, NULL), 0);
  assert_int_equal(s.source.kind, SOURCE_COMPOSE);
  assert_string_equal(s.source.project, "shop");
  assert_string_equal(s.image, "example.com/shop:7");
  assert_string_equal(s.name, "shop");
  settings_done(&s);
  release_free(r);
  s = settings_of(HEAD "image: shop:1\n");
  assert_int_equal(s.source.kind, SOURCE_NONE);
  assert_string_equal(s.image, "shop:1");
  settings_done(&s);
  r = load_text("version: 1\nfrom: container/web\n");
  assert_null(r->name);
  release_free(r);
}

static void test_variables(void **state) {
  (void)state;
  write_file(".env", "# of the folder\nFROM_FILE=file\nBOTH=file\nOLDER=1\nOLDER=2\n");
  setenv("BOTH", "caller", 1);
  unsetenv("UNSET");
  struct settings s =
      settings_of(HEAD "env:\n  A: ${FROM_FILE} ${BOTH} ${OLDER}\n  B: $BOTH $$x\n  C: a${UNSET}b\n"
                       "  BOTH:\n  FROM_FILE:\nuser: '${UNSET:-1000}:${UNSET-0}'\n");
  assert_string_equal(environment_of(&s), "A=file caller 2 (release.yaml:4)|B=$BOTH $x (release.yaml:5)|"
                                          "C=ab (release.yaml:6)|BOTH=caller (release.yaml:7)|"
                                          "FROM_FILE=file (release.yaml:8)");
  assert_string_equal(s.user, "1000:0");
  assert_string_equal(joined(&s.notes),
                      "release.yaml:6: env.C: the variable UNSET is not set, empty is used");
  settings_done(&s);
  assert_int_equal(unlink(".env"), 0);
}

static void test_environment(void **state) {
  (void)state;
  static const struct {
    const char *text, *env;
  } cases[] = {
      {"env: {A: 1, B: 1.50, C: true, D: 'x y', E: '', F: 0x10, G: null-ish}",
       "A=1 (release.yaml:3)|B=1.50 (release.yaml:3)|C=true (release.yaml:3)|D=x y (release.yaml:3)|"
       "E= (release.yaml:3)|F=0x10 (release.yaml:3)|G=null-ish (release.yaml:3)"},
      {"env: [A=1, 'B=a=b', HERE]",
       "A=1 (release.yaml:3)|B=a=b (release.yaml:3)|HERE=of caller (release.yaml:3)"},
      {"env:", ""},
      {"env_file: a.env", "A=file a (env_file a.env:1)|Q=x y (env_file a.env:2)"},
      {"env: {A: env}\nenv_file: a.env", "A=env (release.yaml:3)|Q=x y (env_file a.env:2)"},
      {"env_file: [a.env, {path: b.env}]",
       "A=file b (env_file b.env:1)|Q=x y (env_file a.env:2)|HERE=of caller (env_file b.env:3)"},
      {"env_file: [{path: none.env, required: false}]", ""},
      {"env_file: {path: raw.env, format: raw}", "A=\"${HERE}\" # x (env_file raw.env:1)"},
      {"env: {A: file, B: file}\ntasks: {t: {command: [ls], env: {A: task}}}",
       "A=task (task t)|B=file (release.yaml:3)"},
      {"env: {Q: file}\ntasks: {t: {command: [ls], env: [A=1], env_file: a.env}}",
       "Q=x y (env_file a.env:2)|A=1 (task t)"},
  };
  setenv("HERE", "of caller", 1);
  unsetenv("NOWHERE");
  write_file("a.env", "A=file a\nQ=\"x y\" # why\n");
  write_file("b.env", "A='file b'\nNOWHERE\nHERE\n");
  write_file("raw.env", "A=\"${HERE}\" # x\n");
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    CLEANUP_FREE char *text = xprintf(HEAD "%s\n", cases[i].text);
    struct settings s = settings_of(text);
    assert_string_equal(environment_of(&s), cases[i].env);
    assert_int_equal(s.notes.n, 0);
    settings_done(&s);
  }
}

static void test_settings(void **state) {
  (void)state;
  struct settings s = settings_of(
      HEAD "user: 1000\nworking_dir: /app\nmem_limit: 1.5g\ncpus: 0.5\ninit: true\nread_only: false\n"
           "hostname: source\nplatform: linux/arm64\nstop_signal: SIGINT\nstop_grace_period: 1m30s\n"
           "networks: [front, back]\nlabels: {a: 1, b: }\ndrop_env: [X, Y, X]\nentrypoint: [/init, -x]\n"
           "tasks: {t: {command: [ls], user: web, networks: {only: }, labels: [a=2], drop_env: [Z],\n"
           "  entrypoint: '', memory: 64m, privileged: yes}}\n");
  assert_string_equal(s.user, "web");
  assert_string_equal(s.workdir, "/app");
  assert_int_equal(s.memory, 64 << 20);
  assert_int_equal(s.nano_cpus, 500000000);
  assert_int_equal(s.init, TRI_YES);
  assert_int_equal(s.read_only, TRI_NO);
  assert_int_equal(s.privileged, TRI_YES);
  assert_string_equal(s.hostname, "source");
  assert_string_equal(s.platform, "linux/arm64");
  assert_string_equal(s.stop_signal, "SIGINT");
  assert_int_equal(s.stop_grace_ms, 90000);
  assert_true(s.networks_set);
  assert_string_equal(joined(&s.networks), "only");
  assert_string_equal(joined(&s.labels), "a=2|b=");
  assert_string_equal(joined(&s.drop_env), "X|Y|Z");
  assert_true(s.entrypoint_set);
  assert_int_equal(s.entrypoint.n, 0);
  assert_string_equal(joined(&s.argv), "ls");
  assert_string_equal(s.task, "t");
  settings_done(&s);
  s = settings_of(HEAD);
  assert_int_equal(s.memory, -1);
  assert_int_equal(s.init, TRI_UNSET);
  assert_false(s.networks_set);
  assert_false(s.entrypoint_set);
  settings_done(&s);
}

static void test_extra(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"cap_add: [NET_ADMIN]\ncap_drop: [ALL]", "{\"cap_add\":[\"NET_ADMIN\"],\"cap_drop\":[\"ALL\"]}"},
      {"group_add: [1000, video]", "{\"group_add\":[\"1000\",\"video\"]}"},
      {"dns: 10.0.0.1\ndns_search: [a, b]", "{\"dns\":[\"10.0.0.1\"],\"dns_search\":[\"a\",\"b\"]}"},
      {"extra_hosts: ['a:10.0.0.1', 'b=10.0.0.2', 'c:::1', 'd=[::1]']",
       "{\"extra_hosts\":[\"a:10.0.0.1\",\"b:10.0.0.2\",\"c:::1\",\"d:::1\"]}"},
      {"extra_hosts: {a: 10.0.0.1, b: [1.1.1.1, '::1']}",
       "{\"extra_hosts\":[\"a:10.0.0.1\",\"b:1.1.1.1\",\"b:::1\"]}"},
      {"sysctls: {net.core.somaxconn: 1024}", "{\"sysctls\":{\"net.core.somaxconn\":\"1024\"}}"},
      {"sysctls: [a=b]", "{\"sysctls\":{\"a\":\"b\"}}"},
      {"ulimits: {nproc: 65535, nofile: {soft: 1, hard: -1}}",
       "{\"ulimits\":{\"nofile\":{\"hard\":-1,\"soft\":1},\"nproc\":{\"hard\":65535,\"soft\":65535}}}"},
      {"shm_size: 64m\nmemswap_limit: -1\npids_limit: 10\noom_score_adj: -500\nmem_swappiness: 0",
       "{\"mem_swappiness\":0,\"memswap_limit\":-1,\"oom_score_adj\":-500,\"pids_limit\":10,\"shm_size\":"
       "67108864}"},
      {"devices: ['/dev/a', '/dev/b:/dev/c:r', {source: /dev/d, target: /dev/e, permissions: rw}, {source: "
       "/dev/f}]",
       "{\"devices\":[\"/dev/a\",\"/dev/b:/dev/c:r\",\"/dev/d:/dev/e:rw\",\"/dev/f:/dev/f:rwm\"]}"},
      {"pid: host\nipc: private\nuserns_mode: host\ncgroup_parent: /x\ndomainname: d",
       "{\"cgroup_parent\":\"/"
       "x\",\"domainname\":\"d\",\"ipc\":\"private\",\"pid\":\"host\",\"userns_mode\":\"host\"}"},
      {"cap_add: [A]\ntasks: {t: {command: [ls], cap_add: [B], runtime: crun}}",
       "{\"cap_add\":[\"B\"],\"runtime\":\"crun\"}"},
      {"sysctls: {a: 1, b: 1}\nulimits: {nproc: 1}\ntasks: {t: {command: [ls], sysctls: [b=2], ulimits: "
       "{core: 0}}}",
       "{\"sysctls\":{\"a\":\"1\",\"b\":\"2\"},\"ulimits\":{\"core\":{\"hard\":0,\"soft\":0},"
       "\"nproc\":{\"hard\":1,\"soft\":1}}}"},
      {"cap_add:\nextra_hosts:\nsysctls:\nulimits:\ndevices:\ndns:\nnetworks:\nlabels:\nvolumes:\ntmpfs:\n"
       "env:\nenv_file:\ndrop_env:\nentrypoint:\ndefaults:\nkubernetes:\ntasks:",
       "{}"},
      {"", "{}"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    CLEANUP_FREE char *text = xprintf(HEAD "%s\n", cases[i][0]);
    struct settings s = settings_of(text);
    CLEANUP_FREE char *extra = json_dumps(s.extra, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(extra, cases[i][1]);
    assert_false(s.networks_set || s.entrypoint_set);
    settings_done(&s);
  }
}

static void test_tasks(void **state) {
  (void)state;
  setenv("TAG", "7", 1);
  struct release *r = load_text(
      HEAD "x-common: &common {lock: schema, timeout: 30m}\ndefaults: {timeout: 1h, keep: on-failure,\n"
           "  stop-grace: 5, lock: '${TAG}', redact_args: yes, log_max: 1m}\ntasks:\n"
           "  migrate: {command: [bin/rails, 'db:migrate ${TAG} $x', 5, true], description: 'v${TAG}',\n"
           "    once: '${TAG}', <<: *common, keep: always, reason: because}\n"
           "  console: {shell: 'exec bin/${TAG} \"$@\"', tty: true, stdin: false}\n"
           "  x-ignored: 7\n  other: {entrypoint: [/bin/x], timeout: '${UNSET_IN_OTHER:?no}'}\n");
  assert_string_equal(joined(&r->defaults),
                      "timeout|1h|keep|on-failure|stop-grace|5|lock|7|redact-args|true|log-max|1m");
  assert_int_equal(r->n_tasks, 3);
  assert_string_equal(r->tasks[0].description, "v7");
  const struct task *t;
  assert_int_equal(release_task(r, "migrate", &t, NULL), 0);
  assert_int_equal(release_task(r, "migrate", &t, NULL), 0); /* again: the same */
  assert_string_equal(joined(&t->command), "bin/rails|db:migrate ${TAG} $x|5|true");
  assert_string_equal(t->lock, "schema");
  assert_string_equal(t->once, "7");
  assert_int_equal(t->options.n, 6);
  assert_true(strv_has(&t->options, "timeout") && strv_has(&t->options, "30m"));
  assert_true(strv_has(&t->options, "keep") && strv_has(&t->options, "always"));
  assert_true(strv_has(&t->options, "reason") && strv_has(&t->options, "because"));
  assert_false(t->tty_set);
  assert_int_equal(t->line, 7);
  assert_int_equal(release_task(r, "console", &t, NULL), 0);
  assert_string_equal(joined(&t->command), "/bin/sh|-c|exec bin/${TAG} \"$@\"|sh");
  assert_true(t->tty_set && t->tty && t->stdin_set && !t->stdin_open);
  release_free(r);
}

static void test_which_file(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool read;
  } cases[] = {
      {"version: 1\nname: a\n", true},
      {"\n# why\n\n---\n  # more\nversion:   1 # ours\nname: a\n", true},
      {"\xef\xbb\xbfversion: 1\r\nname: a\r\n", true},
      {"version: 10\nname: a\n", false},
      {"version: 1.0\nname: a\n", false},
      {"version: '1'\nname: a\n", false},
      {"version:1\n", false},
      {"version: 1#\n", false},
      {"name: a\nversion: 1\n", false},
      {"apiVersion: v2\n", false},
      {": [ not YAML\n", false},
      {"", false},
  };
  if (access("/etc/run-once/release.yaml", F_OK) == 0) skip();
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct release *r = NULL;
    struct error err = ERROR_INIT;
    char *note = NULL;
    write_file("release.yaml", cases[i].text);
    if (release_load(NULL, &r, &note, &err)) fail_msg("case %zu: %s", i, err.text);
    assert_int_equal(r != NULL, cases[i].read);
    if (r)
      assert_null(note);
    else
      assert_string_equal(note, "release.yaml is not read: it does not begin with 'version: 1' "
                                "(--release release.yaml reads it)");
    free(note);
    release_free(r);
  }
  struct release *r = NULL;
  char *note = NULL;
  assert_int_equal(unlink("release.yaml") || mkdir("release.yaml", 0700) || mkdir(".env", 0700), 0);
  assert_int_equal(release_load(NULL, &r, &note, NULL), 0);
  assert_null(r);
  assert_non_null(note);
  free(TAKE(note));
  assert_int_equal(rmdir("release.yaml"), 0);
  release_free(load_text(HEAD)); /* beside a folder named .env */
  assert_int_equal(unlink("release.yaml") || rmdir(".env"), 0);
  assert_int_equal(release_load(NULL, &r, &note, NULL), 0);
  assert_null(r);
  assert_null(note);
}

static void test_large_file(void **state) {
  (void)state;
  struct buf text;
  buf_init(&text, 8 << 20);
  buf_puts(&text, HEAD "env:\n");
  for (int i = 0; i < 10000; i++) buf_printf(&text, "  VARIABLE_%d: value ${TAG}\n", i);
  buf_puts(&text, "tasks:\n");
  for (int i = 0; i < 1000; i++)
    buf_printf(&text,
               "  task-%d:\n    command: [bin/run, '%d']\n    env: {A: 1}\n    timeout: 30m\n    lock: l\n",
               i, i);
  int64_t before = clock_ms();
  struct settings s = settings_of(text.data);
  int64_t took = clock_ms() - before;
  assert_int_equal(s.n_env, 10001);
  if (took > 2000) fail_msg("1,000 tasks and 10,000 variables took %d ms", (int)took);
  settings_done(&s);
  buf_done(&text);
}

/* The table is the reference: every key says what it expects, and stands once at each place. */
static void test_table(void **state) {
  (void)state;
  size_t n;
  const struct key *keys = key_table(&n);
  for (size_t i = 0; i < n; i++) {
    assert_non_null(keys[i].expect);
    assert_non_null(keys[i].read);
    assert_null(strchr(keys[i].name, '-'));
    for (size_t j = 0; j < i; j++)
      if (!strcmp(keys[i].name, keys[j].name)) assert_int_equal(keys[i].places & keys[j].places, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_head),        cmocka_unit_test(test_variables),
      cmocka_unit_test(test_environment), cmocka_unit_test(test_settings),
      cmocka_unit_test(test_extra),       cmocka_unit_test(test_tasks),
      cmocka_unit_test(test_which_file),  cmocka_unit_test(test_large_file),
      cmocka_unit_test(test_table),
  };
  return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
