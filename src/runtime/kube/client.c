/* Requests to the API server: the one way every short one goes, and its answers in our words. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/reach.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_LIMIT_MS 30000
#define RETRY_AFTER_MAX_S 60
#define RETRY_AFTER_DEFAULT_MS 1000 /* 429 without a word of how long */

const char *const kube_unread[] = {"managedFields", NULL};

int kube_sleep(struct kube *k, int64_t ms, struct error *err) {
  int64_t until = clock_ms() + ms, left;
  while ((left = until - clock_ms()) > 0) {
    if (loop_interrupted(k->loop, err) != ERR_NONE) return -1;
    loop_step(k->loop, (int)left);
  }
  return 0;
}

int kube_headers(struct kube *k, char **ret, struct error *err) {
  if (kube_credentials_ready(k->credentials, err) < 0) return -1;
  return kube_credentials_headers(k->credentials, ret, err);
}

void kube_headers_free(char *headers) {
  if (headers) explicit_bzero(headers, strlen(headers));
  free(headers);
}

int64_t kube_retry_after(const struct http_response *r) {
  CLEANUP_FREE char *text = http_header(r, "Retry-After");
  int64_t s = 0;
  if (!text || parse_int(text, 0, INT32_MAX, &s)) return 0;
  return (s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s) * 1000;
}

/* One try. The query stays out of the trace: names and selectors are nobody's business. */
static int send_once(struct kube *k, const struct kube_request *req, const char *body, int64_t timeout_ms,
                     struct http_response *ret, struct error *err) {
  char *headers = NULL;
  if (kube_headers(k, &headers, err) < 0) return -1;
  bool patch = !strcmp(req->method, "PATCH");
  struct http_request full = {.method = req->method,
                              .path = req->path,
                              .body = body,
                              .body_len = body ? strlen(body) : 0,
                              .content_type = req->content_type ? req->content_type
                                              : patch           ? "application/merge-patch+json"
                                                                : NULL,
                              .header = headers,
                              .accept = req->accept ? req->accept : "application/json",
                              .changes = req->changes,
                              .timeout_ms = timeout_ms};
  int64_t begun = clock_ms();
  int rc = http_call(k->http, &full, ret, err), len = (int)strcspn(req->path, "?");
  kube_headers_free(headers);
  if (rc < 0) {
    trace(TRACE_RUNTIME, "%s %.*s: no answer, %lld ms", req->method, len, req->path,
          (long long)(clock_ms() - begun));
    return -1;
  }
  trace(TRACE_RUNTIME, "%s %.*s: %ld, %lld ms", req->method, len, req->path, ret->status,
        (long long)(clock_ms() - begun));
  kube_note(k, ret);
  return 0;
}

/* Neither answer is about the request itself, which was not looked at: 401, the credentials have expired;
 * 429, the server has too much to do, and one that only reads may come back when it said. */
static bool again(struct kube *k, const struct kube_request *req, const struct http_response *r,
                  bool *refused_before, int64_t *ret_pause) {
  *ret_pause = 0;
  if (r->status == 401 && !*refused_before) {
    *refused_before = true;
    return kube_credentials_refused(k->credentials);
  }
  if (r->status != 429 || req->changes) return false;
  *ret_pause = kube_retry_after(r);
  if (!*ret_pause) *ret_pause = RETRY_AFTER_DEFAULT_MS;
  return true;
}

int kube_call(struct kube *k, const struct kube_request *req, struct http_response *ret, struct error *err) {
  CLEANUP_FREE char *body = req->body ? json_dumps(req->body, JSON_COMPACT) : NULL;
  int64_t until = clock_ms() + (req->timeout_ms > 0 ? req->timeout_ms : CALL_LIMIT_MS), pause, left;
  bool refused = false;
  int rc;
  while ((left = until - clock_ms()) > 0) {
    struct http_response r;
    if ((rc = send_once(k, req, body, left, &r, err)) < 0) break;
    if (!again(k, req, &r, &refused, &pause) || clock_ms() + pause >= until) {
      *ret = r;
      break;
    }
    http_response_done(&r);
    if ((rc = pause ? kube_sleep(k, pause, err) : 0) < 0) break;
  }
  if (left <= 0)
    rc = error_set(err, ERR_TIMEOUT, "%s %.*s: no answer in time", req->method, (int)strcspn(req->path, "?"),
                   req->path);
  if (body) explicit_bzero(body, strlen(body)); /* a Secret's */
  return rc;
}

int kube_json(struct kube *k, const struct kube_request *req, const char *what, json_t **ret,
              struct error *err) {
  struct http_response r;
  json_t *j = NULL;
  int rc = 0;
  if (kube_call(k, req, &r, err) < 0) return error_prefix(err, "%s", what);
  if (r.status / 100 != 2)
    rc = kube_fault(&r, what, err);
  else if (ret && !(j = json_parse_without(r.body.data ? r.body.data : "", r.body.len, kube_unread, err)))
    rc = error_prefix(err, "%s: the API server's answer", what);
  http_response_done(&r);
  if (rc == 0 && ret) *ret = j;
  return rc;
}

int kube_get(struct kube *k, const char *path, const char *what, json_t **ret, struct error *err) {
  struct kube_request req = {.method = "GET", .path = path};
  return kube_json(k, &req, what, ret, err);
}

char *kube_path(const struct kube *k, const char *group, const char *resource, const char *name,
                const char *suffix) {
  CLEANUP_FREE char *ns = http_escape(k->namespace), *escaped = name ? http_escape(name) : NULL;
  return xprintf("%s%s/namespaces/%s/%s%s%s%s", *group ? "/apis/" : "/api/v1", group, ns, resource,
                 escaped ? "/" : "", escaped ? escaped : "", suffix ? suffix : "");
}
