#include "job/verdict.h"
#include "base/alloc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kind of a fault before the command began -> how the job ends. Rows without an own meaning here (an answer
 * that was lost, a 409) are the engine's. */
static const struct {
  enum verdict verdict;
  enum cause cause;
  int exit_status;
} ends[] = {
    [ERR_NONE] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
    [ERR_USAGE] = {VERDICT_NOT_STARTED, CAUSE_USAGE, 125},
    [ERR_CONFIG] = {VERDICT_NOT_STARTED, CAUSE_CONFIG, 125},
    [ERR_IMAGE] = {VERDICT_NOT_STARTED, CAUSE_IMAGE, 125},
    [ERR_ENGINE] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
    [ERR_PERMISSION] = {VERDICT_NOT_STARTED, CAUSE_PERMISSION, 125},
    [ERR_QUOTA] = {VERDICT_NOT_STARTED, CAUSE_QUOTA, 125},
    [ERR_MISSING] = {VERDICT_NOT_STARTED, CAUSE_MISSING_REFERENCE, 125},
    [ERR_CONFLICT] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
    [ERR_UNREACHABLE] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
    [ERR_LOST] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
    [ERR_TIMEOUT] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
    [ERR_CANCELLED] = {VERDICT_NOT_STARTED, CAUSE_USAGE, 125},
    [ERR_DEADLINE_START] = {VERDICT_NOT_STARTED, CAUSE_DEADLINE_START, 124},
    [ERR_NOT_EXECUTABLE] = {VERDICT_NOT_STARTED, CAUSE_NOT_EXECUTABLE, 126},
    [ERR_NOT_FOUND] = {VERDICT_NOT_STARTED, CAUSE_NOT_FOUND, 127},
    [ERR_LOCKED] = {VERDICT_REFUSED, CAUSE_LOCKED, 121},
    [ERR_ONCE_UNRESOLVED] = {VERDICT_REFUSED, CAUSE_ONCE_UNRESOLVED, 121},
    [ERR_ONCE_MISMATCH] = {VERDICT_REFUSED, CAUSE_ONCE_MISMATCH, 121},
    [ERR_ROLLOUT] = {VERDICT_REFUSED, CAUSE_ROLLOUT, 121},
    [ERR_NOT_INERT] = {VERDICT_REFUSED, CAUSE_NOT_INERT, 121},
    [ERR_UNSCHEDULABLE] = {VERDICT_NOT_STARTED, CAUSE_UNSCHEDULABLE, 125},
    [ERR_SYSTEM] = {VERDICT_NOT_STARTED, CAUSE_ENGINE, 125},
};

/* Takes over message. */
static void end(struct outcome *o, enum verdict v, enum cause c, int status, char *message) {
  o->verdict = v;
  o->cause = c;
  o->exit_status = status;
  free(o->message);
  o->message = message;
}

void outcome_not_started(struct outcome *o, const struct error *err) {
  size_t kind = (size_t)err->kind < ARRAY_LEN(ends) ? (size_t)err->kind : ERR_ENGINE;
  o->exit_code = -1;
  o->signal = 0;
  end(o, ends[kind].verdict, ends[kind].cause, ends[kind].exit_status, xstrdup(err->text));
}

/* "signal 15 (TERM)"; for free(). */
static char *signal_words(int signo) {
  const char *name = sigabbrev_np(signo);
  return name ? xprintf("signal %d (%s)", signo, name) : xprintf("signal %d", signo);
}

/* 128+N is how a runtime reports the death of PID 1 by signal N, and how shells pass one on. 64 = SIGRTMAX;
 * what lies above (255: the engine's "lost") is a plain status. */
static int signal_of(int exit_code) {
  return exit_code > 128 && exit_code <= 128 + 64 ? exit_code - 128 : 0;
}

/* "after signal 15 (TERM)" or "with status 3". */
static char *end_words(int exit_code) {
  if (exit_code < 0) return xstrdup("with a status that was not told");
  int signo = signal_of(exit_code);
  if (!signo) return xprintf("with status %d", exit_code);
  CLEANUP_FREE char *name = signal_words(signo);
  return xprintf("after %s", name);
}

static char *memory_words(int64_t bytes) {
  if (bytes <= 0)
    return xstrdup("out of memory: killed by the kernel; no limit is set on the container, the "
                   "machine or a group above it ran out");
  if (bytes % (1 << 20) == 0)
    return xprintf("out of memory: the limit of %" PRId64 " MiB was reached", bytes >> 20);
  return xprintf("out of memory: the limit of %" PRId64 " bytes was reached", bytes);
}

static bool terminal(const struct evidence *e) {
  return e->state_read && (e->state.status == STATE_EXITED || e->state.status == STATE_DEAD);
}

static bool began(const struct evidence *e) {
  return e->start_acked || e->state.ever_started;
}

static enum cause deadline_cause(enum deadline d) {
  return d == DEADLINE_START  ? CAUSE_DEADLINE_START
         : d == DEADLINE_IDLE ? CAUSE_DEADLINE_IDLE
                              : CAUSE_DEADLINE_RUN;
}

/* The runtime held it where nobody of ours was left to do so, or where start() waits for the command. */
static enum deadline deadline_of(const struct evidence *e) {
  if (e->deadline == DEADLINE_NONE && e->state.end == END_DEADLINE_START) return DEADLINE_START;
  if (e->deadline != DEADLINE_NONE || e->state.end != END_DEADLINE) return e->deadline;
  return began(e) ? DEADLINE_RUN : DEADLINE_START;
}

static const char *deadline_words(enum deadline d) {
  return d == DEADLINE_START  ? "--start-timeout passed"
         : d == DEADLINE_IDLE ? "--idle-timeout passed without a byte of output"
                              : "--timeout passed";
}

static char *input_words(const struct evidence *e, const char *what) {
  return xprintf("%s after %" PRId64 " bytes, before the end of the input was delivered", what,
                 e->input_sent);
}

/* No terminal state: contract row 120. The order is that of how much each tells. */
static void decide_unread(const struct evidence *e, struct outcome *o) {
  enum cause c = CAUSE_CONTACT_LOST;
  bool ours = e->deadline != DEADLINE_NONE; /* it was we who let it be removed */
  char *why;
  if (e->node_lost || (e->state_read && e->state.end == END_NODE_LOST)) {
    c = CAUSE_NODE_LOST;
    why = xstrdup("the node of the pod does not answer; what becomes of the command is not known");
  } else if (e->state_read && e->state.end == END_GONE && !ours) {
    c = CAUSE_REMOVED_UNREAD;
    why = xstrdup("the pod was removed before its end could be read");
  } else if (e->removed_first || (e->state_read && e->state.status == STATE_REMOVING)) {
    c = CAUSE_REMOVED_UNREAD;
    why = xstrdup("the container was removed by someone else before its end could be read");
  } else if (e->input_cut) {
    c = CAUSE_INPUT_CUT;
    why = input_words(e, "the input was cut");
  } else if (e->deadline != DEADLINE_NONE) {
    c = deadline_cause(e->deadline);
    why = xprintf("%s, and the end of the command could not be confirmed", deadline_words(e->deadline));
  } else if (e->detached_keys) {
    why = xstrdup("left by the detach keys; the command goes on");
  } else if (e->state_read && terminal(e)) {
    why = xstrdup("the engine reports an end but neither a start nor a start time");
  } else if (e->engine_restarted) {
    c = CAUSE_ENGINE_RESTART;
    why = xstrdup("the engine was restarted, and the end of the command could not be read");
  } else {
    why = xstrdup("contact to the engine was lost and not regained; the command may still be running");
  }
  end(o, VERDICT_UNKNOWN, c, 120, why);
}

/* Made, and read by whoever removed or settled it as never started. */
static void decide_never_began(const struct evidence *e, struct outcome *o) {
  const char *words = e->state.error[0] ? e->state.error : "the container was created but never started";
  if (deadline_of(e) != DEADLINE_NONE)
    end(o, VERDICT_NOT_STARTED, CAUSE_DEADLINE_START, 124,
        xprintf("%s before the command began", deadline_words(deadline_of(e))));
  else if (e->state.end == END_EVICTED)
    end(o, VERDICT_NOT_STARTED, CAUSE_EVICTED, 125, xprintf("evicted before the command began: %s", words));
  else if (e->state.end == END_DELETED || e->state.end == END_GONE || e->state.end == END_STOPPED)
    end(o, VERDICT_NOT_STARTED, CAUSE_DELETED, 125,
        xstrdup("deleted by someone else before the command began"));
  else if (e->state.exit_code == 126)
    end(o, VERDICT_NOT_STARTED, CAUSE_NOT_EXECUTABLE, 126, xstrdup(words));
  else if (e->state.exit_code == 127)
    end(o, VERDICT_NOT_STARTED, CAUSE_NOT_FOUND, 127, xstrdup(words));
  else
    end(o, VERDICT_NOT_STARTED, CAUSE_ENGINE, 125, xstrdup(words));
}

/* 137 alone is any KILL, the flag alone any child of the command. A KILL of ours or of somebody else explains
 * 137 without it; another signal from outside does not. */
static bool out_of_memory(const struct evidence *e) {
  bool other_kill = e->outside_kill && (e->outside_signal == 0 || e->outside_signal == 9);
  return e->state.oom_killed && e->state.exit_code == 137 && !other_kill;
}

/* Row 122; false: it was not stopped by anybody. */
static bool decide_stopped(const struct evidence *e, struct outcome *o) {
  CLEANUP_FREE char *how = end_words(e->state.exit_code);
  if (e->our_stop || e->state.end == END_STOPPED) {
    end(o, VERDICT_KILLED, CAUSE_STOPPED, 122, xprintf("stopped through run-once; it ended %s", how));
  } else if (e->engine_restarted) {
    end(o, VERDICT_KILLED, CAUSE_ENGINE_RESTART, 122,
        xprintf("the engine was restarted or shut down during the run; the command ended %s", how));
  } else if (e->state.end == END_EVICTED) {
    const char *words = e->state.error;
    end(o, VERDICT_KILLED, CAUSE_EVICTED, 122,
        xprintf("evicted by the cluster%s%s; the command ended %s", *words ? ": " : "", words, how));
  } else if (e->state.end == END_DELETED) {
    end(o, VERDICT_KILLED, CAUSE_DELETED, 122,
        xprintf("its pod was deleted by someone else; the command ended %s", how));
  } else if (out_of_memory(e)) {
    end(o, VERDICT_KILLED, CAUSE_OOM, 122, memory_words(e->memory_limit));
  } else if (e->outside_kill) {
    CLEANUP_FREE char *signo = signal_words(e->outside_signal);
    end(o, VERDICT_KILLED, CAUSE_STOPPED_FROM_OUTSIDE, 122,
        e->outside_signal ? xprintf("%s was sent by someone else; the command ended %s", signo, how)
                          : xprintf("stopped by someone else; the command ended %s", how));
  } else {
    return false;
  }
  return true;
}

/* A status of a container is 0 to 255; anything else must not turn into 0 when the kernel cuts it. */
static int status_of(int exit_code) {
  if (exit_code >= 0 && exit_code <= 255) return exit_code;
  return (exit_code & 255) ? (exit_code & 255) : 255;
}

static void decide_own(const struct evidence *e, struct outcome *o) {
  int code = e->state.exit_code;
  if (code == 0) {
    end(o, VERDICT_SUCCEEDED, CAUSE_EXIT, 0, xstrdup("ended with status 0"));
    return;
  }
  CLEANUP_FREE char *how = end_words(code);
  int signo = signal_of(code);
  end(o, VERDICT_FAILED, signo ? CAUSE_SIGNAL : CAUSE_EXIT, status_of(code),
      xprintf("ended %s%s", how, signo && signo == e->our_signal ? ", which was forwarded to it" : ""));
}

/* What dockerd (0) and containerd (137) tell of an end that they have missed. 255 is always one of those. */
static bool made_up(int exit_code) {
  return exit_code == 0 || exit_code == 137;
}

void verdict_decide(const struct evidence *e, struct outcome *o) {
  o->exit_code = -1;
  o->signal = 0;
  bool dead_unstarted = e->state_read && !began(e) && e->state.status == STATE_DEAD;
  if (e->state_read && !began(e) && (e->state.status == STATE_CREATED || dead_unstarted)) {
    decide_never_began(e, o);
    return;
  }
  bool untold = e->state.end == END_NODE_LOST || e->state.end == END_GONE;
  if (!terminal(e) || !began(e) || untold) {
    decide_unread(e, o);
    return;
  }
  o->exit_code = e->state.exit_code;
  o->signal = signal_of(e->state.exit_code);
  if (e->end_unseen && e->state.exit_code == 255) {
    o->exit_code = -1;
    end(o, VERDICT_UNKNOWN, CAUSE_ENGINE_RESTART, 120,
        xstrdup("the engine was away when the command ended, and tells 255 for an end that it did not see"));
  } else if (e->end_untrue && made_up(e->state.exit_code)) {
    o->exit_code = -1;
    o->signal = 0;
    end(o, VERDICT_UNKNOWN, CAUSE_ENGINE_RESTART, 120,
        xstrdup("the engine was away when the command ended, and what it tells of that end is not proven"));
  } else if (e->input_cut)
    end(o, VERDICT_UNKNOWN, CAUSE_INPUT_CUT, 120, input_words(e, "the input was cut"));
  else if (deadline_of(e) != DEADLINE_NONE) {
    CLEANUP_FREE char *how = end_words(e->state.exit_code);
    end(o, VERDICT_KILLED, deadline_cause(deadline_of(e)), 124,
        xprintf("%s; the command ended %s", deadline_words(deadline_of(e)), how));
  } else if (decide_stopped(e, o))
    return;
  else if (e->state.exit_code < 0)
    end(o, VERDICT_UNKNOWN, CAUSE_REMOVED_UNREAD, 120,
        xstrdup("the command has ended, and nobody tells with which status"));
  else if (e->input_forwarded && !e->input_complete && e->state.exit_code == 0)
    end(o, VERDICT_UNKNOWN, CAUSE_INPUT_CUT, 120, input_words(e, "the command ended with status 0"));
  else if (e->forgotten && e->state.exit_code == 0)
    end(o, VERDICT_UNKNOWN, CAUSE_CONTACT_LOST, 120,
        xstrdup(
            "the command ended with status 0 while nobody watched, and the engine no longer tells whether it "
            "was stopped"));
  else if (e->unheard && e->state.exit_code == 0)
    end(o, VERDICT_UNKNOWN, CAUSE_CONTACT_LOST, 120,
        xstrdup("the command ended with status 0, but the engine's events did not come, which tell whether "
                "somebody stopped it"));
  else
    decide_own(e, o);
}
