#include "job/remember.h"
#include "base/clock.h"
#include "job/state.h"

#define REPLAY_MAX_MS 1000 /* of an engine that is slow to tell, or has forgotten */
#define END_MAX_MS 5000    /* one that has told the start remembers the end, too */
#define BEHIND_MS 100      /* what came after the create */
#define REPLAY_MS 300      /* remembered events come right behind the head */

static void on_event(void *data, enum runtime_event e, int signo, int64_t time_ns) {
  struct memory *m = data;
  (void)time_ns;
  if (e == EVENT_CREATE) m->create = true;
  if (e == EVENT_START) m->start = true;
  if (e == EVENT_DIE) m->die = true;
  if (e == EVENT_KILL && signo == JOB_STOP_NOTICE)
    m->asked = true;
  else if (e == EVENT_KILL)
    m->kill = true, m->signal = signo;
  else if (e == EVENT_STOP)
    m->kill = true;
}

struct memory remember(struct runtime *rt, struct loop *loop, const char *job_id, bool ended) {
  static const struct watch_handlers calls = {on_event};
  struct memory m = {0};
  struct error err = ERROR_INIT;
  struct event_watch *w = NULL;
  if (rt->ops->watch(rt, job_id, &calls, &m, &w, &err)) return m;
  int64_t begun = clock_ms(), told = 0;
  for (;;) {
    int64_t now = clock_ms();
    if (m.create && !told) told = now;
    bool owed = ended && m.start && !m.die;
    int64_t end = owed                                   ? begun + END_MAX_MS
                  : !told                                ? begun + REPLAY_MAX_MS
                  : told + BEHIND_MS > begun + REPLAY_MS ? told + BEHIND_MS
                                                         : begun + REPLAY_MS;
    if (now >= end) break;
    loop_step(loop, (int)(end - now));
  }
  event_watch_free(w);
  return m;
}
