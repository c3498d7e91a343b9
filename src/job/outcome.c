#include "job/outcome.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = {
    [VERDICT_UNKNOWN] = "unknown",        [VERDICT_SUCCEEDED] = "succeeded", [VERDICT_FAILED] = "failed",
    [VERDICT_DETACHED] = "detached",      [VERDICT_REFUSED] = "refused",     [VERDICT_KILLED] = "killed",
    [VERDICT_NOT_STARTED] = "not_started"};

static const char *const cause_names[] = {[CAUSE_NONE] = NULL,
                                          [CAUSE_EXIT] = "exit",
                                          [CAUSE_SIGNAL] = "signal",
                                          [CAUSE_OOM] = "oom",
                                          [CAUSE_DEADLINE_RUN] = "deadline_run",
                                          [CAUSE_DEADLINE_START] = "deadline_start",
                                          [CAUSE_DEADLINE_IDLE] = "deadline_idle",
                                          [CAUSE_EVICTED] = "evicted",
                                          [CAUSE_NODE_LOST] = "node_lost",
                                          [CAUSE_DELETED] = "deleted",
                                          [CAUSE_ENGINE_RESTART] = "engine_restart",
                                          [CAUSE_STOPPED] = "stopped",
                                          [CAUSE_STOPPED_FROM_OUTSIDE] = "stopped_from_outside",
                                          [CAUSE_INPUT_CUT] = "input_cut",
                                          [CAUSE_CONTACT_LOST] = "contact_lost",
                                          [CAUSE_REMOVED_UNREAD] = "removed_unread",
                                          [CAUSE_LOCKED] = "locked",
                                          [CAUSE_ONCE_UNRESOLVED] = "once_unresolved",
                                          [CAUSE_ONCE_MISMATCH] = "once_mismatch",
                                          [CAUSE_ROLLOUT] = "rollout",
                                          [CAUSE_NOT_INERT] = "not_inert",
                                          [CAUSE_USAGE] = "usage",
                                          [CAUSE_CONFIG] = "config",
                                          [CAUSE_IMAGE] = "image",
                                          [CAUSE_ENGINE] = "engine",
                                          [CAUSE_PERMISSION] = "permission",
                                          [CAUSE_QUOTA] = "quota",
                                          [CAUSE_UNSCHEDULABLE] = "unschedulable",
                                          [CAUSE_MISSING_REFERENCE] = "missing_reference",
                                          [CAUSE_NOT_FOUND] = "not_found",
                                          [CAUSE_NOT_EXECUTABLE] = "not_executable"};

static const char *const phase_names[PHASES] = {"resolve", "lock", "pull",  "create",
                                                "start",   "run",  "drain", "remove"};

void outcome_init(struct outcome *o) {
  memset(o, 0, sizeof *o);
  strv_init(&o->command);
  o->verdict = VERDICT_UNKNOWN;
  o->exit_code = -1;
  o->exit_status = 120; /* what an unknown end is worth, until somebody decides otherwise */
  o->gap = -1;
  for (int i = 0; i < PHASES; i++) o->phases_ms[i] = -1;
}

/* The text members, by their path in the result object; also the ones to free. */
struct text_field {
  const char *path;
  size_t offset;
};
#define TEXT(path, member)                                                                                   \
  { path, offsetof(struct outcome, member) }
static const struct text_field text_fields[] = {
    TEXT("message", message),
    TEXT("original_id", original_id),
    TEXT("release.name", release_name),
    TEXT("release.source", source),
    TEXT("release.image", image),
    TEXT("release.image_id", image_id),
    TEXT("release.digest", digest),
    TEXT("runtime.kind", runtime_kind),
    TEXT("runtime.endpoint", endpoint),
    TEXT("runtime.version", runtime_version),
    TEXT("target.kind", target_kind),
    TEXT("target.name", target_name),
    TEXT("target.id", target_id),
    TEXT("target.namespace", target_namespace),
    TEXT("actor.user", actor_user),
    TEXT("actor.host", actor_host),
    TEXT("reason", reason),
    TEXT("lock", lock),
    TEXT("once", once),
    TEXT("created_at", created_at),
    TEXT("started_at", started_at),
    TEXT("finished_at", finished_at),
};

_Static_assert(ARRAY_LEN(text_fields) == OUTCOME_TEXTS, "outcome.h says how many");

static char **text_member(struct outcome *o, const struct text_field *f) {
  return (char **)(void *)((char *)o + f->offset);
}

char **outcome_text(struct outcome *o, size_t i) {
  return text_member(o, &text_fields[i]);
}

void outcome_output_uncounted(struct outcome *o) {
  o->stdout_bytes = o->stderr_bytes = -1;
}

void outcome_done(struct outcome *o) {
  for (size_t i = 0; i < ARRAY_LEN(text_fields); i++) free(*text_member(o, &text_fields[i]));
  strv_done(&o->command);
  outcome_init(o);
}

const char *verdict_name(enum verdict v) {
  return (size_t)v < ARRAY_LEN(verdict_names) ? verdict_names[v] : "unknown";
}

const char *cause_name(enum cause c) {
  return (size_t)c < ARRAY_LEN(cause_names) ? cause_names[c] : NULL;
}

static int index_of(const char *word, const char *const *names, size_t n) {
  for (size_t i = 0; word && i < n; i++)
    if (names[i] && !strcmp(names[i], word)) return (int)i;
  return -1;
}

int verdict_from_name(const char *s, enum verdict *ret) {
  int i = index_of(s, verdict_names, ARRAY_LEN(verdict_names));
  if (i < 0) return -1;
  *ret = (enum verdict)i;
  return 0;
}

int cause_from_name(const char *s, enum cause *ret) {
  int i = index_of(s, cause_names, ARRAY_LEN(cause_names));
  if (i < 0) return -1;
  *ret = (enum cause)i;
  return 0;
}

/* Bytes that are not UTF-8 cannot stand in JSON (jansson refuses the whole string): each becomes U+FFFD. */
static json_t *lossy_text(const char *s) {
  struct buf b;
  buf_init(&b, 3 * strlen(s) + 1);
  while (*s) {
    size_t n = 1;
    while (n < 4 && s[n] && ((unsigned char)s[n] & 0xC0) == 0x80) n++;
    json_t *one = json_stringn(s, n);
    if (!one) n = 1;
    if (one)
      buf_append(&b, s, n);
    else if ((unsigned char)*s < 0x80)
      buf_append(&b, s, 1);
    else
      buf_puts(&b, "\xEF\xBF\xBD");
    json_decref(one);
    s += n;
  }
  json_t *j = json_stringn(b.data ? b.data : "", b.len);
  buf_done(&b);
  return j;
}

static json_t *text_or_null(const char *s) {
  if (!s) return json_null();
  json_t *j = json_string(s);
  return j ? j : lossy_text(s);
}

static json_t *count_or_null(int64_t n) {
  return n < 0 ? json_null() : json_integer(n);
}

static json_t *command_json(const struct strv *command) {
  json_t *a = json_array();
  for (size_t i = 0; i < command->n; i++) json_array_append_new(a, text_or_null(command->v[i]));
  return a;
}

static json_t *phases_json(const struct outcome *o) {
  json_t *p = json_object();
  for (int i = 0; i < PHASES; i++) json_object_set_new(p, phase_names[i], count_or_null(o->phases_ms[i]));
  return p;
}

/* Contract section 4, last column of the exit table: a retry is safe exactly when the command cannot have
 * begun. After an end of its own only its owner can say. */
static json_t *retry_safe(enum verdict v) {
  switch (v) {
  case VERDICT_SUCCEEDED:
  case VERDICT_FAILED:
    return json_null();
  case VERDICT_REFUSED:
  case VERDICT_NOT_STARTED:
    return json_true();
  case VERDICT_DETACHED:
  case VERDICT_UNKNOWN:
  case VERDICT_KILLED:
    break;
  }
  return json_false();
}

/* All text members whose path begins with that key. */
static void set_texts(json_t *j, const char *key, const struct outcome *o) {
  json_t *sub = json_object();
  size_t n = strlen(key);
  for (size_t i = 0; i < ARRAY_LEN(text_fields); i++) {
    const char *path = text_fields[i].path;
    if (!strncmp(path, key, n) && path[n] == '.')
      json_object_set_new(sub, path + n + 1,
                          text_or_null(*text_member((struct outcome *)o, &text_fields[i])));
  }
  json_object_set_new(j, key, sub);
}

static void set_end(json_t *j, const struct outcome *o) {
  json_object_set_new(j, "verdict", json_string(verdict_name(o->verdict)));
  json_object_set_new(j, "cause", text_or_null(cause_name(o->cause)));
  json_object_set_new(j, "message", text_or_null(o->message));
  json_object_set_new(j, "exit_code", count_or_null(o->exit_code));
  json_object_set_new(j, "exit_status", json_integer(o->exit_status));
  json_object_set_new(j, "signal", o->signal ? json_integer(o->signal) : json_null());
  json_object_set_new(j, "retry_safe", retry_safe(o->verdict));
  json_object_set_new(j, "replayed", json_boolean(o->replayed));
  json_object_set_new(j, "original_id", text_or_null(o->original_id));
}

json_t *outcome_json(const struct outcome *o) {
  json_t *j = json_object();
  json_object_set_new(j, "version", json_integer(1));
  json_object_set_new(j, "id", text_or_null(o->id[0] ? o->id : NULL));
  set_end(j, o);
  set_texts(j, "release", o);
  json_object_set_new(j, "command", command_json(&o->command));
  set_texts(j, "runtime", o);
  set_texts(j, "target", o);
  set_texts(j, "actor", o);
  if (o->actor_claimed) json_object_set_new(json_object_get(j, "actor"), "claimed", json_true());
  json_object_set_new(j, "reason", text_or_null(o->reason));
  json_object_set_new(j, "lock", text_or_null(o->lock));
  json_object_set_new(j, "once", text_or_null(o->once));
  json_object_set_new(j, "created_at", text_or_null(o->created_at));
  json_object_set_new(j, "started_at", text_or_null(o->started_at));
  json_object_set_new(j, "finished_at", text_or_null(o->finished_at));
  json_object_set_new(j, "phases_ms", phases_json(o));
  json_t *output = json_object();
  json_object_set_new(output, "stdout_bytes", count_or_null(o->stdout_bytes));
  json_object_set_new(output, "stderr_bytes", count_or_null(o->stderr_bytes));
  json_object_set_new(output, "gap", count_or_null(o->gap));
  json_object_set_new(j, "output", output);
  json_object_set_new(j, "removed", json_boolean(o->removed));
  json_object_set_new(j, "record_hash", text_or_null(o->record_hash[0] ? o->record_hash : NULL));
  return j;
}

/* Absent: left alone; null: -1, as outcome_json wrote it. */
static void read_count(const json_t *j, const char *path, int64_t *ret) {
  const json_t *v = json_at(j, path);
  if (json_is_integer(v) && json_integer_value(v) >= 0) *ret = json_integer_value(v);
}

static void read_numbers(const json_t *j, struct outcome *o) {
  int64_t code = o->exit_code, status = o->exit_status, signal = o->signal;
  read_count(j, "exit_code", &code);
  read_count(j, "exit_status", &status);
  read_count(j, "signal", &signal);
  o->exit_code = (int)code;
  o->exit_status = (int)status;
  o->signal = (int)signal;
  const json_t *output = json_at(j, "output");
  if (json_is_object(output) && json_is_null(json_object_get(output, "stdout_bytes"))) o->stdout_bytes = -1;
  if (json_is_object(output) && json_is_null(json_object_get(output, "stderr_bytes"))) o->stderr_bytes = -1;
  read_count(j, "output.stdout_bytes", &o->stdout_bytes);
  read_count(j, "output.stderr_bytes", &o->stderr_bytes);
  read_count(j, "output.gap", &o->gap);
  for (int i = 0; i < PHASES; i++) {
    CLEANUP_FREE char *path = xprintf("phases_ms.%s", phase_names[i]);
    read_count(j, path, &o->phases_ms[i]);
  }
}

static void copy_text(char *to, size_t size, const char *text) {
  if (text && strlen(text) < size) memcpy(to, text, strlen(text) + 1);
}

int outcome_from_json(const json_t *j, struct outcome *ret, struct error *err) {
  if (!json_is_object(j)) return error_set(err, ERR_ENGINE, "reading a result failed: not a JSON object");
  if (json_int_or(j, "version", 1) != 1)
    return error_set(err, ERR_ENGINE, "reading a result failed: version %lld is newer than this program",
                     json_int_or(j, "version", 1));
  outcome_init(ret);
  verdict_from_name(json_str(j, "verdict"), &ret->verdict);
  cause_from_name(json_str(j, "cause"), &ret->cause);
  copy_text(ret->id, sizeof ret->id, json_str(j, "id"));
  copy_text(ret->record_hash, sizeof ret->record_hash, json_str(j, "record_hash"));
  for (size_t i = 0; i < ARRAY_LEN(text_fields); i++)
    *text_member(ret, &text_fields[i]) = xstrdup(json_str(j, text_fields[i].path));
  read_numbers(j, ret);
  ret->replayed = json_is(j, "replayed");
  ret->removed = json_is(j, "removed");
  ret->actor_claimed = json_is(j, "actor.claimed");
  size_t i;
  const json_t *word, *command = json_at(j, "command");
  json_array_foreach(command, i, word)
      strv_add(&ret->command, json_is_string(word) ? json_string_value(word) : "");
  return 0;
}
