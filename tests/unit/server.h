/* A small server on a Unix socket for tests of the wire: every connection is a process that runs `serve`,
 * with the number of the connection (from 0) and counters that all processes share. */
#ifndef UNIT_SERVER_H
#define UNIT_SERVER_H
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct counters {
  volatile int n[8];
};
typedef void serve_fn(int fd, int connection, struct counters *count, const void *data);

struct server {
  char dir[32], path[64], uri[80];
  pid_t pid;
  struct counters *count;
};

static inline void nap_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static inline void server_run(int fd, serve_fn *serve, struct counters *count, const void *data) {
  signal(SIGCHLD, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int i = 0;; i++) {
    int c = accept(fd, NULL, NULL);
    if (c < 0) _exit(1);
    if (!fork()) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(fd);
      serve(c, i, count, data);
      _exit(0);
    }
    close(c);
  }
}

static inline void server_start(struct server *s, serve_fn *serve, const void *data) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(s->dir, sizeof s->dir, "/tmp/run-once-unit-XXXXXX");
  if (!mkdtemp(s->dir)) abort();
  snprintf(s->path, sizeof s->path, "%s/sock", s->dir);
  snprintf(s->uri, sizeof s->uri, "unix://%s", s->path);
  snprintf(sa.sun_path, sizeof sa.sun_path, "%s", s->path);
  if (bind(fd, (struct sockaddr *)&sa, sizeof sa) || listen(fd, 16)) abort();
  s->count = mmap(NULL, sizeof *s->count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!(s->pid = fork())) server_run(fd, serve, s->count, data);
  close(fd);
}

static inline void server_stop(struct server *s) {
  kill(s->pid, SIGKILL);
  waitpid(s->pid, NULL, 0);
  munmap((void *)s->count, sizeof *s->count);
  unlink(s->path);
  rmdir(s->dir);
}

/* Reads one request (head and Content-Length bytes) into buf; 0: the peer has gone. */
static inline size_t server_request(int fd, char *buf, size_t size) {
  size_t n = 0;
  for (;;) {
    buf[n] = '\0';
    char *end = strstr(buf, "\r\n\r\n"), *len = strstr(buf, "Content-Length: ");
    if (end && n >= (size_t)(end + 4 - buf) + (len && len < end ? strtoul(len + 16, NULL, 10) : 0)) return n;
    ssize_t k = n + 1 < size ? read(fd, buf + n, size - 1 - n) : 0;
    if (k <= 0) return 0;
    n += (size_t)k;
  }
}

static inline void server_write(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
    if (k <= 0) _exit(1);
    p += k;
    n -= (size_t)k;
  }
}
#define server_puts(fd, s) server_write((fd), (s), strlen(s))
#endif
