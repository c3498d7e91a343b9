/* One run of an exec credential plugin (k8s.io/client-go, plugin/pkg/client/auth/exec). Never through a
 * shell, in a session of its own: it can neither ask nor be hit by a ^C that is meant for the job. What it
 * prints on stdout is a secret and never quoted; of stderr the first line goes into the complaint. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/trace.h"
#include "data/hash.h"
#include "data/json.h"
#include "runtime/kube/reach.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPLAINT_MAX 4096u

extern char **environ;

#define LOOK_MS 20
int64_t kube_plugin_limit_ms = 60000; /* some ask a service on the internet, which is slow at times */

struct outlet { /* one of its two outputs */
  struct watch *watch;
  int fd;
  struct buf text; /* over its cap the rest is read and dropped */
  bool overflowed;
};
struct kube_plugin {
  struct loop *loop;
  const json_t *spec;
  kube_plugin_fn *done;
  void *data;
  pid_t pid; /* 0: not running */
  int pidfd; /* -1: the kernel has none (before 5.3), `look` asks again and again */
  struct watch *end;
  struct timer *look;
  struct timer *timer;
  struct outlet out, err;
  struct error fault; /* it could not be started */
};

static const char *command_of(const struct kube_plugin *p) {
  return json_str(p->spec, "command");
}

/* Its input: KUBERNETES_EXEC_INFO. For free(). */
static char *exec_info(const json_t *spec, const struct endpoint *ep) {
  CLEANUP_JSON json_t *info =
      json_pack("{s:s,s:s}", "apiVersion", json_str(spec, "apiVersion"), "kind", "ExecCredential");
  json_t *in = json_object_in(info, "spec");
  json_object_set_new(in, "interactive", json_false());
  if (json_is(spec, "provideClusterInfo")) {
    json_t *cluster = json_object_in(in, "cluster"), *config = json_at(spec, "cluster_config");
    const char *server = json_str(ep->context, "server"), *pem = ep->ca_data;
    struct error ignored = ERROR_INIT;
    struct buf file = {0};
    json_object_set_new(cluster, "server", json_string(server ? server : ep->text));
    if (ep->server_name) json_object_set_new(cluster, "tls-server-name", json_string(ep->server_name));
    if (!ep->verify) json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
    if (ep->proxy) json_object_set_new(cluster, "proxy-url", json_string(ep->proxy));
    if (ep->ca && file_read(ep->ca, LIMIT_CONFIG_JSON, &file, &ignored) == 0) pem = file.data;
    if (pem) {
      CLEANUP_FREE char *text = base64_encode(pem, strlen(pem));
      json_object_set_new(cluster, "certificate-authority-data", json_string(text));
    }
    buf_done(&file);
    if (config) json_object_set(cluster, "config", config);
  }
  return json_dumps(info, JSON_COMPACT);
}

/* NAME=VALUE over what is there. */
static void env_set(struct strv *env, const char *name, const char *value) {
  size_t n = strlen(name);
  char *row = xprintf("%s=%s", name, value);
  for (size_t i = 0; i < env->n; i++)
    if (!strncmp(env->v[i], name, n) && env->v[i][n] == '=') {
      free(env->v[i]);
      env->v[i] = row;
      return;
    }
  strv_take(env, row);
}

static void make_environment(struct strv *env, const json_t *spec, const struct endpoint *ep) {
  json_t *caller = json_at(spec, "environ"), *row;
  size_t i;
  strv_init(env);
  if (caller) {
    json_array_foreach(caller, i, row) strv_add(env, json_string_value(row));
  } else
    for (char **e = environ; *e; e++) strv_add(env, *e);
  json_array_foreach(json_at(spec, "env"), i, row) {
    const char *name = json_str(row, "name"), *value = json_str(row, "value");
    if (name) env_set(env, name, value ? value : "");
  }
  CLEANUP_FREE char *info = exec_info(spec, ep);
  env_set(env, "KUBERNETES_EXEC_INFO", info);
}

static void env_done(struct strv *env) {
  for (size_t i = 0; i < env->n; i++) explicit_bzero(env->v[i], strlen(env->v[i]));
  strv_done(env);
}

/* Outputs */

static void outlet_close(struct outlet *o) {
  watch_free(TAKE(o->watch));
  fd_close(&o->fd);
}

static void on_readable(void *data, int fd, unsigned events) {
  struct outlet *o = data;
  char piece[4096];
  ssize_t n = read(fd, piece, sizeof piece);
  (void)events;
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n > 0)
    o->overflowed |= buf_append(&o->text, piece, (size_t)n) < 0;
  else
    outlet_close(o);
  explicit_bzero(piece, sizeof piece);
}

/* What is in the pipe now; a grandchild that keeps it open does not hold us. */
static void outlet_drain(struct outlet *o) {
  size_t before;
  do {
    before = o->text.len;
    if (o->watch) on_readable(o, o->fd, WATCH_IN);
  } while (o->watch && o->text.len > before);
}

static void outlet_done(struct outlet *o) {
  outlet_close(o);
  if (o->text.data) explicit_bzero(o->text.data, o->text.len);
  buf_done(&o->text);
}

/* Its end */

static int judge_exit(struct kube_plugin *p, int status, struct error *err) {
  const char *said = p->err.text.len ? p->err.text.data : "";
  int n = (int)strcspn(said, "\r\n");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  if (WIFSIGNALED(status))
    return error_set(err, ERR_CONFIG, "credential plugin %s was killed by signal %d", command_of(p),
                     WTERMSIG(status));
  return error_set(err, ERR_CONFIG, "credential plugin %s failed: exit status %d%s%.*s", command_of(p),
                   WEXITSTATUS(status), n ? ": " : " without a word", n, said);
}

static json_t *read_answer(struct kube_plugin *p, struct error *err) {
  const char *want = json_str(p->spec, "apiVersion");
  if (p->out.overflowed) {
    error_set(err, ERR_CONFIG, "credential plugin %s: its answer is larger than %u KiB", command_of(p),
              LIMIT_CONFIG_JSON >> 10);
    return NULL;
  }
  struct error fault = ERROR_INIT;
  CLEANUP_JSON json_t *answer = json_parse(p->out.text.len ? p->out.text.data : "", p->out.text.len, &fault);
  if (!answer) {
    error_set(err, ERR_CONFIG, "credential plugin %s: its answer is %s", command_of(p), fault.text);
    return NULL;
  }
  const char *kind = json_str(answer, "kind"), *version = json_str(answer, "apiVersion");
  json_t *status = json_at(answer, "status");
  if (!kind || strcmp(kind, "ExecCredential") != 0 || !json_is_object(status)) {
    error_set(err, ERR_CONFIG, "credential plugin %s: its answer is no ExecCredential with a status",
              command_of(p));
    return NULL;
  }
  if (!version || strcmp(version, want) != 0) {
    error_set(err, ERR_CONFIG, "credential plugin %s: it answers in %s, the kubeconfig says apiVersion %s",
              command_of(p), version ? version : "no apiVersion", want);
    return NULL;
  }
  return json_incref(status);
}

static void reap(struct kube_plugin *p, int *ret_status) {
  while (waitpid(p->pid, ret_status, 0) < 0 && errno == EINTR) {
  }
  p->pid = 0;
}

/* The owner frees p inside of done(). */
static void on_end(void *data, int fd, unsigned events) {
  struct kube_plugin *p = data;
  struct error err = ERROR_INIT;
  int status = 0;
  (void)fd, (void)events;
  if (p->end) watch_set(p->end, 0);
  timer_free(TAKE(p->timer));
  reap(p, &status);
  outlet_drain(&p->out);
  outlet_drain(&p->err);
  CLEANUP_JSON json_t *answer = judge_exit(p, status, &err) == 0 ? read_answer(p, &err) : NULL;
  trace(TRACE_RUNTIME, "credential plugin ended: %s", answer ? "credentials" : "none");
  p->done(p->data, answer, answer ? NULL : &err);
}

static void on_look(void *data) {
  struct kube_plugin *p = data;
  siginfo_t ended = {0};
  timer_free(TAKE(p->look));
  if (!waitid(P_PID, (id_t)p->pid, &ended, WEXITED | WNOHANG | WNOWAIT) && ended.si_pid)
    on_end(p, -1, 0);
  else
    p->look = loop_timer(p->loop, LOOK_MS, on_look, p);
}

static void on_limit(void *data) {
  struct kube_plugin *p = data;
  struct error err = ERROR_INIT;
  if (p->fault.kind)
    err = p->fault;
  else
    error_set(&err, ERR_CONFIG, "credential plugin %s did not answer in %lld s", command_of(p),
              (long long)kube_plugin_limit_ms / 1000);
  p->done(p->data, NULL, &err);
}

/* Its start */

/* Returns an errno. Pipes: ours are CLOEXEC, the child gets copies as 1 and 2. */
static int spawn(struct kube_plugin *p, char *const argv[], char *const env[], int out, int complaints) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t defaults, none;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, complaints, 2);
  posix_spawnattr_init(&attributes);
  sigemptyset(&defaults);
  sigemptyset(&none);
  for (int s = 1; s <= SIGTERM; s++)
    if (s != SIGKILL) sigaddset(&defaults, s); /* some are ignored by us */
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  int rc = posix_spawnp(&p->pid, argv[0], &actions, &attributes, argv, env);
  if (rc) p->pid = 0;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return rc;
}

static int spawn_with(struct kube_plugin *p, const struct endpoint *ep, int out, int complaints) {
  struct strv argv, env;
  json_t *word;
  size_t i;
  strv_init(&argv);
  strv_add(&argv, command_of(p));
  json_array_foreach(json_at(p->spec, "args"), i, word) strv_add(&argv, json_string_value(word));
  make_environment(&env, p->spec, ep);
  int rc = spawn(p, argv.v, env.v, out, complaints);
  env_done(&env);
  strv_done(&argv);
  return rc;
}

static void outlet_open(struct kube_plugin *p, struct outlet *o, int fd) {
  o->fd = fd;
  (void)fd_nonblock(fd);
  o->watch = loop_watch(p->loop, fd, WATCH_IN, on_readable, o);
}

static void start(struct kube_plugin *p, const struct endpoint *ep) {
  int out[2], complaints[2];
  const char *hint = json_str(p->spec, "installHint");
  if (pipe2(out, O_CLOEXEC) < 0) {
    error_set(&p->fault, ERR_SYSTEM, "pipe: %s", strerror(errno));
    return;
  }
  if (pipe2(complaints, O_CLOEXEC) < 0) {
    close(out[0]), close(out[1]);
    error_set(&p->fault, ERR_SYSTEM, "pipe: %s", strerror(errno));
    return;
  }
  int rc = spawn_with(p, ep, out[1], complaints[1]);
  close(out[1]), close(complaints[1]);
  outlet_open(p, &p->out, out[0]);
  outlet_open(p, &p->err, complaints[0]);
  if (rc == 0 && (p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0)) < 0 && errno != ENOSYS) rc = errno;
  if (rc) {
    error_set(&p->fault, ERR_CONFIG, "credential plugin %s cannot be started: %s%s%s", command_of(p),
              strerror(rc), hint ? "; " : "", hint ? hint : "");
    return;
  }
  if (p->pidfd >= 0)
    p->end = loop_watch(p->loop, p->pidfd, WATCH_IN, on_end, p);
  else
    p->look = loop_timer(p->loop, LOOK_MS, on_look, p);
}

struct kube_plugin *kube_plugin_begin(struct loop *loop, const json_t *spec, const struct endpoint *ep,
                                      kube_plugin_fn *done, void *data) {
  struct kube_plugin *p = xcalloc(1, sizeof *p);
  *p = (struct kube_plugin){.loop = loop, .spec = spec, .done = done, .data = data, .pidfd = -1};
  p->out.fd = p->err.fd = -1;
  buf_init(&p->out.text, LIMIT_CONFIG_JSON);
  buf_init(&p->err.text, COMPLAINT_MAX);
  trace(TRACE_RUNTIME, "credential plugin %s", command_of(p));
  start(p, ep);
  p->timer = loop_timer(loop, p->fault.kind ? 0 : kube_plugin_limit_ms, on_limit, p);
  return p;
}

void kube_plugin_free(struct kube_plugin *p) {
  int status;
  if (!p) return;
  if (p->pid) {
    kill(-p->pid, SIGKILL); /* its session's group: what it started, too */
    reap(p, &status);
  }
  watch_free(p->end);
  timer_free(p->look);
  timer_free(p->timer);
  fd_close(&p->pidfd);
  outlet_done(&p->out);
  outlet_done(&p->err);
  free(p);
}
