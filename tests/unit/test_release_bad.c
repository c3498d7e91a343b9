/* Every complaint about a release file, word for word. */
#include "release_case.h"

#define F "release.yaml:"
struct bad {
  const char *text, *complaint;
};

static void check(const struct bad *cases, size_t n, const char *head, const char *task) {
  for (size_t i = 0; i < n; i++) {
    CLEANUP_FREE char *text = xprintf("%s%s\n", head, cases[i].text);
    const char *complaint = complaint_of(text, task);
    if (strcmp(complaint, cases[i].complaint) != 0)
      fail_msg("%s\n  expected %s\n  found    %s", text, cases[i].complaint, complaint);
  }
}

static void test_whole_file(void **state) {
  (void)state;
  static const struct bad cases[] = {
      {"", "release.yaml: expected a map that begins with version: 1, found nothing"},
      {"[a]", "release.yaml: expected a map that begins with version: 1, found a list"},
      {"name: shop", "release.yaml: version: is missing; write version: 1"},
      {"version: 2\nnew_key: 1", F "1: version: expected the number 1, found 2"},
      {"version: '1'", F "1: version: expected the number 1, found the string '1'"},
      {"version: [1]", F "1: version: expected 1, found a list"},
      {"version:", F "1: version: expected 1, found nothing"},
      {"version: 1", "release.yaml: name: is missing (it may be left out only with from:)"},
      {"version: 1\nname: a\nname: b", F "3: key \"name\" is given twice (first in line 2)"},
      {"version: 1\nname: [a", F "3: did not find expected ',' or ']'"},
      {"version: 1\nname: a\nenv: !reset {}", F "3: the tag !reset has no meaning here"},
  };
  check(cases, ARRAY_LEN(cases), "", NULL);
}

static void test_keys(void **state) {
  (void)state;
  static const struct bad cases[] = {
      {"guard: 1", F "3: guard: not in this version"},
      {"environment: {A: 1}", F "3: environment: unknown key; did you mean 'env'?"},
      {"volume: []", F "3: volume: unknown key; did you mean 'volumes'?"},
      {"enviroment: {}", F "3: enviroment: unknown key; did you mean 'env'?"},
      {"\n\nworkingdir: /a", F "5: workingdir: unknown key; did you mean 'working_dir'?"},
      {"zzz: 1", F "3: zzz: unknown key"},
      {"timeout: 1h", F "3: timeout: belongs in defaults: or in a task"},
      {"command: [a]", F "3: command: belongs in a task"},
      {"namespace: a", F "3: namespace: belongs in kubernetes:"},
      {"defaults: {memory: 1g}", F "3: defaults.memory: belongs at the top of the file or in a task"},
      {"defaults: {time-out: 1g}", F "3: defaults.time-out: unknown key; did you mean 'timeout'?"},
      {"defaults: {name: x}", F "3: defaults.name: belongs at the top of the file"},
      {"kubernetes: {namspace: x}", F "3: kubernetes.namspace: unknown key; did you mean 'namespace'?"},
      {"workdir: /a\nworking_dir: /b", F "4: working_dir: given twice, in two spellings"},
      {"tasks: {t: {command: [a], tineout: 1}}",
       F "3: tasks.t.tineout: unknown key; did you mean 'timeout'?"},
      {"tasks: {t: {command: [a], guard: 1}}", F "3: tasks.t.guard: not in this version"},
      {"tasks: {t: {command: [a], image: b}}", F "3: tasks.t.image: belongs at the top of the file"},
      {"ports: ['80:80']", F "3: ports: not used: a one-off publishes no ports"},
      {"network_mode: host", F "3: network_mode: unknown key; write networks: [host] or networks: [none]"},
  };
  check(cases, ARRAY_LEN(cases), "version: 1\nname: shop\n", NULL);
}

static void test_head(void **state) {
  (void)state;
  static const struct bad cases[] = {
      {"name: [a]", F "2: name: expected a string, found a list"},
      {"name: 7", F "2: name: expected a string, found a number"},
      {"name: ''", F "2: name: is empty"},
      {"name: a b",
       F "2: name: 'a b' cannot be a name: expected letters, digits, '_', '.', '-', at most 63 in all"},
      {"name: a\nimage: {}", F "3: image: expected a string, found a map"},
      {"name: a\nimage: a:${NOT_SET}", F "3: image: NOT_SET is not set"},
      {"name: a\nimage: a:${NOT_SET:?give a tag}", F "3: image: NOT_SET is not set: give a tag"},
      {"name: a\nimage: ${NOT_SET:-}", F "3: image: is empty"},
      {"name: a\nfrom: container/${NOT_SET}", F "3: from: NOT_SET is not set"},
      {"name: a\nfrom: shop",
       F "3: from: source 'shop': expected KIND/NAME, such as image/shop, container/shop or compose/shop"},
      {"name: a\nruntime: dokcer", F "3: runtime: expected docker, podman or kubernetes, found 'dokcer'"},
      {"name: a\ndefaults: [a]", F "3: defaults: expected a map of options, found a list"},
      {"name: a\ntasks: [a]", F "3: tasks: expected a map of tasks, found a list"},
      {"name: a\nkubernetes: x", F
       "3: kubernetes: expected a map of namespace, container, service_account and template, found a string"},
      {"name: a\nkubernetes: {container: 3}", F "3: kubernetes.container: expected a string, found a number"},
  };
  check(cases, ARRAY_LEN(cases), "version: 1\n", NULL);
}

static void test_settings(void **state) {
  (void)state;
  static const struct bad cases[] = {
      {"user: [a]", F "3: user: expected a string, found a list"},
      {"user: true", F "3: user: expected a string, found true or false"},
      {"user: ${", F "3: user: bad substitution: ${NAME} is expected; write $$ for a dollar sign"},
      {"memory: lots", F "3: memory: expected a size such as 512m or 2g, found 'lots'"},
      {"cpus: many", F "3: cpus: expected a number such as 1.5, found 'many'"},
      {"init: maybe", F "3: init: expected true or false, found 'maybe'"},
      {"init: 1", F "3: init: expected true or false, found a number"},
      {"stop_grace_period: soon",
       F "3: stop_grace_period: expected a duration such as 90s, 30m or 1h30m, found 'soon'"},
      {"entrypoint: a b", F "3: entrypoint: a string is one word; write several as a list: [a, b]"},
      {"networks: front", F "3: networks: expected a list of names, found a string"},
      {"networks: {a: {aliases: [b]}}",
       F "3: networks: 'a' cannot have settings: a one-off has no aliases and no fixed addresses"},
      {"networks: ['']", F "3: networks: the name of a network is empty"},
      {"labels: x", F "3: labels: expected a map, or a list of NAME=VALUE, found a string"},
      {"labels: {run-once.id: a}",
       F "3: labels: 'run-once.id': labels that begin with run-once. are run-once's own"},
      {"drop_env: [A=1]", F "3: drop_env: 'A=1' is not a name"},
      {"drop_env:\n  - [A]", F "4: drop_env: expected a list of strings, found a list"},
      {"cap_add: NET_ADMIN", F "3: cap_add: expected a list of strings, found a string"},
      {"extra_hosts: [a]", F "3: extra_hosts: expected HOST:ADDRESS, found 'a'"},
      {"sysctls: [a]", F "3: sysctls: 'a' has no value"},
      {"ulimits: [a]", F "3: ulimits: expected a map of numbers or of {soft, hard}, found a list"},
      {"ulimits: {nofile: x}", F "3: ulimits.nofile: expected a number (-1: unlimited), found 'x'"},
      {"ulimits: {nofile: {soft: 1}}", F "3: ulimits.nofile: expected a number, or soft and hard"},
      {"devices: [{source: a, x: 1}]", F "3: devices: expected a map of source, target and permissions"},
      {"pids_limit: -2", F "3: pids_limit: expected a number from -1, found '-2'"},
      {"mem_swappiness: 101", F "3: mem_swappiness: expected a number from 0 to 100, found '101'"},
      {"shm_size: x", F "3: shm_size: expected a size such as 512m or 2g, found 'x'"},
      {"volumes: x", F "3: volumes: expected a list of SOURCE:TARGET[:OPTIONS] or of maps, found a string"},
      {"volumes:\n  - a:/b\n  - ab:b",
       F "4: volumes: volume 'a:/b': the source 'a' is neither a path (./a) nor the name of a volume"},
      {"volumes: [3]", F "3: volumes: expected a list of SOURCE:TARGET[:OPTIONS] or of maps, found a number"},
      {"volumes:\n  - {type: bind, target: /a}", F "4: volumes: source: is missing"},
      {"volumes: [{type: cluster, target: /a}]",
       F "3: volumes: type: expected bind, volume or tmpfs, found 'cluster'"},
      {"volumes: [{type: volume, target: /a, volume: {labels: b}}]",
       F "3: volumes: unknown key 'volume.labels' of a volume"},
      {"volumes: [{type: volume, source: vv, target: /a, volume: {subpath: ../b}}]",
       F "3: volumes: subpath: '../b' is not a path inside the volume (without '..' and ',')"},
      {"volumes: [{type: volume, target: a}]", F "3: volumes: the target 'a' is not an absolute path"},
      {"volumes: [{type: volume, source: /a, target: /a}]",
       F "3: volumes: source: '/a' is a path; write type: bind"},
      {"volumes: [{type: tmpfs, target: /a, tmpfs: {size: big}}]", F "3: volumes: 'big' is not a size"},
      {"tmpfs: run", F "3: tmpfs: the target 'run' is not an absolute path"},
  };
  check(cases, ARRAY_LEN(cases), "version: 1\nname: shop\n", NULL);
}

static void test_environment(void **state) {
  (void)state;
  static const struct bad cases[] = {
      {"env: A=1", F "3: env: expected a map, or a list of NAME=VALUE, found a string"},
      {"env:\n  A: 1\n  B: [x]", F "5: env.B: expected a string or a number, found a list"},
      {"env: [7]", F "3: env: expected NAME=VALUE, found a number"},
      {"env: ['=secret']", F "3: env: the name is empty"},
      {"env: {'A=B': secret}", F "3: env: 'A=B' is not a name"},
      {"env:\n  NOT_SET:", F "4: env: NOT_SET has no value here and is not set in the environment"},
      {"env: [NOT_SET]", F "3: env: NOT_SET has no value here and is not set in the environment"},
      {"env: {A: '${NOT_SET:?is needed}'}", F "3: env.A: NOT_SET is not set: is needed"},
      {"env_file: none.env", F "3: env_file: no such file: none.env; with required: false it may be missing"},
      {"env_file: ''", F "3: env_file: the name of a file is empty"},
      {"env_file: 3",
       F "3: env_file: expected a file, a list of files, or of {path, required, format}, found a number"},
      {"env_file: [{file: a}]", F "3: env_file: unknown key 'file'; known are path, required, format"},
      {"env_file: [{required: true}]", F "3: env_file: path: is missing"},
      {"env_file: [{path: a, format: toml}]", F "3: env_file.format: expected raw, or no format at all"},
      {"env_file: [{path: a, required: 3}]",
       F "3: env_file.required: expected true or false, found a number"},
      {"env_file: {path: bad.env, format: raw}", "bad.env:2: a variable name must not contain spaces"},
  };
  write_file("bad.env", "A=1\nB C=secret\n");
  check(cases, ARRAY_LEN(cases), "version: 1\nname: shop\n", NULL);
}

static void test_tasks(void **state) {
  (void)state;
  static const struct bad cases[] = {
      {"bin/x", F "4: tasks.t: expected a map such as {command: [bin/rails, db:migrate]}, found a string"},
      {"{command: bin/x}",
       F "4: tasks.t.command: expected a list of words such as [bin/rails, db:migrate], found a "
         "string; a line for a shell goes into shell:"},
      {"{command: 7}", F "4: tasks.t.command: expected a list of words, found a number"},
      {"{command: []}", F "4: tasks.t.command: the command is empty"},
      {"{command: ['']}", F "4: tasks.t.command: the command is empty"},
      {"{command: [a, [b]]}", F "4: tasks.t.command: expected words, found a list as word 2"},
      {"{command: [a], shell: b}", F "4: tasks.t.shell: either command: or shell:, not both"},
      {"{shell: [b]}", F "4: tasks.t.shell: expected a string, found a list"},
      {"{description: b}", F "4: tasks.t: has neither command: nor shell:"},
      {"{command: [a], tty: 3}", F "4: tasks.t.tty: expected true or false, found a number"},
      {"{command: [a], timeout: soon}",
       F "4: tasks.t.timeout: expected a duration such as 90s, 30m or 1h30m, found 'soon'"},
      {"{command: [a], timeout: '${NOT_SET}'}",
       F "4: tasks.t.timeout: expected a duration such as 90s, 30m or 1h30m, found ''"},
      {"{command: [a], keep: sometimes}",
       F "4: tasks.t.keep: expected never, on-failure or always, found 'sometimes'"},
      {"{command: [a], keep: or}", F "4: tasks.t.keep: expected never, on-failure or always, found 'or'"},
      {"{command: [a], keep: fail}", F "4: tasks.t.keep: expected never, on-failure or always, found 'fail'"},
      {"{command: [a], keep: 1}", F "4: tasks.t.keep: expected never, on-failure or always, found a number"},
      {"{command: [a], spool-max: x}",
       F "4: tasks.t.spool_max: expected a size such as 512m or 2g, found 'x'"},
      {"{command: [a], lock: }", F "4: tasks.t.lock: expected a string, found nothing"},
      {"{command: [a], lock: ''}", F "4: tasks.t.lock: is empty"},
      {"{command: [a], lock: '${NOT_SET}'}", F "4: tasks.t.lock: NOT_SET is not set"},
      {"{command: [a], once: '${NOT_SET-}'}", F "4: tasks.t.once: is empty"},
      {"{command: [a], stop_grace: 1, stop-grace: 2}",
       F "4: tasks.t.stop-grace: given twice, in two spellings"},
      {"{command: [a], user: [b]}", F "4: tasks.t.user: expected a string, found a list"},
      {"{command: [a], env: {A: [b]}}", F "4: tasks.t.env.A: expected a string or a number, found a list"},
      {"{command: [a], runtime: podman}",
       F "4: tasks.t.runtime: in a task this is the OCI runtime; runtime: podman "
         "belongs at the top of the file"},
  };
  check(cases, ARRAY_LEN(cases), "version: 1\nname: shop\ntasks:\n  t: ", "t");
  static const struct bad others[] = {
      /* a task that does not run is judged too */
      {"u: {command: x}",
       F "5: tasks.u.command: expected a list of words such as [bin/rails, db:migrate], found a "
         "string; a line for a shell goes into shell:"},
      {"u: {command: [x], memory: x}", F "5: tasks.u.memory: expected a size such as 512m or 2g, found 'x'"},
      {"u: {command: [x], user: '${'}",
       F "5: tasks.u.user: bad substitution: ${NAME} is expected; write $$ for a dollar sign"},
      {"-u: {command: [x]}", F "5: tasks: '-u' cannot be the name of a task"},
      {"u: {command: [x], lock: '${NOT_SET:?}', memory: '${NOT_SET}', env: [NOT_SET], env_file: none}", ""},
  };
  check(others, ARRAY_LEN(others), "version: 1\nname: shop\ntasks:\n  t: {command: [a]}\n  ", "t");
}

static void test_unknown_task(void **state) {
  (void)state;
  const char *text = "version: 1\nname: shop\ntasks: {migrate: {command: [a]}}\n";
  assert_string_equal(complaint_of(text, "migrat"),
                      "task 'migrat': not in release.yaml; did you mean 'migrate'?");
  assert_string_equal(complaint_of(text, "zzz"),
                      "task 'zzz': not in release.yaml; run-once task lists those that are");
  assert_string_equal(complaint_of("version: 1\nname: shop\n", "a"), "task 'a': release.yaml has no tasks");
}

static void test_files(void **state) {
  (void)state;
  struct release *r;
  struct error err = ERROR_INIT;
  char *note;
  assert_int_equal(release_load("none.yaml", &r, &note, &err), -1);
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_string_equal(err.text, "none.yaml: No such file or directory");
  write_file(".env", "A=1\nB=${\n");
  const char *complaint = complaint_of("version: 1\nname: a\n", NULL);
  if (strncmp(complaint, ".env:2: ", 8) != 0) fail_msg("%s", complaint);
  assert_int_equal(unlink(".env"), 0);
}

int main(void) {
  unsetenv("NOT_SET");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_whole_file),   cmocka_unit_test(test_keys),        cmocka_unit_test(test_head),
      cmocka_unit_test(test_settings),     cmocka_unit_test(test_environment), cmocka_unit_test(test_tasks),
      cmocka_unit_test(test_unknown_task), cmocka_unit_test(test_files),
  };
  return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
