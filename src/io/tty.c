#include "io/tty.h"
#include "base/alloc.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const int FATAL[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* Global, because atexit() and signal handlers have to find it. */
static struct {
  volatile sig_atomic_t raw; /* the terminal is not as we found it */
  int fd;
  struct termios before;
  bool hooked;
  struct sigaction old[ARRAY_LEN(FATAL)];
} tty;

bool tty_all(void) {
  return isatty(0) && isatty(1) && isatty(2);
}

/* From the background tcsetattr() would stop us with SIGTTOU, unless that is blocked. */
static int set_modes(int fd, const struct termios *modes) {
  sigset_t block, old;
  int r, saved;
  sigemptyset(&block);
  sigaddset(&block, SIGTTOU);
  sigprocmask(SIG_BLOCK, &block, &old);
  while ((r = tcsetattr(fd, TCSANOW, modes)) && errno == EINTR) {
  }
  saved = errno;
  sigprocmask(SIG_SETMASK, &old, NULL);
  errno = saved;
  return r;
}

void tty_restore(void) {
  int saved = errno;
  if (tty.raw) {
    tty.raw = 0; /* first: a signal in between must not begin anew */
    set_modes(tty.fd, &tty.before);
  }
  errno = saved;
}

static void on_fatal(int signo) {
  tty_restore();
  for (size_t i = 0; i < ARRAY_LEN(FATAL); i++)
    if (FATAL[i] == signo) sigaction(signo, &tty.old[i], NULL);
  raise(signo); /* delivered when this handler returns */
}

static void hook(void) {
  struct sigaction sa = {.sa_handler = on_fatal};
  if (tty.hooked) return;
  tty.hooked = true;
  sigemptyset(&sa.sa_mask);
  atexit(tty_restore);
  for (size_t i = 0; i < ARRAY_LEN(FATAL); i++) sigaction(FATAL[i], &sa, &tty.old[i]);
}

int tty_raw(int fd, struct error *err) {
  struct termios modes;
  if (tty.raw) return 0;
  if (tcgetattr(fd, &tty.before)) return error_set(err, ERR_SYSTEM, "terminal: %s", strerror(errno));
  hook();
  modes = tty.before;
  cfmakeraw(&modes);
  modes.c_cc[VMIN] = 1;
  modes.c_cc[VTIME] = 0;
  tty.fd = fd;
  tty.raw = 1;
  if (!set_modes(fd, &modes)) return 0;
  tty.raw = 0;
  return error_set(err, ERR_SYSTEM, "terminal: %s", strerror(errno));
}

bool tty_is_raw(void) {
  return tty.raw;
}

void tty_suspend(void) {
  bool raw = tty.raw;
  int fd = tty.fd;
  tty_restore();
  raise(SIGSTOP);
  /* `bg`: the terminal is another's now. After `fg` comes one more SIGCONT, and the caller's tty_raw(). */
  if (raw && tcgetpgrp(fd) == getpgrp()) tty_raw(fd, NULL);
}

int tty_size(int fd, int *ret_rows, int *ret_cols) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size)) return -1;
  *ret_rows = size.ws_row;
  *ret_cols = size.ws_col;
  return 0;
}
