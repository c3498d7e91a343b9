/* For doctor: which cluster, as whom, what its server lacks, what is not allowed, and what to type next. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/kube/access.h"
#include "runtime/kube/reach.h"
#include <stdlib.h>
#include <string.h>

#define CLOCK_APART_NS (5 * INT64_C(1000000000))

/* What newer servers have, and how run-once does without. */
static const struct {
  int minor;
  const char *what, *without;
} news[] = {
    {21, "CronJobs of batch/v1, PodDisruptionBudgets of policy/v1", "those of v1beta1 are read"},
    {21, "removal of ended Jobs by the server (ttlSecondsAfterFinished)",
     "unless its feature gate is on, --keep-for is kept by the next run or `run-once jobs prune`"},
    {29, "native sidecars", "init containers with restartPolicy Always are left out"},
    {29, "podReplacementPolicy", "a second pod is kept from starting by the job's ticket alone"},
    {30, "the v5 attach channel",
     "the end of input is told by closing the channel; output comes from the log"},
    {34, "logs split by stream", "stdout and stderr come together, on stdout"},
};

static void fact(struct strv *facts, const char *name, const char *value) {
  if (value && *value) strv_take(facts, xprintf("%s: %s", name, value));
}

static void examine_place(struct kube *k, struct strv *facts, struct strv *findings) {
  const struct endpoint *ep = http_client_endpoint(k->http);
  const char *user = json_str(ep->context, "user"), *as = json_str(ep->context, "impersonate.user");
  fact(facts, "cluster", json_str(ep->context, "cluster"));
  CLEANUP_FREE char *who = user && as ? xprintf("%s, acting as %s", user, as) : user ? xstrdup(user) : NULL;
  fact(facts, "user", who);
  fact(facts, "namespace", k->namespace);
  if (json_at(ep->context, "exec")) fact(facts, "credential plugin", json_str(ep->context, "exec.command"));
  if (ep->tls && !ep->verify)
    strv_add(findings,
             "the server's certificate is not verified (insecure-skip-tls-verify): whoever is between may "
             "read and change everything; give certificate-authority instead");
  if (!ep->tls)
    strv_add(findings,
             "the server is reached without TLS: no credentials are sent, and whoever is between may read "
             "and change everything");
}

static void examine_version(struct kube *k, struct strv *facts) {
  if (!strncmp(k->info.version, "v0.0.", 5))
    fact(facts, "version", "not stamped in this build: it is taken for 1.20");
  if (!strcmp(k->info.version, "unknown"))
    fact(facts, "version", "we may not ask for it: it is taken for 1.20");
  for (size_t i = 0; i < ARRAY_LEN(news); i++)
    if (k->minor < news[i].minor)
      strv_take(facts, xprintf("not before 1.%d: %s; %s", news[i].minor, news[i].what, news[i].without));
}

static void examine_clock(struct kube *k, struct strv *facts, struct strv *findings) {
  if (!k->clock_known) return;
  int64_t apart = k->clock_offset_ns < 0 ? -k->clock_offset_ns : k->clock_offset_ns;
  if (apart <= CLOCK_APART_NS)
    fact(facts, "clock", "agrees with this machine's");
  else
    strv_take(findings,
              xprintf("the cluster's clock is %lld s %s this machine's: times in records are the cluster's",
                      (long long)(apart / 1000000000), k->clock_offset_ns < 0 ? "behind" : "ahead of"));
}

/* A namespace that is not there denies nothing: everything would be allowed in it. */
static int examine_namespace(struct kube *k, struct strv *findings, struct error *err) {
  struct error fault = ERROR_INIT;
  CLEANUP_FREE char *escaped = http_escape(k->namespace);
  CLEANUP_FREE char *path = xprintf("/api/v1/namespaces/%s", escaped);
  if (kube_get(k, path, "reading the namespace failed", NULL, &fault) == 0) return 0;
  if (fault.kind == ERR_PERMISSION) return 0; /* few may look at it, nobody needs to */
  if (fault.kind == ERR_MISSING) {
    strv_take(findings, xprintf("namespace %s is not there; name another with --namespace", k->namespace));
    return 0;
  }
  if (err) *err = fault;
  return -1;
}

static int examine_rights(struct kube *k, struct strv *facts, struct strv *findings, struct error *err) {
  struct kube_missing m;
  if (kube_missing(k, RIGHT_NEEDED | RIGHT_ATTACH | RIGHT_SECRETS | RIGHT_USEFUL, &m, err) < 0) return -1;
  for (size_t i = 0; i < kube_rights_n; i++) {
    if (!m.verbs[i]) continue;
    const struct kube_right *r = &kube_rights[i];
    CLEANUP_FREE char *text = kube_missing_text(r, m.verbs[i]);
    strv_take(findings,
              xprintf("not allowed to %s: %s%s", text, r->what,
                      r->need == RIGHT_USEFUL || r->need == RIGHT_ATTACH ? "" : "; no job can run"));
  }
  if (m.unknown)
    strv_add(facts, "permissions: the server does not say what is allowed");
  else if (!m.any)
    strv_add(facts, "permissions: all that run-once can use");
  if (m.any) {
    CLEANUP_FREE char *role = kube_role_yaml(k);
    strv_take(findings, xprintf("this Role would do (kubectl apply -f FILE, then bind it):\n%s", role));
  }
  kube_missing_done(&m);
  return 0;
}

int kube_examine(struct runtime *rt, struct strv *ret_facts, struct strv *ret_findings, struct error *err) {
  struct kube *k = (struct kube *)rt;
  examine_place(k, ret_facts, ret_findings);
  examine_version(k, ret_facts);
  if (examine_namespace(k, ret_findings, err) < 0) return -1;
  examine_clock(k, ret_facts, ret_findings);
  if (examine_rights(k, ret_facts, ret_findings, err) < 0) return -1;
  for (char *text; (text = strv_shift(&k->warnings));) {
    strv_take(ret_findings, xprintf("the cluster says: %s", text));
    free(text);
  }
  return 0;
}
