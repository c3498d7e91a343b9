/* The life of a job against an API server that loses answers, refuses, and shows what others did meanwhile.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "descriptors.h"
#include "kube_server.h"
#include "runtime/kube/life.h"
#include "runtime/registry.h"

#define NS "/namespaces/shop/"
#define SECRETS "/api/v1" NS "secrets"
#define PODS "/api/v1" NS "pods"
#define JOBS "/apis/batch/v1" NS "jobs"
#define JOB "/apis/batch/v1" NS "jobs/run-once-abc "
#define ID "run-once-abc/su/abc"

struct world {
  struct kube_server s;
  struct loop *loop;
  struct kube *k;
  const struct runtime_ops *ops;
  struct prepared p;
  struct identity who;
  struct buf heard;
};

/* --- what the server says --- */

static struct reply answer(const char *status, const char *body) {
  static char all[65536];
  snprintf(all, sizeof all,
           "HTTP/1.1 %s X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
           strlen(body), body);
  return (struct reply){.text = all};
}
static struct reply ok(const char *body) {
  return answer("200", body);
}
static struct reply missing(void) {
  return answer("404", "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"not found\"}");
}
static struct reply conflict(void) {
  return answer("409", "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"already exists\"}");
}
static struct reply lost(void) {
  return (struct reply){.text = NULL, .then = REPLY_CLOSE};
}
#define EMPTY "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}"
static struct reply stream(const char *events) {
  static char all[65536];
  snprintf(all, sizeof all,
           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n%s", events);
  return (struct reply){.text = all, .then = REPLY_HOLD};
}
#define LABELS "\"labels\":{\"run-once/id\":\"abc\"}"
#define SECRET(data)                                                                                         \
  "{\"metadata\":{\"name\":\"run-once-abc\",\"uid\":\"su\"," LABELS "},\"data\":{" data "}}"
#define TICKET "\"ticket-abc\":\"YQ==\""
#define THE_JOB(more) "{\"metadata\":{\"name\":\"run-once-abc\",\"uid\":\"ju\"," LABELS "}" more "}"
#define POD(uid, meta, spec, state)                                                                          \
  "{\"metadata\":{\"name\":\"p-" uid "\",\"uid\":\"" uid "\"," LABELS                                        \
  ",\"creationTimestamp\":\"2026-11-29T10:00:00Z\",\"ownerReferences\":[{\"kind\":\"Job\",\"uid\":\"ju\"}"   \
  "]" meta "},\"spec\":{\"containers\":[{\"name\":\"web\"}]" spec                                            \
  "},\"status\":{\"containerStatuses\":[{\"name\":\"web\","                                                  \
  "\"image\":\"shop:1\",\"state\":{" state "}}]}}"
#define NODE ",\"nodeName\":\"n\""
#define RUNS "\"running\":{\"startedAt\":\"2026-11-29T10:00:05Z\"}"
#define ENDED                                                                                                \
  "\"terminated\":{\"exitCode\":3,\"startedAt\":\"2026-11-29T10:00:05Z\",\"finishedAt\":\"2026-11-29T10:00:" \
  "09Z\"}"
#define NOT_YET "\"waiting\":{\"reason\":\"ContainerCreating\"}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define LIST(items) "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" items "]}"

static bool is(const char *request, const char *method, const char *path) {
  size_t n = strlen(method);
  return !strncmp(request, method, n) && request[n] == ' ' && !strncmp(request + n + 1, path, strlen(path));
}
static bool pods_list(const char *r) {
  return is(r, "GET", PODS "?") && !strstr(r, "watch=1");
}
static bool pods_watch(const char *r) {
  return is(r, "GET", PODS "?") && strstr(r, "watch=1");
}

/* --- the client's side --- */

static int setup(void **state) {
  struct world *w = xcalloc(1, sizeof *w);
  w->loop = loop_new();
  buf_init(&w->heard, 1 << 16);
  w->p.request =
      json_loads("{\"container\":\"web\",\"secret\":{\"stringData\":{\"env.A\":\"1\"}},\"job\":{\"spec\":{"
                 "\"template\":{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"web\"}]}}}}}",
                 0, NULL);
  w->who = (struct identity){.id = "abc", .name = "run-once.abc", .stop_ms = -1};
  w->who.labels = json_pack("{s:s}", "run-once.id", "abc");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  if (w->k) w->ops->free(&w->k->base);
  loop_free(w->loop);
  buf_done(&w->heard);
  prepared_done(&w->p);
  json_decref(w->who.labels);
  if (w->s.pid) kube_server_stop(&w->s);
  free(w);
  return 0;
}

static void open_world(struct world *w, reply_fn *reply) {
  struct runtime *rt;
  w->s.reply = reply;
  kube_server_start(&w->s);
  CLEANUP_JSON json_t *context = json_pack("{s:s}", "namespace", "shop");
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = (char *)"http://test",
                        .host = (char *)"127.0.0.1",
                        .port = w->s.port,
                        .context = context};
  assert_int_equal(kubernetes_open(w->loop, &ep, &rt, NULL), 0);
  w->k = (struct kube *)rt;
  w->ops = rt->ops;
}

static int count(struct world *w, const char *method, const char *path, const char *with) {
  int n = 0;
  for (int i = 0; i < w->s.shared->requests && i < 256; i++)
    n += is(w->s.shared->log[i], method, path) && (!with || strstr(w->s.shared->log[i], with));
  return n;
}

static char *create(struct world *w) {
  struct error err = ERROR_INIT;
  char *id = NULL;
  if (w->ops->create(&w->k->base, &w->p, &w->who, &id, &err)) fail_msg("%s", err.text);
  assert_string_equal(id, ID);
  return id;
}

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

/* --- start --- */

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

/* --- remove --- */

/* n[1] 1: a start has arrived when the fence is put up; n[2]: the pods. */
enum { NOTHING, RUNNING, OVER, SECOND_WAITS };
static struct reply removes(const char *r, struct shared *s) {
  if (is(r, "GET", JOB)) return s->n[2] == NOTHING && !s->n[4] ? missing() : ok(THE_JOB(""));
  if (is(r, "GET", SECRETS "/run-once-abc ")) return ok(s->n[3] ? SECRET("") : SECRET(TICKET));
  if (is(r, "POST", JOBS " ")) {
    s->n[4] = s->n[1];
    return s->n[1] ? conflict() : answer("201", "{\"metadata\":{\"uid\":\"fu\"}}");
  }
  if (is(r, "DELETE", "/")) return ok("{}");
  if (is(r, "PATCH", "/")) return ok("{}");
  if (pods_list(r))
    return ok(s->n[2] == RUNNING ? LIST(POD("1", "", NODE, RUNS))
              : s->n[2] == OVER  ? LIST(POD("1", "", NODE, ENDED))
              : s->n[2] == NOTHING
                  ? EMPTY
                  : LIST(POD("2", "", NODE, "\"waiting\":{\"reason\":\"CreateContainerConfigError\"}")));
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_secret_is_the_reservation),
      TEST(a_pod_that_outlived_its_secret_holds_the_lock),
      TEST(the_ticket_is_taken_out),
      TEST(one_that_has_ended_needs_none),
      TEST(the_answer_of_start_is_lost),
      TEST(a_start_that_is_refused),
      TEST(fenced_by_someone_else),
      TEST(not_found_is_told),
      TEST(hopeless_is_taken_back),
      TEST(an_interrupt_takes_it_back),
      TEST(the_fence),
      TEST(a_running_one_refuses),
      TEST(without_a_pod_the_ticket_tells),
      TEST(nothing_at_all),
      TEST(a_pod_in_the_words_of_an_engine),
      TEST(a_second_pod_is_reported),
      TEST(a_wait_ends_with_the_container),
      TEST(a_key_is_claimed_once),
      TEST(signals),
  };
  return RUN_TESTS(tests);
}
