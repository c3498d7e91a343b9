#include "runtime/kube/template.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include <string.h>

#define GRACE_DEFAULT_MS 10000 /* of an image; a workload's is filled in by the server */

static void drop_field(struct kube_copy *c, json_t *from, const char *key, const char *why) {
  if (json_object_del(from, key) == 0) kube_plan_dropped(c, why, "%s", key);
}

static void drop_affinity(struct kube_copy *c) {
  json_t *affinity = json_at(c->spec, "affinity");
  drop_field(c, affinity, "podAntiAffinity", "it could leave no node for the copy");
  if (affinity && json_object_size(affinity) == 0) json_object_del(c->spec, "affinity");
  drop_field(c, c->spec, "topologySpreadConstraints", "it could leave no node for the copy");
}

static void set_hostname(struct kube_copy *c) {
  const char *want = c->s->hostname, *was = json_str(c->f->pod_template, "spec.hostname");
  if (want && !strcmp(want, "source")) want = was;
  json_object_del(c->spec, "hostname");
  if (want && *want)
    json_object_set_new(c->spec, "hostname", json_string(want));
  else if (was)
    kube_plan_dropped(c, "the copy must not answer to the application's name (--hostname source keeps it)",
                      "hostname %s", was);
}

/* Admission computes these anew, and refuses them when they differ. */
static void drop_computed(struct kube_copy *c) {
  static const char *const keys[] = {"priority", "preemptionPolicy", "overhead", "hostnameOverride"};
  if (!c->f->of_pod) return;
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) json_object_del(c->spec, keys[i]);
}

void kube_template_pod(struct kube_copy *c) {
  const char *policy = json_str(c->spec, "restartPolicy");
  if (policy && strcmp(policy, "Never") != 0)
    kube_plan_dropped(c, "the command runs once", "restart policy %s", policy);
  json_object_set_new(c->spec, "restartPolicy", json_string("Never"));
  drop_field(c, c->spec, "activeDeadlineSeconds", "--timeout and --start-timeout set the copy's");
  drop_field(c, c->spec, "readinessGates", "the copy serves nobody");
  drop_field(c, c->spec, "schedulingGates", "nobody would open them for the copy");
  drop_field(c, c->spec, "nodeName", "the scheduler chooses");
  drop_field(c, c->spec, "subdomain", "the copy must not answer to the application's name");
  drop_field(c, c->spec, "ephemeralContainers", "they belong to one pod");
  set_hostname(c);
  drop_affinity(c);
  drop_computed(c);
  json_object_del(c->spec, "serviceAccount"); /* the old name of serviceAccountName, which must agree */
  if (c->s->kube.service_account)
    json_object_set_new(c->spec, "serviceAccountName", json_string(c->s->kube.service_account));
}

/* --- the command --- */

char *kube_escape_word(const char *word) {
  size_t n = strlen(word), k = 0;
  char *out = xmalloc(2 * n + 1);
  for (size_t i = 0; i < n; i++) {
    out[k++] = word[i];
    if (word[i] == '$' && (word[i + 1] == '$' || word[i + 1] == '(')) out[k++] = '$';
  }
  out[k] = '\0';
  return out;
}

static int words(const struct strv *argv, json_t **ret, struct error *err) {
  json_t *list = json_array();
  for (size_t i = 0; i < argv->n; i++) {
    size_t len = strlen(argv->v[i]);
    CLEANUP_FREE char *escaped = kube_escape_word(argv->v[i]);
    json_t *word = json_string(escaped);
    if (word && len <= LIMIT_ENV_STRING) {
      json_array_append_new(list, word);
      continue;
    }
    json_decref(list);
    if (!word) return error_set(err, ERR_CONFIG, "argument %zu of the command failed: it is not UTF-8", i);
    json_decref(word);
    return error_set(err, ERR_CONFIG,
                     "argument %zu of the command failed: %zu bytes, no kernel takes more than %u", i, len,
                     LIMIT_ENV_STRING);
  }
  *ret = list;
  return 0;
}

static void add_words(struct strv *to, const json_t *list) {
  size_t i;
  json_t *word;
  json_array_foreach((json_t *)list, i, word) if (json_is_string(word)) strv_add(to, json_string_value(word));
}

/* COMMAND takes the place of args, of `command` when there are no args. An entrypoint that is cleared must
 * hide the image's, which `args` alone would not. */
int kube_template_command(struct kube_copy *c, struct strv *ret_argv, struct error *err) {
  const struct settings *s = c->s;
  json_t *argv, *entry = NULL;
  if (s->argv.n == 0) return error_set(err, ERR_USAGE, "the command failed: it is empty");
  if (words(&s->argv, &argv, err) < 0) return -1;
  if (s->entrypoint_set && s->entrypoint.n && words(&s->entrypoint, &entry, err) < 0) {
    json_decref(argv);
    return -1;
  }
  bool has_args = json_array_size(json_at(c->container, "args")) > 0;
  bool has_command = json_array_size(json_at(c->container, "command")) > 0;
  bool whole = s->entrypoint_set ? !entry : has_command && !has_args;
  if (entry) {
    json_object_set_new(c->container, "command", entry);
    for (size_t i = 0; i < s->entrypoint.n; i++) strv_add(ret_argv, s->entrypoint.v[i]);
  } else if (!whole && has_command) {
    add_words(ret_argv, json_at(c->container, "command"));
  }
  for (size_t i = 0; i < s->argv.n; i++) strv_add(ret_argv, s->argv.v[i]);
  if (whole) json_object_del(c->container, "args");
  json_object_set_new(c->container, whole ? "command" : "args", argv);
  return 0;
}

static void set_streams(struct kube_copy *c) {
  static const char *const keys[] = {"stdin", "stdinOnce", "tty"};
  bool values[] = {c->s->open_stdin, c->s->open_stdin, c->s->tty};
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
    json_object_del(c->container, keys[i]);
    if (values[i]) json_object_set_new(c->container, keys[i], json_true());
  }
}

static int set_image(struct kube_copy *c, struct prepared *p, struct error *err) {
  static const char *const policies[] = {NULL, "IfNotPresent", "Always", "Never"};
  const char *was = json_str(c->container, "image");
  const char *known = c->s->image                         ? c->s->image
                      : was                               ? was
                      : c->s->source.kind == SOURCE_IMAGE ? c->s->source.name
                                                          : NULL;
  if (!known)
    return error_set(err, ERR_CONFIG, "container %s failed: the template gives it no image",
                     json_str(c->container, "name"));
  const char *runs = !c->s->image && c->f->pinned ? c->f->pinned : known;
  if (was && c->s->image && strcmp(was, c->s->image) != 0)
    kube_plan_text(c, "differences", "image: %s -> %s", was, c->s->image);
  p->image = xstrdup(known);
  p->image_id = xstrdup(runs);
  const char *at = strchr(runs, '@');
  p->digest = at ? xstrdup(at + 1) : NULL;
  if (at) kube_plan_text(c, "checked", "the image is pinned by its digest");
  json_object_set_new(c->container, "image", json_string(runs));
  const char *policy = policies[c->s->kube.pull];
  /* Left to the server it would be Always for a tag "latest". */
  if (!policy && !json_at(c->container, "imagePullPolicy")) policy = policies[KUBE_PULL_MISSING];
  if (policy) json_object_set_new(c->container, "imagePullPolicy", json_string(policy));
  return 0;
}

/* --- all together --- */

static void set_grace(struct kube_copy *c, struct prepared *p) {
  int64_t ms = c->s->stop_grace_ms;
  if (ms < 0) {
    long long seconds = json_int_or(c->spec, "terminationGracePeriodSeconds", -1);
    ms = seconds >= 0 ? seconds * 1000 : c->f->pod_template ? 30000 : GRACE_DEFAULT_MS;
  }
  json_object_set_new(c->spec, "terminationGracePeriodSeconds", json_integer((ms + 999) / 1000));
  p->stop_grace_ms = ms;
  p->stop_signal = xstrdup("SIGTERM");
}

static const char *origin_of(const struct settings *s, const struct kube_facts *f) {
  const char *from = f->own_file ? s->kube.template_file : s->source.text;
  return from ? from : s->image ? s->image : "source";
}

void kube_copy_of(const struct settings *s, const struct kube_facts *f, struct prepared *p,
                  struct kube_copy *ret) {
  json_t *pod = json_at(p->request, "job.spec.template");
  const char *name = json_str(p->request, "container");
  *ret = (struct kube_copy){.s = s,
                            .f = f,
                            .labels = json_at(pod, "metadata.labels"),
                            .annotations = json_at(pod, "metadata.annotations"),
                            .spec = json_at(pod, "spec"),
                            .container = kube_find_named(json_at(pod, "spec.containers"), name ? name : ""),
                            .values = json_at(p->request, "secret.stringData"),
                            .plan = p->plan,
                            .notes = &p->notes,
                            .origin = origin_of(s, f)};
}

static void begin(struct kube_copy *c, struct prepared *p) {
  const json_t *spec = json_at(c->f->pod_template, "spec");
  memset(p, 0, sizeof *p);
  strv_init(&p->argv);
  strv_init(&p->notes);
  c->spec = spec ? json_deep_copy(spec)
                 : json_pack("{s:[{s:s}], s:b}", "containers", "name", "main", "enableServiceLinks", 0);
  c->labels = json_object();
  c->annotations = json_object();
  c->values = json_object();
  c->plan = p->plan = json_object();
  c->notes = &p->notes;
  c->origin = origin_of(c->s, c->f);
  p->request =
      json_pack("{s:{s:o}, s:{s:{s:{s:{s:o, s:o}, s:o}}}}", "secret", "stringData", c->values, "job", "spec",
                "template", "metadata", "labels", c->labels, "annotations", c->annotations, "spec", c->spec);
  p->private_parts = json_object();
}

int kube_template(const struct settings *s, const struct kube_facts *f, struct prepared *ret,
                  struct error *err) {
  struct kube_copy c = {.s = s, .f = f};
  begin(&c, ret);
  if (kube_template_containers(&c, err) < 0) return -1;
  json_object_set(ret->request, "container", json_object_get(c.container, "name"));
  kube_template_pod(&c);
  if (set_image(&c, ret, err) < 0 || kube_template_command(&c, &ret->argv, err) < 0) return -1;
  set_streams(&c);
  if (kube_template_volumes(&c, err) < 0 || kube_template_meta(&c, err) < 0 ||
      kube_template_env(&c, err) < 0 || kube_template_settings(&c, err) < 0)
    return -1;
  set_grace(&c, ret);
  ret->tty = s->tty;
  const char *memory = json_str(c.container, "resources.limits.memory");
  int64_t bytes = memory ? kube_quantity(memory) : 0;
  ret->memory_limit = bytes > 0 ? bytes : 0;
  kube_plan_finish(&c, ret);
  return 0;
}
