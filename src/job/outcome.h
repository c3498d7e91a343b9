/* How a job ended: everything in the result and history records (contract sections 4 and 6). */
#ifndef JOB_OUTCOME_H
#define JOB_OUTCOME_H
#include "base/error.h"
#include "base/strv.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum verdict {
  VERDICT_UNKNOWN,
  VERDICT_SUCCEEDED,
  VERDICT_FAILED,
  VERDICT_DETACHED,
  VERDICT_REFUSED,
  VERDICT_KILLED,
  VERDICT_NOT_STARTED
};
enum cause {
  CAUSE_NONE,
  CAUSE_EXIT,
  CAUSE_SIGNAL,
  CAUSE_OOM,
  CAUSE_DEADLINE_RUN,
  CAUSE_DEADLINE_START,
  CAUSE_DEADLINE_IDLE,
  CAUSE_EVICTED,
  CAUSE_NODE_LOST,
  CAUSE_DELETED,
  CAUSE_ENGINE_RESTART,
  CAUSE_STOPPED,
  CAUSE_STOPPED_FROM_OUTSIDE,
  CAUSE_INPUT_CUT,
  CAUSE_CONTACT_LOST,
  CAUSE_REMOVED_UNREAD,
  CAUSE_LOCKED,
  CAUSE_ONCE_UNRESOLVED,
  CAUSE_ONCE_MISMATCH,
  CAUSE_ROLLOUT,
  CAUSE_NOT_INERT,
  CAUSE_USAGE,
  CAUSE_CONFIG,
  CAUSE_IMAGE,
  CAUSE_ENGINE,
  CAUSE_PERMISSION,
  CAUSE_QUOTA,
  CAUSE_UNSCHEDULABLE,
  CAUSE_MISSING_REFERENCE,
  CAUSE_NOT_FOUND,
  CAUSE_NOT_EXECUTABLE
};
enum phase {
  PHASE_RESOLVE,
  PHASE_LOCK,
  PHASE_PULL,
  PHASE_CREATE,
  PHASE_START,
  PHASE_RUN,
  PHASE_DRAIN,
  PHASE_REMOVE,
  PHASES
};

struct outcome {
  char id[32];
  enum verdict verdict;
  enum cause cause;
  char *message;
  int exit_code;   /* the command's own; -1: null */
  int exit_status; /* run-once's */
  int signal;      /* 0: null */
  bool replayed;
  char *original_id;
  char *release_name, *source, *image, *image_id, *digest;
  struct strv command; /* as recorded: redacted already when asked */
  char *runtime_kind, *endpoint, *runtime_version;
  char *target_kind, *target_name, *target_id, *target_namespace;
  char *actor_user, *actor_host;
  bool actor_claimed; /* from a CI variable */
  char *reason, *lock, *once;
  char *created_at, *started_at, *finished_at; /* RFC 3339; NULL: null */
  int64_t phases_ms[PHASES];                   /* -1: null */
  int64_t stdout_bytes, stderr_bytes, gap;     /* -1: null: not counted, not known apart, none */
  bool removed;
  char record_hash[65];
};
void outcome_init(struct outcome *o);
void outcome_done(struct outcome *o);
/* Nobody passed the output on: what of it reached a caller who is gone is not known. */
void outcome_output_uncounted(struct outcome *o);
const char *verdict_name(enum verdict v);
const char *cause_name(enum cause c);
int verdict_from_name(const char *s, enum verdict *ret);
int cause_from_name(const char *s, enum cause *ret);
/* The result object of contract section 4, fields in its order; a new reference. retry_safe by the exit
 * table. */
json_t *outcome_json(const struct outcome *o);
/* The reverse, for replays and settled results; unknown or missing fields are left as init made them. */
int outcome_from_json(const json_t *j, struct outcome *ret, struct error *err);
/* For a process that was forked from this one (outcome_pack.c): how many bytes of `to` were needed, 0: it is
 * too small. outcome_unpack() takes what that left there; what `ret` held before is not freed. */
size_t outcome_pack(const struct outcome *o, char *to, size_t size);
void outcome_unpack(const char *from, struct outcome *ret);
#define OUTCOME_TEXTS 22
char **outcome_text(struct outcome *o, size_t i); /* its text members, in some order */
/* Verdict, cause, message and exit_status of an end before the command began. */
void outcome_not_started(struct outcome *o, const struct error *err);
#endif
