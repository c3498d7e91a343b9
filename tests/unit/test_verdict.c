/* The verdict, by every combination of what can be known, and by the words of the cases people will read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "job/verdict.h"
#include <cmocka.h>

enum {
  READ,
  ACKED,
  EVER,
  REMOVED,
  KEYS,
  FORWARDED,
  COMPLETE,
  CUT,
  OUTSIDE,
  OURS,
  RESTARTED,
  FORGOTTEN,
  UNHEARD,
  OOM,
  BITS
};

static struct evidence evidence_of(unsigned bits, int code, enum deadline d, int status) {
  struct evidence e = {0};
#define HAS(bit) ((bits >> (bit)) & 1u)
  e.state_read = HAS(READ);
  e.start_acked = HAS(ACKED);
  e.state.ever_started = HAS(EVER);
  e.removed_first = HAS(REMOVED);
  e.detached_keys = HAS(KEYS);
  e.input_forwarded = HAS(FORWARDED);
  e.input_complete = HAS(COMPLETE);
  e.input_cut = HAS(CUT);
  e.outside_kill = HAS(OUTSIDE);
  e.our_stop = HAS(OURS);
  e.engine_restarted = HAS(RESTARTED);
  e.forgotten = HAS(FORGOTTEN);
  e.unheard = HAS(UNHEARD);
  e.state.oom_killed = HAS(OOM);
#undef HAS
  e.state.status = (__typeof__(e.state.status))status;
  e.state.exit_code = code;
  e.deadline = d;
  return e;
}

/* The contract's sentence, written down once more and otherwise. */
static bool may_succeed(const struct evidence *e) {
  if (!e->start_acked && !e->state.ever_started) return false;
  if (!e->state_read || (e->state.status != STATE_EXITED && e->state.status != STATE_DEAD)) return false;
  if (e->input_cut || (e->input_forwarded && !e->input_complete)) return false;
  if (e->forgotten || e->unheard) return false;
  if (e->outside_kill || e->our_stop || e->engine_restarted || e->deadline != DEADLINE_NONE) return false;
  return e->state.exit_code == 0;
}

static void check_status(const struct evidence *e, const struct outcome *o) {
  bool terminal = e->state_read && (e->state.status == STATE_EXITED || e->state.status == STATE_DEAD);
  bool began = e->start_acked || e->state.ever_started;
  bool never = e->state_read && !began && (e->state.status == STATE_CREATED || e->state.status == STATE_DEAD);
  if (never) {
    assert_int_equal(o->verdict, VERDICT_NOT_STARTED);
    assert_int_equal(o->exit_status, e->deadline ? 124 : e->state.exit_code == 126 ? 126 : 125);
  } else if (!terminal || !began || e->input_cut) {
    assert_int_equal(o->exit_status, 120);
    assert_int_equal(o->verdict, VERDICT_UNKNOWN);
  } else if (e->deadline) {
    assert_int_equal(o->exit_status, 124);
    assert_int_equal(o->verdict, VERDICT_KILLED);
  } else if (e->our_stop || e->outside_kill || e->engine_restarted ||
             (e->state.oom_killed && e->state.exit_code == 137)) {
    assert_int_equal(o->exit_status, 122);
    assert_int_equal(o->verdict, VERDICT_KILLED);
  } else if (e->state.exit_code) {
    assert_int_equal(o->exit_status, e->state.exit_code);
    assert_int_equal(o->verdict, VERDICT_FAILED);
    assert_int_equal(o->cause, e->state.exit_code > 128 ? CAUSE_SIGNAL : CAUSE_EXIT);
  } else if (e->input_forwarded && !e->input_complete) {
    assert_int_equal(o->exit_status, 120);
    assert_int_equal(o->cause, CAUSE_INPUT_CUT);
  } else if (e->forgotten || e->unheard) {
    assert_int_equal(o->exit_status, 120);
    assert_int_equal(o->cause, CAUSE_CONTACT_LOST);
  } else {
    assert_int_equal(o->exit_status, 0);
  }
  bool known = terminal && began;
  assert_int_equal(o->exit_code, known ? e->state.exit_code : -1);
  assert_int_equal(o->signal, known && e->state.exit_code > 128 ? e->state.exit_code - 128 : 0);
}

static void every_combination(void **state) {
  static const int codes[] = {0, 1, 126, 137, 143};
  static const int statuses[] = {STATE_CREATED, STATE_RUNNING, STATE_REMOVING, STATE_EXITED, STATE_DEAD};
  unsigned long succeeded = 0;
  (void)state;
  for (unsigned bits = 0; bits < 1u << BITS; bits++)
    for (size_t c = 0; c < 5; c++)
      for (int d = DEADLINE_NONE; d <= DEADLINE_IDLE; d++)
        for (size_t s = 0; s < 5; s++) {
          struct evidence e = evidence_of(bits, codes[c], (enum deadline)d, statuses[s]);
          struct outcome o;
          outcome_init(&o);
          verdict_decide(&e, &o);
          assert_int_equal(o.verdict == VERDICT_SUCCEEDED, may_succeed(&e));
          assert_int_equal(o.exit_status == 0, o.verdict == VERDICT_SUCCEEDED);
          check_status(&e, &o);
          assert_non_null(o.message);
          assert_null(strchr(o.message, '\n'));
          assert_int_not_equal(o.cause, CAUSE_NONE);
          if (o.cause == CAUSE_OOM) assert_true(e.state.oom_killed && e.state.exit_code == 137);
          succeeded += o.verdict == VERDICT_SUCCEEDED;
          outcome_done(&o);
        }
  assert_true(succeeded > 0);
}

static struct evidence ended(int code) {
  struct evidence e = {.state_read = true, .start_acked = true};
  e.state.status = STATE_EXITED;
  e.state.ever_started = true;
  e.state.exit_code = code;
  return e;
}

static void expect(const struct evidence *e, enum verdict v, const char *cause, int status,
                   const char *message) {
  struct outcome o;
  outcome_init(&o);
  verdict_decide(e, &o);
  assert_string_equal(o.message, message);
  assert_string_equal(cause_name(o.cause), cause);
  assert_int_equal(o.verdict, v);
  assert_int_equal(o.exit_status, status);
  outcome_done(&o);
}

static void own_ends(void **state) {
  (void)state;
  struct evidence e = ended(0);
  expect(&e, VERDICT_SUCCEEDED, "exit", 0, "ended with status 0");
  e = ended(3);
  expect(&e, VERDICT_FAILED, "exit", 3, "ended with status 3");
  e = ended(143);
  expect(&e, VERDICT_FAILED, "signal", 143, "ended after signal 15 (TERM)");
  e.our_signal = 15;
  expect(&e, VERDICT_FAILED, "signal", 143, "ended after signal 15 (TERM), which was forwarded to it");
  e = ended(128);
  expect(&e, VERDICT_FAILED, "exit", 128, "ended with status 128");
  e = ended(129);
  expect(&e, VERDICT_FAILED, "signal", 129, "ended after signal 1 (HUP)");
  e = ended(192);
  expect(&e, VERDICT_FAILED, "signal", 192, "ended after signal 64");
  e = ended(193);
  expect(&e, VERDICT_FAILED, "exit", 193, "ended with status 193");
  e = ended(255);
  expect(&e, VERDICT_FAILED, "exit", 255, "ended with status 255");
  e = ended(256); /* no kernel says so; it must not become 0 */
  expect(&e, VERDICT_FAILED, "exit", 255, "ended with status 256");
  e = ended(-1); /* not told: neither a success nor a failure */
  expect(&e, VERDICT_UNKNOWN, "removed_unread", 120,
         "the command has ended, and nobody tells with which status");
}

static void out_of_memory(void **state) {
  (void)state;
  struct evidence e = ended(137);
  expect(&e, VERDICT_FAILED, "signal", 137, "ended after signal 9 (KILL)");
  e.state.oom_killed = true;
  e.memory_limit = 64 << 20;
  expect(&e, VERDICT_KILLED, "oom", 122, "out of memory: the limit of 64 MiB was reached");
  e.memory_limit = 6000001;
  expect(&e, VERDICT_KILLED, "oom", 122, "out of memory: the limit of 6000001 bytes was reached");
  e.memory_limit = 0;
  expect(
      &e, VERDICT_KILLED, "oom", 122,
      "out of memory: killed by the kernel; no limit is set on the container, the machine or a group above "
      "it ran out");
  e.outside_kill = true;
  e.outside_signal = 1; /* a HUP from outside does not explain 137 */
  assert_int_equal(e.state.exit_code, 137);
  e.memory_limit = 64 << 20;
  expect(&e, VERDICT_KILLED, "oom", 122, "out of memory: the limit of 64 MiB was reached");
  e.outside_signal = 9;
  expect(&e, VERDICT_KILLED, "stopped_from_outside", 122,
         "signal 9 (KILL) was sent by someone else; the command ended after signal 9 (KILL)");
  e = ended(0); /* a child was killed, the command went on */
  e.state.oom_killed = true;
  expect(&e, VERDICT_SUCCEEDED, "exit", 0, "ended with status 0");
}

static void stopped(void **state) {
  (void)state;
  struct evidence e = ended(0); /* traps TERM and exits 0 */
  e.outside_kill = true;
  e.outside_signal = 15;
  expect(&e, VERDICT_KILLED, "stopped_from_outside", 122,
         "signal 15 (TERM) was sent by someone else; the command ended with status 0");
  e.outside_signal = 0;
  expect(&e, VERDICT_KILLED, "stopped_from_outside", 122,
         "stopped by someone else; the command ended with status 0");
  e = ended(143);
  e.our_stop = true;
  expect(&e, VERDICT_KILLED, "stopped", 122, "stopped through run-once; it ended after signal 15 (TERM)");
  e = ended(0);
  e.engine_restarted = true;
  expect(&e, VERDICT_KILLED, "engine_restart", 122,
         "the engine was restarted or shut down during the run; the command ended with status 0");
  e = ended(137);
  e.our_stop = true;
  e.deadline = DEADLINE_RUN;
  expect(&e, VERDICT_KILLED, "deadline_run", 124,
         "--timeout passed; the command ended after signal 9 (KILL)");
  e.deadline = DEADLINE_IDLE;
  expect(&e, VERDICT_KILLED, "deadline_idle", 124,
         "--idle-timeout passed without a byte of output; the command ended after signal 9 (KILL)");
}

static void end_unseen(void **state) {
  (void)state;
  struct evidence e = ended(255);
  expect(&e, VERDICT_FAILED, "exit", 255, "ended with status 255");
  e.end_unseen = true;
  expect(&e, VERDICT_UNKNOWN, "engine_restart", 120,
         "the engine was away when the command ended, and tells 255 for an end that it did not see");
  e.engine_restarted = true;
  expect(&e, VERDICT_UNKNOWN, "engine_restart", 120,
         "the engine was away when the command ended, and tells 255 for an end that it did not see");
  e = ended(3);
  e.end_unseen = e.forgotten = true;
  expect(&e, VERDICT_FAILED, "exit", 3, "ended with status 3");
  for (int code = 0; code < 138; code += 137) {
    e = ended(code);
    e.end_untrue = true;
    expect(&e, VERDICT_UNKNOWN, "engine_restart", 120,
           "the engine was away when the command ended, and what it tells of that end is not proven");
  }
  e = ended(0);
  e.forgotten = true;
  expect(&e, VERDICT_UNKNOWN, "contact_lost", 120,
         "the command ended with status 0 while nobody watched, and the engine no longer tells whether it "
         "was stopped");
  e = ended(3);
  e.unheard = true;
  expect(&e, VERDICT_FAILED, "exit", 3, "ended with status 3");
  e = ended(0);
  e.unheard = true;
  expect(&e, VERDICT_UNKNOWN, "contact_lost", 120,
         "the command ended with status 0, but the engine's events did not come, which tell whether somebody "
         "stopped it");
}

static void unread(void **state) {
  (void)state;
  struct evidence e = {.start_acked = true};
  expect(&e, VERDICT_UNKNOWN, "contact_lost", 120,
         "contact to the engine was lost and not regained; the command may still be running");
  e.engine_restarted = true;
  expect(&e, VERDICT_UNKNOWN, "engine_restart", 120,
         "the engine was restarted, and the end of the command could not be read");
  e.detached_keys = true;
  expect(&e, VERDICT_UNKNOWN, "contact_lost", 120, "left by the detach keys; the command goes on");
  e.deadline = DEADLINE_RUN;
  expect(&e, VERDICT_UNKNOWN, "deadline_run", 120,
         "--timeout passed, and the end of the command could not be confirmed");
  e.removed_first = true;
  expect(&e, VERDICT_UNKNOWN, "removed_unread", 120,
         "the container was removed by someone else before its end could be read");
  e = ended(0); /* a wait answers 0 for a container that never ran */
  e.start_acked = e.state.ever_started = false;
  expect(&e, VERDICT_UNKNOWN, "contact_lost", 120,
         "the engine reports an end but neither a start nor a start time");
}

static void input(void **state) {
  (void)state;
  struct evidence e = ended(0);
  e.input_forwarded = true;
  e.input_sent = 100000;
  expect(&e, VERDICT_UNKNOWN, "input_cut", 120,
         "the command ended with status 0 after 100000 bytes, before the end of the input was delivered");
  e.state.exit_code = 3; /* it failed by itself and wanted no more */
  expect(&e, VERDICT_FAILED, "exit", 3, "ended with status 3");
  e.input_cut = true;
  expect(&e, VERDICT_UNKNOWN, "input_cut", 120,
         "the input was cut after 100000 bytes, before the end of the input was delivered");
  e.our_stop = true;
  e.state.exit_code = 143;
  expect(&e, VERDICT_UNKNOWN, "input_cut", 120,
         "the input was cut after 100000 bytes, before the end of the input was delivered");
}

static void never_began(void **state) {
  (void)state;
  struct evidence e = {.state_read = true};
  e.state.status = STATE_CREATED;
  expect(&e, VERDICT_NOT_STARTED, "engine", 125, "the container was created but never started");
  snprintf(e.state.error, sizeof e.state.error, "exec: \"nope\": not found");
  e.state.exit_code = 127;
  expect(&e, VERDICT_NOT_STARTED, "not_found", 127, "exec: \"nope\": not found");
  e.state.exit_code = 126;
  expect(&e, VERDICT_NOT_STARTED, "not_executable", 126, "exec: \"nope\": not found");
  e.deadline = DEADLINE_START;
  expect(&e, VERDICT_NOT_STARTED, "deadline_start", 124, "--start-timeout passed before the command began");
}

static void faults(void **state) {
  static const struct {
    enum error_kind kind;
    enum verdict verdict;
    const char *cause;
    int status;
  } rows[] = {
      {ERR_USAGE, VERDICT_NOT_STARTED, "usage", 125},
      {ERR_CONFIG, VERDICT_NOT_STARTED, "config", 125},
      {ERR_IMAGE, VERDICT_NOT_STARTED, "image", 125},
      {ERR_PERMISSION, VERDICT_NOT_STARTED, "permission", 125},
      {ERR_MISSING, VERDICT_NOT_STARTED, "missing_reference", 125},
      {ERR_UNREACHABLE, VERDICT_NOT_STARTED, "engine", 125},
      {ERR_CANCELLED, VERDICT_NOT_STARTED, "usage", 125},
      {ERR_DEADLINE_START, VERDICT_NOT_STARTED, "deadline_start", 124},
      {ERR_NOT_EXECUTABLE, VERDICT_NOT_STARTED, "not_executable", 126},
      {ERR_NOT_FOUND, VERDICT_NOT_STARTED, "not_found", 127},
      {ERR_LOCKED, VERDICT_REFUSED, "locked", 121},
      {ERR_ONCE_UNRESOLVED, VERDICT_REFUSED, "once_unresolved", 121},
      {ERR_ONCE_MISMATCH, VERDICT_REFUSED, "once_mismatch", 121},
      {ERR_ROLLOUT, VERDICT_REFUSED, "rollout", 121},
      {ERR_NOT_INERT, VERDICT_REFUSED, "not_inert", 121},
      {ERR_SYSTEM, VERDICT_NOT_STARTED, "engine", 125},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct error err = {.kind = rows[i].kind, .text = "doing it failed: why"};
    struct outcome o;
    outcome_init(&o);
    outcome_not_started(&o, &err);
    assert_int_equal(o.verdict, rows[i].verdict);
    assert_string_equal(cause_name(o.cause), rows[i].cause);
    assert_int_equal(o.exit_status, rows[i].status);
    assert_int_equal(o.exit_code, -1);
    assert_string_equal(o.message, "doing it failed: why");
    outcome_done(&o);
  }
  for (int k = ERR_NONE; k <= ERR_SYSTEM; k++) { /* no kind falls through the table */
    struct error err = {.kind = (enum error_kind)k};
    struct outcome o;
    outcome_init(&o);
    outcome_not_started(&o, &err);
    assert_in_range(o.exit_status, 121, 127);
    outcome_done(&o);
  }
}

/* A cluster tells itself who ended a pod. An exit with 0 is no success then. */
static void ends_that_the_runtime_tells(void **state) {
  (void)state;
  struct evidence e = ended(0);
  e.state.end = END_EVICTED;
  expect(&e, VERDICT_KILLED, "evicted", 122, "evicted by the cluster; the command ended with status 0");
  snprintf(e.state.error, sizeof e.state.error, "the node was low on memory");
  expect(&e, VERDICT_KILLED, "evicted", 122,
         "evicted by the cluster: the node was low on memory; the command ended with status 0");
  e.outside_kill = true; /* the same, told as an event */
  expect(&e, VERDICT_KILLED, "evicted", 122,
         "evicted by the cluster: the node was low on memory; the command ended with status 0");
  e.our_stop = true;
  expect(&e, VERDICT_KILLED, "stopped", 122, "stopped through run-once; it ended with status 0");
  e = ended(143);
  e.state.end = END_STOPPED;
  e.outside_kill = true; /* the deletion, told as an event */
  expect(&e, VERDICT_KILLED, "stopped", 122, "stopped through run-once; it ended after signal 15 (TERM)");
  e.state.end = END_DELETED;
  expect(&e, VERDICT_KILLED, "deleted", 122,
         "its pod was deleted by someone else; the command ended after signal 15 (TERM)");
  e.deadline = DEADLINE_RUN;
  expect(&e, VERDICT_KILLED, "deadline_run", 124,
         "--timeout passed; the command ended after signal 15 (TERM)");
  e = ended(-1); /* a kubelet that forgets the containers of a pod at its deadline */
  e.state.end = END_DEADLINE;
  expect(&e, VERDICT_KILLED, "deadline_run", 124,
         "--timeout passed; the command ended with a status that was not told");
  e = ended(0); /* a start that was taken back for its deadline, and had begun all the same */
  e.state.end = END_DEADLINE_START;
  e.outside_kill = true;
  expect(&e, VERDICT_KILLED, "deadline_start", 124,
         "--start-timeout passed; the command ended with status 0");
  e = ended(-1);
  e.state.end = END_GONE;
  expect(&e, VERDICT_UNKNOWN, "removed_unread", 120, "the pod was removed before its end could be read");
  e.deadline = DEADLINE_RUN;
  expect(&e, VERDICT_UNKNOWN, "deadline_run", 120,
         "--timeout passed, and the end of the command could not be confirmed");
  e = ended(137);
  e.state.end = END_NODE_LOST;
  expect(&e, VERDICT_UNKNOWN, "node_lost", 120,
         "the node of the pod does not answer; what becomes of the command is not known");
  struct evidence lost = {.start_acked = true, .node_lost = true};
  expect(&lost, VERDICT_UNKNOWN, "node_lost", 120,
         "the node of the pod does not answer; what becomes of the command is not known");
}

/* A pod that ended before its command began, by whom is told. */
static void ends_before_the_command(void **state) {
  (void)state;
  struct evidence e = {.state_read = true, .state = {.status = STATE_DEAD, .exit_code = -1}};
  e.state.end = END_DEADLINE;
  expect(&e, VERDICT_NOT_STARTED, "deadline_start", 124, "--start-timeout passed before the command began");
  e.state.end = END_DELETED;
  expect(&e, VERDICT_NOT_STARTED, "deleted", 125, "deleted by someone else before the command began");
  e.state.end = END_EVICTED;
  snprintf(e.state.error, sizeof e.state.error, "OutOfcpu: no room");
  expect(&e, VERDICT_NOT_STARTED, "evicted", 125, "evicted before the command began: OutOfcpu: no room");
  e.state.end = END_UNTOLD;
  e.state.exit_code = 127;
  expect(&e, VERDICT_NOT_STARTED, "not_found", 127, "OutOfcpu: no room");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_combination),
      cmocka_unit_test(own_ends),
      cmocka_unit_test(out_of_memory),
      cmocka_unit_test(stopped),
      cmocka_unit_test(end_unseen),
      cmocka_unit_test(unread),
      cmocka_unit_test(input),
      cmocka_unit_test(never_began),
      cmocka_unit_test(faults),
      cmocka_unit_test(ends_that_the_runtime_tells),
      cmocka_unit_test(ends_before_the_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
