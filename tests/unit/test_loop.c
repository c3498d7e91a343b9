#include "base/clock.h"
#include "descriptors.h"
#include "net/loop.h"
#include "net/loop_curl.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct seen {
  struct loop *loop;
  struct watch *watch, *other;
  struct timer *timer, *timer2;
  struct task task;
  int calls, timers, tasks;
  unsigned events;
  char order[16];
};

static void note(void *data, int fd, unsigned events) {
  struct seen *s = data;
  char c;
  s->calls++;
  s->events |= events;
  if (events & WATCH_IN) assert_true(read(fd, &c, 1) >= 0);
}

static void a_readable_descriptor_is_reported(void **state) {
  struct seen s = {.loop = loop_new()};
  int p[2];
  (void)state;
  assert_int_equal(pipe(p), 0);
  s.watch = loop_watch(s.loop, p[0], WATCH_IN, note, &s);
  loop_step(s.loop, 0);
  assert_int_equal(s.calls, 0);
  assert_int_equal(write(p[1], "x", 1), 1);
  loop_step(s.loop, -1);
  assert_int_equal(s.calls, 1);
  assert_int_equal(s.events, WATCH_IN);
  close(p[1]);
  loop_step(s.loop, -1); /* the hang-up */
  assert_int_equal(s.calls, 2);
  watch_free(s.watch);
  loop_free(s.loop);
  close(p[0]);
}

static void a_hung_up_pipe_without_interest_does_not_spin(void **state) {
  struct seen s = {.loop = loop_new()};
  int p[2];
  (void)state;
  assert_int_equal(pipe(p), 0);
  close(p[1]);
  s.watch = loop_watch(s.loop, p[0], 0, note, &s);
  int64_t begun = clock_ms();
  loop_step(s.loop, 100);
  assert_true(clock_ms() - begun >= 95);
  assert_int_equal(s.calls, 0);
  watch_set(s.watch, WATCH_IN);
  loop_step(s.loop, 100);
  assert_int_equal(s.calls, 1);
  watch_free(s.watch);
  loop_free(s.loop);
  close(p[0]);
}

static void free_both(void *data, int fd, unsigned events) {
  struct seen *s = data;
  (void)fd, (void)events;
  s->calls++;
  watch_free(s->watch);
  watch_free(s->other);
  s->watch = s->other = NULL;
}

static void a_callback_may_free_itself_and_others(void **state) {
  struct seen s = {.loop = loop_new()};
  int a[2], b[2];
  (void)state;
  assert_int_equal(pipe(a), 0);
  assert_int_equal(pipe(b), 0);
  assert_int_equal(write(a[1], "x", 1), 1);
  assert_int_equal(write(b[1], "x", 1), 1);
  s.watch = loop_watch(s.loop, a[0], WATCH_IN, free_both, &s);
  s.other = loop_watch(s.loop, b[0], WATCH_IN, free_both, &s);
  loop_step(s.loop, -1);
  assert_int_equal(s.calls, 1); /* the other was gone before its turn */
  loop_step(s.loop, 0);
  assert_int_equal(s.calls, 1);
  loop_free(s.loop);
  close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void no_interest(void *data, int fd, unsigned events) {
  struct seen *s = data;
  (void)fd, (void)events;
  s->calls++;
  watch_set(s->watch, 0);
  watch_set(s->other, 0);
}

static void interest_withdrawn_in_the_same_step_counts(void **state) {
  struct seen s = {.loop = loop_new()};
  int a[2], b[2];
  (void)state;
  assert_int_equal(pipe(a), 0);
  assert_int_equal(pipe(b), 0);
  s.watch = loop_watch(s.loop, a[1], WATCH_OUT, no_interest, &s);
  s.other = loop_watch(s.loop, b[1], WATCH_OUT, no_interest, &s);
  loop_step(s.loop, -1);
  assert_int_equal(s.calls, 1);
  watch_free(s.watch);
  watch_free(s.other);
  loop_free(s.loop);
  close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void again(void *data) {
  struct seen *s = data;
  s->timers++;
  timer_free(s->timer);
  s->timer = s->timers < 3 ? loop_timer(s->loop, 0, again, s) : NULL;
}

static void ring(void *data) {
  (*(int *)data)++;
}

static void timers_fire_once_and_not_early(void **state) {
  struct loop *loop = loop_new();
  int rung = 0;
  (void)state;
  int64_t begun = clock_ms();
  struct timer *t = loop_timer(loop, 60, ring, &rung), *never = loop_timer(loop, 20, ring, &rung);
  timer_free(never);
  loop_step(loop, 10);
  assert_int_equal(rung, 0);
  while (!rung) loop_step(loop, -1);
  assert_in_range(clock_ms() - begun, 60, 200);
  loop_step(loop, 30);
  assert_int_equal(rung, 1);
  timer_free(t);
  loop_free(loop);
}

static void a_timer_may_make_its_successor(void **state) {
  struct seen s = {.loop = loop_new()};
  (void)state;
  s.timer = loop_timer(s.loop, 0, again, &s);
  loop_step(s.loop, -1);
  assert_int_equal(s.timers, 1); /* the successor waits for the next step */
  while (s.timer) loop_step(s.loop, -1);
  assert_int_equal(s.timers, 3);
  loop_free(s.loop);
}

static void task_again(void *data) {
  struct seen *s = data;
  s->tasks++;
  if (s->tasks < 3) task_queue(s->loop, &s->task);
}

static void a_task_that_comes_again_lets_others_go_first(void **state) {
  struct seen s = {.loop = loop_new()};
  (void)state;
  s.task = (struct task){.fn = task_again, .data = &s};
  task_queue(s.loop, &s.task);
  task_queue(s.loop, &s.task);
  for (int i = 1; i <= 3; i++) {
    loop_step(s.loop, -1); /* a queued task does not wait */
    assert_int_equal(s.tasks, i);
  }
  task_queue(s.loop, &s.task);
  task_cancel(s.loop, &s.task);
  loop_step(s.loop, 0);
  assert_int_equal(s.tasks, 3);
  loop_free(s.loop);
}

static enum error_kind cancel(void *data, struct error *err) {
  int *left = data;
  if (--*left > 0) return ERR_NONE;
  error_set_text(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

static void waiting_ends_by_flag_time_or_interrupt(void **state) {
  struct loop *loop = loop_new();
  struct error err = ERROR_INIT;
  bool never = false, done = true;
  int left = 1;
  (void)state;
  assert_int_equal(loop_wait(loop, &done, 0, &err), ERR_NONE);
  assert_int_equal(loop_wait(loop, &never, 20, &err), ERR_TIMEOUT);
  struct interrupt old = loop_set_interrupt(loop, (struct interrupt){cancel, &left});
  assert_null(old.fn);
  struct timer *t = loop_timer(loop, 5, ring, &(int){0});
  assert_int_equal(loop_wait(loop, &never, 0, &err), ERR_CANCELLED);
  assert_string_equal(err.text, "interrupted");
  assert_ptr_equal(loop_set_interrupt(loop, old).fn, cancel);
  assert_int_equal(loop_interrupted(loop, &err), ERR_NONE);
  timer_free(t);
  loop_free(loop);
}

static void what_outlives_the_loop_can_be_freed(void **state) {
  struct loop *loop = loop_new();
  int p[2], rung = 0;
  (void)state;
  assert_int_equal(pipe(p), 0);
  struct watch *w = loop_watch(loop, p[0], WATCH_IN, note, NULL);
  struct timer *t = loop_timer(loop, 10, ring, &rung);
  loop_drop_connections(loop);
  loop_step(loop, 0);
  loop_free(loop);
  watch_free(w);
  timer_free(t);
  close(p[0]), close(p[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_readable_descriptor_is_reported),
      cmocka_unit_test(a_hung_up_pipe_without_interest_does_not_spin),
      cmocka_unit_test(a_callback_may_free_itself_and_others),
      cmocka_unit_test(interest_withdrawn_in_the_same_step_counts),
      cmocka_unit_test(timers_fire_once_and_not_early),
      cmocka_unit_test(a_timer_may_make_its_successor),
      cmocka_unit_test(a_task_that_comes_again_lets_others_go_first),
      cmocka_unit_test(waiting_ends_by_flag_time_or_interrupt),
      cmocka_unit_test(what_outlives_the_loop_can_be_freed),
  };
  return RUN_TESTS(tests);
}
