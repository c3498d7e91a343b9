#include "net/loop.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "net/loop_curl.h"
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SOON_MS 2000        /* so much late after a suspend is not late */
#define WAIT_MAX_MS 3600000 /* fits an int; a spurious return is harmless */

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

/* A descriptor that libcurl waits for. */
struct its_socket {
  curl_socket_t fd;
  int what; /* CURL_POLL_... */
};

struct loop {
  CURLM *multi;
  struct watch **watches;
  struct timer **timers;
  struct its_socket *sockets;
  size_t n_watches, size_watches, n_timers, size_timers, n_sockets, size_sockets;
  struct pollfd *fds;    /* what is polled: libcurl's first, then... */
  struct watch **polled; /* polled[i] belongs to fds[n_its + i], NULL is timer_fd */
  size_t size_fds, size_polled;
  unsigned n_its, n_ours;
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

/* Room for `need` elements of `each` bytes. */
static void *grow(void *p, size_t *size, size_t need, size_t each) {
  if (need <= *size) return p;
  *size = need * 2;
  return xrealloc(p, *size * each);
}

/* libcurl tells what it waits for: asking it each time would make it go through all of its transfers. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *of_socket) {
  struct loop *loop = data;
  size_t i = 0;
  (void)easy, (void)of_socket;
  while (i < loop->n_sockets && loop->sockets[i].fd != fd) i++;
  if (what == CURL_POLL_REMOVE) {
    if (i < loop->n_sockets) loop->sockets[i] = loop->sockets[--loop->n_sockets];
    return 0;
  }
  if (i == loop->n_sockets)
    loop->sockets = grow(loop->sockets, &loop->size_sockets, ++loop->n_sockets, sizeof *loop->sockets);
  loop->sockets[i] = (struct its_socket){fd, what};
  return 0;
}

static void begin_multi(struct loop *loop) {
  loop->multi = curl_multi_init();
  curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
}

void loop_ready(struct loop *loop) {
  if (loop->multi) return;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  begin_multi(loop);
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
  free(loop->sockets);
  free(loop->fds);
  free(loop->polled);
  free(loop);
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

/* For times that a suspend may reach into. Set to an earlier time it stays as it is: most timers are gone
 * before they are due. */
static void set_timer_fd(struct loop *loop, int64_t due) {
  struct itimerspec at = {.it_value = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000}};
  if (loop->timer_fd < 0 || !due || (loop->timer_set && loop->timer_set <= due)) return;
  if (due - clock_ms() < SOON_MS) return;
  timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
  loop->timer_set = due;
}

static void timer_fd_expired(struct loop *loop) {
  uint64_t times;
  if (read(loop->timer_fd, &times, sizeof times) < 0) return; /* then it is polled again */
  loop->timer_set = 0;
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

static void tell_done(struct loop *loop) {
  int n;
  CURLMsg *m;
  while ((m = curl_multi_info_read(loop->multi, &n))) {
    struct transfer *t = NULL;
    if (m->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
    t->on_done(t->data, m->data.result);
  }
}

/* The step */

/* libcurl's own times, and transfers that have just begun. */
static void perform_due(struct loop *loop) {
  long due = -1;
  int running;
  if (curl_multi_timeout(loop->multi, &due) || due != 0) return;
  curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  tell_done(loop);
}

/* A fault of the descriptor shows when it is read or written, which tells more of it. */
static int readiness(const struct pollfd *p) {
  bool fault = p->revents & (POLLERR | POLLHUP);
  int bits = 0;
  if ((p->revents & POLLIN) || (fault && (p->events & POLLIN))) bits |= CURL_CSELECT_IN;
  if ((p->revents & POLLOUT) || (fault && (p->events & POLLOUT))) bits |= CURL_CSELECT_OUT;
  return p->revents & POLLNVAL ? CURL_CSELECT_ERR : bits;
}

static void perform_ready(struct loop *loop) {
  int running;
  for (unsigned i = 0; i < loop->n_its; i++)
    if (loop->fds[i].revents)
      curl_multi_socket_action(loop->multi, loop->fds[i].fd, readiness(&loop->fds[i]), &running);
  tell_done(loop);
}

static void fill_poll(struct loop *loop) {
  size_t n = 0, ours = 0;
  loop->fds = grow(loop->fds, &loop->size_fds, loop->n_sockets + loop->n_watches + 1, sizeof *loop->fds);
  loop->polled = grow(loop->polled, &loop->size_polled, loop->n_watches + 1, sizeof(struct watch *));
  for (; n < loop->n_sockets; n++) {
    int what = loop->sockets[n].what;
    short events = (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    loop->fds[n] = (struct pollfd){.fd = events ? loop->sockets[n].fd : -1, .events = events};
  }
  loop->n_its = (unsigned)n;
  for (size_t i = 0; i < loop->n_watches; i++) {
    struct watch *w = loop->watches[i];
    if (!w->events) continue; /* poll() reports a hang-up to those who asked for nothing, too */
    loop->polled[ours++] = w;
    loop->fds[n++] = (struct pollfd){
        .fd = w->fd,
        .events = (short)((w->events & WATCH_IN ? POLLIN : 0) | (w->events & WATCH_OUT ? POLLOUT : 0)),
    };
  }
  if (loop->timer_set && loop->timer_fd >= 0) {
    loop->polled[ours++] = NULL;
    loop->fds[n++] = (struct pollfd){.fd = loop->timer_fd, .events = POLLIN};
  }
  loop->n_ours = (unsigned)ours;
}

static int wait_limit(struct loop *loop, int max_ms) {
  int64_t due = next_due(loop), ms = max_ms < 0 || max_ms > WAIT_MAX_MS ? WAIT_MAX_MS : max_ms;
  long its = -1;
  set_timer_fd(loop, due);
  if (loop->tasks) return 0;
  if (!curl_multi_timeout(loop->multi, &its) && its >= 0 && its < ms) ms = its;
  if (due) {
    int64_t left = due - clock_ms();
    if (left < 0) left = 0;
    if (left < ms) ms = left;
  }
  return (int)ms;
}

static void dispatch_watches(struct loop *loop) {
  for (unsigned i = 0; i < loop->n_ours; i++) {
    struct watch *w = loop->polled[i];
    int revents = loop->fds[loop->n_its + i].revents;
    unsigned events = 0;
    if (!w && revents) timer_fd_expired(loop);
    if (!w || w->dead || !w->events) continue;
    if (revents & ~POLLOUT) events |= WATCH_IN;
    if (revents & (POLLOUT | POLLERR)) events |= WATCH_OUT;
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
  int limit;
  assert(!loop->in_step); /* a callback that waits would stop everything else */
  loop_ready(loop);
  loop->in_step = true;
  perform_due(loop);
  limit = wait_limit(loop, max_ms);
  fill_poll(loop);
  if (poll(loop->fds, loop->n_its + loop->n_ours, limit) <= 0) /* interrupted: nothing is known of them */
    for (unsigned i = 0; i < loop->n_its + loop->n_ours; i++) loop->fds[i].revents = 0;
  perform_ready(loop);
  perform_due(loop);
  run_tasks(loop);
  dispatch_watches(loop);
  dispatch_timers(loop);
  loop->in_step = false;
  if (loop->garbage) sweep(loop);
}

void loop_pause(struct loop *loop, int64_t ms) {
  for (int64_t end = clock_ms() + ms, now; (now = clock_ms()) < end;) loop_step(loop, (int)(end - now));
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
  begin_multi(loop);
}
