/* What one process knows of the job it made, between create() and remove(). */
#ifndef RUNTIME_KUBE_LIFE_H
#define RUNTIME_KUBE_LIFE_H
#include "runtime/kube/kube.h"
#include "runtime/kube/pods.h"

#define KUBE_LABEL_OBJECT "run-once/object" /* of a pod: the name of its Secret */
#define KUBE_NAME "run-once/name"           /* annotation: identity.name, or what rename() gave */
#define KUBE_LABEL_FENCE "run-once/fence"   /* of a Job that is none, see remove.c */
#define KUBE_NOTICE "run-once/stop-asked"   /* annotation of a Job: its end was asked for through run-once */
#define KUBE_NEVER "run-once/never-began"   /* annotation of a Secret: revoke.c */

struct kube_life {
  char job_id[64];
  json_t *job;      /* what start() sends, less its owner; holds no values */
  char job_uid[64]; /* of the Job, once it is known; "": not yet */
  bool sent;        /* the Job may be on the server */
  bool ticket_out;  /* taken out of the Secret */
  bool revoked;     /* taken away before it began: nothing of it can start any more */
  bool late;        /* it began behind the deadline of its start, and start() has asked for its end */
  bool late_surely; /* ... and the server has said that it shall end */
};
/* k->life of this job; made, or made anew, if it is another's. Never NULL. */
struct kube_life *kube_life(struct kube *k, const char *job_id);
struct kube_life *kube_life_of(struct kube *k, const char *job_id); /* NULL: not made here */

/* What there is of a job: one look. */
struct kube_view {
  struct container_state state;
  enum {
    VIEW_CREATED,
    VIEW_PENDING,
    VIEW_RUNNING,
    VIEW_ENDED
  } stage;          /* PENDING: the Job is there, and the
                        command has not begun */
  bool job;         /* its Job is on the server */
  bool fenced;      /* ... but it is a fence that somebody has put up and not taken down */
  char job_uid[64]; /* "": no Job, or not known */
};
/* ERR_MISSING: neither Secret nor Job nor pod. Costs no request while the watch is well and a pod is known to
 * have begun. */
int kube_look(struct kube *k, const struct kube_id *id, struct kube_view *ret, struct error *err);

/* life.c: the objects of a job, by name and uid. */
/* kube_path() of a list, with a label selector (unescaped); for free(). */
char *kube_list_path(const struct kube *k, const char *group, const char *resource, const char *selector);
/* Takes the ticket out and makes the Secret a dependent of the Job; missing: success. Blocks. */
int kube_take_ticket(struct kube *k, const struct kube_id *id, const char *job_uid, struct error *err);
/* The Secret as it is; ERR_MISSING also for another one of that name. */
int kube_secret(struct kube *k, const struct kube_id *id, json_t **ret, struct error *err);
bool kube_has_ticket(const json_t *secret, const char *job_id);
/* Makes it nobody's dependent. */
int kube_free_secret(struct kube *k, const struct kube_id *id, struct error *err);
/* Missing, or another of that name: success. */
int kube_drop_secret(struct kube *k, const struct kube_id *id, struct error *err);
/* The container id of a Job, whose Secret may be gone; for free(). */
char *kube_id_of_job(const json_t *job, const char *job_id);
/* Why the Job is over by its own conditions, "" without a reason; NULL: it is not. */
const char *kube_job_over(const json_t *job);
/* The Job by its name; ERR_MISSING. */
int kube_job(struct kube *k, const char *job_id, json_t **ret, struct error *err);
/* DELETE in the foreground, by uid; gone, or another of that name: success. */
int kube_drop_job(struct kube *k, const char *job_id, const char *uid, struct error *err);
/* DELETE of one pod by uid; grace_s -1: its own. Gone: success. */
int kube_drop_pod(struct kube *k, const json_t *pod, int64_t grace_s, struct error *err);
/* DELETE of one pod with no grace, if it is still the very version that was seen: else ERR_CONFLICT. */
int kube_tear_away(struct kube *k, const json_t *pod, struct error *err);
/* Is a pod of this reservation (label run-once/object) left that has not ended, of another job than this?
 * Borrowed from *ret_list, which the caller frees; NULL: none. */
int kube_stray(struct kube *k, const char *name, const char *not_job, json_t **ret_list, json_t **ret_pod,
               struct error *err);

/* revoke.c: takes a Job back whose command was not seen to begin. why: the fault for which it is given up.
 * 0: it never began, and will not; 1: it did, or nobody can tell, and then the state says what there is. What
 * began in time, or is given up for another reason than its deadline, is left alone. pods: watched by the
 * caller. Blocks, up to some 15 s. */
int kube_revoke(struct kube *k, const struct kube_id *id, const char *job_uid, struct kube_pods *pods,
                enum error_kind why);
/* On the Secret: no pod of the job has begun, nor can one. */
int kube_note_never(struct kube *k, const struct kube_id *id, struct error *err);
bool kube_never_began(const json_t *secret);
/* stop.c: the Job makes no pod any more, and this one goes; grace_s -1: its own. */
int kube_end_pod(struct kube *k, const struct kube_id *id, const json_t *pod, int64_t grace_s,
                 struct error *err);
/* stop.c: says on the Job that its end is asked for through run-once. */
int kube_notice(struct kube *k, const struct kube_id *id, struct error *err);

/* pods.c, for those who look now and then: brings k->pods up to date by one list unless its watch is well. */
int kube_pods_fresh(struct kube *k, const char *job_id, struct kube_pods **ret, struct error *err);
/* One list, whatever the watch has told. */
int kube_pods_list(struct kube_pods *p, struct error *err);
/* A pod that a node had was deleted, or is being deleted, and was not seen to begin: whether it did, nobody
 * tells (kubelets run one more container of such a pod and never say so). */
bool kube_pods_doubtful(const struct kube_pods *p);
/* What is known of them already; no request. Never NULL. */
struct kube_pods *kube_pods_known(struct kube *k, const char *job_id);
bool kube_pods_began(const struct kube_pods *p); /* the first pod's container was seen running, or ended */
/* kube_status() of the first pod, which there must be. What was told first, the end or the deletion, goes
 * before their times, which are of two clocks and have whole seconds. ret may be NULL. */
enum kube_phase kube_pods_status(const struct kube_pods *p, struct container_state *ret);
bool kube_pods_node_lost(const struct kube_pods *p); /* the first pod's node does not answer */
/* The i-th pod of kube_pods_count(), if it is one that waits for a ticket that is gone; borrowed, else NULL.
 */
json_t *kube_pods_in_vain(const struct kube_pods *p, size_t i);
bool kube_pods_twice(const struct kube_pods *p);      /* a second pod's container ran */
bool kube_pods_trouble(const struct kube_pods *p);    /* contact is lost just now */
bool kube_pods_ticket_out(const struct kube_pods *p); /* noted by: */
void kube_pods_note_ticket(struct kube_pods *p);
/* The ticket was taken out here before any pod of it began; noted by: */
bool kube_pods_revoked(const struct kube_pods *p);
void kube_pods_note_revoked(struct kube_pods *p);
unsigned kube_pods_gone_count(const struct kube_pods *p);
#endif
