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

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_ticket_is_taken_out), TEST(one_that_has_ended_needs_none), TEST(the_answer_of_start_is_lost),
      TEST(a_start_that_is_refused), TEST(fenced_by_someone_else),        TEST(not_found_is_told),
      TEST(hopeless_is_taken_back),  TEST(an_interrupt_takes_it_back),
  };
  return RUN_TESTS(tests);
}
