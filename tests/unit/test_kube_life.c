/* The life of a job but its start, against an API server that loses answers, refuses, and shows what others
 * did meanwhile. */
#include "kube_life.h"

/* --- create --- */

static struct reply makes(const char *r, struct shared *s) {
  if (is(r, "POST", SECRETS)) {
    if (s->n[0] == 1) return conflict();
    return s->n[0] == 2 ? lost() : answer("201", SECRET(TICKET));
  }
  if (is(r, "GET", SECRETS "?labelSelector=run-once%2Fid%3Dabc ")) return ok(LIST(SECRET(TICKET)));
  return missing();
}

static void a_secret_is_the_reservation(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, makes);
  free(create(w));
  assert_int_equal(count(w, "POST", SECRETS, "\"ticket-abc\":\"abc\""), 1);
  assert_int_equal(count(w, "POST", SECRETS, "\"env.A\":\"1\""), 1);
  char *id;
  w->s.shared->n[0] = 1;
  assert_int_equal(w->ops->create(&w->k->base, &w->p, &w->who, &id, &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_null(id);
  w->s.shared->n[0] = 2;
  assert_int_equal(w->ops->create(&w->k->base, &w->p, &w->who, &id, &err), -1);
  assert_int_equal(err.kind, ERR_LOST);
  assert_int_equal(count(w, "POST", SECRETS, NULL), 3); /* sent once each */
  assert_int_equal(w->ops->find(&w->k->base, "abc", &id, &err), 0);
  assert_string_equal(id, ID);
  assert_int_equal(w->ops->complete(&w->k->base, &w->p, id, &err), 0);
  free(id);
}

/* The lock's Secret was deleted with its Job in the background, and the pod still runs. */
static struct reply strays(const char *r, struct shared *s) {
  if (is(r, "POST", SECRETS)) return answer("201", "{\"metadata\":{\"name\":\"n\",\"uid\":\"su\"}}");
  if (is(r, "DELETE", SECRETS "/n ")) return ok("{}");
  if (is(r, "GET", PODS "?labelSelector=run-once%2Fobject%3D") ||
      is(r, "GET", PODS "?labelSelector=run-once%2Fid"))
    return ok(
        s->n[0]
            ? LIST("{\"metadata\":{\"name\":\"old\",\"labels\":{\"run-once/id\":\"old\"},\"annotations\":{"
                   "\"run-once/object\":\"n\",\"run-once/actor\":\"ann\"}},\"spec\":{\"containers\":[{"
                   "\"name\":\"web\",\"args\":[\"a\",\"b\"]}]},\"status\":{\"containerStatuses\":[{\"name\":"
                   "\"web\",\"state\":{" RUNS "}}]}}")
            : EMPTY);
  if (is(r, "GET", SECRETS "?") || is(r, "GET", JOBS "?")) return ok(EMPTY);
  return missing();
}

static void a_pod_that_outlived_its_secret_holds_the_lock(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  struct job_info holder = {0};
  char *id;
  w->who.name = "run-once.lock.shop.schema";
  json_object_set_new(w->who.labels, "run-once.lock", json_string("schema"));
  open_world(w, strays);
  w->s.shared->n[0] = 1;
  assert_int_equal(w->ops->create(&w->k->base, &w->p, &w->who, &id, &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_string_equal(err.text,
                      "create failed: pod old of an earlier job under the same name has not ended, though "
                      "its Job was deleted");
  assert_int_equal(count(w, "DELETE", SECRETS "/n ", "\"uid\":\"su\""), 1);
  assert_int_equal(w->ops->by_name(&w->k->base, w->who.name, &holder, &err), 0);
  assert_string_equal(holder.id, "old");
  assert_string_equal(holder.actor, "ann");
  assert_string_equal(holder.command, "a b");
  assert_int_equal(holder.state.status, STATE_RUNNING);
  job_info_done(&holder);
  w->s.shared->n[0] = 0;
  assert_int_equal(w->ops->create(&w->k->base, &w->p, &w->who, &id, &err), 0);
  assert_int_equal(w->ops->by_name(&w->k->base, w->who.name, &holder, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  free(id);
}

/* --- remove --- */

/* n[1] 1: a start has arrived when the fence is put up; n[2]: the pods. */
enum { NOTHING, RUNNING, OVER, SECOND_WAITS, OVER_AND_SECOND };
static struct reply removes(const char *r, struct shared *s) {
  if (is(r, "GET", JOB)) return s->n[2] == NOTHING && !s->n[4] ? missing() : ok(THE_JOB(""));
  if (is(r, "GET", SECRETS "/run-once-abc ")) return ok(s->n[3] ? SECRET("") : SECRET(TICKET));
  if (is(r, "POST", JOBS " ")) {
    s->n[4] = s->n[1];
    return s->n[1] ? conflict() : answer("201", "{\"metadata\":{\"uid\":\"fu\"}}");
  }
  if (is(r, "DELETE", "/")) return ok("{}");
  if (is(r, "PATCH", "/")) return ok("{}");
#define IN_VAIN POD("2", "", NODE, "\"waiting\":{\"reason\":\"CreateContainerConfigError\"}")
  static const char *const pods[] = {[NOTHING] = EMPTY,
                                     [RUNNING] = LIST(POD("1", "", NODE, RUNS)),
                                     [OVER] = LIST(POD("1", "", NODE, ENDED)),
                                     [SECOND_WAITS] = LIST(IN_VAIN),
                                     [OVER_AND_SECOND] = LIST(IN_VAIN "," POD("1", "", NODE, ENDED))};
  if (pods_list(r)) return ok(pods[s->n[2]]);
  return missing();
}

static void the_fence(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, removes);
  w->s.shared->n[1] = 1;
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_int_equal(count(w, "DELETE", "/", NULL), 0);
  w->s.shared->n[1] = w->s.shared->n[4] = 0;
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
  assert_int_equal(count(w, "POST", JOBS, "\"parallelism\":0"), 2);
  assert_int_equal(count(w, "DELETE", SECRETS "/run-once-abc ", "\"uid\":\"su\""), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"uid\":\"fu\""), 1);
}

static void a_running_one_refuses(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, removes);
  w->s.shared->n[2] = RUNNING;
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), -1);
  assert_int_equal(err.kind, ERR_CONFLICT);
  w->s.shared->n[2] = OVER;
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
  assert_int_equal(count(w, "DELETE", JOB, "Foreground"), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"uid\":\"ju\""), 1);
  assert_int_equal(count(w, "POST", JOBS, NULL), 0);
}

/* One that waits for its ticket in vain is taken off at once, and only that one. */
static void a_second_pod_that_waits_goes_along(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, removes);
  w->s.shared->n[2] = OVER_AND_SECOND;
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
  assert_int_equal(count(w, "DELETE", PODS, NULL), 1);
  assert_int_equal(count(w, "DELETE", PODS "/p-2 ", "\"gracePeriodSeconds\":0"), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"uid\":\"ju\""), 1);
  assert_int_equal(count(w, "GET", PODS, NULL), 1);
}

/* The same where nobody saw the first one: its node says that it lacks its ticket. */
static struct reply only_a_second_one(const char *r, struct shared *s) {
  (void)s;
  if (is(r, "GET", JOB)) return ok(THE_JOB(""));
  if (is(r, "GET", SECRETS "/run-once-abc ")) return ok(SECRET(""));
  if (is(r, "DELETE", "/")) return ok("{}");
  if (!pods_list(r)) return missing();
  return ok(LIST(POD("2", "", NODE,
                     "\"waiting\":{\"reason\":\"CreateContainerConfigError\",\"message\":\"couldn't find key "
                     "ticket-abc in Secret shop/run-once-abc\"}")));
}

static void one_that_lacks_its_ticket_goes_along(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, only_a_second_one);
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
  assert_int_equal(count(w, "DELETE", PODS "/p-2 ", "\"gracePeriodSeconds\":0"), 1);
  assert_int_equal(count(w, "DELETE", JOB, "\"uid\":\"ju\""), 1);
}

/* --- state --- */

static void state_is(struct world *w, int status, bool started, enum state_end end) {
  struct error err = ERROR_INIT;
  struct container_state st;
  if (w->ops->state(&w->k->base, ID, &st, &err)) fail_msg("%s", err.text);
  assert_int_equal(st.status, status);
  assert_int_equal(st.ever_started, started);
  assert_int_equal(st.end, end);
}

/* Settled by one who has seen nothing of it. The ticket tells whether a pod has run. */
static void without_a_pod_the_ticket_tells(void **state) {
  struct world *w = *state;
  open_world(w, removes);
  state_is(w, STATE_CREATED, false, END_UNTOLD);
  w->s.shared->n[4] = 1; /* the Job is there */
  state_is(w, STATE_RUNNING, false, END_UNTOLD);
  w->s.shared->n[3] = 1; /* and the ticket is out */
  state_is(w, STATE_DEAD, true, END_GONE);
  w->s.shared->n[2] = SECOND_WAITS;
  state_is(w, STATE_DEAD, true, END_GONE);
}

static void nothing_at_all(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  struct container_state st;
  open_world(w, strays);
  assert_int_equal(w->ops->state(&w->k->base, ID, &st, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  assert_int_equal(w->ops->remove(&w->k->base, ID, false, &err), 0);
}

/* --- events --- */

static void on_event(void *data, enum runtime_event e, int signal, int64_t time_ns) {
  static const char *const names[] = {"create",  "start", "kill",    "stop", "oom",      "die",
                                      "destroy", "pause", "restart", "lost", "node-lost"};
  struct world *w = data;
  (void)signal;
  assert_true(time_ns > 0 || e == EVENT_LOST);
  buf_printf(&w->heard, "%s%s", w->heard.len ? " " : "", names[e]);
}
static const struct watch_handlers handlers = {on_event};

static void hears(struct world *w, const char *story) {
  struct error err = ERROR_INIT;
  struct event_watch *e = NULL;
  kube_pods_free(TAKE(w->k->pods)); /* by one who has seen nothing yet */
  buf_clear(&w->heard);
  assert_int_equal(w->ops->watch(&w->k->base, "abc", &handlers, w, &e, &err), 0);
  assert_int_equal(w->heard.len, 0); /* no handler is called before it has returned */
  for (int64_t end = clock_ms() + 3000; clock_ms() < end && (!w->heard.len || strcmp(w->heard.data, story));)
    loop_step(w->loop, 50);
  event_watch_free(e);
  assert_string_equal(w->heard.data, story);
}

#define DELETED ",\"deletionTimestamp\":\"2026-11-29T10:00:38Z\",\"deletionGracePeriodSeconds\":30"
static struct reply happens(const char *r, struct shared *s) {
  static char all[32768];
  static const char *const steps[] = {
      EVENT("ADDED", POD("1", "", "", NOT_YET)),        EVENT("MODIFIED", POD("1", "", NODE, RUNS)),
      EVENT("MODIFIED", POD("1", DELETED, NODE, RUNS)), EVENT("MODIFIED", POD("1", DELETED, NODE, ENDED)),
      EVENT("DELETED", POD("1", DELETED, NODE, ENDED)), EVENT("ADDED", POD("2", "", NODE, RUNS))};
  if (pods_list(r)) return ok(EMPTY);
  if (!pods_watch(r)) return missing();
  all[0] = '\0';
  for (int i = 0; i < s->n[0]; i++) strcat(all, steps[i]);
  return stream(all);
}

static void a_pod_in_the_words_of_an_engine(void **state) {
  struct world *w = *state;
  open_world(w, happens);
  hears(w, "create");
  w->s.shared->n[0] = 2;
  hears(w, "create start");
  w->s.shared->n[0] = 3;
  hears(w, "create start kill");
  w->s.shared->n[0] = 5;
  hears(w, "create start kill die destroy");
}

static char noticed[256];
static void on_notice(void *data, const char *line) {
  (void)data;
  snprintf(noticed, sizeof noticed, "%s", line);
}

static void a_second_pod_is_reported(void **state) {
  struct world *w = *state;
  open_world(w, happens);
  w->k->base.voice.notice = on_notice;
  w->s.shared->n[0] = 6;
  hears(w, "create start kill die destroy");
  assert_non_null(strstr(noticed, "the cluster ran the command twice"));
}

static void a_wait_ends_with_the_container(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  struct wait *wait = NULL;
  open_world(w, happens);
  w->s.shared->n[0] = 2;
  assert_int_equal(w->ops->wait_begin(&w->k->base, ID, true, &wait, &err), 0);
  for (int i = 0; i < 6; i++) loop_step(w->loop, 50);
  assert_false(wait_done(wait));
  assert_int_equal(wait_exit_code(wait), -1);
  wait_free(wait);
  kube_pods_free(TAKE(w->k->pods));
  w->s.shared->n[0] = 4;
  assert_int_equal(w->ops->wait_begin(&w->k->base, ID, true, &wait, &err), 0);
  for (int64_t end = clock_ms() + 3000; clock_ms() < end && !wait_done(wait);) loop_step(w->loop, 50);
  assert_true(wait_done(wait));
  assert_int_equal(wait_exit_code(wait), 3);
  wait_free(wait);
}

/* A watch may tell what is older than what a list told meanwhile: an end stays an end. */
static struct reply tells_old_news(const char *r, struct shared *s) {
  (void)s;
  if (pods_list(r)) return ok(LIST(POD("1", "", NODE, ENDED)));
  return pods_watch(r) ? stream(EVENT("MODIFIED", POD("1", "", NODE, RUNS))) : missing();
}

static void an_end_stays_an_end(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  struct wait *wait = NULL;
  struct container_state st;
  open_world(w, tells_old_news);
  assert_int_equal(w->ops->wait_begin(&w->k->base, ID, true, &wait, &err), 0);
  for (int i = 0; i < 10; i++) loop_step(w->loop, 50);
  assert_true(wait_done(wait));
  assert_int_equal(w->ops->state(&w->k->base, ID, &st, &err), 0);
  assert_int_equal(st.status, STATE_EXITED);
  assert_int_equal(st.exit_code, 3);
  wait_free(wait);
}

/* The end and the deletion of a pod, by the clocks of two machines: what was told first came first. */
#define BY_THE_CLOCK(at)                                                                                     \
  ",\"deletionTimestamp\":\"2026-11-29T10:00:" at "Z\",\"deletionGracePeriodSeconds\":0"
static struct reply tells_in_order(const char *r, struct shared *s) {
  if (pods_list(r)) return ok(LIST(POD("1", "", NODE, RUNS)));
  if (!pods_watch(r)) return missing();
  return stream(s->n[0] ? EVENT("MODIFIED", POD("1", BY_THE_CLOCK("30"), NODE, RUNS))
                              EVENT("MODIFIED", POD("1", BY_THE_CLOCK("30"), NODE, ENDED))
                        : EVENT("MODIFIED", POD("1", "", NODE, ENDED))
                              EVENT("MODIFIED", POD("1", BY_THE_CLOCK("09"), NODE, ENDED)));
}

static void what_was_told_first_came_first(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, tells_in_order);
  for (int deleted = 0; deleted < 2; deleted++) {
    struct wait *wait = NULL;
    kube_pods_free(TAKE(w->k->pods));
    w->s.shared->n[0] = deleted;
    assert_int_equal(w->ops->wait_begin(&w->k->base, ID, true, &wait, &err), 0);
    for (int i = 0; i < 10; i++) loop_step(w->loop, 50);
    assert_true(wait_done(wait));
    state_is(w, STATE_EXITED, true, deleted ? END_DELETED : END_UNTOLD);
    wait_free(wait);
  }
}

/* Deleted while its node was starting it, and the end that its kubelet tells is made up. */
static struct reply makes_an_end_up(const char *r, struct shared *s) {
  static const char *const made_up[] = {
      "\"terminated\":{\"exitCode\":0,\"startedAt\":null,\"finishedAt\":null}",
      "\"terminated\":{\"exitCode\":137,\"reason\":\"ContainerStatusUnknown\",\"startedAt\":null,"
      "\"finishedAt\":"
      "null}"};
  static char all[4096];
  if (is(r, "GET", SECRETS "/run-once-abc ")) return ok(SECRET(TICKET));
  if (is(r, "GET", JOB)) return ok(THE_JOB(""));
  if (pods_list(r)) return ok(LIST(POD("1", "", NODE, NOT_YET)));
  if (!pods_watch(r)) return missing();
  snprintf(all, sizeof all, "%s%s%s", EVENT("MODIFIED", POD("1", DELETED, NODE, NOT_YET)),
           "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"p-1\",\"uid\":\"1\"" DELETED
           "},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"web\"}]},\"status\":{"
           "\"containerStatuses\":[{"
           "\"name\":\"web\",\"state\":{",
           made_up[s->n[0]]);
  strcat(all, "}}]}}}\n");
  return stream(all);
}

static void an_end_that_is_made_up_is_unknown(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, makes_an_end_up);
  for (int newer = 0; newer < 2; newer++) {
    struct wait *wait = NULL;
    kube_pods_free(TAKE(w->k->pods));
    w->s.shared->n[0] = newer;
    assert_int_equal(w->ops->wait_begin(&w->k->base, ID, true, &wait, &err), 0);
    for (int64_t end = clock_ms() + 3000; clock_ms() < end && !wait_done(wait);) loop_step(w->loop, 50);
    state_is(w, STATE_DEAD, true, END_GONE);
    wait_free(wait);
  }
}

/* --- once-records --- */

static struct reply claims(const char *r, struct shared *s) {
  static char body[4096];
  if (is(r, "POST", SECRETS)) return s->n[0] ? conflict() : answer("201", "{}");
  if (is(r, "GET", SECRETS "/run-once-once-")) { /* owner: {"run-once.id":"first"} */
    if (s->n[0] == 2) return missing();
    snprintf(body, sizeof body,
             "{\"metadata\":{\"name\":\"c\",\"uid\":\"cu\"},\"data\":{\"owner\":"
             "\"eyJydW4tb25jZS5pZCI6ImZpcnN0In0=\",%s}}",
             s->n[1] ? "\"record.json\":\"aGVsbG8=\"" : "\"x\":\"\"");
    return ok(body);
  }
  if (is(r, "PATCH", SECRETS "/c ")) return ok("{}");
  if (is(r, "DELETE", SECRETS "/run-once-once-")) return s->n[0] == 2 ? missing() : ok("{}");
  return missing();
}

static void a_key_is_claimed_once(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  json_t *mine = json_pack("{s:s}", "run-once.id", "mine"), *got = NULL;
  open_world(w, claims);
  assert_int_equal(w->ops->claim(&w->k->base, "hash", mine, &got, &err), 0);
  assert_string_equal(json_string_value(json_object_get(got, "run-once.id")), "mine");
  json_decref(got);
  w->s.shared->n[0] = 1;
  assert_int_equal(w->ops->claim(&w->k->base, "hash", mine, &got, &err), 0);
  assert_string_equal(json_string_value(json_object_get(got, "run-once.id")), "first");
  json_decref(got);
  char *text = NULL;
  size_t n;
  assert_int_equal(w->ops->claim_load(&w->k->base, "hash", "i", "record.json", &text, &n, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  w->s.shared->n[1] = 1;
  assert_int_equal(w->ops->claim_load(&w->k->base, "hash", "i", "record.json", &text, &n, &err), 0);
  assert_string_equal(text, "hello");
  assert_int_equal(n, 5);
  free(text);
  assert_int_equal(w->ops->claim_store(&w->k->base, "hash", "i", "record.json", "hello", 5, &err), 0);
  assert_int_equal(count(w, "PATCH", SECRETS "/c ", "\"record.json\":\"aGVsbG8=\""), 1);
  assert_int_equal(w->ops->claim_free(&w->k->base, "hash", &err), 0);
  w->s.shared->n[0] = 2;
  assert_int_equal(w->ops->claim_free(&w->k->base, "hash", &err), 0);
  assert_int_equal(w->ops->claim_read(&w->k->base, "hash", &got, &err), -1);
  assert_int_equal(err.kind, ERR_MISSING);
  json_decref(mine);
}

/* --- stopping --- */

static void signals(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_world(w, removes);
  w->s.shared->n[2] = RUNNING;
  assert_int_equal(w->ops->signal(&w->k->base, ID, SIGUSR1, &err), -1);
  assert_string_equal(err.text, "sending signal 10 failed: a cluster takes no signals");
  assert_int_equal(w->ops->signal(&w->k->base, ID, SIGTERM, &err), 0);
  assert_int_equal(count(w, "PATCH", JOB, "\"parallelism\":0"), 1); /* no second pod */
  assert_int_equal(count(w, "DELETE", PODS "/p-1 ", "\"uid\":\"1\""), 1);
  assert_int_equal(count(w, "DELETE", PODS, "gracePeriodSeconds"), 0); /* the pod's own */
  assert_int_equal(w->ops->signal(&w->k->base, ID, SIGKILL, &err), 0);
  assert_int_equal(count(w, "DELETE", PODS, "\"gracePeriodSeconds\":1"), 1);
  assert_int_equal(w->ops->signal(&w->k->base, ID, 23, &err), 0); /* `jobs stop` announces itself */
  assert_int_equal(count(w, "PATCH", JOB, "run-once/stop-asked"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_secret_is_the_reservation),
      TEST(a_pod_that_outlived_its_secret_holds_the_lock),
      TEST(the_fence),
      TEST(a_running_one_refuses),
      TEST(a_second_pod_that_waits_goes_along),
      TEST(one_that_lacks_its_ticket_goes_along),
      TEST(without_a_pod_the_ticket_tells),
      TEST(nothing_at_all),
      TEST(a_pod_in_the_words_of_an_engine),
      TEST(a_second_pod_is_reported),
      TEST(a_wait_ends_with_the_container),
      TEST(an_end_stays_an_end),
      TEST(what_was_told_first_came_first),
      TEST(an_end_that_is_made_up_is_unknown),
      TEST(a_key_is_claimed_once),
      TEST(signals),
  };
  return RUN_TESTS(tests);
}
