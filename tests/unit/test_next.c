/* Every order of lost answers, deaths, engine restarts, interference and ends of the command, over the real
 * transition function (job/next.c) and the real verdict (job/verdict.c). The world below is the engine:
 * requests that are lost may have arrived, arrive later, or never. What must hold in every end: the command
 * ran at most once; no outcome says that it never began when it ran, nor that it ended when it did not;
 *   "succeeded" only for an end by itself; at most one outcome line; after settling no container is left.
 * Broken variants of the function must be caught: they show that the search can fail. */
#include "descriptors.h"
#include "job/next.h"
#include "job/verdict.h"
#include <stdlib.h>
#include <string.h>

enum container { NEVER_THERE, CREATED, RUNNING, ENDED, REMOVED };
enum actor { LAUNCHER, GUARDIAN, SETTLER, NOBODY };

struct world {
  unsigned char container, runs;
  unsigned char create_flight, start_flight; /* sent, may still arrive */
  unsigned char outside, restarted;          /* how it was ended, if not by itself */
  unsigned char word, actor;
  unsigned char never, end, success, unknown; /* outcome lines */
  unsigned char faults, deaths, meddling;     /* how many more */
  struct facts f;
};

typedef enum action next_fn(const struct facts *f);

static next_fn *next;
static const char *broken_rule; /* the first that was broken; NULL: all hold */
static unsigned long states;

/* --- the set of worlds already seen --- */
#define KEY_SIZE 32
#define TABLE (1u << 18)
static unsigned char (*seen_table)[KEY_SIZE];
static unsigned char *seen_used;

/* Field by field: padding has no value. */
static void key_of(const struct world *w, unsigned char key[KEY_SIZE]) {
  const struct facts *f = &w->f;
  const unsigned char fields[] = {
      w->container,
      w->runs,
      w->create_flight,
      w->start_flight,
      w->outside,
      w->restarted,
      w->word,
      w->actor,
      w->never,
      w->end,
      w->success,
      w->unknown,
      w->faults,
      w->deaths,
      w->meddling,
      (unsigned char)f->word,
      (unsigned char)f->seen,
      f->forward,
      f->flight_over,
      f->fenced,
      f->recorded,
      f->keep,
      f->contact_over,
  };
  memset(key, 0, KEY_SIZE);
  memcpy(key, fields, sizeof fields);
}

static uint64_t mix(const unsigned char key[KEY_SIZE]) {
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < KEY_SIZE; i++) h = (h ^ key[i]) * 1099511628211u;
  return h;
}

static bool first_visit(const struct world *w) {
  unsigned char key[KEY_SIZE];
  key_of(w, key);
  for (uint64_t at = mix(key) % TABLE;; at = (at + 1) % TABLE) {
    if (!seen_used[at]) {
      seen_used[at] = 1;
      memcpy(seen_table[at], key, KEY_SIZE);
      assert_true(++states < TABLE / 2);
      return true;
    }
    if (!memcmp(seen_table[at], key, KEY_SIZE)) return false;
  }
}

static void rule(bool holds, const char *text) {
  if (!holds && !broken_rule) broken_rule = text;
}

static void visit(struct world w);

static void check(const struct world *w) {
  rule(w->runs <= 1, "ran at most once");
  rule(!(w->never && w->runs), "no 'never began' of a command that ran");
  rule(!(w->end && !w->runs), "no end of a command that did not run");
  rule(w->never + w->end + w->unknown <= 1, "one outcome line");
  rule(!(w->success && (w->outside || w->restarted)), "success only by itself");
}

/* --- the engine --- */
static void arrive_start(struct world *w) {
  w->start_flight = 0;
  if (w->container != CREATED && w->container != ENDED)
    return; /* gone: 404; running: 304. An ended one runs again! */
  w->container = RUNNING;
  w->runs++;
}

static void engine_moves(struct world w) {
  struct world n = w;
  if (w.create_flight) {
    n.create_flight = 0;
    visit(n); /* lost on the way */
    if (n.container == NEVER_THERE) n.container = CREATED, visit(n);
  }
  n = w;
  if (w.start_flight) {
    n.start_flight = 0;
    visit(n);
    n = w;
    arrive_start(&n);
    visit(n);
  }
  n = w;
  if (w.container == RUNNING) n.container = ENDED, visit(n);
  if (!w.meddling) return;
  n = w;
  n.meddling--;
  if (w.container == RUNNING) { /* docker stop; engine restart */
    n.container = ENDED;
    n.outside = 1;
    visit(n);
    n.outside = 0;
    n.restarted = 1;
    n.create_flight = n.start_flight = 0;
    visit(n);
  }
  n = w;
  n.meddling--;
  if (w.container == ENDED || w.container == CREATED) n.container = REMOVED, visit(n); /* docker rm, prune */
}

/* --- who acts --- */
static bool in_history(const struct world *w) {
  return w->never || w->end || w->unknown;
}

static void take_over(struct world *w, enum actor who) {
  w->actor = (unsigned char)who;
  memset(&w->f, 0, sizeof w->f);
  w->f.word = (enum word)w->word;
  w->f.recorded = in_history(w);
}

static void deaths(struct world w) {
  if (!w.deaths) return;
  w.deaths--;
  if (w.actor == LAUNCHER) {
    struct world n = w;
    take_over(&n, GUARDIAN);
    if (n.word == WORD_DONE) n.actor = NOBODY;
    visit(n);
  }
  if (w.actor == LAUNCHER || w.actor == GUARDIAN) {
    w.actor = NOBODY;
    visit(w);
  }
}

static void set_word(struct world *w, enum word word) {
  w->word = (unsigned char)word;
  w->f.word = word;
}

static enum seen truth(const struct world *w) {
  switch (w->container) {
  case CREATED:
    return SEEN_CREATED;
  case RUNNING:
    return SEEN_RUNNING;
  case ENDED:
    return SEEN_ENDED;
  default:
    return SEEN_ABSENT;
  }
}

/* The word first (a death may come right behind it), then the request. */
static void act_create(struct world w) {
  set_word(&w, WORD_CREATE);
  deaths(w);
  struct world n = w;
  n.container = CREATED;
  n.f.seen = SEEN_CREATED;
  set_word(&n, WORD_CREATED);
  visit(n);
  if (!w.faults) return;
  w.faults--;
  w.f.seen = SEEN_NOTHING;
  n = w;
  n.container = CREATED; /* done, answer lost */
  visit(n);
  n = w;
  n.create_flight = 1;
  visit(n);
}

static void act_start(struct world w) {
  set_word(&w, WORD_STARTING);
  w.f.forward = false; /* sent once, ever */
  w.f.flight_over = false;
  deaths(w);
  w.f.seen = SEEN_NOTHING;
  struct world n = w;
  arrive_start(&n);
  if (n.container == RUNNING) set_word(&n, WORD_STARTED);
  visit(n);
  if (!w.faults) return;
  w.faults--;
  n = w;
  arrive_start(&n); /* done, answer lost */
  visit(n);
  n = w;
  n.start_flight = 1;
  visit(n);
}

static void act_look(struct world w) {
  struct world n = w;
  n.f.seen = truth(&w);
  if (!w.create_flight && !w.start_flight && n.f.seen == w.f.seen)
    n.f.flight_over = true; /* time has passed */
  visit(n);
  if (!w.faults) return;
  w.faults--;
  w.f.seen = SEEN_NO_CONTACT;
  visit(w);
  w.f.contact_over = true;
  visit(w);
}

static void act_remove(struct world w, bool fence) {
  struct world n = w;
  if (w.container == RUNNING) {
    n.f.seen = SEEN_NOTHING; /* 409 */
  } else {
    if (w.container == CREATED || w.container == ENDED) n.container = REMOVED;
    n.f.seen = SEEN_ABSENT;
    if (fence && !w.runs) n.f.fenced = true; /* else the engine remembers the start */
  }
  visit(n);
  if (!w.faults) return;
  w.faults--;
  n.faults = w.faults; /* done, answer lost */
  n.f.seen = SEEN_NO_CONTACT;
  n.f.fenced = w.f.fenced;
  visit(n);
}

static void act_record(struct world w, enum action a) {
  struct world n = w;
  if (a == ACT_RECORD_NEVER) n.never++;
  if (a == ACT_RECORD_UNKNOWN) n.unknown++;
  if (a == ACT_RECORD_END) {
    struct outcome o;
    struct evidence e = {
        .state_read = true, .start_acked = true, .outside_kill = w.outside, .engine_restarted = w.restarted};
    e.state.status = STATE_EXITED;
    e.state.ever_started = true;
    outcome_init(&o);
    verdict_decide(&e, &o);
    n.end++;
    n.success = o.verdict == VERDICT_SUCCEEDED;
    outcome_done(&o);
  }
  n.f.recorded = true;
  deaths(n); /* between the line and its word */
  if (a != ACT_RECORD_NEVER) set_word(&n, WORD_RECORDED);
  visit(n);
}

static void act_follow(struct world w) {
  if (w.container == RUNNING) return; /* waits: the engine's moves go on */
  if (w.word < WORD_STARTED) set_word(&w, WORD_STARTED);
  w.f.seen = SEEN_NOTHING;
  visit(w);
}

static void actor_moves(struct world w) {
  enum action a = next(&w.f);
  switch (a) {
  case ACT_CREATE:
    act_create(w);
    break;
  case ACT_START:
    act_start(w);
    break;
  case ACT_LOOK:
    act_look(w);
    break;
  case ACT_FENCE:
    act_remove(w, true);
    break;
  case ACT_REMOVE:
    act_remove(w, false);
    break;
  case ACT_FOLLOW:
    act_follow(w);
    break;
  case ACT_RECORD_NEVER:
  case ACT_RECORD_END:
  case ACT_RECORD_UNKNOWN:
    act_record(w, a);
    break;
  case ACT_DONE:
    rule(w.container != CREATED && w.container != ENDED, "nothing is left");
    if (w.actor != SETTLER) w.word = WORD_DONE;
    w.actor = NOBODY;
    visit(w);
    break;
  case ACT_LEAVE:
    w.actor = w.actor == LAUNCHER ? GUARDIAN : NOBODY;
    if (w.actor == GUARDIAN) take_over(&w, GUARDIAN);
    visit(w);
  }
}

/* `jobs prune`, or the next run: of what stands still and nobody looks after. */
static void settle(struct world w) {
  if (w.container == CREATED || w.container == ENDED) {
    take_over(&w, SETTLER);
    w.f.word = w.container == ENDED ? WORD_STARTED : WORD_STARTING;
    w.f.flight_over = true;
    visit(w);
  }
}

static void visit(struct world w) {
  if (broken_rule || !first_visit(&w)) return;
  check(&w);
  engine_moves(w);
  if (w.actor == NOBODY) {
    settle(w);
    return;
  }
  deaths(w);
  actor_moves(w);
}

static const char *explore(next_fn *fn, int faults, int dead, int meddling) {
  struct world w;
  memset(&w, 0, sizeof w);
  w.word = WORD_INTENT;
  w.actor = LAUNCHER;
  w.faults = (unsigned char)faults;
  w.deaths = (unsigned char)dead;
  w.meddling = (unsigned char)meddling;
  w.f.word = WORD_INTENT;
  w.f.forward = true;
  next = fn;
  broken_rule = NULL;
  states = 0;
  seen_table = calloc(TABLE, sizeof *seen_table);
  seen_used = calloc(TABLE, 1);
  visit(w);
  free(seen_table);
  free(seen_used);
  return broken_rule;
}

static void every_order_holds(void **state) {
  (void)state;
  const char *broken = explore(job_next, 3, 2, 2);
  if (broken) fail_msg("broken: %s", broken);
  print_message("%lu states\n", states);
  assert_true(states > 2000);
}

/* --- seeded defects: each must be found --- */
static enum action starts_again(const struct facts *f) {
  return f->word == WORD_STARTING && f->seen == SEEN_CREATED ? ACT_START : job_next(f);
}
static enum action trusts_absence(const struct facts *f) {
  return f->word == WORD_STARTING && f->seen == SEEN_ABSENT && !f->recorded ? ACT_RECORD_NEVER : job_next(f);
}
static enum action records_before_the_fence(const struct facts *f) {
  return f->word == WORD_STARTING && f->seen == SEEN_CREATED && !f->recorded ? ACT_RECORD_NEVER : job_next(f);
}
static enum action forgets_the_record(const struct facts *f) {
  struct facts g = *f;
  g.recorded = false;
  return job_next(&g);
}
static enum action does_not_remove(const struct facts *f) {
  enum action a = job_next(f);
  return a == ACT_REMOVE ? ACT_DONE : a;
}

static void defects_are_found(void **state) {
  (void)state;
  assert_string_equal(explore(starts_again, 2, 0, 0), "ran at most once");
  assert_string_equal(explore(trusts_absence, 2, 1, 2), "no 'never began' of a command that ran");
  assert_string_equal(explore(records_before_the_fence, 2, 1, 0), "no 'never began' of a command that ran");
  assert_string_equal(explore(forgets_the_record, 1, 2, 0), "one outcome line");
  assert_string_equal(explore(does_not_remove, 0, 0, 0), "nothing is left");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_order_holds),
      cmocka_unit_test(defects_are_found),
  };
  return RUN_TESTS(tests);
}
