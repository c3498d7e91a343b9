/* From a workload's pod template to the one of a copy that runs once: pure, no server needed, so that every
 * word of the contract's "Kept", "Inert" and section 8 can be tested on documents. The copy starts as the
 * whole template, so that fields nobody here has heard of survive; each part takes away or replaces what it
 * is responsible for and writes into the plan what it did. Fields:
 * kubernetes.io/docs/reference/kubernetes-api, design note C9. */
#ifndef RUNTIME_KUBE_TEMPLATE_H
#define RUNTIME_KUBE_TEMPLATE_H
#include "runtime/runtime.h"

/* What was looked up. Borrowed. */
struct kube_facts {
  const json_t *pod_template;    /* {"metadata", "spec"}; NULL: image/REF alone */
  bool own_file;                 /* the user's own template: its labels are meant for the copy, and stay */
  bool of_pod;                   /* a live pod: what the server put into it goes, too */
  const json_t *claim_templates; /* a StatefulSet's volumeClaimTemplates; NULL: none */
  const char *pinned; /* takes the image's place: reference with the digest that runs; NULL: none */
};

/* The work in progress, shared by the parts. Borrowed from the prepared. */
struct kube_copy {
  const struct settings *s;
  const struct kube_facts *f;
  json_t *labels, *annotations; /* of the pod, less run-once's own */
  json_t *spec, *container;     /* pod spec; the chosen container in it */
  json_t *values;               /* stringData of the Secret: {KEY: value} */
  json_t *plan;
  struct strv *notes;
  const char *origin; /* what the plan calls the source: "deployment/web"; "image" without one */
};

/* Fills request, argv, plan, notes, image, stop_grace_ms, stop_signal, memory_limit and tty of ret, which is
 * zeroed first and prepared_done() by the caller in any case. ERR_CONFIG, ERR_USAGE. */
int kube_template(const struct settings *s, const struct kube_facts *f, struct prepared *ret,
                  struct error *err);
/* To go on with a finished one: everything borrowed from p. */
void kube_copy_of(const struct settings *s, const struct kube_facts *f, struct prepared *p,
                  struct kube_copy *ret);
/* The container of the contract's section 8: --container, the default-container annotation, the only one, the
 * first (then *ret_note is a line that says so, for free()). Borrowed from the template. ERR_CONFIG. */
json_t *kube_choose_container(const struct settings *s, const json_t *pod_template, char **ret_note,
                              struct error *err);

/* The parts, in the order they are called. */
int kube_template_containers(struct kube_copy *c, struct error *err); /* which run; what each loses */
void kube_template_pod(struct kube_copy *c);                          /* the pod's own fields */
int kube_template_volumes(struct kube_copy *c, struct error *err);    /* unused, StatefulSet's, given */
int kube_template_meta(struct kube_copy *c, struct error *err);       /* labels and annotations */
int kube_template_command(struct kube_copy *c, struct strv *ret_argv, struct error *err);
int kube_template_env(struct kube_copy *c, struct error *err);
int kube_template_settings(struct kube_copy *c, struct error *err); /* user, limits, Compose's further keys */

/* "64Mi" -> bytes, rounded up; -1: not a quantity. */
int64_t kube_quantity(const char *text);
/* So that the kubelet, which replaces $(NAME) in words and reads $$ as $, gives the word back. For free(). */
char *kube_escape_word(const char *word);
json_t *kube_find_named(const json_t *list,
                        const char *name);          /* the object of that "name"; borrowed, or NULL */
bool kube_is_sidecar(const json_t *init_container); /* restartPolicy: Always */

/* plan.c */
json_t *kube_plan_list(struct kube_copy *c, const char *key); /* made if absent; borrowed */
void kube_plan_dropped(struct kube_copy *c, const char *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void kube_plan_text(struct kube_copy *c, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); /* one more text of the list "checked", "differences" */
void kube_plan_note(struct kube_copy *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What can be read off the finished template: image, argv, user, mounts, limits, ... */
void kube_plan_finish(struct kube_copy *c, const struct prepared *p);
#endif
