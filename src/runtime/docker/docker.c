/* One engine: opening, version negotiation, and the one way every short request goes. */
#include "runtime/docker/docker.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include "runtime/registry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_OLDEST 41 /* Engine 20.10 */
#define API_NEWEST 51 /* Engine 28.5; newer ones still take it */
#define CALL_LIMIT_MS 60000

char *docker_path(const struct docker *d, const char *path) {
  return xprintf("/v1.%d%s", d->api_minor, path);
}

/* The Date header has whole seconds, cut off: the middle of that second is the best guess. */
static void note_clock(struct docker *d, const struct http_response *r) {
  CLEANUP_FREE char *date = http_header(r, "Date");
  int64_t ns = date ? clock_parse_http_date(date) : 0;
  if (!ns) return;
  d->clock_offset_ns = ns + 500000000 - clock_wall_ns();
  d->clock_known = true;
}

/* path is complete. The query stays out of the trace: names and filters are nobody's business. */
static int send_request(struct docker *d, const struct http_request *req, struct http_response *ret,
                        struct error *err) {
  int64_t begun = clock_ms();
  int len = (int)strcspn(req->path, "?");
  if (http_call(d->http, req, ret, err) < 0) {
    trace(TRACE_RUNTIME, "%s %.*s: no answer, %lld ms", req->method, len, req->path,
          (long long)(clock_ms() - begun));
    return -1;
  }
  trace(TRACE_RUNTIME, "%s %.*s: %ld, %lld ms", req->method, len, req->path, ret->status,
        (long long)(clock_ms() - begun));
  note_clock(d, ret);
  return 0;
}

int docker_request(struct docker *d, const struct http_request *req, struct http_response *ret,
                   struct error *err) {
  CLEANUP_FREE char *path = docker_path(d, req->path);
  struct http_request full = *req;
  full.path = path;
  return send_request(d, &full, ret, err);
}

int docker_call(struct docker *d, const char *method, const char *path, json_t *body, bool changes,
                int64_t timeout_ms, struct http_response *ret, struct error *err) {
  CLEANUP_FREE char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  struct http_request req = {.method = method,
                             .path = path,
                             .body = text,
                             .body_len = text ? strlen(text) : 0,
                             .changes = changes,
                             .timeout_ms = timeout_ms};
  return docker_request(d, &req, ret, err);
}

int docker_json_part(struct docker *d, const char *path, const char *what, const char *const *keys,
                     json_t **ret, struct error *err) {
  struct http_response r;
  if (docker_call(d, "GET", path, NULL, false, CALL_LIMIT_MS, &r, err) < 0)
    return error_prefix(err, "%s", what);
  const char *text = r.body.data ? r.body.data : "";
  json_t *j = NULL;
  if (r.status != 200)
    docker_fault(&r, what, err);
  else if (!(j = keys ? json_parse_part(text, r.body.len, keys, err) : json_parse(text, r.body.len, err)))
    error_prefix(err, "%s: the engine's answer", what);
  http_response_done(&r);
  if (!j) return -1;
  *ret = j;
  return 0;
}

int docker_json_as(struct docker *d, const char *path, const char *what, json_t **ret, struct error *err) {
  return docker_json_part(d, path, what, NULL, ret, err);
}

int docker_json(struct docker *d, const char *path, json_t **ret, struct error *err) {
  CLEANUP_FREE char *what = xprintf("GET %.*s", (int)strcspn(path, "?"), path);
  return docker_json_as(d, path, what, ret, err);
}

/* The engine's own words: {"message": ...}, else the text as it came. For free(). */
char *docker_words(const struct http_response *r) {
  struct error ignored = ERROR_INIT;
  const char *body = r->body.data ? r->body.data : "";
  CLEANUP_JSON json_t *j = *body == '{' ? json_parse(body, r->body.len, &ignored) : NULL;
  const char *message = j ? json_str(j, "message") : NULL;
  char *words = xmalloc(ERROR_TEXT_MAX);
  snprintf(words, ERROR_TEXT_MAX, "%s", message ? message : body);
  error_one_line(words, ERROR_TEXT_MAX);
  if (*words) return words;
  free(words);
  return xprintf("the engine answered HTTP %ld without a word", r->status);
}

int docker_fault(const struct http_response *r, const char *what, struct error *err) {
  CLEANUP_FREE char *words = docker_words(r);
  enum error_kind kind = r->status == 404                       ? ERR_MISSING
                         : r->status == 409                     ? ERR_CONFLICT
                         : r->status == 401 || r->status == 403 ? ERR_PERMISSION
                         : r->status == 502 || r->status == 504 ? ERR_LOST /* a proxy's: the engine may act */
                                                                : ERR_ENGINE;
  error_set(err, kind, "%s: %s", what, words);
  if (err) err->http_status = r->status;
  if (podman_answered(r)) podman_fault(err);
  return -1;
}

int docker_sleep(struct docker *d, int64_t ms, struct error *err) {
  int64_t until = clock_ms() + ms, left;
  while ((left = until - clock_ms()) > 0) {
    if (loop_interrupted(d->loop, err) != ERR_NONE) return -1;
    loop_step(d->loop, (int)left);
  }
  return 0;
}

/* "Docker/20.10.24 (linux)" -> 20.10.24 */
static void note_version(struct docker *d, const struct http_response *r) {
  CLEANUP_FREE char *server = http_header(r, "Server");
  const char *slash = server ? strchr(server, '/') : NULL;
  if (!slash) return;
  snprintf(d->info.version, sizeof d->info.version, "%.*s", (int)strcspn(slash + 1, " \t"), slash + 1);
}

/* A port that wants TLS says so in plain HTTP; something between has words of its own. */
static int not_an_engine(struct docker *d, const struct http_response *r, struct error *err) {
  const char *body = r->body.data ? r->body.data : "";
  if (strstr(body, "HTTP request to an HTTPS server"))
    return error_set(err, ERR_ENGINE,
                     "cannot reach the engine at %s: it speaks TLS only; set DOCKER_TLS_VERIFY and "
                     "DOCKER_CERT_PATH, or name a context that has its certificates",
                     d->info.endpoint);
  return error_set(err, ERR_ENGINE,
                   "%s: what answers is not a Docker engine (HTTP %ld without an API-Version header)",
                   d->info.endpoint, r->status);
}

static int negotiate(struct docker *d, const struct http_response *r, struct error *err) {
  CLEANUP_FREE char *api = http_header(r, "API-Version");
  int major = 0, minor = 0;
  if (!api || sscanf(api, "%d.%d", &major, &minor) != 2) return not_an_engine(d, r, err);
  if (podman_note(d, r, err) < 0) return -1;
  if (major < 1 || (major == 1 && minor < API_OLDEST))
    return error_set(
        err, ERR_ENGINE,
        "%s: the engine is too old: its API is %d.%d, run-once needs 1.%d (Docker Engine 20.10) or newer",
        d->info.endpoint, major, minor, API_OLDEST);
  d->api_minor = major > 1 || minor > API_NEWEST ? API_NEWEST : minor;
  snprintf(d->info.api, sizeof d->info.api, "1.%d", d->api_minor);
  note_version(d, r);
  return 0;
}

/* Only after contact was lost does it matter whether containers outlive the engine. */
static int look_live_restore(struct docker *d, struct error *err) {
  CLEANUP_JSON json_t *info = NULL;
  if (d->podman) return 0;
  if (docker_json_as(d, "/info", "asking the engine for its settings failed", &info, err) < 0) return -1;
  d->info.live_restore = json_is(info, "LiveRestoreEnabled");
  return 0;
}

static int docker_connect(struct runtime *rt, struct error *err) {
  struct docker *d = (struct docker *)rt;
  struct http_request req = {.method = "HEAD", .path = "/_ping", .timeout_ms = CALL_LIMIT_MS};
  struct http_response r;
  if (send_request(d, &req, &r, err) < 0) return -1;
  if (r.status != 200) { /* something between that knows no HEAD */
    http_response_done(&r);
    req.method = "GET";
    if (send_request(d, &req, &r, err) < 0) return -1;
  }
  CLEANUP_FREE char *api = http_header(&r, "API-Version");
  int rc = api && r.status != 200 ? docker_fault(&r, d->info.endpoint, err) : negotiate(d, &r, err);
  http_response_done(&r);
  if (rc < 0) return -1;
  if (d->connected_before) return look_live_restore(d, err);
  d->connected_before = true;
  return 0;
}

static const struct runtime_info *docker_info(struct runtime *rt) {
  return &((struct docker *)rt)->info;
}

static int64_t docker_clock(struct runtime *rt) {
  struct docker *d = (struct docker *)rt;
  return d->clock_known ? clock_wall_ns() + d->clock_offset_ns : 0;
}

static void docker_free(struct runtime *rt) {
  struct docker *d = (struct docker *)rt;
  if (!d) return;
  http_client_free(d->http);
  free(d);
}

static const struct runtime_ops docker_ops = {
    .kind = "docker",
    .free = docker_free,
    .connect = docker_connect,
    .info = docker_info,
    .clock_ns = docker_clock,
    .prepare = docker_prepare,
    .pull = docker_pull,
    .create = docker_create,
    .complete = docker_complete,
    .find = docker_find,
    .attach = docker_attach,
    .watch = docker_watch,
    .wait_begin = docker_wait_begin,
    .start = docker_start,
    .state = docker_state,
    .signal = docker_signal,
    .stop = docker_stop,
    .resize = docker_resize,
    .rename = docker_rename,
    .remove = docker_remove,
    .logs = docker_logs,
    .jobs = docker_jobs,
    .by_name = docker_by_name,
    .claim = docker_claim,
    .claim_read = docker_claim_read,
    .claim_store = docker_claim_store,
    .claim_load = docker_claim_load,
    .claim_free = docker_claim_free,
    .claim_sweep = docker_claim_sweep,
    .leftovers = docker_leftovers,
    .leftover_remove = docker_leftover_remove,
    .recall = docker_recall,
    .memory_full = docker_memory_full,
    .alive = docker_alive,
    .body = docker_body,
    .examine = docker_examine,
};

int docker_open(struct loop *loop, const struct endpoint *ep, struct runtime **ret, struct error *err) {
  struct http_client *http = http_client_new(loop, ep, err);
  if (!http) return -1;
  struct docker *d = xcalloc(1, sizeof *d);
  d->base.ops = &docker_ops;
  d->loop = loop;
  d->http = http;
  d->api_minor = API_OLDEST;
  d->info.kind = "docker";
  d->info.endpoint = http_client_endpoint(http)->text;
  d->info.remote = http_client_endpoint(http)->scheme != ENDPOINT_UNIX;
  *ret = &d->base;
  return 0;
}
