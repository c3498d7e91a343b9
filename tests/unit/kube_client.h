/* A cluster's client against an API server of the test's own. */
#ifndef UNIT_KUBE_CLIENT_H
#define UNIT_KUBE_CLIENT_H
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "descriptors.h"
#include "kube_server.h"
#include "runtime/kube/reach.h"
#include "runtime/registry.h"

#define OK(body)                                                                                             \
  "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nDate: Sun, 29 Nov 2026 15:04:05 GMT\r\n\r\n%s", strlen(body),   \
      body
#define STATUS(line, headers, body)                                                                          \
  "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n" headers "\r\n" body

struct world {
  struct kube_server s;
  struct loop *loop;
  struct kube *k;
  json_t *context;
  struct error err;
};

static struct reply good(const char *body) {
  static char text[4096];
  snprintf(text, sizeof text, OK(body));
  return (struct reply){.text = text};
}

static inline struct reply plain(const char *request, struct shared *shared) {
  (void)request, (void)shared;
  return good("{\"gitVersion\":\"v1.30.4+k3s1\",\"major\":\"1\",\"minor\":\"30+\"}");
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  w->s.tls = true;
  w->loop = loop_new();
  w->context = json_pack("{s:s,s:s,s:s}", "namespace", "shop", "user", "u", "cluster", "c");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  if (w->k) w->k->base.ops->free(&w->k->base);
  loop_free(w->loop);
  json_decref(w->context);
  if (w->s.pid) kube_server_stop(&w->s);
  free(w);
  return 0;
}

static void begin(struct world *w, reply_fn *reply) {
  struct runtime *rt;
  w->s.reply = reply;
  kube_server_start(&w->s);
  CLEANUP_FREE char *text = xprintf("%s://127.0.0.1:%d", w->s.tls ? "https" : "http", w->s.port);
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = text,
                        .host = (char *)"127.0.0.1",
                        .port = w->s.port,
                        .tls = w->s.tls,
                        .verify = true,
                        .ca = w->s.cert,
                        .context = w->context};
  assert_int_equal(kubernetes_open(w->loop, &ep, &rt, &w->err), 0);
  w->k = (struct kube *)rt;
}

static inline int get(struct world *w) {
  error_clear(&w->err);
  return kube_get(w->k, "/x", "looking failed", NULL, &w->err);
}

static inline int post(struct world *w) {
  struct kube_request req = {.method = "POST", .path = "/x", .body = w->context, .changes = true};
  error_clear(&w->err);
  return kube_json(w->k, &req, "making failed", NULL, &w->err);
}

static bool sent(const struct world *w, int i, const char *words) {
  return strstr(w->s.shared->log[i], words) != NULL;
}

static void said(const struct world *w, const char *words) {
  if (!strstr(w->err.text, words)) fail_msg("'%s' is not in '%s'", words, w->err.text);
}
#endif
