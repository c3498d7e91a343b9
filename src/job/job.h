/* One job, from settings to verdict. The only entry is job_launch(); src/README.md has the parts,
 * file by file. */
#ifndef JOB_JOB_H
#define JOB_JOB_H
#include "job/outcome.h"
#include "job/record.h"
#include "runtime/runtime.h"

enum choice_keep { KEEP_NEVER, KEEP_ON_FAILURE, KEEP_ALWAYS };
enum choice_pull { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };
enum choice_locked { LOCKED_FAIL, LOCKED_WAIT, LOCKED_ATTACH };
enum choice_progress { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };

/* What the options say; defaults as in the contract's table. Borrowed strings. Times in ms, 0 = none. */
struct job_request {
  struct settings *settings;
  bool detach;
  const char *detach_keys; /* "ctrl-p,ctrl-q" */
  const char *lock;
  enum choice_locked if_locked;
  int64_t lock_wait;
  const char *once;
  int64_t once_keep, once_output;
  bool rerun_failed;
  int64_t timeout, start_timeout, idle_timeout;
  int64_t stop_grace; /* -1: prepared's */
  int64_t reconnect_for;
  bool disconnect_stop; /* --on-disconnect */
  bool epipe_stop;
  enum choice_keep keep;
  int64_t keep_for;
  enum choice_pull pull;
  int64_t spool_max;
  const char *result; /* FILE or fd:N; NULL none */
  const char *reason, *actor;
  bool redact_args;
  enum choice_progress progress;
  int64_t heartbeat;
  bool quiet, timestamps;
  const char *prefix;
  const char *version; /* of run-once, for the label */
};

/* `jobs stop` sends this signal first, from whatever machine: ignored by default, but whoever looks after the
 * job sees it in the engine's events and knows that the stop behind it was asked for through run-once. */
#define JOB_STOP_NOTICE 23 /* URG, by Linux's numbers: the engine's */

/* Says one line on stderr as "run-once: ..." (respecting quiet is the caller's); job/ prints only through
 * this. */
typedef void say_fn(void *data, const char *line);

struct job_context {
  struct loop *loop; /* made after the guardian was forked: see job_launch() */
  struct runtime *rt;
  struct history *history;
  say_fn *say;
  void *say_data;
};

/* Opens the loop and the runtime at `ep` after forking the guardian, runs the job to its end, fills *ret
 * (also on refusal and failure: always complete), writes result and history. Returns run-once's exit status.
 */
int job_launch(const struct job_request *req, const char *runtime_kind, const struct endpoint *ep,
               struct history *history, say_fn *say, void *say_data, struct outcome *ret);

/* Who runs this: --actor, else SUDO_USER, else the CI system's user (claimed), else the login name. */
void actor_find(const char *option, struct outcome *o);

/* The labels of the job's container, by o's id, lock, actor and reason. once: the hash of the key; NULL:
 * none. New reference. */
json_t *job_labels(const struct job_request *req, const struct outcome *o, const char *app, const char *once);
#endif
