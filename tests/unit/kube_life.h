/* One job of namespace shop against an API server of the test's own (kube_server.h): its answers, and the
 * client's side. */
#ifndef UNIT_KUBE_LIFE_H
#define UNIT_KUBE_LIFE_H
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

static inline struct reply answer(const char *status, const char *body) {
  static char all[65536];
  snprintf(all, sizeof all,
           "HTTP/1.1 %s X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
           strlen(body), body);
  return (struct reply){.text = all};
}
static inline struct reply ok(const char *body) {
  return answer("200", body);
}
static inline struct reply missing(void) {
  return answer("404", "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"not found\"}");
}
static inline struct reply conflict(void) {
  return answer("409", "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"already exists\"}");
}
static inline struct reply lost(void) {
  return (struct reply){.text = NULL, .then = REPLY_CLOSE};
}
#define EMPTY "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}"
static inline struct reply stream(const char *events) {
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

static inline bool is(const char *request, const char *method, const char *path) {
  size_t n = strlen(method);
  return !strncmp(request, method, n) && request[n] == ' ' && !strncmp(request + n + 1, path, strlen(path));
}
static inline bool pods_list(const char *r) {
  return is(r, "GET", PODS "?") && !strstr(r, "watch=1");
}
static inline bool pods_watch(const char *r) {
  return is(r, "GET", PODS "?") && strstr(r, "watch=1");
}

/* --- the client's side --- */

static inline int setup(void **state) {
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

static inline int teardown(void **state) {
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

static inline void open_world(struct world *w, reply_fn *reply) {
  struct runtime *rt = kube_server_open(&w->s, w->loop, reply);
  w->k = (struct kube *)rt;
  w->ops = rt->ops;
}

static inline int count(struct world *w, const char *method, const char *path, const char *with) {
  int n = 0;
  for (int i = 0; i < w->s.shared->requests && i < 256; i++)
    n += is(w->s.shared->log[i], method, path) && (!with || strstr(w->s.shared->log[i], with));
  return n;
}

static inline char *create(struct world *w) {
  struct error err = ERROR_INIT;
  char *id = NULL;
  if (w->ops->create(&w->k->base, &w->p, &w->who, &id, &err)) fail_msg("%s", err.text);
  assert_string_equal(id, ID);
  return id;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#endif
