#include "descriptors.h"
#include "io/tty.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct pty {
  int master, slave;
};

static int setup(void **state) {
  struct pty *p = calloc(1, sizeof *p);
  p->master = posix_openpt(O_RDWR | O_NOCTTY);
  if (p->master < 0 || grantpt(p->master) || unlockpt(p->master)) return -1;
  p->slave = open(ptsname(p->master), O_RDWR | O_NOCTTY);
  *state = p;
  return p->slave < 0;
}

static int teardown(void **state) {
  struct pty *p = *state;
  close(p->slave);
  close(p->master);
  free(p);
  return 0;
}

static bool is_raw(struct pty *p) {
  struct termios t;
  assert_int_equal(tcgetattr(p->slave, &t), 0);
  return !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static void raw_and_back(void **state) {
  struct pty *p = *state;
  struct termios before, after;
  memset(&before, 0, sizeof before); /* glibc leaves part of them alone */
  memset(&after, 0, sizeof after);
  struct error err = ERROR_INIT;
  assert_int_equal(tcgetattr(p->slave, &before), 0);
  tty_restore(); /* nothing to do yet */
  assert_int_equal(tty_raw(p->slave, &err), 0);
  assert_true(is_raw(p));
  assert_int_equal(tty_raw(p->slave, &err), 0); /* must not take the raw modes for those to put back */
  tty_restore();
  assert_int_equal(tcgetattr(p->slave, &after), 0);
  assert_memory_equal(&before, &after, sizeof before);
  after.c_lflag &= ~(tcflag_t)ECHO; /* somebody else's change stays */
  assert_int_equal(tcsetattr(p->slave, TCSANOW, &after), 0);
  tty_restore();
  assert_int_equal(tcgetattr(p->slave, &before), 0);
  assert_false(before.c_lflag & ECHO);
}

static void no_terminal(void **state) {
  int fds[2], rows, cols;
  struct error err = ERROR_INIT;
  (void)state;
  assert_int_equal(pipe(fds), 0);
  assert_int_equal(tty_raw(fds[0], &err), -1);
  assert_string_equal(err.text, "terminal: Inappropriate ioctl for device");
  assert_int_equal(tty_size(fds[0], &rows, &cols), -1);
  close(fds[0]), close(fds[1]);
}

static void its_size(void **state) {
  struct pty *p = *state;
  struct winsize size = {.ws_row = 33, .ws_col = 121};
  int rows = 0, cols = 0;
  assert_int_equal(ioctl(p->master, TIOCSWINSZ, &size), 0);
  assert_int_equal(tty_size(p->slave, &rows, &cols), 0);
  assert_int_equal(rows, 33);
  assert_int_equal(cols, 121);
}

/* A child that owns the terminal, goes raw, and then does `fn`. */
static pid_t child(struct pty *p, void (*fn)(struct pty *p)) {
  pid_t pid = fork();
  if (pid) return pid;
  setsid();
  ioctl(p->slave, TIOCSCTTY, 0);
  if (tty_raw(p->slave, NULL)) _exit(90);
  fn(p);
  _exit(91);
}

static void do_exit(struct pty *p) {
  exit(is_raw(p) ? 7 : 92);
}

static void do_abort(struct pty *p) {
  (void)p;
  abort();
}

static void do_suspend(struct pty *p) {
  tty_suspend();
  if (!is_raw(p)) _exit(93);
  tty_restore();
  _exit(is_raw(p) ? 94 : 8);
}

static void restored_on_every_way_out(void **state) {
  struct pty *p = *state;
  int status;
  waitpid(child(p, do_exit), &status, 0);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 7);
  assert_false(is_raw(p));
  waitpid(child(p, do_abort), &status, 0);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
  assert_false(is_raw(p));
}

static void suspended_and_resumed(void **state) {
  struct pty *p = *state;
  int status;
  pid_t pid = child(p, do_suspend);
  assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
  assert_true(WIFSTOPPED(status));
  assert_false(is_raw(p)); /* the shell has it as it was */
  kill(pid, SIGCONT);
  waitpid(pid, &status, 0);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 8);
}

#define PTY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      PTY_TEST(raw_and_back),
      PTY_TEST(no_terminal),
      PTY_TEST(its_size),
      PTY_TEST(restored_on_every_way_out),
      PTY_TEST(suspended_and_resumed),
  };
  return RUN_TESTS(tests);
}
