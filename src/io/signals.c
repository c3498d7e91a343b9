#include "io/signals.h"
#include "base/alloc.h"
#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int CAUGHT[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP};

/* A handler has no argument to find its owner by: the one state that has to be global. */
static struct {
  int fds[2]; /* self-pipe: read end in the loop, write end for the handler */
  struct watch *watch;
  signal_fn *fn;
  void *data;
  bool on, taken[ARRAY_LEN(CAUGHT)];
  struct sigaction old[ARRAY_LEN(CAUGHT)], old_pipe;
} signals = {.fds = {-1, -1}};

static void handler(int signo) {
  int saved = errno;
  unsigned char c = (unsigned char)signo;
  ssize_t n = write(signals.fds[1], &c, 1); /* a full pipe: 64 KiB of signals are not read yet */
  (void)n;
  errno = saved;
}

static void on_pipe(void *data, int fd, unsigned events) {
  unsigned char got[64];
  ssize_t n;
  (void)data, (void)events;
  n = read(fd, got, sizeof got);
  for (ssize_t i = 0; i < n && signals.on; i++) signals.fn(signals.data, got[i]);
}

int signals_init(struct loop *loop, bool tty, signal_fn *fn, void *data, struct error *err) {
  struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART}, ignore = {.sa_handler = SIG_IGN};
  if (signals.on) signals_done();
  if (pipe2(signals.fds, O_CLOEXEC | O_NONBLOCK))
    return error_set(err, ERR_SYSTEM, "no pipe for signals: %s", strerror(errno));
  signals.watch = loop_watch(loop, signals.fds[0], WATCH_IN, on_pipe, NULL);
  signals.fn = fn;
  signals.data = data;
  signals.on = true;
  sigfillset(&sa.sa_mask);
  sigemptyset(&ignore.sa_mask);
  for (size_t i = 0; i < ARRAY_LEN(CAUGHT); i++) {
    signals.taken[i] = false;
    if (CAUGHT[i] == SIGTSTP && !tty) continue;
    if (sigaction(CAUGHT[i], NULL, &signals.old[i]) || signals.old[i].sa_handler == SIG_IGN) continue;
    signals.taken[i] = !sigaction(CAUGHT[i], &sa, NULL);
  }
  sigaction(SIGPIPE, &ignore, &signals.old_pipe);
  return 0;
}

void signals_done(void) {
  if (!signals.on) return;
  signals.on = false;
  for (size_t i = 0; i < ARRAY_LEN(CAUGHT); i++)
    if (signals.taken[i]) sigaction(CAUGHT[i], &signals.old[i], NULL);
  sigaction(SIGPIPE, &signals.old_pipe, NULL);
  watch_free(signals.watch);
  fd_close(&signals.fds[0]);
  fd_close(&signals.fds[1]);
}
