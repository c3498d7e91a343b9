/* The pods of one job, as one watch keeps them: shared by start(), state(), wait, events and streams. */
#ifndef RUNTIME_KUBE_PODS_H
#define RUNTIME_KUBE_PODS_H
#include "runtime/kube/kube.h"

/* Begins the watch of the job's pods, or returns the one that is there. Blocks for the list. The watch ends
 * with its last user (kube_pods_take_out): add yourself at once. What was seen is remembered, of a job that
 * was not made here until another one is looked at. */
int kube_pods(struct kube *k, const char *job_id, struct kube_pods **ret, struct error *err);
void kube_pods_free(struct kube_pods *p); /* k->pods: all of them; kube's free() */

/* The pod whose end counts: the first one, by creation, whose container began; while none has, the newest one
 * (a pod that was deleted before a node had it does not count: the Job makes another, which may begin).
 * Borrowed, its last known state, also after it is gone (kube_pods_gone()). NULL: none was seen. */
json_t *kube_pods_first(const struct kube_pods *p);
bool kube_pods_gone(const struct kube_pods *p);    /* the first pod was deleted from the server */
size_t kube_pods_count(const struct kube_pods *p); /* distinct pods ever seen: more than one is reported */
/* Told after every change; callbacks. The subscription is the caller's struct and stays where it is until
 * taken out. */
struct kube_pods_user {
  void (*on_change)(void *data);
  void *data;
  struct kube_pods_user *next;
};
void kube_pods_add(struct kube_pods *p, struct kube_pods_user *u);
void kube_pods_take_out(struct kube_pods *p, struct kube_pods_user *u);

/* --- status.c: pure, of a pod object --- */
enum kube_phase { KUBE_WAITING, KUBE_RUNNING, KUBE_ENDED, KUBE_LOST };
/* Of the container named so: by its own state, not the pod's phase (sidecars linger). Evicted pods may have
 * no container status: ENDED with end set. ret may be NULL. */
enum kube_phase kube_status(const json_t *pod, const char *container, struct container_state *ret);
const char *kube_container(const json_t *pod); /* annotation run-once/container: whose end counts */
/* hopeless.c: why this pod will not start, by conditions, waiting reasons and (events may be NULL) events;
 * the kind ERR_IMAGE, ERR_MISSING, ERR_QUOTA, ERR_PERMISSION, ERR_ENGINE (unschedulable: text says so) is set
 * with words; ERR_NONE: there is hope. waited_ms: since the reason was first seen; some heal by themselves
 * within a grace. */
enum error_kind kube_hopeless(const json_t *pod, const char *container, json_t *events, int64_t waited_ms,
                              struct error *err);
/* Words for progress: "scheduling", "pulling IMAGE", "creating"; for free(). */
char *kube_waiting_words(const json_t *pod, const char *container);
#endif
