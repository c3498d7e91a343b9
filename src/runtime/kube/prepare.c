/* What will be created: looks everything up, then hands it to the pure half (template.h), then checks it. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/kube/checks.h"
#include "runtime/kube/rollout.h"
#include "runtime/kube/source.h"
#include <stdlib.h>
#include <string.h>

static void fill_names(const struct settings *s, const struct kube_source *src, struct prepared *p) {
  p->app = s->app     ? xstrdup(s->app)
           : s->name  ? xstrdup(s->name)
           : src->app ? xstrdup(src->app)
                      : kube_image_name(p->image);
  p->release_name = xstrdup(s->name ? s->name : p->app);
  p->target_kind = xstrdup(src->kind);
  p->target_name = xstrdup(src->name);
  p->target_id = xstrdup(src->id);
}

/* By the digest that runs, unless another image is given. ret->unpinned: why not, for the plan. */
static int pin(const struct settings *s, const struct kube_source *src, char **ret_pinned, char **ret_why,
               struct strv *notes, struct error *err) {
  char *note = NULL;
  if (!src->workload || s->image) return 0;
  const json_t *container = kube_choose_container(s, src->pod_template, &note, err);
  free(note); /* kube_template() says it */
  if (!container) return -1;
  const char *name = json_str(container, "name"), *reference = json_str(container, "image");
  if (!name || !reference) return 0;
  return kube_rollout_pin(s, src->pods, src->chosen, name, reference, ret_pinned, ret_why, notes, err);
}

/* What a LimitRange put in, for the words about a command that ran out of memory. */
static void take_limit(const struct kube_copy *c, const json_t *pod, struct prepared *p) {
  const json_t *container = kube_find_named(json_at(pod, "spec.containers"), json_str(c->container, "name"));
  const char *memory = json_str(container, "resources.limits.memory");
  int64_t bytes = memory ? kube_quantity(memory) : 0;
  if (p->memory_limit == 0 && bytes > 0) p->memory_limit = bytes;
}

static int check(struct kube *k, struct kube_copy *c, struct prepared *p, struct error *err) {
  const struct settings *s = c->s;
  CLEANUP_JSON json_t *pod = NULL;
  CLEANUP_JSON json_t *labels = json_deep_copy(c->labels);
  if (kube_access(k, s->open_stdin || s->tty, true, err) < 0) return -1;
  if (kube_claims(k, c, err) < 0 || kube_dry_run(k, c, p, &pod, err) < 0) return -1;
  take_limit(c, pod, p);
  json_object_update(labels, json_at(pod, "metadata.labels"));
  return kube_inert(k, c, labels, err);
}

static void say_warnings(struct kube *k, struct strv *notes) {
  for (char *text; (text = strv_shift(&k->warnings));) strv_take(notes, text);
}

static int build(struct kube *k, const struct settings *s, const struct kube_source *src, struct strv *notes,
                 struct prepared *made, struct error *err) {
  CLEANUP_FREE char *pinned = NULL, *why = NULL;
  if (pin(s, src, &pinned, &why, notes, err) < 0) return -1;
  struct kube_facts f = {.pod_template = src->pod_template,
                         .own_file = src->own_file,
                         .of_pod = src->of_pod,
                         .claim_templates = json_at(src->workload, "spec.volumeClaimTemplates"),
                         .pinned = pinned};
  struct kube_copy c;
  if (kube_template(s, &f, made, err) < 0) return -1;
  kube_copy_of(s, &f, made, &c);
  if (why) kube_plan_text(&c, "checked", "%s", why);
  fill_names(s, src, made);
  return check(k, &c, made, err);
}

int kube_prepare(struct runtime *rt, const struct settings *s, struct prepared *ret, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct kube_source src;
  struct prepared made = {0};
  struct strv notes;
  strv_init(&notes);
  k->streams_apart = s->kube.streams_apart;
  int rc = kube_source_find(k, s, &src, &notes, err);
  if (rc == 0) rc = build(k, s, &src, &notes, &made, err);
  if (rc == 0) {
    for (size_t i = 0; i < made.notes.n; i++) strv_add(&notes, made.notes.v[i]);
    say_warnings(k, &notes);
    strv_done(&made.notes);
    made.notes = notes;
    strv_init(&notes);
    *ret = made;
  } else {
    prepared_done(&made);
  }
  strv_done(&notes);
  kube_source_done(&src);
  return rc;
}

int kube_pull(struct runtime *rt, const struct settings *s, const char *image, const struct pull_progress *pp,
              struct error *err) {
  (void)rt, (void)s, (void)image, (void)pp, (void)err;
  return 0;
}
