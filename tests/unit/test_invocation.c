/* Release file, task, variables and command line put together; no engine is asked. */
#include "base/alloc.h"
#include "base/fd.h"
#include "cli/invocation.h"
#include "descriptors.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test-invocation-XXXXXX";

struct built {
  struct cli c;
  struct invocation inv;
  struct strv words;
  char **argv;
  struct error err;
};

static int build(struct built *b, enum command_id id, const char *const *words) {
  int first;
  bool dashes;
  memset(b, 0, sizeof *b);
  options_init(&b->c.opts);
  b->c.command = &commands[id];
  for (; *words; words++) strv_add(&b->words, *words);
  b->argv = xcalloc(b->words.n + 1, sizeof *b->argv);
  for (size_t i = 0; i < b->words.n; i++) b->argv[i] = b->words.v[i];
  assert_int_equal(
      options_parse(&b->c.opts, 1u << id, true, (int)b->words.n, b->argv, &first, &dashes, &b->err), 0);
  assert_int_equal(options_environment(&b->c.opts, 1u << id, &b->err), 0);
  b->c.argc = (int)b->words.n - first;
  b->c.argv = b->argv + first;
  return invocation_build(&b->inv, &b->c, &b->err);
}
#define BUILD(b, id, ...) build((b), (id), (const char *const[]){__VA_ARGS__, NULL})

static void done(struct built *b) {
  invocation_done(&b->inv);
  options_done(&b->c.opts);
  strv_done(&b->words);
  free(b->argv);
}

static void refused(enum command_id id, const char *const *words, const char *text) {
  struct built b;
  assert_int_equal(build(&b, id, words), -1);
  assert_string_equal(b.err.text, text);
  done(&b);
}
#define REFUSED(id, text, ...) refused((id), (const char *const[]){__VA_ARGS__, NULL}, (text))

static void write_file(const char *name, const char *text) {
  struct error err = ERROR_INIT;
  assert_int_equal(file_replace(name, text, strlen(text), &err), 0);
}

static const char *env_of(const struct settings *s, const char *name, const char **ret_origin) {
  for (size_t i = 0; i < s->n_env; i++)
    if (strcmp(s->env[i].name, name) == 0) {
      if (ret_origin) *ret_origin = s->env[i].origin;
      return s->env[i].value;
    }
  return NULL;
}

static void layers_of_environment(void **state) {
  (void)state;
  struct built b;
  const char *origin;
  write_file("vars", "C=file\nD=file\n");
  setenv("FROM_CALLER", "caller", 1);
  assert_int_equal(BUILD(&b, CMD_TASK, "--env-file", "vars", "-eD=line", "-eFROM_CALLER", "migrate", "-eX=1"),
                   0);
  const struct settings *s = &b.inv.settings;
  assert_string_equal(env_of(s, "A", NULL), "file-wide");
  assert_string_equal(env_of(s, "B", NULL), "task");
  assert_string_equal(env_of(s, "C", &origin), "file");
  assert_string_equal(origin, "--env-file vars:1");
  assert_string_equal(env_of(s, "D", &origin), "line");
  assert_string_equal(origin, "--env");
  assert_string_equal(env_of(s, "FROM_CALLER", NULL), "caller");
  assert_null(env_of(s, "X", NULL));
  assert_int_equal(s->argv.n, 3); /* what follows NAME is the task's */
  assert_string_equal(s->argv.v[2], "-eX=1");
  assert_string_equal(b.inv.request.lock, "schema");
  assert_int_equal(b.inv.request.timeout, 1800000); /* the task's, over defaults: */
  assert_int_equal(b.inv.request.keep, KEEP_ON_FAILURE);
  done(&b);
  REFUSED(CMD_RUN, "--env NOT_SET_HERE: the variable is not set; write --env NOT_SET_HERE=VALUE or set it",
          "-e", "NOT_SET_HERE", "ls");
}

static void the_contracts_defaults(void **state) {
  (void)state;
  struct built b;
  assert_int_equal(BUILD(&b, CMD_RUN, "--image", "i", "ls"), 0);
  const struct job_request *r = &b.inv.request;
  assert_int_equal(r->start_timeout, 600000);
  assert_int_equal(r->reconnect_for, 300000);
  assert_int_equal(r->idle_timeout, 0);
  assert_int_equal(r->stop_grace, -1);
  assert_int_equal(r->keep_for, 86400000);
  assert_int_equal(r->once_keep, 30LL * 86400000);
  assert_int_equal(r->once_output, 1 << 20);
  assert_int_equal(r->spool_max, 64 << 20);
  assert_int_equal(r->lock_wait, 300000);
  assert_int_equal(r->if_locked, LOCKED_FAIL);
  assert_int_equal(r->pull, PULL_MISSING);
  assert_false(r->disconnect_stop || r->epipe_stop || r->detach || r->quiet);
  assert_string_equal(r->detach_keys, "ctrl-p,ctrl-q");
  assert_int_equal(b.inv.settings.log_max, 100 << 20);
  assert_string_equal(b.inv.settings.image, "i"); /* with the file's from: as the source */
  assert_string_equal(b.inv.settings.source.text, "container/web");
  assert_string_equal(b.inv.endpoint.text, "unix:///nowhere.sock");
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "--lock", "a", "--lock-wait=1m", "ls"), 0);
  assert_int_equal(b.inv.request.if_locked, LOCKED_WAIT);
  done(&b);
}

static void the_source(void **state) {
  (void)state;
  struct built b;
  assert_int_equal(BUILD(&b, CMD_RUN, "--from", "image/x:1", "ls"), 0);
  assert_string_equal(b.inv.settings.source.text, "image/x:1");
  assert_null(b.inv.settings.image); /* from: and image: of the file are both replaced */
  assert_int_equal(b.inv.notes.n, 1);
  done(&b);
  REFUSED(
      CMD_RUN,
      "source 'nonsense': expected KIND/NAME, such as image/nonsense, container/nonsense or compose/nonsense",
      "--from", "nonsense", "ls");
}

static void the_command(void **state) {
  (void)state;
  struct built b;
  assert_int_equal(BUILD(&b, CMD_RUN, "--shell", "echo $X; exit 3"), 0);
  assert_int_equal(b.inv.settings.argv.n, 3);
  assert_string_equal(b.inv.settings.argv.v[0], "/bin/sh");
  assert_string_equal(b.inv.settings.argv.v[2], "echo $X; exit 3");
  done(&b);
  assert_int_equal(BUILD(&b, CMD_PLAN, "--task", "migrate", "more"), 0);
  assert_int_equal(b.inv.settings.argv.n, 3);
  assert_string_equal(b.inv.settings.argv.v[2], "more");
  done(&b);
  REFUSED(CMD_RUN, "--shell: takes one word, 2 were given; quote the whole script", "--shell", "a", "b");
  REFUSED(CMD_RUN, "COMMAND: it is an empty word", "");
  REFUSED(CMD_RUN, "run: no COMMAND given; write run-once run [OPTIONS] -- COMMAND [ARG...]", "-q");
}

/* stdin of the test is no terminal: it is made so in main(). */
static void streams(void **state) {
  (void)state;
  struct built b;
  assert_int_equal(BUILD(&b, CMD_RUN, "ls"), 0);
  assert_false(b.inv.settings.tty || b.inv.settings.open_stdin);
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "-i", "cat"), 0);
  assert_true(b.inv.settings.open_stdin && b.inv.request.disconnect_stop);
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "-t", "sh"), 0); /* a terminal, but nothing to feed it from */
  assert_true(b.inv.settings.tty && !b.inv.settings.open_stdin);
  done(&b);
  assert_int_equal(BUILD(&b, CMD_TASK, "load"), 0); /* stdin: true */
  assert_true(b.inv.settings.open_stdin);
  done(&b);
  assert_int_equal(BUILD(&b, CMD_TASK, "-n", "load"), 0);
  assert_false(b.inv.settings.open_stdin);
  done(&b);
  assert_int_equal(BUILD(&b, CMD_TASK, "-T", "console"), 0); /* tty: true */
  assert_false(b.inv.settings.tty);
  done(&b);
  REFUSED(CMD_RUN, "-t with -i: stdin is not a terminal; leave out -t, or add -T to a task with tty:", "-ti",
          "sh");
  REFUSED(CMD_RUN, "--detach: input cannot be forwarded; leave out -i", "-di", "cat");
}

static void detach_keys_of_docker(void **state) {
  (void)state;
  struct built b;
  setenv("DOCKER_CONFIG", folder, 1);
  write_file("config.json", "{\"detachKeys\": \"ctrl-x\"}");
  assert_int_equal(BUILD(&b, CMD_RUN, "-t", "sh"), 0);
  assert_string_equal(b.inv.request.detach_keys, "ctrl-x");
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "-t", "--detach-keys", "ctrl-q", "sh"), 0);
  assert_string_equal(b.inv.request.detach_keys, "ctrl-q");
  done(&b);
  write_file("config.json", "{");
  assert_int_equal(BUILD(&b, CMD_RUN, "-t", "sh"), 0);
  assert_string_equal(b.inv.request.detach_keys, "ctrl-p,ctrl-q");
  done(&b);
  unlink("config.json");
}

static void the_copy(void **state) {
  (void)state;
  struct built b;
  assert_int_equal(BUILD(&b, CMD_RUN, "--entrypoint", "", "--network", "a", "--network", "b", "--network",
                         "a", "-m1g", "--cpus=1.5", "--init=false", "-v", "data:/data:ro", "-u", "0:0",
                         "--stop-grace", "3s", "ls"),
                   0);
  const struct settings *s = &b.inv.settings;
  assert_true(s->entrypoint_set && s->entrypoint.n == 0);
  assert_true(s->networks_set && s->networks.n == 2);
  assert_int_equal(s->memory, 1 << 30);
  assert_int_equal(s->nano_cpus, 1500000000);
  assert_int_equal(s->init, TRI_NO);
  assert_string_equal(s->user, "0:0");
  assert_int_equal(s->stop_grace_ms, 3000);
  assert_int_equal(s->n_mounts, 1);
  assert_string_equal(s->mounts[0].target, "/data");
  done(&b);
}

static void where(void **state) {
  (void)state;
  struct built b;
  setenv("RUN_ONCE_CONTEXT", "nosuch", 1); /* the command line wins over the variable */
  assert_int_equal(BUILD(&b, CMD_RUN, "--host", "unix:///other.sock", "ls"), 0);
  assert_string_equal(b.inv.endpoint.text, "unix:///other.sock");
  done(&b);
  unsetenv("RUN_ONCE_CONTEXT");
  assert_int_equal(BUILD(&b, CMD_RUN, "--host", "unix:///a", "--context", "b", "ls"), -1);
  assert_int_equal(b.err.kind, ERR_USAGE);
  done(&b);
}

/* What the source says, else docker; options of the other kind are refused. */
static void kind(void **state) {
  (void)state;
  struct built b;
  char path[sizeof folder + 16];
  snprintf(path, sizeof path, "%s/config", folder);
  write_file("config", "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: "
                       "{server: https://k.example:6443}\n"
                       "contexts:\n- name: a\n  context: {cluster: c, namespace: shop}\n");
  if (BUILD(&b, CMD_RUN, "--from", "deployment/web", "--kubeconfig", path, "ls")) fail_msg("%s", b.err.text);
  assert_string_equal(b.inv.kind, "kubernetes");
  assert_string_equal(b.inv.endpoint.text, "https://k.example:6443");
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "--runtime", "kubernetes", "--image", "x", "--kubeconfig", path, "ls"),
                   0);
  assert_string_equal(b.inv.kind, "kubernetes");
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "--image", "x", "--host", "unix:///s", "ls"), 0);
  assert_string_equal(b.inv.kind, "docker");
  done(&b);
  REFUSED(CMD_RUN,
          "--namespace: only for Kubernetes; add --runtime kubernetes, or a source such as deployment/NAME",
          "--image", "x", "-N", "shop", "ls");
  REFUSED(CMD_RUN, "--host: not for Kubernetes; use --kubeconfig and --context", "--from", "pod/x", "--host",
          "unix:///s", "ls");
  /* A pod's template of one's own is a release where there are pods. */
  write_file("own.yaml", "version: 1\nname: shop\nkubernetes: {template: job.yaml}\n");
  if (BUILD(&b, CMD_RUN, "--release", "own.yaml", "--runtime", "kubernetes", "--kubeconfig", path, "ls"))
    fail_msg("%s", b.err.text);
  assert_null(b.inv.settings.image);
  assert_non_null(strstr(b.inv.settings.kube.template_file, "job.yaml"));
  done(&b);
  assert_int_equal(BUILD(&b, CMD_RUN, "--release", "own.yaml", "--host", "unix:///s", "ls"), -1);
  assert_non_null(
      strstr(b.err.text, "job.yaml is read on Kubernetes only; add runtime: kubernetes, or from: or image:"));
  done(&b);
  unlink("own.yaml");
  unlink("config");
}

static int enter(void **state) {
  (void)state;
  if (!mkdtemp(folder) || chdir(folder) < 0) return -1;
  write_file(
      "release.yaml",
      "version: 1\nname: shop\nfrom: container/web\nimage: shop:1\nenv: {A: file-wide, B: file-wide}\n"
      "defaults: {timeout: 1h, keep: on-failure}\ntasks:\n"
      "  migrate: {command: [bin/rails, db:migrate], lock: schema, timeout: 30m, env: {B: task, C: task}}\n"
      "  load: {command: [bin/load], stdin: true}\n  console: {command: [sh], tty: true}\n");
  return 0;
}

static int leave(void **state) {
  (void)state;
  unlink("release.yaml");
  unlink("vars");
  return chdir("/") < 0 || rmdir(folder) < 0 ? -1 : 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_of_environment),
      cmocka_unit_test(the_contracts_defaults),
      cmocka_unit_test(the_source),
      cmocka_unit_test(the_command),
      cmocka_unit_test(streams),
      cmocka_unit_test(the_copy),
      cmocka_unit_test(where),
      cmocka_unit_test(kind),
      cmocka_unit_test(detach_keys_of_docker),
  };
  setenv("DOCKER_HOST", "unix:///nowhere.sock", 1);
  if (!freopen("/dev/null", "r", stdin) || enter(NULL) < 0) return 99;
  int failed = RUN_TESTS(tests);
  return leave(NULL) < 0 ? 98 : failed;
}
