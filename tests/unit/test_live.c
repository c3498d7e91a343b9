/* The mark of life: held by one at a time, whoever looks on meanwhile. */
#include "job/live.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the headers it needs */
#include <cmocka.h>

static char id[32];

static int fresh(void **state) {
  (void)state;
  snprintf(id, sizeof id, "livetest%ld", (long)getpid());
  return 0;
}

static void held_until_both_are_gone(void **state) {
  (void)state;
  assert_false(live_held(id));
  int fd = live_hold(id);
  assert_true(fd >= 0);
  assert_true(live_held(id));
  assert_int_equal(live_hold(id), -1);
  assert_true(live_possible());
  int copy = dup(fd); /* the guardian's */
  close(fd);
  assert_true(live_held(id));
  close(copy); /* killed: the file stays */
  assert_false(live_held(id));
  fd = live_hold(id);
  assert_true(fd >= 0);
  live_drop(id, fd);
  assert_false(live_held(id));
}

static bool is_ours(void *data, const char *job_id, int64_t age_s) {
  ++*(int *)data;
  return !strcmp(job_id, id) && age_s < 60;
}

static bool told(const char *engine, int64_t younger_s) {
  int looked = 0;
  return live_dead(engine, younger_s, is_ours, &looked);
}

/* A mark that was left proves that its holders are dead; a live one, and none, prove nothing. */
static void the_dead_are_told(void **state) {
  (void)state;
  assert_false(live_died(id));
  int fd = live_hold(id);
  assert_false(live_died(id));
  assert_false(told(NULL, 0));
  assert_false(told("tcp://engine:1", 60));
  live_engine(fd, "tcp://engine:1");
  close(fd); /* killed */
  assert_true(live_died(id));
  assert_false(live_held(id)); /* who looks leaves it */
  assert_true(told(NULL, 0));
  assert_true(told("tcp://engine:1", 60));
  assert_false(told("tcp://engine:2", 60));
  assert_false(told("tcp://engine:10", 60));
  assert_false(told("tcp://engine:1", 0)); /* too old */
  fd = live_hold(id);
  live_forget(id); /* of the living it is not taken */
  assert_true(live_held(id));
  close(fd);
  live_forget(id);
  assert_false(live_died(id));
  assert_false(told(NULL, 0));
  fd = live_hold(id);
  close(fd); /* one that does not tell may be anybody's */
  assert_true(told("tcp://engine:1", 60));
  live_forget(id);
}

static void look_on(void) {
  for (;;) live_held(id);
}

/* Many look and many want it: never two hold it, and those who look keep nobody from it for long. */
static void never_two(void **state) {
  (void)state;
  _Atomic int *shared =
      mmap(NULL, 4 * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  _Atomic int *holders = &shared[0], *most = &shared[1], *times = &shared[2];
  pid_t lookers[2], takers[3];
  for (int i = 0; i < 2; i++)
    if (!(lookers[i] = fork())) look_on();
  for (int i = 0; i < 3; i++) {
    if ((takers[i] = fork())) continue;
    for (int k = 0; k < 400; k++) {
      int fd = live_hold(id);
      if (fd < 0) continue;
      if (++*holders > 1) ++*most;
      ++*times;
      --*holders;
      if (k % 2)
        live_drop(id, fd);
      else
        close(fd); /* as one that was killed */
    }
    _exit(0);
  }
  for (int i = 0; i < 3; i++) waitpid(takers[i], NULL, 0);
  for (int i = 0; i < 2; i++) {
    kill(lookers[i], SIGKILL);
    waitpid(lookers[i], NULL, 0);
  }
  assert_int_equal(*most, 0);
  assert_true(*times > 100);
  live_forget(id);
  munmap((void *)shared, 4 * sizeof *shared);
}

/* Nobody has it, others look: it can be had. */
static void lookers_do_not_hold(void **state) {
  (void)state;
  pid_t looker = fork();
  if (!looker) look_on();
  for (int i = 0; i < 200; i++) {
    int fd = live_hold(id);
    if (fd < 0) kill(looker, SIGKILL);
    assert_true(fd >= 0);
    close(fd);
  }
  kill(looker, SIGKILL);
  waitpid(looker, NULL, 0);
  live_forget(id);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(held_until_both_are_gone),
                                     cmocka_unit_test(the_dead_are_told), cmocka_unit_test(never_two),
                                     cmocka_unit_test(lookers_do_not_hold)};
  return cmocka_run_group_tests(tests, fresh, NULL);
}
