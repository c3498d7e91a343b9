/* Events and the wait, both from the one watch of the job's pods. What a pod says is put into the words of an
 * engine's events: each happens once, in this order, and its number stands for its time, which tells a repeat
 * from news (runtime.h). */
#include "base/alloc.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/handles.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdlib.h>
#include <string.h>

/* In order: what a later look finds comes behind what was told. */
enum happening { CREATED, STARTED, DELETED, NODE_LOST, OOM, DIED, DESTROYED, HAPPENINGS };
static const enum runtime_event events[HAPPENINGS] = {
    [CREATED] = EVENT_CREATE,
    [STARTED] = EVENT_START,
    [DELETED] = EVENT_KILL, /* by which signal is not told */
    [NODE_LOST] = EVENT_NODE_LOST,
    [OOM] = EVENT_OOM,
    [DIED] = EVENT_DIE,
    [DESTROYED] = EVENT_DESTROY,
};

struct kube_event_watch {
  struct event_watch base;
  struct kube *k;
  struct kube_pods *pods;
  struct kube_pods_user user;
  const struct watch_handlers *h;
  void *data;
  struct timer *first; /* no handler is called before kube_watch_job() has returned */
  bool told[HAPPENINGS], lost, twice;
  int busy;
  bool freed;
};

/* Of the pod that counts. A deletion after the end is somebody clearing away. */
static void what_happened(const struct kube_pods *p, bool ret[HAPPENINGS]) {
  struct container_state s;
  const json_t *pod = kube_pods_first(p);
  memset(ret, 0, sizeof(bool) * HAPPENINGS);
  ret[CREATED] = true; /* a cluster forgets nothing: whatever was started is told, too */
  if (!pod) return;
  bool ended = kube_pods_status(p, &s) == KUBE_ENDED;
  bool gone = kube_pods_gone(p), began = kube_pods_began(p);
  ret[STARTED] = began;
  ret[DELETED] = began && (s.end == END_DELETED || s.end == END_EVICTED);
  ret[NODE_LOST] = !ended && kube_pods_node_lost(p);
  ret[OOM] = s.oom_killed;
  ret[DIED] = ended || (gone && began);
  ret[DESTROYED] = gone && began;
}

/* A Job's controller may make a second pod; the ticket keeps it from running. Should it run all the same,
 * everybody is told. */
static void say_twice(struct kube_event_watch *w) {
  const struct runtime_voice *v = &w->k->base.voice;
  if (w->twice || !kube_pods_twice(w->pods)) return;
  w->twice = true;
  trace(TRACE_RUNTIME, "two pods of the job have run");
  if (v->notice)
    v->notice(v->data,
              "the cluster ran the command twice: a second pod of this job was started; look at both "
              "before anything else");
}

static void tell(struct kube_event_watch *w, enum happening h) {
  w->told[h] = true;
  w->h->on_event(w->data, events[h], 0, (int64_t)h + 1);
}

static void destroy(struct kube_event_watch *w) {
  kube_pods_take_out(w->pods, &w->user);
  timer_free(w->first);
  free(w);
}

static void on_change(void *data) {
  struct kube_event_watch *w = data;
  bool happened[HAPPENINGS];
  if (w->freed || w->first) return;
  w->busy++;
  what_happened(w->pods, happened);
  for (int h = 0; h < HAPPENINGS && !w->freed; h++)
    if (happened[h] && !w->told[h]) tell(w, (enum happening)h);
  if (!w->freed) say_twice(w);
  if (!w->freed && !w->lost && kube_pods_trouble(w->pods)) {
    w->lost = true;
    w->h->on_event(w->data, EVENT_LOST, 0, 0);
  }
  w->busy--;
  if (w->freed && !w->busy) destroy(w);
}

static void on_first(void *data) {
  struct kube_event_watch *w = data;
  timer_free(TAKE(w->first));
  on_change(w);
}

static void watch_free_job(struct event_watch *base) {
  struct kube_event_watch *w = (struct kube_event_watch *)base;
  w->freed = true;
  if (!w->busy) destroy(w);
}

int kube_watch_job(struct runtime *rt, const char *job_id, const struct watch_handlers *h, void *data,
                   struct event_watch **ret, struct error *err) {
  static const struct event_watch_ops ops = {.free = watch_free_job};
  struct kube *k = (struct kube *)rt;
  struct kube_pods *p;
  if (kube_pods(k, job_id, &p, err) < 0) return -1;
  struct kube_event_watch *w = xcalloc(1, sizeof *w);
  w->base.ops = &ops;
  w->k = k;
  w->pods = p;
  w->h = h;
  w->data = data;
  w->user = (struct kube_pods_user){.on_change = on_change, .data = w};
  w->first = loop_timer(k->loop, 0, on_first, w);
  kube_pods_add(p, &w->user);
  *ret = &w->base;
  return 0;
}

/* --- the wait --- */

struct kube_wait {
  struct wait base;
  struct kube_pods *pods;
  struct kube_pods_user user;
  unsigned gone; /* pods that were gone when it began */
};

static void on_wait_change(void *data) {
  (void)data; /* whoever waits asks behind each step */
}

/* A hint: ended; or a pod vanished, or contact is lost, and somebody should look. */
static bool done(const struct wait *base) {
  const struct kube_wait *w = (const struct kube_wait *)base;
  const json_t *pod = kube_pods_first(w->pods);
  if (kube_pods_trouble(w->pods) || kube_pods_gone_count(w->pods) != w->gone) return true;
  if (!pod) return false;
  return (kube_pods_gone(w->pods) && kube_pods_began(w->pods)) ||
         kube_status(pod, kube_container(pod), NULL) == KUBE_ENDED;
}

static int exit_code(const struct wait *base) {
  struct container_state s;
  const json_t *pod = kube_pods_first(((const struct kube_wait *)base)->pods);
  return pod && kube_status(pod, kube_container(pod), &s) == KUBE_ENDED ? s.exit_code : -1;
}

static void wait_done_with(struct wait *base) {
  struct kube_wait *w = (struct kube_wait *)base;
  kube_pods_take_out(w->pods, &w->user);
  free(w);
}

/* next_exit makes no difference: a pod ends once. */
int kube_wait_begin(struct runtime *rt, const char *text, bool next_exit, struct wait **ret,
                    struct error *err) {
  static const struct wait_ops ops = {.done = done, .exit_code = exit_code, .free = wait_done_with};
  struct kube *k = (struct kube *)rt;
  struct kube_pods *p;
  struct kube_id id;
  (void)next_exit;
  if (kube_id_parse(text, &id, err) < 0 || kube_pods(k, id.job, &p, err) < 0) return -1;
  struct kube_wait *w = xcalloc(1, sizeof *w);
  w->base.ops = &ops;
  w->pods = p;
  w->gone = kube_pods_gone_count(p);
  w->user = (struct kube_pods_user){.on_change = on_wait_change, .data = w};
  kube_pods_add(p, &w->user);
  *ret = &w->base;
  return 0;
}
