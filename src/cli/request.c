/* Options about the job itself, with the contract's defaults, and the rules of its section 3 for streams. */
#include "cli/invocation.h"
#include "io/tty.h"
#include <string.h>
#include <unistd.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };
static const int64_t DAY = 24 * (int64_t)60 * MINUTE, MIB = 1 << 20;

/* A word of the task's own options (layer task) gives way to what the task says as tty:, stdin:; the caller's
 * options win over both. */
static int caller_says(const struct options *o, enum option_id yes, enum option_id no, bool task_set,
                       bool task_says) {
  int said = option_opposed(o, yes, no);
  return said < 0 && task_set ? task_says : said;
}

/* TTY only if all three are terminals, or with -t; stdin is forwarded on TTY runs and with -i, never
 * otherwise. */
static int choose_streams(struct settings *s, const struct options *o, const struct task *task, bool detach,
                          struct error *err) {
  int tty = caller_says(o, OPT_TTY, OPT_NO_TTY, task && task->tty_set, task && task->tty);
  int input =
      caller_says(o, OPT_INTERACTIVE, OPT_NO_STDIN, task && task->stdin_set, task && task->stdin_open);
  bool terminal = isatty(STDIN_FILENO);
  s->tty = tty >= 0 ? tty == 1 : !detach && tty_all();
  s->open_stdin = input >= 0 ? input == 1 : s->tty && terminal && !detach;
  if (detach && s->open_stdin)
    return error_set(err, ERR_USAGE, "--detach: input cannot be forwarded; leave out -i");
  if (s->tty && s->open_stdin && !terminal)
    return error_set(err, ERR_USAGE,
                     "-t with -i: stdin is not a terminal; leave out -t, or add -T to a task with tty:");
  s->rows = s->cols = 0;
  for (int fd = STDIN_FILENO; s->tty && fd <= STDERR_FILENO; fd++)
    if (tty_size(fd, &s->rows, &s->cols) == 0) break;
  return 0;
}

static void set_times(struct job_request *r, const struct options *o) {
  r->timeout = option_number(o, OPT_TIMEOUT, 0);
  r->start_timeout = option_number(o, OPT_START_TIMEOUT, 10 * MINUTE);
  r->idle_timeout = option_number(o, OPT_IDLE_TIMEOUT, 0);
  r->stop_grace = option_number(o, OPT_STOP_GRACE, -1);
  r->reconnect_for = option_number(o, OPT_RECONNECT_FOR, 5 * MINUTE);
  r->keep_for = option_number(o, OPT_KEEP_FOR, DAY);
  r->heartbeat = option_number(o, OPT_HEARTBEAT, 0);
}

static void set_coordination(struct job_request *r, const struct options *o) {
  bool waits = option_text(o, OPT_LOCK_WAIT) != NULL;
  r->lock = option_text(o, OPT_LOCK);
  r->if_locked = (enum choice_locked)option_choice(o, OPT_IF_LOCKED, waits ? LOCKED_WAIT : LOCKED_FAIL);
  r->lock_wait = option_number(o, OPT_LOCK_WAIT, 5 * MINUTE);
  r->once = option_text(o, OPT_ONCE);
  r->once_keep = option_number(o, OPT_ONCE_KEEP, 30 * DAY);
  r->once_output = option_number(o, OPT_ONCE_OUTPUT, MIB);
  r->rerun_failed = option_flag(o, OPT_RERUN_FAILED);
}

static void set_records(struct job_request *r, const struct options *o) {
  r->result = option_text(o, OPT_RESULT);
  r->reason = option_text(o, OPT_REASON);
  r->actor = option_text(o, OPT_ACTOR);
  r->redact_args = option_flag(o, OPT_REDACT_ARGS);
  r->spool_max = option_number(o, OPT_SPOOL_MAX, 64 * MIB);
  r->progress = (enum choice_progress)option_choice(o, OPT_PROGRESS, PROGRESS_AUTO);
  r->quiet = option_flag(o, OPT_QUIET);
  r->timestamps = option_flag(o, OPT_TIMESTAMPS);
  r->prefix = option_text(o, OPT_PREFIX);
  r->version = RUN_ONCE_VERSION;
}

int request_build(struct job_request *r, struct settings *s, const struct options *o, const struct task *task,
                  struct error *err) {
  memset(r, 0, sizeof *r);
  r->settings = s;
  r->detach = option_flag(o, OPT_DETACH);
  if (choose_streams(s, o, task, r->detach, err) < 0) return -1;
  r->detach_keys = option_text(o, OPT_DETACH_KEYS);
  if (!r->detach_keys) r->detach_keys = "ctrl-p,ctrl-q";
  set_times(r, o);
  set_coordination(r, o);
  set_records(r, o);
  bool fed = !r->detach && (s->tty || s->open_stdin);
  r->disconnect_stop = option_choice(o, OPT_ON_DISCONNECT, fed ? 1 : 0) == 1;
  r->epipe_stop = option_choice(o, OPT_ON_EPIPE, 0) == 1;
  r->keep = (enum choice_keep)option_choice(o, OPT_KEEP, KEEP_NEVER);
  r->pull = (enum choice_pull)option_choice(o, OPT_PULL, PULL_MISSING);
  return 0;
}
