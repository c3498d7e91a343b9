#include "descriptors.h"
#include "io/signals.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct seen {
  int n, signo[16];
  bool stop;
};

static void note(void *data, int signo) {
  struct seen *s = data;
  s->signo[s->n++] = signo;
  if (s->stop) signals_done();
}

static void (*disposition(int signo))(int) {
  struct sigaction sa;
  assert_int_equal(sigaction(signo, NULL, &sa), 0);
  return sa.sa_handler;
}

static void signals_come_in_order_through_the_loop(void **state) {
  struct loop *loop = loop_new();
  struct seen s = {.n = 0};
  (void)state;
  assert_int_equal(signals_init(loop, false, note, &s, NULL), 0);
  raise(SIGUSR1), raise(SIGINT), raise(SIGINT), raise(SIGWINCH);
  assert_int_equal(s.n, 0); /* nothing happens inside of a handler */
  loop_step(loop, -1);
  assert_int_equal(s.n, 4);
  assert_int_equal(s.signo[0], SIGUSR1);
  assert_int_equal(s.signo[2], SIGINT);
  assert_int_equal(s.signo[3], SIGWINCH);
  signals_done();
  signals_done();
  loop_free(loop);
}

static void actions_come_back(void **state) {
  struct loop *loop = loop_new();
  struct seen s = {.n = 0};
  (void)state;
  signal(SIGHUP, SIG_IGN); /* nohup */
  signals_init(loop, false, note, &s, NULL);
  assert_true(disposition(SIGHUP) == SIG_IGN);
  assert_true(disposition(SIGPIPE) == SIG_IGN);
  assert_true(disposition(SIGTSTP) == SIG_DFL);
  assert_true(disposition(SIGTERM) != SIG_DFL);
  raise(SIGHUP);
  loop_step(loop, 0);
  assert_int_equal(s.n, 0);
  signals_done();
  assert_true(disposition(SIGHUP) == SIG_IGN);
  assert_true(disposition(SIGPIPE) == SIG_DFL);
  assert_true(disposition(SIGTERM) == SIG_DFL);
  signals_init(loop, true, note, &s, NULL);
  assert_true(disposition(SIGTSTP) != SIG_DFL);
  signals_done();
  signal(SIGHUP, SIG_DFL);
  loop_free(loop);
}

static void done_inside_of_the_callback(void **state) {
  struct loop *loop = loop_new();
  struct seen s = {.stop = true};
  (void)state;
  signals_init(loop, false, note, &s, NULL);
  raise(SIGTERM), raise(SIGTERM);
  loop_step(loop, -1);
  assert_int_equal(s.n, 1);
  loop_step(loop, 0);
  loop_free(loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signals_come_in_order_through_the_loop),
      cmocka_unit_test(actions_come_back),
      cmocka_unit_test(done_inside_of_the_callback),
  };
  return RUN_TESTS(tests);
}
