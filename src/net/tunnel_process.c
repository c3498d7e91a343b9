#include "net/tunnel_process.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_MS 1000

/* Between fork and exec, where libcurl may have threads: nothing but system calls. Says errno on `report`. */
static void child(char *const argv[], int io, int log, int report, pid_t parent) {
  int null = open("/dev/null", O_RDWR), no;
  sigset_t none;
  setsid();
  process_end_with_parent();
  if (getppid() != parent) _exit(127); /* it ended before it could be told of */
  for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (io < 0) io = null;
  if (dup2(io, 0) == 0 && dup2(io, 1) == 1 && dup2(log, 2) == 2 && dup2(report, 3) == 3 &&
      fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
    close_range(4, ~0U, 0);
    execvp(argv[0], argv);
  }
  no = errno;
  if (write(3, &no, sizeof no) < 0) _exit(126);
  _exit(127);
}

/* A descriptor at or above 10, so that the child's 0 to 3 overwrite none it still needs. */
static int high(int fd) {
  int up = fcntl(fd, F_DUPFD_CLOEXEC, 10);
  close(fd);
  return up;
}

int tunnel_spawn(char *const argv[], const char *package, int io, int log, pid_t *ret, struct error *err) {
  int p[2], no = 0;
  if (pipe2(p, O_CLOEXEC))
    return error_set(err, ERR_SYSTEM, "starting %s failed: %s", argv[0], strerror(errno));
  CLEANUP_FD int reading = p[0];
  CLEANUP_FD int writing = high(p[1]);
  CLEANUP_FD int log_high = fcntl(log, F_DUPFD_CLOEXEC, 10);
  CLEANUP_FD int io_high = io < 0 ? -1 : fcntl(io, F_DUPFD_CLOEXEC, 10);
  pid_t self = getpid(), pid = fork();
  if (!pid) child(argv, io_high, log_high, writing, self);
  fd_close(&writing);
  if (pid < 0) return error_set(err, ERR_SYSTEM, "starting %s failed: %s", argv[0], strerror(errno));
  ssize_t n;
  while ((n = read(reading, &no, sizeof no)) < 0 && errno == EINTR) {
  }
  if (n == 0) {
    *ret = pid;
    return 0;
  }
  waitpid(pid, NULL, 0);
  if (no == ENOENT)
    return error_set(err, ERR_UNREACHABLE, "starting %s failed: it is not in the PATH; install it (%s)",
                     argv[0], package);
  return error_set(err, ERR_SYSTEM, "starting %s failed: %s", argv[0], strerror(no));
}

void tunnel_end(pid_t pid) {
  static const struct timespec nap = {0, 5000000};
  int64_t until = clock_ms() + END_MS;
  kill(pid, SIGTERM);
  while (waitpid(pid, NULL, WNOHANG) == 0) {
    if (clock_ms() >= until) kill(pid, SIGKILL);
    nanosleep(&nap, NULL);
  }
}
