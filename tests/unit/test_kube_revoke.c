/* A start that is taken back: what has begun, what has not, and what nobody can tell. */
#include "kube_life.h"

/* What the one pod does; n[0]. The watch first tells of a pod on a node, and ends in order; n[5] counts its
 * beginnings. n[3]: the Job was sent; n[7]: the ticket is out; n[4]: the pod's deletion was asked for. */
enum {
  BEGINS_WITH_ITS_TICKET,
  BEGINS_LATE,
  ENDS_LATE,
  MISSES_ITS_TICKET,
  IS_DELETED_BY_ANOTHER,
  IS_DELETED_BY_A_STOP,
  IS_REPLACED,
  IS_ON_NO_NODE,
  TELLS_MORE
};

#define ENDED_WITH_0                                                                                         \
  "\"terminated\":{\"exitCode\":0,\"startedAt\":\"2026-11-29T10:00:05Z\",\"finishedAt\":\"2026-11-29T10:00:" \
  "06Z\"}"
#define MISSES                                                                                               \
  "\"waiting\":{\"reason\":\"CreateContainerConfigError\",\"message\":\"couldn't find key ticket-abc in "    \
  "Secret shop/run-once-abc\"}"
#define VERSION ",\"resourceVersion\":\"7\""
#define GOING ",\"deletionTimestamp\":\"2026-11-29T10:00:06Z\",\"deletionGracePeriodSeconds\":0"

static void await_flag(struct shared *s, int which) {
  for (int i = 0; i < 1000 && !s->n[which]; i++) nap_ms(10);
}

static struct reply next_chapter(struct shared *s) {
  bool on_node = s->n[0] != IS_ON_NO_NODE;
  if (!s->n[5]++) {
    await_flag(s, 3);
    struct reply first = stream(on_node ? EVENT("ADDED", POD("1", VERSION, NODE, NOT_YET))
                                        : EVENT("ADDED", POD("1", VERSION, "", NOT_YET)));
    first.then = REPLY_CLOSE;
    return first;
  }
  await_flag(s, s->n[0] == TELLS_MORE && s->n[5] > 2 ? 4 : 7);
  switch (s->n[0]) {
  case BEGINS_WITH_ITS_TICKET:
    return stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS)));
  case BEGINS_LATE:
    nap_ms(500);
    return stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS)));
  case ENDS_LATE:
    nap_ms(500);
    return stream(EVENT("MODIFIED", POD("1", "", NODE, ENDED_WITH_0)));
  case MISSES_ITS_TICKET:
    return stream(EVENT("MODIFIED", POD("1", ",\"resourceVersion\":\"8\"", NODE, MISSES)));
  case IS_DELETED_BY_ANOTHER:
  case IS_DELETED_BY_A_STOP:
    return stream(EVENT("DELETED", POD("1", GOING, NODE, NOT_YET)));
  case IS_REPLACED:
    return stream(EVENT("DELETED", POD("1", GOING, NODE, NOT_YET)) EVENT("ADDED", POD("2", "", NODE, RUNS)));
  case TELLS_MORE:
    if (s->n[5] > 2) return stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS)));
    struct reply second = stream(EVENT("MODIFIED", POD("1", ",\"resourceVersion\":\"8\"", NODE, MISSES)));
    second.then = REPLY_CLOSE;
    return second;
  default:
    return stream("");
  }
}

static struct reply taken_back(const char *r, struct shared *s) {
  bool deleted = s->n[0] == IS_DELETED_BY_ANOTHER || s->n[0] == IS_DELETED_BY_A_STOP;
  if (is(r, "POST", SECRETS)) return answer("201", SECRET(TICKET));
  if (is(r, "POST", JOBS " ")) {
    s->n[3] = 1;
    return answer("201", THE_JOB(""));
  }
  if (is(r, "PATCH", SECRETS "/run-once-abc ")) {
    s->n[7] = 1;
    if (s->n[0] == BEGINS_WITH_ITS_TICKET) nap_ms(1500); /* time for the watch to tell */
    return ok(SECRET(""));
  }
  if (is(r, "GET", SECRETS "/run-once-abc "))
    return ok(s->n[0] == IS_DELETED_BY_A_STOP
                  ? "{\"metadata\":{\"uid\":\"su\",\"annotations\":{\"run-once/never-began\":\"true\"}}}"
                  : SECRET(""));
  if (is(r, "DELETE", PODS)) {
    s->n[4] = 1;
    if (s->n[0] == TELLS_MORE)
      return answer("409", "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"it has changed\"}");
  }
  if (is(r, "DELETE", "/") || is(r, "PATCH", JOB)) return ok("{}");
  if (is(r, "GET", JOB)) return ok(THE_JOB(""));
  if (pods_list(r))
    return ok(s->n[3] && !deleted && s->n[7] ? LIST(POD("1", GOING, NODE, ENDED_WITH_0)) : EMPTY);
  if (pods_watch(r)) return next_chapter(s);
  if (is(r, "GET", "/api/v1" NS "events?")) return strstr(r, "watch=1") ? stream("") : ok(EMPTY);
  return missing();
}

static enum error_kind too_late(void *data, struct error *err) {
  struct world *w = data;
  if (w->s.shared->n[5] < 2) return ERR_NONE;
  error_set(err, ERR_DEADLINE_START, "the command did not begin within --start-timeout");
  return ERR_DEADLINE_START;
}
static enum error_kind cancelled(void *data, struct error *err) {
  struct world *w = data;
  if (w->s.shared->n[5] < 2) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

static int start(struct world *w, int story, interrupt_fn *why, struct error *err) {
  open_world(w, taken_back);
  w->s.shared->n[0] = story;
  loop_set_interrupt(w->loop, (struct interrupt){why, w});
  char *id = create(w);
  int rc = w->ops->start(&w->k->base, id, err);
  loop_set_interrupt(w->loop, (struct interrupt){0});
  free(id);
  return rc;
}

static void ends(struct world *w, int exit_code, enum state_end end) {
  struct error err = ERROR_INIT;
  struct container_state st;
  if (w->ops->state(&w->k->base, ID, &st, &err)) fail_msg("%s", err.text);
  assert_int_equal(st.exit_code, exit_code);
  assert_int_equal(st.end, end);
  assert_true(st.ever_started);
}

/* It had its ticket: it began as the deadline passed, and nothing is taken from it. */
static void what_begins_in_the_last_moment_is_left_alone(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, BEGINS_WITH_ITS_TICKET, too_late, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", "/", NULL), 0);
  assert_int_equal(count(w, "PATCH", SECRETS, "\"uid\":\"ju\""), 1); /* it goes with its Job from now on */
}

/* An exit 0 of what --start-timeout has ended is no success, whatever the clocks say. */
static void what_begins_behind_its_deadline_is_no_success(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, BEGINS_LATE, too_late, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"uid\":\"1\""), 1);
  assert_int_equal(count(w, "DELETE", PODS, "gracePeriodSeconds"), 0); /* the pod's own */
  assert_int_equal(count(w, "DELETE", JOB, NULL), 0);
  assert_int_equal(count(w, "PATCH", JOB, "run-once/stop-asked"), 1); /* for whoever settles it */
  ends(w, 0, END_DEADLINE_START);
}

/* INT came too late to take it back: that is for the command. */
static void what_begins_behind_an_interrupt_goes_on(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, BEGINS_LATE, cancelled, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", "/", NULL), 0);
}

/* It ended by itself before anything was taken from it. */
static void what_has_ended_by_itself_has_ended(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, ENDS_LATE, too_late, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", "/", NULL), 0);
}

/* A kubelet that stumbles takes a minute to let go of a pod. Nothing of it ran: it is taken off the server,
 * as it was seen and no other. */
static void a_pod_that_missed_its_ticket_is_torn_away(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  int64_t from = clock_ms();
  assert_int_equal(start(w, MISSES_ITS_TICKET, too_late, &err), -1);
  assert_int_equal(err.kind, ERR_DEADLINE_START);
  assert_in_range(clock_ms() - from, 0, 10000); /* its word is enough */
  assert_int_equal(count(w, "PATCH", SECRETS, "run-once/never-began"), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"propagationPolicy\":\"Foreground\""), 1);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"gracePeriodSeconds\":0"), 1);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"uid\":\"1\""), 1);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"resourceVersion\":\"8\""), 1);
}

static void unless_its_node_tells_more(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, TELLS_MORE, cancelled, &err)) fail_msg("%s", err.text);
  assert_true(count(w, "DELETE", PODS, NULL) >= 1);
}

/* On no node, and gone before it got one: the server itself says so. */
static void a_pod_on_no_node_is_torn_away(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  int64_t from = clock_ms();
  assert_int_equal(start(w, IS_ON_NO_NODE, too_late, &err), -1);
  assert_int_equal(err.kind, ERR_DEADLINE_START);
  assert_true(count(w, "DELETE", PODS "/p-1 ", "\"resourceVersion\":\"7\"") >= 1);
  assert_in_range(clock_ms() - from, 0, 10000); /* no node has to be waited for */
}

/* Kubelets run a container of a pod that is being deleted, and never tell: nobody may deny it, and no second
 * pod may find the ticket. */
static void a_pod_that_is_deleted_while_its_node_starts_it(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, IS_DELETED_BY_ANOTHER, too_late, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "PATCH", SECRETS, "\"ticket-abc\":null"), 1);
  ends(w, -1, END_GONE);
}

static char noticed[256];
static void on_notice(void *data, const char *line) {
  (void)data;
  snprintf(noticed, sizeof noticed, "%s", line);
}

/* The second one had found its ticket still. */
static void a_second_one_that_was_quicker_is_reported(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, taken_back);
  w->k->base.voice.notice = on_notice;
  w->s.shared->n[0] = IS_REPLACED;
  loop_set_interrupt(w->loop, (struct interrupt){cancelled, w});
  char *id = create(w);
  if (w->ops->start(&w->k->base, id, &err)) fail_msg("%s", err.text);
  free(id);
  assert_non_null(strstr(noticed, "the cluster may have run the command twice"));
}

static void unless_whoever_stopped_it_knows(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  struct container_state st;
  assert_int_equal(start(w, IS_DELETED_BY_A_STOP, too_late, &err), -1);
  assert_int_equal(err.kind, ERR_DEADLINE_START);
  assert_int_equal(w->ops->state(&w->k->base, ID, &st, &err), 0);
  assert_int_equal(st.status, STATE_DEAD);
  assert_false(st.ever_started);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_begins_in_the_last_moment_is_left_alone),
      TEST(what_begins_behind_its_deadline_is_no_success),
      TEST(what_begins_behind_an_interrupt_goes_on),
      TEST(what_has_ended_by_itself_has_ended),
      TEST(a_pod_that_missed_its_ticket_is_torn_away),
      TEST(unless_its_node_tells_more),
      TEST(a_pod_on_no_node_is_torn_away),
      TEST(a_pod_that_is_deleted_while_its_node_starts_it),
      TEST(unless_whoever_stopped_it_knows),
      TEST(a_second_one_that_was_quicker_is_reported),
  };
  return RUN_TESTS(tests);
}
