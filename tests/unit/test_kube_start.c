/* Starting a Job: answers lost and refused, what its pod does, and taking it back. */
#include "kube_life.h"

/* n[1]: how the POST of the Job is answered; n[2]: what the pod does. */
enum { POST_OK, POST_LOST, POST_NEVER_CAME, POST_FORBIDDEN, POST_TAKEN };
enum { POD_RUNS, POD_ENDS, POD_NOT_FOUND, POD_BAD_IMAGE, POD_WAITS, POD_NONE };

static const char *pod_story(int which) {
  static const char first[] = EVENT("ADDED", POD("1", "", "", NOT_YET));
  static char all[8192];
  const char *then = which == POD_RUNS        ? EVENT("MODIFIED", POD("1", "", NODE, RUNS))
                     : which == POD_ENDS      ? EVENT("MODIFIED", POD("1", "", NODE, ENDED))
                     : which == POD_NOT_FOUND ? EVENT("MODIFIED", POD("1", "", NODE,
                                                                      "\"terminated\":{\"exitCode\":127,"
                                                                      "\"reason\":\"ContainerCannotRun\","
                                                                      "\"message\":\"no such thing\"}"))
                     : which == POD_BAD_IMAGE
                         ? EVENT("MODIFIED", POD("1", "", "",
                                                 "\"waiting\":{\"reason\":\"ErrImagePull\","
                                                 "\"message\":\"manifest unknown\"}"))
                         : "";
  snprintf(all, sizeof all, "%s%s", which == POD_NONE ? "" : first, then);
  return all;
}

static struct reply starts(const char *r, struct shared *s) {
  if (is(r, "POST", SECRETS)) return answer("201", SECRET(TICKET));
  if (is(r, "PATCH", SECRETS "/run-once-abc ")) return ok(SECRET(""));
  if (is(r, "DELETE", "/")) return ok("{}");
  if (is(r, "POST", JOBS " ")) {
    switch (s->n[1]) {
    case POST_LOST:
      s->n[3] = 1;
      return lost();
    case POST_NEVER_CAME:
      return lost();
    case POST_FORBIDDEN:
      return answer("403", "{\"reason\":\"Forbidden\",\"message\":\"exceeded quota: jobs\"}");
    case POST_TAKEN:
      s->n[3] = 1;
      return conflict();
    default:
      s->n[3] = 1;
      return answer("201", THE_JOB(""));
    }
  }
  if (is(r, "GET", JOB)) {
    if (s->n[1] == POST_TAKEN)
      return ok("{\"metadata\":{\"uid\":\"fu\",\"labels\":{\"run-once/fence\":\"true\"}}}");
    return s->n[3] ? ok(THE_JOB("")) : missing();
  }
  if (is(r, "GET", SECRETS "/run-once-abc ")) return ok(SECRET(TICKET));
  if (pods_list(r)) return ok(s->n[3] && s->n[2] == POD_RUNS ? LIST(POD("1", "", NODE, RUNS)) : EMPTY);
  if (pods_watch(r)) {
    for (int i = 0; i < 500 && !s->n[3]; i++) nap_ms(10);
    return stream(pod_story(s->n[2]));
  }
  if (is(r, "GET", "/api/v1" NS "events?")) return strstr(r, "watch=1") ? stream("") : ok(EMPTY);
  return missing();
}

static int start(struct world *w, int post, int pod, struct error *err) {
  open_world(w, starts);
  w->s.shared->n[1] = post;
  w->s.shared->n[2] = pod;
  char *id = create(w);
  int rc = w->ops->start(&w->k->base, id, err);
  free(id);
  return rc;
}

/* Started, seen running: the ticket is out, and the Secret goes with the Job. */
static void the_ticket_is_taken_out(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, POST_OK, POD_RUNS, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "POST", JOBS " ", "\"uid\":\"su\""), 1); /* its owner */
  assert_int_equal(count(w, "PATCH", SECRETS, "\"ticket-abc\":null"), 1);
  assert_int_equal(count(w, "PATCH", SECRETS, "\"uid\":\"ju\""), 1);
  struct container_state st;
  int requests = w->s.shared->requests;
  assert_int_equal(w->ops->state(&w->k->base, ID, &st, &err), 0);
  assert_int_equal(st.status, STATE_RUNNING);
  assert_true(st.ever_started);
  /* No user is left: one list, and no second PATCH. */
  assert_in_range(w->s.shared->requests - requests, 0, 1);
}

static void one_that_has_ended_needs_none(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, POST_OK, POD_ENDS, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "PATCH", SECRETS, NULL), 0);
  assert_int_equal(count(w, "POST", JOBS, NULL), 1);
}

static void the_answer_of_start_is_lost(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (start(w, POST_LOST, POD_RUNS, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "POST", JOBS, NULL), 1);
}

static void a_start_that_is_refused(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(start(w, POST_FORBIDDEN, POD_NONE, &err), -1);
  assert_int_equal(err.kind, ERR_QUOTA);
  /* Nothing is on the wire: no fence is needed, which the same quota would refuse. */
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
  assert_int_equal(count(w, "POST", JOBS, NULL), 1);
  assert_int_equal(count(w, "DELETE", SECRETS, "\"uid\":\"su\""), 1);
}

static void fenced_by_someone_else(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(start(w, POST_TAKEN, POD_NONE, &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_string_equal(err.text, "start failed: the job was taken away by someone else");
}

static void not_found_is_told(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(start(w, POST_OK, POD_NOT_FOUND, &err), -1);
  assert_int_equal(err.kind, ERR_NOT_FOUND);
  assert_string_equal(err.text, "start failed: no such thing");
}

/* Hopeless: first the ticket, then the Job, and it is over in no time. */
static void hopeless_is_taken_back(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  int64_t from = clock_ms();
  assert_int_equal(start(w, POST_OK, POD_BAD_IMAGE, &err), -1);
  assert_int_equal(err.kind, ERR_IMAGE);
  assert_string_equal(err.text, "image 'shop:1' failed: manifest unknown");
  assert_int_equal(count(w, "PATCH", SECRETS, "\"ticket-abc\":null"), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"propagationPolicy\":\"Foreground\""), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"uid\":\"ju\""), 1);
  assert_in_range(clock_ms() - from, 0, 8000);
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
  assert_int_equal(count(w, "POST", JOBS, NULL), 1);
}

static enum error_kind interrupted(void *data, struct error *err) {
  struct world *w = data;
  if (!count(w, "POST", JOBS, NULL)) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

/* INT while it waits: taken back, and never an answer that is not waited for. */
static void an_interrupt_takes_it_back(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  loop_set_interrupt(w->loop, (struct interrupt){interrupted, w});
  assert_int_equal(start(w, POST_OK, POD_WAITS, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  assert_int_equal(count(w, "PATCH", SECRETS, "\"ticket-abc\":null"), 1);
  assert_int_equal(count(w, "DELETE", JOB, NULL), 1);
}

/* --- what begins while it is taken back --- */

/* n[4]: the Job's deletion was asked for; n[6]: when the command is told to begin, and what it does. A watch
 * that ends in order is begun again. */
enum {
  BEGINS_BEFORE_THE_TICKET_GOES = 1,
  BEGINS_BEHIND_IT,
  ENDS_BEHIND_IT,
  BEGINS_AS_IT_IS_TORN_AWAY,
  NEVER
};
#define STUMBLES                                                                                             \
  "\"waiting\":{\"reason\":\"CreateContainerConfigError\",\"message\":\"secret gone not found\"}"
#define ENDED_WITH_0                                                                                         \
  "\"terminated\":{\"exitCode\":0,\"startedAt\":\"2026-11-29T10:00:05Z\",\"finishedAt\":\"2026-11-29T10:00:" \
  "06Z\"}"

static void await_flag(struct shared *s, int which) {
  for (int i = 0; i < 1000 && !s->n[which]; i++) nap_ms(10);
}

static struct reply told_and_closed(const char *events) {
  struct reply r = stream(events);
  r.then = REPLY_CLOSE;
  return r;
}

static struct reply next_chapter(struct shared *s) {
  if (!s->n[5]++) {
    await_flag(s, 3);
    return told_and_closed(EVENT("ADDED", POD("1", ",\"resourceVersion\":\"7\"", NODE, STUMBLES)));
  }
  switch (s->n[6]) {
  case BEGINS_BEFORE_THE_TICKET_GOES:
    await_flag(s, 7);
    return stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS)));
  case BEGINS_BEHIND_IT:
    await_flag(s, 4);
    return stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS)));
  case ENDS_BEHIND_IT:
    await_flag(s, 4);
    return stream(EVENT("MODIFIED", POD("1", "", NODE, ENDED_WITH_0)));
  case BEGINS_AS_IT_IS_TORN_AWAY:
    await_flag(s, 1);
    return stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS)));
  default:
    return stream("");
  }
}

static struct reply begins_late(const char *r, struct shared *s) {
  if (is(r, "POST", SECRETS)) return answer("201", SECRET(TICKET));
  if (is(r, "POST", JOBS " ")) {
    s->n[3] = 1;
    return answer("201", THE_JOB(""));
  }
  if (is(r, "PATCH", SECRETS "/run-once-abc ")) {
    s->n[7] = 1;
    if (s->n[6] == BEGINS_BEFORE_THE_TICKET_GOES) nap_ms(1000); /* time for the watch to tell */
    return ok(SECRET(""));
  }
  if (is(r, "DELETE", JOB)) s->n[4] = 1;
  if (is(r, "DELETE", PODS) && s->n[6] == BEGINS_AS_IT_IS_TORN_AWAY) {
    s->n[1] = 1;
    return answer("409", "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"it has changed\"}");
  }
  if (is(r, "DELETE", "/") || is(r, "PATCH", JOB)) return ok("{}");
  if (is(r, "GET", JOB)) return ok(THE_JOB(""));
  if (pods_list(r)) return ok(s->n[4] ? LIST(POD("1", "", NODE, ENDED_WITH_0)) : EMPTY);
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

/* The runtime stays open: what it knows of its own deletions is the point. */
static int begin_late(struct world *w, int chapter, struct error *err) {
  open_world(w, begins_late);
  w->s.shared->n[6] = chapter;
  loop_set_interrupt(w->loop, (struct interrupt){too_late, w});
  char *id = create(w);
  int rc = w->ops->start(&w->k->base, id, err);
  loop_set_interrupt(w->loop, (struct interrupt){0});
  free(id);
  return rc;
}

static enum state_end end_of(struct world *w) {
  struct error err = ERROR_INIT;
  struct container_state st;
  if (w->ops->state(&w->k->base, ID, &st, &err)) fail_msg("%s", err.text);
  assert_int_equal(st.status, STATE_EXITED);
  assert_int_equal(st.exit_code, 0);
  return st.end;
}

/* An exit 0 of what --start-timeout has taken away is no success, whatever the clocks say. */
static void what_begins_behind_its_deadline_is_no_success(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (begin_late(w, ENDS_BEHIND_IT, &err)) fail_msg("%s", err.text); /* it began */
  assert_int_equal(count(w, "DELETE", JOB, NULL), 1);
  assert_int_equal(count(w, "PATCH", JOB, "run-once/stop-asked"), 1); /* for whoever settles it */
  assert_int_equal(count(w, "DELETE", PODS, NULL), 0);
  assert_int_equal(end_of(w), END_DEADLINE_START);
}

static void the_same_while_it_runs(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (begin_late(w, BEGINS_BEHIND_IT, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", JOB, NULL), 1);
  assert_int_equal(count(w, "DELETE", PODS, NULL), 0);
  assert_int_equal(end_of(w), END_DEADLINE_START);
}

/* It had its ticket: it began as the deadline passed, and nothing is taken from it. */
static void what_begins_in_the_last_moment_is_left_alone(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (begin_late(w, BEGINS_BEFORE_THE_TICKET_GOES, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", JOB, NULL), 0);
  assert_int_equal(count(w, "PATCH", SECRETS, "\"uid\":\"ju\""), 1);
}

/* A kubelet that stumbles takes a minute to let go of a pod. Nothing of it ran: it is taken off the server,
 * as it was seen and no other. */
static void a_pod_that_never_began_is_torn_away(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(begin_late(w, NEVER, &err), -1);
  assert_int_equal(err.kind, ERR_DEADLINE_START);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"gracePeriodSeconds\":0"), 1);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"uid\":\"1\""), 1);
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"resourceVersion\":\"7\""), 1);
}

static void unless_its_node_tells_more(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  if (begin_late(w, BEGINS_AS_IT_IS_TORN_AWAY, &err)) fail_msg("%s", err.text);
  assert_int_equal(count(w, "DELETE", PODS, NULL), 1);
  assert_int_equal(end_of(w), END_DEADLINE_START);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_ticket_is_taken_out),
      TEST(one_that_has_ended_needs_none),
      TEST(the_answer_of_start_is_lost),
      TEST(a_start_that_is_refused),
      TEST(fenced_by_someone_else),
      TEST(not_found_is_told),
      TEST(hopeless_is_taken_back),
      TEST(an_interrupt_takes_it_back),
      TEST(what_begins_behind_its_deadline_is_no_success),
      TEST(the_same_while_it_runs),
      TEST(what_begins_in_the_last_moment_is_left_alone),
      TEST(a_pod_that_never_began_is_torn_away),
      TEST(unless_its_node_tells_more),
  };
  return RUN_TESTS(tests);
}
