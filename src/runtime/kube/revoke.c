/* Taking a start back. First the ticket goes: without it no container can start any more. What has begun
 * until then has made it, and is left alone. Then the Job goes; a command that begins all the same, in the
 * moment between, ends with it, and then it is known whose doing that was. */
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <string.h>

#define UNSEEN_MS 15000
#define STUMBLED_MS 4000
#define TRIES 5
#define NEWS_MS 300 /* a watch tells of a change well within that */

/* How long a start that was under way when the ticket went can stay unseen: where the kubelet has said what
 * it stumbles over, only its next try could have got through; else it may be at work just now. (A kubelet may
 * take minutes to give up a pod: that it is gone is not waited for.) */
static int64_t unseen_ms(const json_t *pod) {
  const char *reason = json_str(kube_container_status(pod, kube_container(pod)), "state.waiting.reason");
  bool at_work = !reason || !strcmp(reason, "ContainerCreating") || !strcmp(reason, "PodInitializing");
  return at_work ? UNSEEN_MS : STUMBLED_MS;
}

/* 1: what is there of it has not begun, and will not; -1: it has; 0: not told yet. */
static int told(const struct kube_pods *pods) {
  const json_t *pod = kube_pods_first(pods);
  if (kube_pods_began(pods)) return -1;
  if (!pod || kube_pods_gone(pods) || !json_str(pod, "spec.nodeName")) return 1; /* no node has it */
  return kube_status(pod, kube_container(pod), NULL) == KUBE_ENDED;
}

/* Whoever settles it, should this process end just now, reads the notice. */
static int drop(struct kube *k, const struct kube_id *id, enum error_kind why, struct error *err) {
  struct kube_life *l = kube_life_of(k, id->job);
  struct error none = ERROR_INIT;
  if (kube_notice(k, id, &none) < 0) trace(TRACE_RUNTIME, "%s", none.text);
  l->taken_back = why == ERR_DEADLINE_START ? END_DEADLINE_START : END_STOPPED;
  int rc = kube_drop_job(k, id->job, l->job_uid, err);
  l->surely = rc == 0;
  if (rc < 0 && err->kind != ERR_LOST && err->kind != ERR_TIMEOUT) l->taken_back = END_UNTOLD;
  return rc;
}

/* By all that its node has said nothing of it ever ran, its deletion is under way, and the time in which a
 * start could have got through is over: there is nothing that a grace would be for, and kubelets take a
 * minute to see that. Till then it would be in the way of the next holder of its lock. What its node tells
 * meanwhile goes first: told() again. */
static int clear_away(struct kube *k, struct kube_pods *pods) {
  int rc = 0;
  for (int tries = 0; tries < TRIES && !(rc = told(pods)); tries++) {
    const json_t *pod = kube_pods_first(pods);
    struct error err = ERROR_INIT;
    if (!kube_untouched(pod) || kube_tear_away(k, pod, &err) == 0) return 0;
    trace(TRACE_RUNTIME, "%s", err.text);
    if (err.kind != ERR_CONFLICT) return 0;
    loop_step(k->loop, NEWS_MS);
  }
  return rc;
}

static void say_began(const struct kube *k) {
  const struct runtime_voice *v = &k->base.voice;
  if (v->notice)
    v->notice(v->data, "the command began while its start was being taken back: its pod is deleted");
}

int kube_revoke(struct kube *k, const struct kube_id *id, struct kube_pods *pods, enum error_kind why) {
  struct error err = ERROR_INIT;
  struct interrupt before = loop_set_interrupt(k->loop, (struct interrupt){0});
  const json_t *pod = kube_pods_first(pods);
  int64_t end = clock_ms() + (pod ? unseen_ms(pod) : 0), now;
  int rc = 0;
  bool unsure = kube_take_ticket(k, id, NULL, &err) < 0, made_it = !unsure && kube_pods_began(pods);
  if (!unsure && !made_it) unsure = drop(k, id, why, &err) < 0;
  if (unsure) trace(TRACE_RUNTIME, "taking the start back: %s", err.text);
  while (!unsure && !made_it && !(rc = told(pods)) && (now = clock_ms()) < end)
    loop_step(k->loop, (int)(end - now));
  bool well = !unsure && !made_it && !kube_pods_trouble(pods);
  if (well && rc == 0) rc = clear_away(k, pods);
  if (rc < 0) say_began(k);
  loop_set_interrupt(k->loop, before);
  if (!well || rc < 0) return 1;
  kube_life_of(k, id->job)->revoked = true;
  return 0;
}
