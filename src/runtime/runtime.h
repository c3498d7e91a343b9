/* A container runtime as the job sees it. One `struct runtime` is one engine (or cluster namespace) reached
 * one way. registry.c knows the kinds. docker/ and kube/ implement it; nothing outside them knows Docker or
 * Kubernetes.
 *
 * Life of a container, in this order, so that the fastest command loses no byte and no status:
 *   prepare -> (pull -> prepare) -> watch -> create -> attach -> wait_begin -> start -> ... -> state ->
 * remove All calls block in the loop (net/loop.h: watches, streams and signals go on), except where
 * "callbacks" is said. Container ids are the runtime's own texts (Docker: the full id); job ids are ours (a
 * label), found again by find(). Errors: ERR_MISSING (no such thing), ERR_CONFLICT, ERR_IMAGE,
 * ERR_PERMISSION, ERR_ENGINE, ERR_UNREACHABLE (nothing sent), ERR_LOST / ERR_TIMEOUT (may have been done:
 * look before anything else), ERR_CANCELLED/ERR_DEADLINE_START (loop interrupt). */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H
#include "base/error.h"
#include "net/endpoint.h"
#include "net/loop.h"
#include "runtime/settings.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct runtime;

struct runtime_info {
  const char *kind;      /* "docker" or "podman": by what answered, once connected */
  const char *endpoint;  /* text of the endpoint */
  bool remote;           /* there is more than this machine's kernel in between */
  char version[64];      /* engine's own: "20.10.24" */
  char api[16];          /* negotiated: "1.41" */
  bool live_restore;     /* containers outlive an engine restart */
  int64_t tells_late_ms; /* an end may be told so much later than output and command have ended */
  const char *target;    /* what a job is there, for the record: NULL: "container" */
  const char *namespace; /* in which it is; NULL: the engine has none */
  bool start_waits; /* start() returns only once the command runs, perhaps after minutes: until then it is not
                       begun, and the loop's interrupt ends it */
  bool confirms_input;  /* stream_end_input() is 0 only once the other end has taken all of it */
  bool state_tells_all; /* who ended the command stands in its state, too, not in the events alone */
  bool resumes; /* attach() again goes on with the byte at which the last stream of that container was cut */
  bool streams_merged; /* what the command writes to stderr comes as its stdout */
  bool no_signals;     /* none can be sent to the command: signal() takes only the stop signal and KILL */
};

/* What prepare() found out and decided. Owned; prepared_done(). */
struct prepared {
  char *app;          /* contract section 5.3: --app, name:, Compose project, container name, image name */
  char *release_name; /* shown as release.name */
  char *image;        /* reference as people know it */
  char *image_id;     /* NULL: not on the engine yet */
  char *digest;       /* sha256:... of a RepoDigest; NULL: none */
  struct strv argv;   /* entrypoint + command that will run, for people */
  char *target_kind;  /* "container", ... of the source; NULL: none */
  char *target_name, *target_id;
  int64_t stop_grace_ms;
  char *stop_signal;    /* "SIGTERM" */
  int64_t memory_limit; /* bytes; 0: none */
  bool tty;
  struct strv notes;     /* lines for stderr: the tag has moved, replica chosen, memory not limited, ... */
  json_t *plan;          /* for `plan`, no values; keys: image, argv, user, workdir, env [{name, origin}],
                            mounts [{type, source, target, mode, origin}], networks [name], ports..., dropped
                            [{what, why}], checked [text], differences [text] (with --image), labels {..} */
  json_t *request;       /* the exact body that create() will send, less the job's labels; holds values */
  json_t *private_parts; /* the runtime's own: networks to connect afterwards, late files, ... */
};
void prepared_done(struct prepared *p);

/* What the job writes on its container. */
struct identity {
  const char *id;   /* job id */
  const char *name; /* of the container: "run-once.ID" or "run-once.lock.APP.NAME" */
  json_t *labels;   /* {"run-once.id": ..., ...} complete */
  int64_t run_ms, start_ms,
      keep_ms;     /* --timeout, --start-timeout, --keep-for: for a runtime that holds them itself; 0: none */
  int64_t stop_ms; /* --stop-grace, for a runtime that holds it itself; -1: the source's */
};

/* Who ended it, where the runtime itself tells (Kubernetes); else END_UNTOLD, and the events tell. */
enum state_end {
  END_UNTOLD,
  END_EVICTED,        /* evicted, preempted, drained, the node shut down */
  END_DELETED,        /* deletion was asked for, by whom is not told */
  END_NODE_LOST,      /* its node does not answer any more: what became of the command is unknown */
  END_DEADLINE,       /* the deadline that the runtime held passed */
  END_DEADLINE_START, /* start() gave up for its deadline and ended what had begun all the same */
  END_STOPPED,        /* deletion was asked for through run-once, by whomever */
  END_GONE            /* removed by someone else before its end was read: it ran, and has ended */
};

struct container_state {
  enum {
    STATE_CREATED,
    STATE_RUNNING,
    STATE_PAUSED,
    STATE_RESTARTING,
    STATE_REMOVING,
    STATE_EXITED,
    STATE_DEAD
  } status;
  bool ever_started; /* StartedAt is a real time */
  int exit_code;     /* of EXITED/DEAD, -1: not told; of CREATED after a failed start: 126, 127, 128 */
  bool oom_killed;
  bool stopped; /* it was running when the engine was asked to stop it, or to send it a signal: by whom is not
                   told. Only of one that has ended, and of engines that keep this (Podman 5) */
  enum state_end end;
  char error[512];                                      /* engine's words */
  char started_at[40], finished_at[40], created_at[40]; /* RFC 3339; "" for never */
};

struct pull_progress { /* one call for each change; total 0: unknown */
  void (*line)(void *data, const char *layer, const char *status, int64_t current, int64_t total);
  void *data;
};

/* Output of a container, demultiplexed. Callbacks. */
struct stream_handlers {
  void (*on_output)(void *data, int fd /* 1 or 2 */, const char *p, size_t n);
  void (*on_end)(void *data, const struct error *err); /* once; NULL: end of output in order; ERR_LOST: cut;
                                                          ERR_ENGINE: framing broken */
  void (*on_writable)(void *data);
};
struct stream;
/* Large pieces of output may go on from descriptor to descriptor, by the kernel, without being copied twice.
 * ready: nothing stands before them on the way to `fd` (1 or 2). move: p shows bytes of `fd` that stand
 * unread at the front of `from`; returns how many it took from there, 0: they come by on_output instead.
 * `data` is that of the handlers. A runtime whose streams are no plain descriptors takes no notice. */
struct stream_mover {
  bool (*ready)(void *data, int fd);
  size_t (*move)(void *data, int fd, int from, const char *p, size_t n);
};
void stream_set_mover(struct stream *s, const struct stream_mover *m);
void stream_pause(struct stream *s, bool paused);
/* Bytes taken, 0: would block (on_writable comes), -1: gone. */
long stream_send(struct stream *s, const void *p, size_t n);
/* 0: everything was handed over. 1: on its way: on_writable comes when it has arrived (ask again), or the
 * stream ends without that. -1: gone. */
int stream_end_input(struct stream *s);
int stream_fd(const struct stream *s);
/* Output is, or may be, missing from what was delivered: why, in words. NULL: none that is known. */
const char *stream_gap(const struct stream *s);
void stream_free(struct stream *s); /* NULL is fine */

/* Events of one container (told by the engine from before start). Callbacks. */
enum runtime_event {
  EVENT_CREATE,
  EVENT_START,
  EVENT_KILL,
  EVENT_STOP,
  EVENT_OOM,
  EVENT_DIE,
  EVENT_DESTROY,
  EVENT_PAUSE,
  EVENT_RESTART,
  EVENT_LOST,     /* the event stream itself ended */
  EVENT_NODE_LOST /* its machine does not answer the cluster: what becomes of the command is unknown */
};
struct watch_handlers {
  void (*on_event)(void *data, enum runtime_event e, int signal /* KILL: number, else 0 */, int64_t time_ns);
};
struct event_watch;
void event_watch_free(struct event_watch *w);

/* "Tell me when it has ended": a hint, never a verdict (wait answers 0 for a container that never ran). */
struct wait;
bool wait_done(const struct wait *w); /* answered, or its connection ended */
/* The exit code it told; -1: none. Of use only for a container that was seen running when the wait began and
 * whose state can no longer be read. */
int wait_exit_code(const struct wait *w);
void wait_free(struct wait *w);

/* A job as its container's labels tell it. */
struct job_info {
  char *id, *container, *name, *app, *lock, *once, *actor, *host, *reason, *deadline, *image, *command,
      *created;
  struct strv argv; /* entrypoint and command */
  bool tty, open_stdin;
  json_t *labels; /* all of run-once.* */
  struct container_state state;
};
struct job_list {
  struct job_info *jobs;
  size_t n;
};
/* What an engine holds of a job beside its container. */
struct leftover {
  char *job_id, *host; /* whose, and of which machine; host may be NULL */
  char *name;          /* for leftover_remove(); of a claim its key_hash */
  bool claim;          /* a once-record, never removed by leftover_remove(); else a volume nobody uses */
  int64_t made_ns;     /* by the engine's clock; 0: unknown */
};
struct leftover_list {
  struct leftover *items;
  size_t n;
};
void leftover_list_done(struct leftover_list *l);

/* What an engine remembers of a job since a moment. */
enum recall {
  RECALL_NOT_TOLD, /* its memory does not reach back so far */
  RECALL_NEVER,    /* nothing of the job was ever made */
  RECALL_MADE,     /* its container was made, and never started */
  RECALL_STARTED,  /* it ran; of what came before the oldest that is kept nothing is known */
  RECALL_ALL       /* its start is kept, and so is all that came behind it */
};
typedef bool job_skip(const char *job_id);
void job_info_done(struct job_info *i);
void job_list_done(struct job_list *l);

/* An HTTP date has whole seconds, of which we take the middle; and the answer was under way. */
#define RUNTIME_CLOCK_NS INT64_C(1000000000)

struct runtime_ops {
  const char *kind;
  void (*free)(struct runtime *rt);
  /* Negotiates the version. ERR_ENGINE: not an engine, API too old. */
  int (*connect)(struct runtime *rt, struct error *err);
  const struct runtime_info *(*info)(struct runtime *rt);
  /* The engine's clock by its last answer's Date, right to RUNTIME_CLOCK_NS; 0: unknown. */
  int64_t (*clock_ns)(struct runtime *rt);
  /* Looks only; changes nothing, pulls nothing. */
  int (*prepare)(struct runtime *rt, const struct settings *s, struct prepared *ret, struct error *err);
  int (*pull)(struct runtime *rt, const struct settings *s, const char *image, const struct pull_progress *pp,
              struct error *err);
  /* Sent once. 409 on the name: ERR_CONFLICT. After create the networks are joined and late files copied; if
   * that fails the container is there and *ret_id is set nevertheless (else NULL). */
  int (*create)(struct runtime *rt, const struct prepared *p, const struct identity *who, char **ret_id,
                struct error *err);
  /* What create() does after the engine has made the container, when its answer was lost and find() found it.
   */
  int (*complete)(struct runtime *rt, const struct prepared *p, const char *id, struct error *err);
  int (*find)(struct runtime *rt, const char *job_id, char **ret_id, struct error *err); /* ERR_MISSING */
  int (*attach)(struct runtime *rt, const char *id, bool tty, bool input, const struct stream_handlers *h,
                void *data, struct stream **ret, struct error *err);
  /* Tells first what the engine still remembers of the job, and that again at every call (time_ns tells
   * repeats). */
  int (*watch)(struct runtime *rt, const char *job_id, const struct watch_handlers *h, void *data,
               struct event_watch **ret, struct error *err);
  int (*wait_begin)(struct runtime *rt, const char *id, bool next_exit, struct wait **ret, struct error *err);
  /* Sent once. ERR_NOT_EXECUTABLE / ERR_NOT_FOUND by the state's own exit code. */
  int (*start)(struct runtime *rt, const char *id, struct error *err);
  int (*state)(struct runtime *rt, const char *id, struct container_state *ret, struct error *err);
  int (*signal)(struct runtime *rt, const char *id, int signo, struct error *err);
  int (*stop)(struct runtime *rt, const char *id, int64_t grace_ms,
              struct error *err); /* returns when it ended */
  int (*resize)(struct runtime *rt, const char *id, int rows, int cols, struct error *err);
  int (*rename)(struct runtime *rt, const char *id, const char *name, struct error *err);
  /* With anonymous volumes. Without force a running container is ERR_CONFLICT: the fence. Missing: success;
   * err may say ERR_MISSING then: gone before this request, or by one of its own that was sent before. */
  int (*remove)(struct runtime *rt, const char *id, bool force, struct error *err);
  /* The engine's log; since_ns 0: all. Output by handlers as an attached stream would bring it; on_end at its
   * end. */
  int (*logs)(struct runtime *rt, const char *id, bool tty, bool follow, int64_t since_ns,
              const struct stream_handlers *h, void *data, struct stream **ret, struct error *err);
  /* Every container with run-once.id; ended_only: those not running (created, exited, dead). Each is asked
   * about, which an engine that is just starting it answers late: not those of which `skip` (or NULL) says
   * so. */
  int (*jobs)(struct runtime *rt, bool ended_only, job_skip *skip, struct job_list *ret, struct error *err);
  int (*by_name)(struct runtime *rt, const char *name, struct job_info *ret,
                 struct error *err); /* ERR_MISSING */
  /* Once-records: test-and-set. *ret_owner is the job id that has it (ours: won). */
  int (*claim)(struct runtime *rt, const char *key_hash, json_t *labels, json_t **ret_labels,
               struct error *err);
  int (*claim_read)(struct runtime *rt, const char *key_hash, json_t **ret_labels,
                    struct error *err); /* ERR_MISSING */
  int (*claim_store)(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                     const void *p, size_t n, struct error *err);
  int (*claim_load)(struct runtime *rt, const char *key_hash, const char *image, const char *file, char **ret,
                    size_t *ret_n, struct error *err);
  int (*claim_free)(struct runtime *rt, const char *key_hash, struct error *err);
  /* Removes what a death between two requests left of claim_store and claim_load: by NULL: what is older than
   * stale_ms; else what that job used (runtime_helpers), whatever its age, once nobody acts for it any more
   * (Kubernetes: nothing; its pieces may be named by a request that is still on its way, and go by age).
   * Returns how many. */
  int (*claim_sweep)(struct runtime *rt, const char *by, int64_t stale_ms);
  /* Settling what no container tells of; NULL: a runtime without such things.
   * leftovers: volumes of a job that no container uses, with its labels (an engine that ended in the middle
   * of a removal or create leaves them), and once-records. leftover_remove: refused (ERR_CONFLICT) of one
   * that is in use after all; missing: success. recall: since_ns by the engine's clock. */
  int (*leftovers)(struct runtime *rt, struct leftover_list *ret, struct error *err);
  int (*leftover_remove)(struct runtime *rt, const struct leftover *l, struct error *err);
  enum recall (*recall)(struct runtime *rt, const char *job_id, int64_t since_ns);
  /* Does it hold as many events as it keeps, so that older ones may be forgotten? Also when that cannot be
   * told. NULL: it never forgets what is there. */
  bool (*memory_full)(struct runtime *rt);
  /* Does a process of it run for certain, asked of what runs it and not of the engine's own notes? An engine
   * that comes back may take a container for running whose end it has missed, and tell a status later that is
   * none of the command's. NULL: there the state tells. */
  bool (*alive)(struct runtime *rt, const char *id);
  /* The exact body that create() sends; new reference, holds values. NULL: p->request with the labels over
   * it. */
  json_t *(*body)(struct runtime *rt, const struct prepared *p, const struct identity *who);
  /* The objects that create() and start() send, for `plan --output manifest`: an array, new reference. NULL:
   * this runtime has no manifests. */
  json_t *(*manifest)(struct runtime *rt, const struct prepared *p, const struct identity *who);
  /* For doctor: lines of findings about this engine. */
  int (*examine)(struct runtime *rt, struct strv *ret_facts, struct strv *ret_findings, struct error *err);
};
/* What a runtime has to say while one of its calls waits, and to whom; callbacks, each may be NULL. */
struct runtime_voice {
  void (*progress)(void *data, const char *words); /* what it waits for: "scheduling", "pulling IMAGE" */
  void (*notice)(void *data, const char *line);    /* a line for stderr */
  void *data;
};
/* On whose behalf once-records are read and written. A container that this takes carries the job's id, and is
 * counted in *standing from before its create until it has gone for certain: who looks after the job sweeps
 * it (claim_sweep). Both NULL: nobody looks after it. */
struct runtime_helpers {
  const char *job_id;
  _Atomic int *standing;
};
struct runtime {
  const struct runtime_ops *ops;
  struct runtime_helpers helpers; /* set by whoever opened it */
  struct runtime_voice voice;     /* set by whoever opened it; all NULL: nobody listens */
};

/* kind "docker" (which takes Podman too), "podman" or "kubernetes". The client is made, nothing is sent yet.
 */
int runtime_open(const char *kind, struct loop *loop, const struct endpoint *ep, struct runtime **ret,
                 struct error *err);
#endif
