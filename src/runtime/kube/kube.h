/* The Kubernetes runtime inside: one struct kube is one namespace of a cluster, seen with one user's rights.
 * Nothing outside this folder includes it. Sources: kubernetes.io/docs/reference/kubernetes-api, and design
 * notes C1 to C12.
 *
 * What a job is there. Secret N, with N = kube_object_name(identity.name), and Job J = kube_job_name(job id).
 * Without a lock the two names are one. Both have label run-once/id and the annotations run-once/..., and so
 * has the pod, with label run-once/object = N besides.
 *
 * create(): POST Secret N. It is the reservation: its name is test-and-set (409: ERR_CONFLICT), so a lock's
 * name makes the lock. It holds the values given for the copy's environment, and the key "ticket-ID".
 * "Created" means that it is there and Job J is not. Its uid goes into the container id. A lock's Secret may
 * have been deleted in the background, by hand or with its Job, under a pod that still runs: so after a lock
 * was won the pods of label run-once/object = N are looked at; one that has not ended holds the lock:
 * ERR_CONFLICT, and by_name() gives it.
 *
 * start(): POST Job J, once, with the Secret as its owner: whoever deletes the Secret takes the Job along.
 * Its pod has an environment variable RUN_ONCE_JOB from the Secret's key "ticket-ID", not optional: without
 * the key no container starts. The key carries the job's id because a lock's next holder has a Secret of the
 * same name. Blocks until the container runs, has ended, or cannot be hoped for (hopeless.c: its words). What
 * is given up is taken back (revoke.c): the ticket, and then, once it is sure that nothing of it began, the
 * Job. Where that is not sure start() succeeds, and the state says what there is.
 *
 * The ticket: as soon as the first pod's container was seen running the key is taken out of the Secret, by
 * start() or, if the launcher is gone, by the guardian's first state(): a second pod, which the Job's
 * controller makes when the first is deleted or its node is lost, never starts. The same PATCH makes the
 * Secret a dependent of the Job: it goes with it, also by TTL.
 *
 * signal(), stop(): parallelism 0, so that the controller makes no second pod, then DELETE of the pod.
 *
 * remove(): the fence, without force: POST of an empty Job J (parallelism 0). 409: the start has arrived:
 * ERR_CONFLICT unless the command has ended. 201: the name is taken, and then the Secret goes: a start that
 * arrives even later has no ticket and no owner, and never runs anything. Removal of a Job is in the
 * foreground with its uid as precondition. With force the lock's name must not be free before the pods are
 * gone, so the Secret is made nobody's dependent (the garbage collector would take it at once) and goes last;
 * of a command that has ended nothing is waited for.
 *
 * rename() (a lock is freed while the ended Job is kept): the Job's ownerReferences are emptied, then the
 * Secret goes. The Job is called J, not N, so that the lock's next holder need not wait until it is gone.
 *
 * The container id is "N/UID-OF-SECRET/JOB-ID" (kube_id_*). Pods are selected by label run-once/id.
 * Nothing polls: one watch of the job's pods (pods.h) tells everybody who wants to know. */
#ifndef RUNTIME_KUBE_KUBE_H
#define RUNTIME_KUBE_KUBE_H
#include "net/http.h"
#include "runtime/runtime.h"

struct kube_credentials; /* credentials.c */
struct kube_pods;        /* pods.h */
struct kube {
  struct runtime base; /* first: struct runtime * and struct kube * are the same pointer */
  struct loop *loop;   /* not ours */
  struct http_client *http;
  const char *namespace;    /* of the endpoint's context */
  struct runtime_info info; /* kind "kubernetes", version "v1.20.2", api "1.20" */
  int minor;                /* 20 for 1.20 (a trailing "+" is cut); set by connect */
  int64_t clock_offset_ns;  /* the server's Date less our wall clock, of the last answer */
  bool clock_known;
  struct kube_credentials *credentials;
  struct kube_pods *pods; /* of the jobs being looked after: pods.c */
  struct strv warnings; /* "Warning: 299" headers not said yet, each once; prepare() and start() move them to
                           stderr */
  struct strv warned;   /* all that were ever there: answer.c's memory */
  struct kube_streams *streams; /* stream.h: what outlives one stream. Freed by kube_streams_free() */
  bool streams_apart;           /* --streams apart, set by prepare() */
  struct kube_life *life;       /* of the job made here: life.h. Freed by kube_life_free() */
};
/* life.c: what free() owes; NULL members are fine. */
void kube_life_free(struct kube *k);
void kube_streams_free(struct kube *k);

/* endpoint.context of a cluster (made by kubernetes_choose(), read by credentials.c):
 *   {"namespace": "shop", "name": context's name, "cluster": its name,
 *    "token": "...", "token_file": "/path",                              re-read when older than a minute
 *    "exec":
 * {"apiVersion","command","args":[],"env":[{"name","value"}],"installHint","provideClusterInfo","interactiveMode",
 *             "cluster_config": any},
 *    "impersonate": {"user","groups":[],"uid","extra":{}}}
 * Client certificates and the CA are in the endpoint itself (files or data). */

/* --- client.c: requests --- */
/* One request. path: from "/api/..." on; kube_path() makes it. body NULL: none, else JSON. Credentials are
 * added; a 401 makes them be fetched anew and the request be sent once more, also one that changes (nothing
 * was done). An HTTP status is not an error here. accept NULL: application/json. Blocks in the loop. */
struct kube_request {
  const char *method, *path;
  json_t *body;             /* borrowed */
  const char *content_type; /* NULL: application/json; of PATCH application/merge-patch+json */
  const char *accept;
  bool changes;       /* sent at most once, http.h */
  int64_t timeout_ms; /* 0: 30 s */
};
int kube_call(struct kube *k, const struct kube_request *req, struct http_response *ret, struct error *err);
/* What is left out of every answer (json_parse_without): `managedFields`, who set which field, is half of an
 * object. */
extern const char *const kube_unread[];
/* The same, and any status that is no success is kube_fault(r, what). *ret (new reference) may be NULL: not
 * wanted. */
int kube_json(struct kube *k, const struct kube_request *req, const char *what, json_t **ret,
              struct error *err);
/* GET path. */
int kube_get(struct kube *k, const char *path, const char *what, json_t **ret, struct error *err);
/* The answer's Status in words ("WHAT: message"), kind by code and reason: 404 ERR_MISSING, 409 ERR_CONFLICT,
 * 401 and 403 ERR_PERMISSION (403 with "exceeded quota" or "failed quota" ERR_QUOTA), 422 ERR_CONFIG, 429,
 * 5xx ERR_ENGINE; 504, reason Timeout and an etcd that did not answer in time ERR_TIMEOUT, 502 ERR_LOST: the
 * change may have been made. err->http_status is set. Evaluates to -1. */
int kube_fault(const struct http_response *r, const char *what, struct error *err);
/* "/api/v1/namespaces/NS/RESOURCE[/NAME][SUFFIX]" with group "" or "batch/v1", "apps/v1", ...; name and
 * suffix may be NULL; suffix comes escaped ("/log?container=web", "?labelSelector=..."). For free(). */
char *kube_path(const struct kube *k, const char *group, const char *resource, const char *name,
                const char *suffix);
/* Header lines that authenticate ("Authorization: Bearer ...", Impersonate-...), "\r\n" between, none at the
 * end; NULL: none are needed. Wiped and freed by kube_headers_free(). Blocks while a plugin runs. */
int kube_headers(struct kube *k, char **ret, struct error *err);
void kube_headers_free(char *headers);

/* --- watch.c: one list and its changes --- */
/* GET list, then watch from its resourceVersion with bookmarks; 410 (status or ERROR event), "too large
 * resource version" and an ended connection are handled inside: on_object is then told what has changed
 * meanwhile, on_gone what has vanished. Callbacks. Contact lost: with back-off, on_trouble tells (then NULL
 * when it is well again). */
struct kube_watch_handlers {
  void (*on_object)(void *data, json_t *object, bool added); /* borrowed; also for each of the list */
  void (*on_gone)(void *data, json_t *last);                 /* its last state (DELETED carries one) */
  void (*on_trouble)(void *data, const struct error *err);   /* NULL: in contact again */
  const char *const *unread; /* arrays that nobody looks at (json_parse_without); NULL: kube_unread */
};
struct kube_watch;
/* Blocks until the list was read. path without query; selector "run-once/id=..." unescaped, or NULL; field:
 * fieldSelector or NULL. */
int kube_watch_begin(struct kube *k, const char *path, const char *selector, const char *field,
                     const struct kube_watch_handlers *h, void *data, struct kube_watch **ret,
                     struct error *err);
void kube_watch_free(struct kube_watch *w);

/* --- names.c: pure --- */
#define KUBE_LABEL_ID "run-once/id"
/* "run-once.ID" -> "run-once-ID"; a lock's name -> "run-once-lock-HASH40"; always a DNS label of at most 57
 * characters (pods get 6 more). */
void kube_object_name(const char *identity_name, char ret[64]);
/* The name of a job's Job: "run-once-ID". */
void kube_job_name(const char *job_id, char ret[64]);
/* The ticket's key in the Secret: "ticket-ID". */
void kube_ticket_key(const char *job_id, char ret[64]);
/* Any text as a label value: what is not allowed becomes '-', at most 63; the whole text goes into an
 * annotation. */
void kube_label_value(const char *text, char ret[64]);
struct kube_id {
  char name[64], uid[64], job[64];
};
int kube_id_parse(const char *id, struct kube_id *ret, struct error *err);
char *kube_id_text(const char *name, const char *uid, const char *job_id); /* for free() */
/* {"run-once.id": ...} of the job -> labels and annotations of its objects ("run-once/id", "run-once/reason",
 * ...). New references. Back: kube_labels_back() of an object's metadata gives {"run-once.id": ...}. */
void kube_labels(json_t *labels, json_t **ret_labels, json_t **ret_annotations);
json_t *kube_labels_back(const json_t *metadata);

/* prepared.request of this runtime:
 *   {"secret": {"stringData": {KEY: value}}, "job": {"spec": {...}}, "container": "web"}
 * where job.spec.template is complete but for: metadata.labels/annotations of run-once, the ticket's
 * variable, and secretKeyRef names, which prepare() writes as "" and create()/start() fill with N.
 * kube_objects() makes both from it. */
/* objects.c: the Secret and the Job that are sent, complete; new references. owner_uid NULL (plan): left out.
 */
void kube_objects(const struct kube *k, const struct prepared *p, const struct identity *who,
                  const char *owner_uid, json_t **ret_secret, json_t **ret_job);

json_t *kube_manifest(struct runtime *rt, const struct prepared *p, const struct identity *who);

/* prepare.c, the members of runtime_ops that look things up: source -> template -> request, checks, plan. */
int kube_prepare(struct runtime *rt, const struct settings *s, struct prepared *ret, struct error *err);
/* Does nothing: the kubelet pulls, and imagePullPolicy in the request says when. */
int kube_pull(struct runtime *rt, const struct settings *s, const char *image, const struct pull_progress *pp,
              struct error *err);
/* access.c: SelfSubjectAccessReviews of all that a run needs (prepare) and the smallest Role that would do
 * (doctor, and in the complaint). attach: -i or -t. ERR_PERMISSION with the missing verbs in one line. */
int kube_access(struct kube *k, bool attach, bool secrets, struct error *err);
char *kube_role_yaml(const struct kube *k); /* for free() */
/* examine.c */
int kube_examine(struct runtime *rt, struct strv *ret_facts, struct strv *ret_findings, struct error *err);
/* create.c, start.c, remove.c */
int kube_create(struct runtime *rt, const struct prepared *p, const struct identity *who, char **ret_id,
                struct error *err);
int kube_complete(struct runtime *rt, const struct prepared *p, const char *id, struct error *err);
int kube_find(struct runtime *rt, const char *job_id, char **ret_id, struct error *err);
int kube_start(struct runtime *rt, const char *id, struct error *err);
int kube_remove(struct runtime *rt, const char *id, bool force, struct error *err);
int kube_rename(struct runtime *rt, const char *id, const char *name, struct error *err);
int kube_signal(struct runtime *rt, const char *id, int signo, struct error *err);
int kube_stop(struct runtime *rt, const char *id, int64_t grace_ms, struct error *err);
/* state.c, watchers.c */
int kube_state(struct runtime *rt, const char *id, struct container_state *ret, struct error *err);
int kube_watch_job(struct runtime *rt, const char *job_id, const struct watch_handlers *h, void *data,
                   struct event_watch **ret, struct error *err);
int kube_wait_begin(struct runtime *rt, const char *id, bool next_exit, struct wait **ret, struct error *err);
/* stream.c, attach.c, logs.c */
int kube_attach(struct runtime *rt, const char *id, bool tty, bool input, const struct stream_handlers *h,
                void *data, struct stream **ret, struct error *err);
int kube_logs(struct runtime *rt, const char *id, bool tty, bool follow, int64_t since_ns,
              const struct stream_handlers *h, void *data, struct stream **ret, struct error *err);
int kube_resize(struct runtime *rt, const char *id, int rows, int cols, struct error *err);
/* jobs.c */
int kube_jobs(struct runtime *rt, bool ended_only, job_skip *skip, struct job_list *ret, struct error *err);
int kube_by_name(struct runtime *rt, const char *name, struct job_info *ret, struct error *err);
/* claim.c */
int kube_claim(struct runtime *rt, const char *key_hash, json_t *labels, json_t **ret_labels,
               struct error *err);
int kube_claim_read(struct runtime *rt, const char *key_hash, json_t **ret_labels, struct error *err);
int kube_claim_store(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                     const void *p, size_t n, struct error *err);
int kube_claim_load(struct runtime *rt, const char *key_hash, const char *image, const char *file, char **ret,
                    size_t *ret_n, struct error *err);
int kube_claim_free(struct runtime *rt, const char *key_hash, struct error *err);
int kube_claim_sweep(struct runtime *rt, const char *by, int64_t stale_ms);
#endif
