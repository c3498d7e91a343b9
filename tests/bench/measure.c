/* Runs a command and prints what it cost, as one JSON object: wall time, CPU of the command and of every
 * child it waited for, peak memory of the largest of these processes.
 *
 *   measure [--in FILE|zero:BYTES] [--out pipe|FILE] [--many N] [--pss] [--first SOCKET] -- COMMAND [ARG...]
 *
 * Without --in the command's stdin is /dev/null, without --out its output is. `pipe` reads both streams as
 * fast as can be and counts them. --many starts N at once. --pss looks at the memory of all descendants ten
 * times a second, shared pages counted in parts. --first listens at SOCKET, measures until the first byte of
 * a request arrives there, and ends the command.
 *
 * It is small and linked static for a reason: ru_maxrss survives exec, so that a larger parent (a Python,
 * say) would pass its own size off as the child's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_MS 100
#define MANY_MAX 1000

struct options {
  const char *in, *out, *first;
  int many;
  bool pss;
  char **argv;
};

struct sums {
  double cpu_ms, first_ms;
  long rss_kib, pss_kib, bytes[2];
  int failures, status;
};

static void die(const char *what) {
  fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
  exit(125);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A process of its own that writes zeros: its cost is nobody's. Returns what the command reads from. */
static int zeros(long long n) {
  int p[2];
  static char piece[1 << 16];
  if (pipe2(p, O_CLOEXEC)) die("pipe");
  fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid) {
    close(p[1]);
    return p[0];
  }
  close(p[0]);
  while (n > 0) {
    ssize_t k = write(p[1], piece, n < (long long)sizeof piece ? (size_t)n : sizeof piece);
    if (k <= 0) break;
    n -= k;
  }
  _exit(0);
}

static int open_input(const struct options *o) {
  if (o->in && !strncmp(o->in, "zero:", 5)) return zeros(atoll(o->in + 5));
  int fd = open(o->in ? o->in : "/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(o->in);
  return fd;
}

static pid_t start(const struct options *o, int in, int out, int err) {
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid) return pid;
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  execvp(o->argv[0], o->argv);
  _exit(127);
}

/* splice() to /dev/null: reading costs next to nothing. False at the end of the stream. */
static bool drain(int fd, int null, long *bytes) {
  ssize_t k = splice(fd, NULL, null, NULL, 1 << 20, SPLICE_F_NONBLOCK);
  if (k < 0) return errno == EAGAIN || errno == EINTR;
  *bytes += k;
  return k > 0;
}

static void read_streams(int out, int err, struct sums *s) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  struct pollfd p[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  while (p[0].fd >= 0 || p[1].fd >= 0) {
    if (poll(p, 2, -1) < 0 && errno != EINTR) die("poll");
    for (int i = 0; i < 2; i++)
      if (p[i].fd >= 0 && p[i].revents && !drain(p[i].fd, null, &s->bytes[i])) p[i].fd = -1;
  }
  close(null);
}

static long parent_of(const char *pid) {
  char path[300], text[512];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  FILE *f = fopen(path, "re");
  if (!f) return -1;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = '\0';
  char *end = strrchr(text, ')');
  return end && strlen(end) > 4 ? atol(end + 4) : -1;
}

static long pss_of(const char *pid) {
  char path[300], line[256];
  long kib = 0;
  snprintf(path, sizeof path, "/proc/%s/smaps_rollup", pid);
  FILE *f = fopen(path, "re");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "Pss: %ld", &kib) == 1) break;
  if (f) fclose(f);
  return kib;
}

/* All processes below this one: children of children, too (a guardian). */
static long pss_below(void) {
  static struct {
    long pid, parent;
    bool ours;
  } all[1 << 15];
  size_t n = 0;
  long sum = 0;
  DIR *d = opendir("/proc");
  for (struct dirent *e; d && (e = readdir(d));)
    if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && n < sizeof all / sizeof *all) {
      all[n].pid = atol(e->d_name);
      all[n].parent = parent_of(e->d_name);
      all[n++].ours = false;
    }
  if (d) closedir(d);
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < n; i++) {
      bool ours = all[i].parent == getpid();
      for (size_t k = 0; k < n && !ours; k++) ours = all[k].ours && all[k].pid == all[i].parent;
      if (ours && !all[i].ours) all[i].ours = more = true;
    }
  }
  for (size_t i = 0; i < n; i++) {
    char pid[24];
    if (!all[i].ours) continue;
    snprintf(pid, sizeof pid, "%ld", all[i].pid);
    sum += pss_of(pid);
  }
  return sum;
}

static void reaped(int status, const struct rusage *u, struct sums *s) {
  s->cpu_ms += (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e3 +
               (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e3;
  if (u->ru_maxrss > s->rss_kib) s->rss_kib = u->ru_maxrss;
  s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (s->status) s->failures++;
}

static void reap(const struct options *o, const pid_t *pids, struct sums *s) {
  for (int left = o->many; left;) {
    int status, flags = o->pss ? WNOHANG : 0;
    bool found = false;
    for (int i = 0; i < o->many; i++) { /* by pid: the feeder of stdin is not counted */
      struct rusage u;
      if (wait4(pids[i], &status, flags, &u) != pids[i]) continue;
      reaped(status, &u, s);
      left--;
      found = true;
    }
    if (!o->pss || found || !left) continue;
    long kib = pss_below();
    if (kib > s->pss_kib) s->pss_kib = kib;
    usleep(SAMPLE_MS * 1000);
  }
}

static int listen_at(const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  unlink(path);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16)) die(path);
  return fd;
}

/* A connection that brings no byte is somebody who only looks whether the socket is alive. */
static double first_byte(int listener) {
  char c;
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) die("accept");
    ssize_t k = read(fd, &c, 1);
    double at = now_ms();
    if (k == 1) return at;
    close(fd);
  }
}

static void measure(const struct options *o) {
  struct sums s = {0};
  pid_t pids[MANY_MAX];
  int out[2] = {-1, -1}, err[2] = {-1, -1}, in = open_input(o);
  bool piped = o->out && !strcmp(o->out, "pipe");
  int listener = o->first ? listen_at(o->first) : -1;
  if (piped) {
    if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) die("pipe");
    fcntl(out[1], F_SETPIPE_SZ, 1 << 20);
    fcntl(err[1], F_SETPIPE_SZ, 1 << 20);
  } else {
    out[1] = open(o->out ? o->out : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out[1] < 0) die(o->out);
    err[1] = dup(out[1]);
    fcntl(err[1], F_SETFD, FD_CLOEXEC);
  }
  double begun = now_ms();
  for (int i = 0; i < o->many; i++) pids[i] = start(o, in, out[1], err[1]);
  close(in);
  close(out[1]);
  close(err[1]);
  if (o->first) {
    s.first_ms = first_byte(listener) - begun;
    kill(pids[0], SIGKILL);
    unlink(o->first);
  }
  if (piped) read_streams(out[0], err[0], &s);
  reap(o, pids, &s);
  printf("{\"wall_ms\": %.3f, \"cpu_ms\": %.3f, \"rss_kib\": %ld, \"pss_kib\": %ld, \"first_ms\": %.3f, "
         "\"status\": %d, \"failures\": %d, \"out\": %ld, \"err\": %ld}\n",
         now_ms() - begun, s.cpu_ms, s.rss_kib, s.pss_kib, s.first_ms, s.status, s.failures, s.bytes[0],
         s.bytes[1]);
}

int main(int argc, char **argv) {
  struct options o = {.many = 1};
  int i = 1;
  for (; i < argc && strcmp(argv[i], "--"); i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "--pss"))
      o.pss = true;
    else if (!strcmp(argv[i], "--in"))
      o.in = value, i++;
    else if (!strcmp(argv[i], "--out"))
      o.out = value, i++;
    else if (!strcmp(argv[i], "--first"))
      o.first = value, i++;
    else if (!strcmp(argv[i], "--many"))
      o.many = atoi(value), i++;
  }
  o.argv = argv + i + 1;
  if (i + 1 >= argc || o.many < 1 || o.many > MANY_MAX) {
    fprintf(stderr, "usage: measure [OPTION...] -- COMMAND [ARG...]\n");
    return 125;
  }
  measure(&o);
  return 0;
}
