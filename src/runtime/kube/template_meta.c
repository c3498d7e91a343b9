/* Labels and annotations of the copy. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/template.h"
#include <ctype.h>
#include <string.h>

/* "prefix/" of all such keys, else the whole key. */
static bool matches(const char *const *rows, size_t n, const char *key) {
  for (size_t i = 0; i < n; i++) {
    size_t len = strlen(rows[i]);
    char last = rows[i][len - 1];
    if (last == '/' || last == '.' ? !strncmp(key, rows[i], len) : !strcmp(key, rows[i])) return true;
  }
  return false;
}
#define MATCHES(rows, key) matches((rows), ARRAY_LEN(rows), (key))

/* Read by admission webhooks that put something into the pod; no Service is written for them. */
static const char *const for_injectors[] = {
    "azure.workload.identity/", "aadpodidbinding",    "sidecar.istio.io/inject",   "istio.io/rev",
    "istio.io/dataplane-mode",  "linkerd.io/inject",  "kuma.io/sidecar-injection", "kuma.io/mesh",
    "admission.datadoghq.com/", "tags.datadoghq.com/"};

/* Set by controllers, who refuse or misread another's value. */
static const char *const of_controllers[] = {"pod-template-hash",
                                             "controller-revision-hash",
                                             "pod-template-generation",
                                             "statefulset.kubernetes.io/",
                                             "apps.kubernetes.io/",
                                             "job-name",
                                             "controller-uid",
                                             "batch.kubernetes.io/",
                                             "run-once/"};

static const char *const dropped_annotations[] = {"kubectl.kubernetes.io/",
                                                  "deployment.kubernetes.io/",
                                                  "deprecated.daemonset.template.generation",
                                                  "batch.kubernetes.io/",
                                                  "cronjob.kubernetes.io/",
                                                  "statefulset.kubernetes.io/",
                                                  "run-once/"};
static const char *const scraped[] = {"prometheus.io/", "k8s.grafana.com/", "co.elastic.metrics/"};
/* What admission, the network plug-in or the kubelet wrote into a live pod. */
static const char *const of_live_pods[] = {"cni.projectcalico.org/",
                                           "k8s.v1.cni.cncf.io/network-status",
                                           "k8s.v1.cni.cncf.io/networks-status",
                                           "sidecar.istio.io/status",
                                           "kubernetes.io/config.",
                                           "kubernetes.io/limit-ranger",
                                           "kubernetes.io/psp",
                                           "openshift.io/scc"};
/* ".../CONTAINER": the server refuses one that names no container of the pod. */
static const char *const of_a_container[] = {"container.apparmor.security.beta.kubernetes.io/",
                                             "container.seccomp.security.alpha.kubernetes.io/"};

static bool is_scrape(const char *key) {
  const char *name = strrchr(key, '/');
  name = name ? name + 1 : key;
  if (MATCHES(scraped, key) || !strncmp(name, "scrape", 6)) return true;
  if (strncmp(key, "ad.datadoghq.com/", 17) != 0) return false;
  return strstr(key, "check") || strstr(key, ".init_configs") || strstr(key, ".instances");
}

static const char *why_dropped(const struct kube_copy *c, const char *key) {
  if (MATCHES(dropped_annotations, key)) return "it is a controller's or kubectl's";
  if (strstr(key, "checksum")) return "it makes the application roll out";
  if (is_scrape(key)) return "the copy must not be scraped as the application";
  if (c->f->of_pod && MATCHES(of_live_pods, key)) return "it tells of the one pod it was written into";
  for (size_t i = 0; i < ARRAY_LEN(of_a_container); i++) {
    size_t len = strlen(of_a_container[i]);
    if (strncmp(key, of_a_container[i], len) != 0) continue;
    const char *name = key + len;
    if (!kube_find_named(json_at(c->spec, "containers"), name) &&
        !kube_find_named(json_at(c->spec, "initContainers"), name))
      return "it is about a container that is left out";
  }
  return NULL;
}

static void annotations(struct kube_copy *c) {
  const char *key;
  json_t *value;
  json_object_foreach(json_at(c->f->pod_template, "metadata.annotations"), key, value) {
    const char *why = why_dropped(c, key);
    if (why)
      kube_plan_dropped(c, why, "annotation %s", key);
    else
      json_object_set(c->annotations, key, value);
  }
}

static void labels(struct kube_copy *c) {
  const char *key;
  json_t *value;
  json_object_foreach(json_at(c->f->pod_template, "metadata.labels"), key, value) {
    if (MATCHES(of_controllers, key))
      kube_plan_dropped(c, "a controller sets it", "label %s", key);
    else if (c->f->own_file || MATCHES(for_injectors, key) || strv_has(&c->s->keep_labels, key))
      json_object_set(c->labels, key, value);
    else
      kube_plan_dropped(c, "a selector would take the copy for the application (--keep-label keeps it)",
                        "label %s", key);
  }
}

/* A label's value, and the part of its key behind the slash: at most 63, alphanumeric at both ends. */
static bool is_label_text(const char *text, bool may_be_empty) {
  size_t n = strlen(text);
  if (n == 0) return may_be_empty;
  if (n > 63 || !isalnum((unsigned char)text[0]) || !isalnum((unsigned char)text[n - 1])) return false;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i])) return false;
  return true;
}

static bool is_key(const char *key) {
  const char *slash = strchr(key, '/');
  if (!slash) return is_label_text(key, false);
  size_t n = (size_t)(slash - key);
  if (n == 0 || n > 253 || !is_label_text(slash + 1, false)) return false;
  for (size_t i = 0; i < n; i++)
    if (!islower((unsigned char)key[i]) && !isdigit((unsigned char)key[i]) && !strchr("-.", key[i]))
      return false;
  return true;
}

/* --label: what cannot be a label's value, such as a sentence, becomes an annotation. */
static int given(struct kube_copy *c, struct error *err) {
  for (size_t i = 0; i < c->s->labels.n; i++) {
    const char *text = c->s->labels.v[i], *equals = strchr(text, '=');
    CLEANUP_FREE char *key = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
    const char *value = equals ? equals + 1 : "";
    if (!is_key(key))
      return error_set(err, ERR_CONFIG, "--label %s failed: Kubernetes takes no such key", key);
    if (MATCHES(of_controllers, key))
      return error_set(err, ERR_CONFIG, "--label %s failed: it is set by the cluster or by run-once itself",
                       key);
    bool label = is_label_text(value, true);
    json_object_set_new(label ? c->labels : c->annotations, key, json_string(value));
    if (!label) kube_plan_text(c, "checked", "label %s is an annotation: its value cannot be a label's", key);
  }
  return 0;
}

int kube_template_meta(struct kube_copy *c, struct error *err) {
  labels(c);
  annotations(c);
  return given(c, err);
}
