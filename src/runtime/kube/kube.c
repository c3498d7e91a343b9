/* One namespace of a cluster: opening, its version, and the table of what can be done there. */
#include "runtime/kube/kube.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/reach.h"
#include "runtime/registry.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINOR_OLDEST 19 /* events.k8s.io/v1 and what Debian 12 has is 1.20; older ones were never tried */

#define MINOR_UNSTAMPED                                                                                      \
  20 /* builds without a version's stamp are v0.0.0: nothing newer is expected of them */

/* "20", "20+" -> 20; -1: garbage. */
static int number_of(const char *text) {
  char *end;
  if (!text || !isdigit((unsigned char)*text)) return -1;
  long n = strtol(text, &end, 10);
  return n >= 0 && n < 10000 ? (int)n : -1;
}

static int not_a_cluster(struct kube *k, const struct http_response *r, struct error *err) {
  if (r->status == 401 || r->status == 403) {
    CLEANUP_FREE char *what = xprintf("the cluster at %s refuses us", k->info.endpoint);
    return kube_fault(r, what, err);
  }
  return error_set(err, ERR_ENGINE,
                   "%s: what answers is not a cluster's API server (HTTP %ld to GET /version)",
                   k->info.endpoint, r->status);
}

/* Who may not ask for the version may still run jobs: some clusters hide it. 401 is another matter. */
static bool hides_version(const struct http_response *r) {
  struct error ignored = ERROR_INIT;
  CLEANUP_JSON json_t *status =
      r->status == 403 ? json_parse(r->body.len ? r->body.data : "", r->body.len, &ignored) : NULL;
  const char *kind = json_str(status, "kind");
  return kind && !strcmp(kind, "Status");
}

static int read_version(struct kube *k, const struct http_response *r, struct error *err) {
  struct error ignored = ERROR_INIT;
  CLEANUP_JSON json_t *v =
      r->status == 200 ? json_parse(r->body.len ? r->body.data : "", r->body.len, &ignored) : NULL;
  const char *version = json_str(v, "gitVersion");
  int major = number_of(json_str(v, "major")), minor = number_of(json_str(v, "minor"));
  if (version && (major < 0 || minor < 0) && sscanf(version, "v%d.%d", &major, &minor) != 2) version = NULL;
  if (hides_version(r)) version = "unknown", major = minor = 0;
  if (!version) return not_a_cluster(k, r, err);
  if (major == 1 && minor < MINOR_OLDEST)
    return error_set(err, ERR_ENGINE, "%s: the cluster is too old: it is %s, run-once needs v1.%d or newer",
                     k->info.endpoint, version, MINOR_OLDEST);
  snprintf(k->info.version, sizeof k->info.version, "%s", version);
  if (major == 0) major = 1, minor = MINOR_UNSTAMPED;
  k->minor = major > 1 ? 999 : minor;
  snprintf(k->info.api, sizeof k->info.api, "%d.%d", major, minor);
  return 0;
}

static int kube_connect(struct runtime *rt, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_request req = {.method = "GET", .path = "/version"};
  struct http_response r;
  if (kube_call(k, &req, &r, err) < 0) return -1;
  int rc = read_version(k, &r, err);
  http_response_done(&r);
  return rc;
}

static const struct runtime_info *kube_info(struct runtime *rt) {
  return &((struct kube *)rt)->info;
}

static int64_t kube_clock(struct runtime *rt) {
  struct kube *k = (struct kube *)rt;
  return k->clock_known ? clock_wall_ns() + k->clock_offset_ns : 0;
}

static void kube_free(struct runtime *rt) {
  struct kube *k = (struct kube *)rt;
  if (!k) return;
  kube_life_free(k);
  kube_streams_free(k);
  kube_credentials_free(k->credentials);
  http_client_free(k->http);
  strv_done(&k->warnings);
  strv_done(&k->warned);
  free(k);
}

static const struct runtime_ops kube_ops = {
    .kind = "kubernetes",
    .free = kube_free,
    .connect = kube_connect,
    .info = kube_info,
    .clock_ns = kube_clock,
    .prepare = kube_prepare,
    .pull = kube_pull,
    .manifest = kube_manifest,
    .create = kube_create,
    .complete = kube_complete,
    .find = kube_find,
    .watch = kube_watch_job,
    .attach = kube_attach,
    .wait_begin = kube_wait_begin,
    .logs = kube_logs,
    .resize = kube_resize,
    .start = kube_start,
    .state = kube_state,
    .signal = kube_signal,
    .stop = kube_stop,
    .rename = kube_rename,
    .remove = kube_remove,
    .jobs = kube_jobs,
    .by_name = kube_by_name,
    .claim = kube_claim,
    .claim_read = kube_claim_read,
    .claim_store = kube_claim_store,
    .claim_load = kube_claim_load,
    .claim_free = kube_claim_free,
    .claim_sweep = kube_claim_sweep,
    .examine = kube_examine,
};

int kubernetes_open(struct loop *loop, const struct endpoint *ep, struct runtime **ret, struct error *err) {
  struct http_client *http = http_client_new(loop, ep, err);
  if (!http) return -1;
  struct kube *k = xcalloc(1, sizeof *k);
  const char *namespace = json_str(http_client_endpoint(http)->context, "namespace");
  k->base.ops = &kube_ops;
  k->loop = loop;
  k->http = http;
  k->namespace = namespace ? namespace : "default";
  k->info.kind = "kubernetes";
  k->info.endpoint = http_client_endpoint(http)->text;
  k->info.target = "job";
  k->info.namespace = k->namespace;
  k->info.start_waits = k->info.no_signals = true;
  k->info.resumes = k->info.confirms_input = k->info.state_tells_all = true;
  k->info.live_restore = true; /* pods do not hang on the API server */
  k->credentials = kube_credentials_new(loop, http);
  *ret = &k->base;
  return 0;
}
