/* Taking a start back, without ever denying one. First the ticket goes: without it no container can start any
 * more. Then the node is given time to say what it was doing just then; only of a pod that nobody deletes
 * does it say so (kubelets, 1.20 for one, run a container of a pod that is being deleted and never tell).
 * Only when it is sure that nothing began, the Job and its pod go. */
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <string.h>

#define UNSEEN_MS 15000
#define STUMBLED_MS 4000
#define NEWS_MS 300 /* a watch tells of a change well within that */
#define TRIES 5

enum word { NOT_YET, NEVER, BEGAN, UNTOLD };

/* How long a start that was under way when the ticket went can stay unseen: where the kubelet has said what
 * it stumbles over, only its next try could have got through; else it may be at work just now. */
static int64_t unseen_ms(const json_t *pod, enum error_kind why) {
  const char *reason = json_str(kube_container_status(pod, kube_container(pod)), "state.waiting.reason");
  bool at_work = !reason || !strcmp(reason, "ContainerCreating") || !strcmp(reason, "PodInitializing");
  bool waited_for = why == ERR_DEADLINE_START || why == ERR_CANCELLED; /* else there was a reason */
  return pod && at_work && waited_for ? UNSEEN_MS : STUMBLED_MS;
}

static enum word told(const struct kube_pods *pods, const struct kube_id *id) {
  const json_t *pod = kube_pods_first(pods);
  if (kube_pods_began(pods)) return BEGAN;
  if (kube_pods_doubtful(pods)) return kube_pods_gone(pods) || kube_made_up(pod) ? UNTOLD : NOT_YET;
  if (!pod || kube_pods_gone(pods)) return NEVER; /* no node had it */
  if (kube_status(pod, kube_container(pod), NULL) == KUBE_ENDED || kube_missed_ticket(pod, id->job))
    return NEVER;
  return NOT_YET;
}

/* No node has it: that is sure only if it is gone before one gets it. */
static bool gone_unscheduled(struct kube *k, const struct kube_pods *pods) {
  const json_t *pod = kube_pods_first(pods);
  struct error err = ERROR_INIT;
  if (!pod || kube_pods_gone(pods) || json_str(pod, "spec.nodeName")) return false;
  if (kube_tear_away(k, pod, &err) == 0) return true;
  trace(TRACE_RUNTIME, "%s", err.text);
  return false;
}

static enum word await_word(struct kube *k, const struct kube_id *id, struct kube_pods *pods,
                            enum error_kind why) {
  struct error err = ERROR_INIT;
  if (!kube_pods_first(pods) && kube_pods_list(pods, &err) < 0) return UNTOLD;
  int64_t end = clock_ms() + unseen_ms(kube_pods_first(pods), why), now;
  enum word w;
  while (!(w = told(pods, id)) && (now = clock_ms()) < end) {
    if (gone_unscheduled(k, pods)) return NEVER;
    loop_step(k->loop, end - now < NEWS_MS ? (int)(end - now) : NEWS_MS);
  }
  if (kube_pods_trouble(pods)) return w == BEGAN ? BEGAN : UNTOLD;
  return w != NOT_YET ? w : kube_pods_doubtful(pods) ? UNTOLD : NEVER;
}

/* Whoever has taken it back has left a word. */
static bool known_never(struct kube *k, const struct kube_id *id) {
  CLEANUP_JSON json_t *secret = NULL;
  struct error none = ERROR_INIT;
  return kube_secret(k, id, &secret, &none) == 0 && kube_never_began(secret);
}

/* Behind its deadline: it ends, and whoever settles it, should this process end just now, reads the notice.
 */
static void end_late(struct kube *k, const struct kube_id *id, const json_t *pod) {
  const struct runtime_voice *v = &k->base.voice;
  struct kube_life *l = kube_life_of(k, id->job);
  struct error err = ERROR_INIT;
  if (!l || kube_status(pod, kube_container(pod), NULL) != KUBE_RUNNING) return;
  if (v->notice)
    v->notice(v->data, "--start-timeout has passed, and the command began all the same: its pod is deleted");
  if (kube_notice(k, id, &err) < 0) trace(TRACE_RUNTIME, "%s", err.text);
  l->late = true;
  l->late_surely = kube_end_pod(k, id, pod, -1, &err) == 0;
  if (!l->late_surely) trace(TRACE_RUNTIME, "%s", err.text);
}

/* Kubelets take a minute to let go of a pod that they cannot start; till then it would be in the way of the
 * next holder of its lock. What its node tells meanwhile goes first. */
static enum word clear_away(struct kube *k, const struct kube_id *id, const char *job_uid,
                            struct kube_pods *pods) {
  struct error err = ERROR_INIT;
  if (kube_note_never(k, id, &err) < 0 || kube_drop_job(k, id->job, job_uid, &err) < 0)
    trace(TRACE_RUNTIME, "taking the start back: %s", err.text);
  for (int tries = 0; tries < TRIES; tries++) {
    const json_t *pod = kube_pods_first(pods);
    if (kube_pods_began(pods)) return BEGAN;
    if (!pod || kube_pods_gone(pods) || !kube_untouched(pod)) break;
    if (kube_tear_away(k, pod, &err) == 0 || err.kind != ERR_CONFLICT) break;
    loop_step(k->loop, NEWS_MS);
  }
  return NEVER;
}

int kube_revoke(struct kube *k, const struct kube_id *id, const char *job_uid, struct kube_pods *pods,
                enum error_kind why) {
  struct error err = ERROR_INIT;
  struct interrupt before = loop_set_interrupt(k->loop, (struct interrupt){0});
  const struct runtime_voice *v = &k->base.voice;
  enum word w = UNTOLD;
  bool in_time = false;
  if (v->progress) v->progress(v->data, "taking the start back");
  if (kube_take_ticket(k, id, NULL, &err) < 0)
    trace(TRACE_RUNTIME, "taking the start back: %s", err.text);
  else if (kube_pods_began(pods))
    in_time = true;
  else if ((w = await_word(k, id, pods, why)) == UNTOLD && known_never(k, id))
    w = NEVER;
  if (w == NEVER) w = clear_away(k, id, job_uid, pods);
  if (w == BEGAN && !in_time && why == ERR_DEADLINE_START) end_late(k, id, kube_pods_first(pods));
  if (kube_pods_began(pods) && kube_pods_doubtful(pods) && v->notice)
    v->notice(v->data,
              "the cluster may have run the command twice: a pod of this job was deleted while its node was "
              "starting it, and another one has begun; look at both before anything else");
  loop_set_interrupt(k->loop, before);
  struct kube_life *l = kube_life_of(k, id->job);
  if (w == NEVER && l) l->revoked = true;
  if (w == NEVER) kube_pods_note_revoked(pods);
  return w == NEVER ? 0 : 1;
}
