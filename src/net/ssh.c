#include "net/ssh.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/trace.h"
#include "net/loop_curl.h"
#include "net/ssh_words.h"
#include "net/tunnel_folder.h"
#include "net/tunnel_process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define UP_MS 60000 /* connecting has 30 s of its own (ConnectTimeout), then keys are asked for */
#define LOOK_MS 20  /* ssh does not tell when its socket is there */
#define ARGS_MAX 40
#define DIALS_MAX 256 /* connections at once; run-once has about five */

struct ssh_tunnel {
  struct loop *loop;
  struct endpoint ep;
  struct tunnel_folder folder;
  bool up, dialing;
  pid_t pid; /* the forwarding one; 0: none */
  int status;
  int listener;
  struct watch *watch;
  pid_t dials[DIALS_MAX];
  size_t n_dials;
  struct error dial_fault; /* of starting one */
};

struct ssh_tunnel *ssh_tunnel_new(struct loop *loop, const struct endpoint *ep) {
  struct ssh_tunnel *t = xcalloc(1, sizeof *t);
  t->loop = loop;
  t->listener = -1;
  endpoint_copy(&t->ep, ep);
  return t;
}

const char *ssh_tunnel_socket(const struct ssh_tunnel *t) {
  return t->folder.socket;
}

static const char *remote_socket(const struct ssh_tunnel *t) {
  return t->ep.socket_path ? t->ep.socket_path : DEFAULT_SOCKET;
}

/* What both ways have in common. The user's configuration holds, but for what would break the tunnel: a
 * shared connection would outlive us or end under others, and words must be told apart from silence. */
static size_t common_args(const struct ssh_tunnel *t, const char **argv, const char *port) {
  static const char *const fixed[] = {"ssh",
                                      "-T",
                                      "-oConnectTimeout=30",
                                      "-oServerAliveInterval=15",
                                      "-oServerAliveCountMax=3",
                                      "-oLogLevel=INFO",
                                      "-oControlMaster=no",
                                      "-oRemoteCommand=none",
                                      "-oPermitLocalCommand=no",
                                      "-oForwardAgent=no",
                                      "-oForwardX11=no"};
  size_t n = 0;
  for (; n < ARRAY_LEN(fixed); n++) argv[n] = fixed[n];
  if (t->ep.user) {
    argv[n++] = "-l";
    argv[n++] = t->ep.user;
  }
  if (port) {
    argv[n++] = "-p";
    argv[n++] = port;
  }
  return n;
}

static char *port_text(const struct ssh_tunnel *t) {
  return t->ep.port ? xprintf("%d", t->ep.port) : NULL;
}

/* Forwarding */

static int spawn_forward(struct ssh_tunnel *t, struct error *err) {
  const char *argv[ARGS_MAX];
  CLEANUP_FREE char *port = port_text(t);
  CLEANUP_FREE char *pair = xprintf("%s:%s", t->folder.socket, remote_socket(t));
  size_t n = common_args(t, argv, port);
  argv[n++] = "-N";
  argv[n++] = "-oControlPath=none";
  argv[n++] = "-oExitOnForwardFailure=yes";
  argv[n++] = "-L";
  argv[n++] = pair;
  argv[n++] = "--";
  argv[n++] = t->ep.host;
  argv[n] = NULL;
  unlink(t->folder.socket);
  return tunnel_spawn((char *const *)argv, "openssh-client", -1, t->folder.log, &t->pid, err);
}

static bool forward_lives(struct ssh_tunnel *t) {
  if (t->pid && waitpid(t->pid, &t->status, WNOHANG) == t->pid) t->pid = 0;
  return t->pid != 0;
}

static void end_forward(struct ssh_tunnel *t) {
  if (forward_lives(t)) tunnel_end(t->pid);
  t->pid = 0;
}

/* Dialing */

static void reap_dials(struct ssh_tunnel *t) {
  size_t k = 0;
  for (size_t i = 0; i < t->n_dials; i++)
    if (waitpid(t->dials[i], &t->status, WNOHANG) == 0) t->dials[k++] = t->dials[i];
  t->n_dials = k;
}

static int spawn_dial(struct ssh_tunnel *t, int fd, pid_t *ret, struct error *err) {
  const char *argv[ARGS_MAX];
  CLEANUP_FREE char *port = port_text(t);
  CLEANUP_FREE char *command = xprintf("docker -H unix://%s system dial-stdio", remote_socket(t));
  size_t n = common_args(t, argv, port);
  argv[n++] = "-oClearAllForwardings=yes";
  argv[n++] = "--";
  argv[n++] = t->ep.host;
  argv[n++] = command;
  argv[n] = NULL;
  return tunnel_spawn((char *const *)argv, "openssh-client", fd, t->folder.log, ret, err);
}

static void on_connection(void *data, int listener, unsigned events) {
  struct ssh_tunnel *t = data;
  CLEANUP_FD int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  (void)events;
  reap_dials(t);
  if (fd < 0 || t->n_dials == DIALS_MAX) return; /* closed: the other side sees it */
  if (!spawn_dial(t, fd, &t->dials[t->n_dials], &t->dial_fault)) t->n_dials++;
}

static bool address(const char *path, struct sockaddr_un *ret) {
  *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof ret->sun_path) return false;
  memcpy(ret->sun_path, path, strlen(path) + 1);
  return true;
}

static int listen_here(struct ssh_tunnel *t, struct error *err) {
  struct sockaddr_un sa;
  if (t->listener >= 0) return 0;
  unlink(t->folder.socket);
  CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || !address(t->folder.socket, &sa) || bind(fd, (struct sockaddr *)&sa, sizeof sa) ||
      listen(fd, 64))
    return error_set(err, ERR_SYSTEM, "ssh: a socket in %s failed: %s", t->folder.path, strerror(errno));
  t->watch = loop_watch(t->loop, fd, WATCH_IN, on_connection, t);
  t->listener = fd;
  fd = -1;
  return 0;
}

static void end_dials(struct ssh_tunnel *t) {
  reap_dials(t);
  for (size_t i = 0; i < t->n_dials; i++) tunnel_end(t->dials[i]);
  t->n_dials = 0;
}

/* Coming up */

static int fault(struct ssh_tunnel *t, struct error *err) {
  struct buf log;
  tunnel_folder_read_log(&t->folder, &log);
  ssh_fault(&t->ep, log.len ? log.data : "", t->dialing || !t->pid ? t->status : -1, err);
  buf_done(&log);
  return -1;
}

static void on_readable(void *data, int fd, unsigned events) {
  (void)fd, (void)events;
  *(bool *)data = true;
}

/* Does anything come back? ssh takes every connection at once and closes it when the other end has refused.
 * 1: yes, 0: closed, -1: fault. */
static int ask(struct ssh_tunnel *t, int fd, struct error *err) {
  static const char question[] = "HEAD /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  bool ready = false;
  char byte;
  if (send(fd, question, sizeof question - 1, MSG_NOSIGNAL) < 0) return 0;
  struct watch *w = loop_watch(t->loop, fd, WATCH_IN, on_readable, &ready);
  enum error_kind kind = loop_wait(t->loop, &ready, UP_MS, err);
  watch_free(w);
  if (kind == ERR_TIMEOUT) return fault(t, err);
  if (kind) return -1;
  return recv(fd, &byte, 1, 0) > 0;
}

static int await_socket(struct ssh_tunnel *t, int *ret_fd, struct error *err) {
  int64_t until = clock_ms() + UP_MS;
  bool never = false;
  while ((*ret_fd = tunnel_folder_connect(&t->folder)) < 0) {
    if (!forward_lives(t) || clock_ms() >= until) return fault(t, err);
    enum error_kind kind = loop_wait(t->loop, &never, LOOK_MS, err);
    if (kind && kind != ERR_TIMEOUT) return -1;
  }
  return 0;
}

/* 1: up; 0: the socket there was not opened, which looks the same whether it is missing, closed to this user,
 * or sshd forwards nothing (sshd says no more); -1: fault. */
static int try_forward(struct ssh_tunnel *t, struct error *err) {
  CLEANUP_FD int fd = -1;
  if (spawn_forward(t, err)) return -1;
  int r = await_socket(t, &fd, err) ? -1 : ask(t, fd, err);
  if (!r && !forward_lives(t)) r = fault(t, err);
  if (r <= 0) end_forward(t);
  return r;
}

static int try_dial(struct ssh_tunnel *t, struct error *err) {
  t->dialing = true;
  t->dial_fault = (struct error)ERROR_INIT;
  if (listen_here(t, err)) return -1;
  CLEANUP_FD int fd = tunnel_folder_connect(&t->folder);
  int r = fd < 0 ? 0 : ask(t, fd, err);
  if (r > 0) return 0;
  for (int64_t until = clock_ms() + 1000; t->n_dials && clock_ms() < until; reap_dials(t))
    loop_step(t->loop, LOOK_MS); /* it closes first, and says why it ends then */
  if (!r && t->dial_fault.kind) {
    if (err) *err = t->dial_fault;
    r = -1;
  }
  return r ? -1 : fault(t, err);
}

static void no_more_dialing(struct ssh_tunnel *t) {
  end_dials(t);
  watch_free(t->watch);
  t->watch = NULL;
  fd_close(&t->listener);
  t->dialing = false;
}

static int come_up(struct ssh_tunnel *t, struct error *err) {
  int64_t begun = clock_ms();
  if (!t->folder.path && tunnel_folder_make(&t->folder, "ssh", err)) return -1;
  tunnel_folder_clear_log(&t->folder);
  int r = try_forward(t, err);
  if (!r) {
    trace(TRACE_NET, "ssh: the socket cannot be forwarded, trying docker system dial-stdio");
    r = try_dial(t, err) ? -1 : 1;
    if (r < 0) no_more_dialing(t);
  }
  trace(TRACE_NET, "ssh %s: %s, %lld ms", t->ep.host,
        r < 0        ? "no way"
        : t->dialing ? "each connection by dial-stdio"
                     : "socket forwarded",
        (long long)(clock_ms() - begun));
  return r < 0 ? -1 : 0;
}

int ssh_tunnel_ready(struct ssh_tunnel *t, struct error *err) {
  if (t->up && (t->dialing || forward_lives(t))) return 0;
  t->up = false;
  if (come_up(t, err)) return -1;
  t->up = true;
  return 0;
}

void ssh_tunnel_free(struct ssh_tunnel *t) {
  if (!t) return;
  end_forward(t);
  no_more_dialing(t);
  tunnel_folder_remove(&t->folder);
  endpoint_done(&t->ep);
  free(t);
}
