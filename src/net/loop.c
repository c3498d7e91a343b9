#include "net/loop.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "net/loop_curl.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define WAIT_MAX_MS 3600000 /* libcurl takes no "for ever"; a spurious return is harmless */

/* A watch or timer freed during a step keeps its place, dead, until the step ends: the arrays hold still
 * while callbacks run. */
struct watch {
  struct loop *loop; /* NULL: the loop is gone */
  bool dead;
  int fd;
  unsigned events;
  watch_fn *fn;
  void *data;
};

struct timer {
  struct loop *loop;
  bool dead, fired;
  int64_t due;
  timer_fn *fn;
  void *data;
};

struct loop {
  CURLM *multi;
  struct watch **watches;
  struct timer **timers;
  size_t n_watches, size_watches, n_timers, size_timers;
  struct curl_waitfd *fds; /* what is polled; polled[i] belongs to fds[i], NULL is timer_fd */
  struct watch **polled;
  size_t size_fds, size_polled;
  struct task *tasks, **tasks_end;
  int timer_fd;      /* CLOCK_BOOTTIME: due right after a suspend, which the limit of a poll is not */
  int64_t timer_set; /* what timer_fd is set to; 0: off */
  bool in_step, garbage;
  struct interrupt interrupt;
};

struct loop *loop_new(void) {
  struct loop *loop = xcalloc(1, sizeof *loop);
  loop->tasks_end = &loop->tasks;
  loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  return loop;
}

void loop_ready(struct loop *loop) {
  if (loop->multi) return;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  loop->multi = curl_multi_init();
}

void loop_free(struct loop *loop) {
  if (!loop) return;
  assert(!loop->in_step);
  /* What is left belongs to others, who free it later. */
  for (size_t i = 0; i < loop->n_watches; i++) loop->watches[i]->loop = NULL;
  for (size_t i = 0; i < loop->n_timers; i++) loop->timers[i]->loop = NULL;
  if (loop->multi) {
    curl_multi_cleanup(loop->multi);
    curl_global_cleanup();
  }
  fd_close(&loop->timer_fd);
  free(loop->watches);
  free(loop->timers);
  free(loop->fds);
  free(loop->polled);
  free(loop);
}

/* Room for `need` elements of `each` bytes. */
static void *grow(void *p, size_t *size, size_t need, size_t each) {
  if (need <= *size) return p;
  *size = need * 2;
  return xrealloc(p, *size * each);
}

/* Watches */

struct watch *loop_watch(struct loop *loop, int fd, unsigned events, watch_fn *fn, void *data) {
  struct watch *w = xcalloc(1, sizeof *w);
  *w = (struct watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .data = data};
  loop->watches = grow(loop->watches, &loop->size_watches, loop->n_watches + 1, sizeof(struct watch *));
  loop->watches[loop->n_watches++] = w;
  return w;
}

void watch_set(struct watch *w, unsigned events) {
  w->events = events;
}

/* Frees what died; a watch or timer is found dead only here. */
static void sweep(struct loop *loop) {
  size_t k = 0;
  for (size_t i = 0; i < loop->n_watches; i++) {
    if (loop->watches[i]->dead)
      free(loop->watches[i]);
    else
      loop->watches[k++] = loop->watches[i];
  }
  loop->n_watches = k;
  k = 0;
  for (size_t i = 0; i < loop->n_timers; i++) {
    if (loop->timers[i]->dead)
      free(loop->timers[i]);
    else
      loop->timers[k++] = loop->timers[i];
  }
  loop->n_timers = k;
  loop->garbage = false;
}

static void collect(struct loop *loop) {
  loop->garbage = true;
  if (!loop->in_step) sweep(loop);
}

void watch_free(struct watch *w) {
  if (!w) return;
  if (!w->loop) {
    free(w);
    return;
  }
  w->dead = true;
  collect(w->loop);
}

/* Timers */

struct timer *loop_timer(struct loop *loop, int64_t ms, timer_fn *fn, void *data) {
  struct timer *t = xcalloc(1, sizeof *t);
  *t = (struct timer){.loop = loop, .due = clock_ms() + (ms > 0 ? ms : 0), .fn = fn, .data = data};
  loop->timers = grow(loop->timers, &loop->size_timers, loop->n_timers + 1, sizeof(struct timer *));
  loop->timers[loop->n_timers++] = t;
  return t;
}

void timer_free(struct timer *t) {
  if (!t) return;
  if (!t->loop) {
    free(t);
    return;
  }
  t->dead = true;
  collect(t->loop);
}

/* When the next timer is due; 0: there is none. */
static int64_t next_due(const struct loop *loop) {
  int64_t due = 0;
  for (size_t i = 0; i < loop->n_timers; i++) {
    const struct timer *t = loop->timers[i];
    if (!t->fired && (!due || t->due < due)) due = t->due;
  }
  return due;
}

static void set_timer_fd(struct loop *loop, int64_t due) {
  struct itimerspec at = {.it_value = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000}};
  if (loop->timer_fd < 0 || loop->timer_set == due) return;
  timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL); /* also forgets an expiry not yet read */
  loop->timer_set = due;
}

/* Tasks */

void task_queue(struct loop *loop, struct task *t) {
  if (t->queued) return;
  t->queued = true;
  t->next = NULL;
  *loop->tasks_end = t;
  loop->tasks_end = &t->next;
}

void task_cancel(struct loop *loop, struct task *t) {
  if (!t->queued) return;
  for (struct task **p = &loop->tasks; *p; p = &(*p)->next) {
    if (*p != t) continue;
    *p = t->next;
    if (!*p) loop->tasks_end = p;
    break;
  }
  t->queued = false;
}

static struct task *take_task(struct loop *loop) {
  struct task *t = loop->tasks;
  if (t) task_cancel(loop, t);
  return t;
}

/* Runs what is queued by now; a task that queues itself again has its turn in the next step. */
static void run_tasks(struct loop *loop) {
  struct task end = {.queued = false}, *t;
  task_queue(loop, &end);
  while ((t = take_task(loop)) != &end) t->fn(t->data);
}

/* Transfers */

void transfer_begin(struct loop *loop, struct transfer *t) {
  t->loop = loop;
  curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  curl_multi_add_handle(loop->multi, t->easy);
}

void transfer_end(struct transfer *t) {
  if (!t->loop) return;
  curl_multi_remove_handle(t->loop->multi, t->easy);
  t->loop = NULL;
}

static void perform(struct loop *loop) {
  int n;
  CURLMsg *m;
  curl_multi_perform(loop->multi, &n);
  while ((m = curl_multi_info_read(loop->multi, &n))) {
    struct transfer *t = NULL;
    if (m->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
    t->on_done(t->data, m->data.result);
  }
}

/* The step */

/* Does libcurl have anything to do? Going through its transfers costs a system call for each that waits. */
static bool curl_wanted(struct loop *loop, unsigned n, int ready) {
  long due = -1;
  for (unsigned i = 0; i < n; i++)
    if (loop->fds[i].revents) ready--;
  return ready > 0 || (!curl_multi_timeout(loop->multi, &due) && due == 0);
}

static unsigned fill_poll(struct loop *loop) {
  size_t n = 0, need = loop->n_watches + 1;
  loop->fds = grow(loop->fds, &loop->size_fds, need, sizeof *loop->fds);
  loop->polled = grow(loop->polled, &loop->size_polled, need, sizeof(struct watch *));
  for (size_t i = 0; i < loop->n_watches; i++) {
    struct watch *w = loop->watches[i];
    if (!w->events) continue; /* poll() reports a hang-up to those who asked for nothing, too */
    loop->polled[n] = w;
    loop->fds[n++] = (struct curl_waitfd){
        .fd = w->fd,
        .events = (short)((w->events & WATCH_IN ? CURL_WAIT_POLLIN : 0) |
                          (w->events & WATCH_OUT ? CURL_WAIT_POLLOUT : 0)),
    };
  }
  if (loop->timer_set && loop->timer_fd >= 0) {
    loop->polled[n] = NULL;
    loop->fds[n++] = (struct curl_waitfd){.fd = loop->timer_fd, .events = CURL_WAIT_POLLIN};
  }
  return (unsigned)n;
}

static int wait_limit(struct loop *loop, int max_ms) {
  int64_t due = next_due(loop), ms = max_ms < 0 || max_ms > WAIT_MAX_MS ? WAIT_MAX_MS : max_ms;
  set_timer_fd(loop, due);
  if (loop->tasks) return 0;
  if (due) {
    int64_t left = due - clock_ms();
    if (left < 0) left = 0;
    if (left < ms) ms = left;
  }
  return (int)ms;
}

static void dispatch_watches(struct loop *loop, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    struct watch *w = loop->polled[i];
    unsigned events = 0;
    if (!w || w->dead || !w->events) continue;
    if (loop->fds[i].revents & (CURL_WAIT_POLLIN | CURL_WAIT_POLLPRI)) events |= WATCH_IN;
    if (loop->fds[i].revents & CURL_WAIT_POLLOUT) events |= WATCH_OUT;
    if (events) w->fn(w->data, w->fd, events);
  }
}

static void dispatch_timers(struct loop *loop) {
  int64_t now = clock_ms();
  size_t n = loop->n_timers; /* those added by a callback wait for the next step */
  for (size_t i = 0; i < n; i++) {
    struct timer *t = loop->timers[i];
    if (t->dead || t->fired || t->due > now) continue;
    t->fired = true;
    t->fn(t->data);
  }
}

void loop_step(struct loop *loop, int max_ms) {
  int limit, ready = 0;
  unsigned n;
  assert(!loop->in_step); /* a callback that waits would stop everything else */
  loop_ready(loop);
  limit = wait_limit(loop, max_ms);
  n = fill_poll(loop);
  curl_multi_poll(loop->multi, loop->fds, n, limit, &ready);
  loop->in_step = true;
  if (curl_wanted(loop, n, ready)) perform(loop);
  run_tasks(loop);
  dispatch_watches(loop, n);
  dispatch_timers(loop);
  loop->in_step = false;
  if (loop->garbage) sweep(loop);
}

/* Waiting */

struct interrupt loop_set_interrupt(struct loop *loop, struct interrupt i) {
  struct interrupt old = loop->interrupt;
  loop->interrupt = i;
  return old;
}

enum error_kind loop_interrupted(struct loop *loop, struct error *err) {
  return loop->interrupt.fn ? loop->interrupt.fn(loop->interrupt.data, err) : ERR_NONE;
}

static void ring(void *data) {
  *(bool *)data = true;
}

enum error_kind loop_wait(struct loop *loop, const bool *done, int64_t ms, struct error *err) {
  bool late = false;
  enum error_kind kind = ERR_NONE;
  struct timer *t = ms > 0 ? loop_timer(loop, ms, ring, &late) : NULL;
  while (!*done && !late && !kind) {
    loop_step(loop, -1);
    if (!*done) kind = loop_interrupted(loop, err);
  }
  timer_free(t);
  if (kind) {
    if (err) err->kind = kind;
    return kind;
  }
  return *done ? ERR_NONE : ERR_TIMEOUT;
}

void loop_drop_connections(struct loop *loop) {
  if (!loop->multi) return;
  curl_multi_cleanup(loop->multi);
  loop->multi = curl_multi_init();
}
