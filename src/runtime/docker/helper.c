/* Running a credential helper (docker-credential-helpers, client/): the key on its stdin, JSON or a complaint
 * on its stdout. Never through a shell; the loop turns meanwhile. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "runtime/docker/auth.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER_MS 30000
#define COMPLAINT_MAX 4096u
#define UNKNOWN_KEY "credentials not found in native keychain"

static const char not_there[] = "it is not in the PATH";

extern char **environ;

struct outlet { /* one of its two outputs */
  struct loop *loop;
  struct watch *watch;
  int fd;
  struct buf *text; /* over its cap the rest is read and dropped */
};
struct helper {
  pid_t pid;
  struct outlet out, err;
};

static void outlet_close(struct outlet *o) {
  watch_free(o->watch);
  o->watch = NULL;
  fd_close(&o->fd);
}

static void on_readable(void *data, int fd, unsigned events) {
  struct outlet *o = data;
  char piece[4096];
  ssize_t n = read(fd, piece, sizeof piece);
  (void)events;
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n > 0)
    (void)buf_append(o->text, piece, (size_t)n);
  else
    outlet_close(o);
  explicit_bzero(piece, sizeof piece);
}

static void outlet_open(struct outlet *o, struct loop *loop, int fd, struct buf *text) {
  *o = (struct outlet){.loop = loop, .fd = fd, .text = text};
  (void)fd_nonblock(fd);
  o->watch = loop_watch(loop, fd, WATCH_IN, on_readable, o);
}

/* Returns an errno. Pipes: ours are CLOEXEC, the child gets copies as 0, 1 and 2. */
static int spawn(const char *program, int in, int out, int complaints, pid_t *ret_pid) {
  char *const argv[] = {(char *)program, (char *)"get", NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t defaults;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, complaints, 2);
  posix_spawnattr_init(&attributes);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE); /* ignored by us */
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  int rc = posix_spawnp(ret_pid, program, &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return rc;
}

static int start(struct helper *h, struct loop *loop, const char *program, const char *key, struct buf *out,
                 struct buf *complaints, struct error *err) {
  int in[2], o[2], e[2], rc;
  if (pipe2(in, O_CLOEXEC) < 0) return error_set(err, ERR_SYSTEM, "pipe: %s", strerror(errno));
  if (pipe2(o, O_CLOEXEC) < 0) {
    close(in[0]), close(in[1]);
    return error_set(err, ERR_SYSTEM, "pipe: %s", strerror(errno));
  }
  if (pipe2(e, O_CLOEXEC) < 0) {
    close(in[0]), close(in[1]), close(o[0]), close(o[1]);
    return error_set(err, ERR_SYSTEM, "pipe: %s", strerror(errno));
  }
  rc = spawn(program, in[0], o[1], e[1], &h->pid);
  /* Written while we hold the reading end ourselves: no SIGPIPE, and a key fits into a pipe. */
  if (rc == 0) (void)fd_write_all(in[1], key, strlen(key));
  close(in[0]), close(in[1]), close(o[1]), close(e[1]);
  if (rc != 0) {
    close(o[0]), close(e[0]);
    return error_set(err, ERR_CONFIG, "%s", rc == ENOENT ? not_there : strerror(rc));
  }
  outlet_open(&h->out, loop, o[0], out);
  outlet_open(&h->err, loop, e[0], complaints);
  return 0;
}

/* Its exit status, or -1 with err when it was too slow or the user interrupted: then it is killed. A
 * grandchild that keeps its stdout does not hold us: what the child printed is read before its end is looked
 * at. */
static int await(struct helper *h, struct loop *loop, struct error *err) {
  int64_t until = clock_ms() + HELPER_MS;
  int status = 0, rc = 0;
  while (rc == 0) {
    pid_t gone = waitpid(h->pid, &status, WNOHANG);
    if (gone == h->pid) break;
    if (loop_interrupted(loop, err) != ERR_NONE)
      rc = -1;
    else if (clock_ms() >= until)
      rc = error_set(err, ERR_CONFIG, "it did not answer in %d s", HELPER_MS / 1000);
    else
      loop_step(loop, h->out.watch ? 50 : 5);
  }
  if (rc == 0) { /* what is still in the pipes */
    for (int i = 0; h->out.watch && i < 100; i++) on_readable(&h->out, h->out.fd, WATCH_IN);
    if (h->err.watch) on_readable(&h->err, h->err.fd, WATCH_IN);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  kill(h->pid, SIGKILL);
  while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR) {
  }
  return -1;
}

/* What it says of its failure: helpers complain on stdout, broken ones on stderr. */
static int judge(int status, const struct buf *out, const struct buf *complaints, struct error *err) {
  if (status == 0) return 1;
  /* Where posix_spawn() cannot tell that exec failed, the child ends with 127 (POSIX allows both). */
  if (status == 127 && !out->len && !complaints->len) return error_set(err, ERR_CONFIG, "%s", not_there);
  const char *said = out->len ? out->data : complaints->len ? complaints->data : "no word";
  size_t n = strcspn(said, "\r\n");
  if (n == strlen(UNKNOWN_KEY) && !strncmp(said, UNKNOWN_KEY, n)) return 0;
  return error_set(err, ERR_CONFIG, "exit status %d: %s", status, said);
}

int auth_run_helper(struct loop *loop, const char *name, const char *key, struct buf *ret,
                    struct error *err) {
  CLEANUP_FREE char *program = xprintf("docker-credential-%s", name);
  struct helper h = {.out = {.fd = -1}, .err = {.fd = -1}};
  struct buf complaints;
  if (strchr(name, '/')) return error_set(err, ERR_CONFIG, "its name holds a '/'");
  buf_init(&complaints, COMPLAINT_MAX);
  int rc = start(&h, loop, program, key, ret, &complaints, err);
  if (rc == 0) {
    int status = await(&h, loop, err);
    rc = status < 0 ? -1 : judge(status, ret, &complaints, err);
  }
  outlet_close(&h.out);
  outlet_close(&h.err);
  buf_done(&complaints);
  return rc;
}
