#include "job/owed.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "job/remains.h"
#include "job/remember.h"
#include <stdlib.h>

#define CREATE_FLIGHT_MS 30000 /* a create in flight is not listed yet (experiments.md section 2) */
#define START_FLIGHT_MS 10000
#define LOOK_AGAIN_MS 100
#define GIVE_UP_MS 1000 /* so long it is looked for after all: most creates in flight arrive by then */
#define RETRY_MAX_MS 2000

static enum seen seen_state(const struct container_state *s) {
  switch (s->status) {
  case STATE_CREATED:
    return s->ever_started ? SEEN_ENDED : SEEN_CREATED;
  case STATE_EXITED:
  case STATE_DEAD:
    return SEEN_ENDED;
  case STATE_REMOVING:
    return SEEN_NOTHING; /* absent in a moment */
  default:
    return SEEN_RUNNING;
  }
}

static enum seen ask(struct owed *o) {
  error_clear(&o->fault);
  if (!o->cid && o->rt->ops->find(o->rt, o->job_id, &o->cid, &o->fault))
    return o->fault.kind == ERR_MISSING ? SEEN_ABSENT : SEEN_NO_CONTACT;
  if (o->rt->ops->state(o->rt, o->cid, &o->state, &o->fault))
    return o->fault.kind == ERR_MISSING ? SEEN_ABSENT : SEEN_NO_CONTACT;
  return seen_state(&o->state);
}

static void note_contact(struct owed *o) {
  if (o->f.seen != SEEN_NO_CONTACT) {
    o->lost = 0;
    return;
  }
  struct error err = ERROR_INIT;
  if (!o->lost) o->lost = clock_ms();
  if (clock_ms() - o->lost >= o->reconnect_for) o->f.contact_over = true;
  if (o->rt->ops->connect(o->rt, &err)) trace(TRACE_JOB, "no contact: %s", err.text);
}

static void look(struct owed *o, int64_t *wait) {
  if (!o->began)
    o->began = clock_ms();
  else
    loop_pause(o->loop, *wait);
  int64_t flight = o->f.word <= WORD_CREATED ? CREATE_FLIGHT_MS : START_FLIGHT_MS;
  bool over = clock_ms() - o->began >= flight; /* told before looking: what arrived until then is seen */
  o->f.seen = ask(o);
  if (o->f.seen != SEEN_NO_CONTACT && over) o->f.flight_over = true;
  note_contact(o);
  if (o->give_up && *o->give_up && clock_ms() - o->began >= GIVE_UP_MS) o->f.give_up = true;
  *wait = *wait * 2 < RETRY_MAX_MS ? *wait * 2 : RETRY_MAX_MS;
}

/* An engine that answers, but refuses, is not asked for ever. A running container refuses, too, and is looked
 * at: that takes a moment. */
static void note_refusal(struct owed *o) {
  int64_t patience = o->reconnect_for + (o->fault.kind == ERR_CONFLICT ? START_FLIGHT_MS : 0);
  if (!o->refused) o->refused = clock_ms();
  if (clock_ms() - o->refused < patience) return;
  o->f.seen = SEEN_NO_CONTACT;
  o->f.contact_over = true;
}

/* An engine that died in the middle of a start has forgotten it, and tells "created": that it knows of no
 * start proves something only if it still knows of the create. */
static bool never_started(struct owed *o) {
  struct memory m = remember(o->rt, o->loop, o->job_id, false);
  return !m.start && (m.create || o->f.word < WORD_STARTING);
}

/* Removal without force, by id. A running container refuses it, and a start in flight finds nothing any more.
 * One that ran and ended since we looked is removed as well: the engine's memory tells, and then it is no
 * fence. */
static void take_away(struct owed *o, bool fence) {
  error_clear(&o->fault);
  if (!o->rt->ops->remove(o->rt, o->cid, false, &o->fault)) {
    o->f.seen = SEEN_ABSENT;
    o->taken = o->fault.kind != ERR_MISSING;
    if (fence) o->f.fenced = never_started(o);
  } else {
    o->f.seen = o->fault.kind == ERR_CONFLICT ? SEEN_NOTHING : SEEN_NO_CONTACT;
    if (o->fault.kind != ERR_CONFLICT) note_contact(o), o->doubt = true;
    note_refusal(o);
  }
}

/* Gone, but not by one removal that was answered: an engine that ended in the middle of one, or of a create,
 * has left the volumes, and so has somebody who removed the container alone. */
static void take_volumes(struct owed *o) {
  if (o->f.seen != SEEN_ABSENT || (o->taken && !o->doubt)) return;
  remains_of(o->rt, o->job_id);
  o->taken = true;
  o->doubt = false;
}

enum action owed_run(struct owed *o) {
  int64_t wait = LOOK_AGAIN_MS / 4;
  enum action a;
  for (;;) {
    a = job_next(&o->f);
    trace(TRACE_JOB, "word %d, seen %d: %s", (int)o->f.word, (int)o->f.seen, action_name(a));
    if (a == ACT_LOOK)
      look(o, &wait);
    else if (a == ACT_FENCE || a == ACT_REMOVE)
      take_away(o, a == ACT_FENCE);
    else
      break;
  }
  take_volumes(o);
  return a;
}

void owed_done(struct owed *o) {
  free(o->cid);
  o->cid = NULL;
}
