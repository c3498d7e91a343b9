#include "net/podman_service.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/trace.h"
#include "net/loop_curl.h"
#include "net/tunnel_folder.h"
#include "net/tunnel_process.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds without a connection; a job that runs has some, and what comes later starts anew. */
#define IDLE "--time=60"
#define UP_MS 60000 /* its first start makes a storage, and rootless a user namespace */
#define LOOK_MS 20  /* podman does not tell when its socket is there */

struct podman_service {
  struct loop *loop;
  char *endpoint; /* for people */
  struct tunnel_folder folder;
  bool up;
  pid_t pid; /* 0: none */
  int status;
};

struct podman_service *podman_service_new(struct loop *loop, const struct endpoint *ep) {
  struct podman_service *s = xcalloc(1, sizeof *s);
  s->loop = loop;
  s->endpoint = xstrdup(ep->text);
  return s;
}

const char *podman_service_socket(const struct podman_service *s) {
  return s->folder.socket;
}

static bool lives(struct podman_service *s) {
  if (s->pid && waitpid(s->pid, &s->status, WNOHANG) == s->pid) s->pid = 0;
  return s->pid != 0;
}

/* Rootless, the process that listens is one within a user namespace, and its parent may not yet pass a TERM
 * on: whoever listens says who it is. */
static void end_listener(const struct podman_service *s) {
  struct ucred who;
  socklen_t n = sizeof who;
  CLEANUP_FD int fd = s->up ? tunnel_folder_connect(&s->folder) : -1;
  if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) && who.pid > 0) kill(who.pid, SIGTERM);
}

static void end(struct podman_service *s) {
  end_listener(s);
  if (lives(s)) tunnel_end(s->pid);
  s->pid = 0;
  s->up = false;
}

/* A line without `time="..." level=... msg="` and what closes it. */
static char *message(const char *line, size_t n) {
  CLEANUP_FREE char *text = xstrndup(line, n);
  char *msg = strstr(text, " msg=\""), *to;
  if (!msg) return xstrdup(!strncmp(text, "Error: ", 7) ? text + 7 : text);
  for (msg += 6, to = text; *msg && *msg != '"'; *to++ = *msg++)
    if (*msg == '\\' && msg[1]) msg++;
  *to = '\0';
  return TAKE(text);
}

/* "Error: ..." is why it ended; lines of its log before that may be about anything. */
char *podman_words(const char *log) {
  const char *best = NULL;
  size_t len = 0;
  for (const char *at = log; *at;) {
    size_t n = strcspn(at, "\r\n");
    bool error = !strncmp(at, "Error: ", 7);
    if (n && (error || !best || strncmp(best, "Error: ", 7) != 0)) {
      best = at;
      len = n;
    }
    at += n + strspn(at + n, "\r\n");
  }
  return best ? message(best, len) : NULL;
}

static int fault(struct podman_service *s, bool late, struct error *err) {
  struct buf log;
  tunnel_folder_read_log(&s->folder, &log);
  CLEANUP_FREE char *words = podman_words(log.len ? log.data : "");
  CLEANUP_FREE char *how = late ? xprintf("it does not listen after %d s", UP_MS / 1000)
                           : WIFSIGNALED(s->status)
                               ? xprintf("it was ended by signal %d", WTERMSIG(s->status))
                               : xprintf("it ended with status %d", WEXITSTATUS(s->status));
  buf_done(&log);
  return error_set(err, ERR_UNREACHABLE,
                   "cannot reach the engine at %s: no such socket, and starting 'podman system service' "
                   "failed: %s; 'podman info' must work here",
                   s->endpoint, words ? words : how);
}

static int spawn(struct podman_service *s, struct error *err) {
  CLEANUP_FREE char *url = xprintf("unix://%s", s->folder.socket);
  const char *argv[] = {"podman", "system", "service", IDLE, url, NULL};
  unlink(s->folder.socket);
  return tunnel_spawn((char *const *)argv, "podman", -1, s->folder.log, &s->pid, err);
}

static int await_socket(struct podman_service *s, struct error *err) {
  int64_t until = clock_ms() + UP_MS;
  bool never = false;
  for (;;) {
    CLEANUP_FD int fd = tunnel_folder_connect(&s->folder);
    if (fd >= 0) return 0;
    bool late = clock_ms() >= until;
    if (!lives(s) || late) return fault(s, late, err);
    enum error_kind kind = loop_wait(s->loop, &never, LOOK_MS, err);
    if (kind && kind != ERR_TIMEOUT) return -1;
  }
}

int podman_service_ready(struct podman_service *s, struct error *err) {
  int64_t begun = clock_ms();
  if (s->up && lives(s)) return 0;
  end(s);
  if (!s->folder.path && tunnel_folder_make(&s->folder, "podman", err)) return -1;
  tunnel_folder_clear_log(&s->folder);
  s->up = !spawn(s, err) && !await_socket(s, err);
  trace(TRACE_NET, "podman system service: %s, %lld ms", s->up ? "listens" : "does not start",
        (long long)(clock_ms() - begun));
  if (s->up) return 0;
  end(s);
  return -1;
}

void podman_service_free(struct podman_service *s) {
  if (!s) return;
  end(s);
  tunnel_folder_remove(&s->folder);
  free(s->endpoint);
  free(s);
}
