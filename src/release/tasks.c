/* Tasks and options: what is run, and how. */
#include "base/alloc.h"
#include "base/parse.h"
#include "release/keys.h"
#include <stdlib.h>
#include <string.h>

int read_command(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv *command = &in->task->command;
  if (value->kind == YAML_STRING)
    return complain(in, value->line, k->name, err,
                    "expected a list of words such as [bin/rails, db:migrate], found a string; "
                    "a line for a shell goes into shell:");
  if (value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  if (command->n) return complain(in, value->line, k->name, err, "either command: or shell:, not both");
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml *word = value->items[i];
    if (word->kind == YAML_LIST || word->kind == YAML_MAP || word->kind == YAML_NULL)
      return complain(in, word->line, k->name, err, "expected words, found %s as word %zu",
                      yaml_kind_name(word->kind), i + 1);
    strv_add(command, word->text);
  }
  if (!command->n || !*command->v[0]) return complain(in, value->line, k->name, err, "the command is empty");
  return 0;
}

int read_shell(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv *command = &in->task->command;
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  if (command->n) return complain(in, value->line, k->name, err, "either command: or shell:, not both");
  if (!*value->text) return complain(in, value->line, k->name, err, "the command is empty");
  strv_add(command, "/bin/sh");
  strv_add(command, "-c");
  strv_add(command, value->text);
  strv_add(command, "sh"); /* $0, so that the first word appended is $1 */
  return 0;
}

int read_description(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  struct strv no_notes = {0}; /* nobody runs it yet */
  struct reading now = *in;
  now.check = false;
  now.notes = &no_notes;
  int rc = value_text(&now, k, value, &in->task->description, err);
  strv_done(&no_notes);
  return rc;
}

int read_flag(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct reading now = *in;
  now.check = false;
  bool flag;
  if (value_bool(&now, k, value, &flag, err)) return -1;
  bool is_tty = k->offset == offsetof(struct task, tty);
  *(is_tty ? &in->task->tty : &in->task->stdin_open) = flag;
  *(is_tty ? &in->task->tty_set : &in->task->stdin_set) = true;
  return 0;
}

static void add_option(struct reading *in, const struct key *k, const char *value) {
  char *name = xstrdup(k->name);
  for (char *c = name; *c; c++)
    if (*c == '_') *c = '-';
  strv_take(in->options, name);
  strv_add(in->options, value);
}

/* lock: and once: name a thing, so an unset variable in them would name another. */
int read_identity(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_STRING && value->kind != YAML_INT && value->kind != YAML_FLOAT)
    return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_expand(in, k->name, value->line, value->text, true, &text, err);
  if (rc) return rc;
  if (!*text) return complain(in, value->line, k->name, err, "is empty");
  if (!in->task) {
    add_option(in, k, text);
    return 0;
  }
  char **member = (char **)((char *)in->task + k->offset);
  free(*member);
  *member = TAKE(text);
  return 0;
}

/* Whether text is one of the words of "fail, wait or attach". */
static bool is_choice(const char *choices, const char *text) {
  size_t n = strlen(text);
  for (const char *at = choices; n && (at = strstr(at, text)); at += n)
    if ((at == choices || at[-1] == ' ') && (at[n] == '\0' || at[n] == ',' || at[n] == ' '))
      return strcmp(text, "or") != 0;
  return false;
}

int read_choice(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, k, value, &text, err);
  if (rc) return rc;
  if (!is_choice(k->expect, text))
    return complain(in, value->line, k->name, err, "expected %s, found '%s'", k->expect, text);
  add_option(in, k, text);
  return 0;
}

typedef int parse_fn(const char *text, int64_t *ret);

static int read_number_option(struct reading *in, const struct key *k, const struct yaml *value,
                              parse_fn *parse, struct error *err) {
  CLEANUP_FREE char *text = NULL;
  int64_t number;
  if (value->kind == YAML_BOOL) return wrong_type(in, k, value, err);
  int rc = value_text(in, k, value, &text, err);
  if (rc) return rc;
  if (parse(text, &number))
    return complain(in, value->line, k->name, err, "expected %s, found '%s'", k->expect, text);
  add_option(in, k, text);
  return 0;
}

int read_duration_option(struct reading *in, const struct key *k, const struct yaml *value,
                         struct error *err) {
  return read_number_option(in, k, value, parse_duration, err);
}

int read_size_option(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_number_option(in, k, value, parse_size, err);
}

int read_bool_option(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  bool flag;
  int rc = value_bool(in, k, value, &flag, err);
  if (rc == 0) add_option(in, k, flag ? "true" : "false");
  return rc;
}

int read_text_option(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  CLEANUP_FREE char *text = NULL;
  int rc = value_text(in, k, value, &text, err);
  if (rc == 0) add_option(in, k, text);
  return rc;
}

int read_defaults(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  struct reading inner = *in;
  inner.path = "defaults";
  inner.options = &in->release->defaults;
  inner.check = false;
  return keys_read(&inner, value, AT_DEFAULTS, KEYS_OPTIONS, err);
}

/* A name is one word on a command line, and never an option. */
static bool is_task_name(const char *name) {
  if (!*name || *name == '-') return false;
  for (const unsigned char *c = (const unsigned char *)name; *c; c++)
    if (*c <= ' ' || *c == 0x7f) return false;
  return true;
}

static int read_task(struct reading *in, struct task *t, const struct yaml_pair *pair, struct error *err) {
  if (!is_task_name(pair->key))
    return complain(in, pair->line, "tasks", err, "'%s' cannot be the name of a task", pair->key);
  CLEANUP_FREE char *path = xprintf("tasks.%s", pair->key);
  if (pair->value->kind != YAML_MAP)
    return complain(in, pair->value->line, path, err,
                    "expected a map such as {command: [bin/rails, db:migrate]}, found %s",
                    yaml_kind_name(pair->value->kind));
  *t = (struct task){.name = xstrdup(pair->key), .line = pair->line, .node = pair->value};
  struct settings scratch;
  struct strv options = {0};
  settings_init(&scratch);
  struct reading inner = *in;
  inner.task = t;
  inner.settings = &scratch;
  inner.options = &options;
  inner.path = path;
  int rc = keys_read(&inner, pair->value, AT_TASK, ~0u, err);
  if (rc == 0 && !t->command.n && !yaml_get(pair->value, "entrypoint"))
    rc = complain(in, pair->line, path, err, "has neither command: nor shell:");
  settings_done(&scratch);
  strv_done(&options);
  free(t->lock); /* only checked; release_task() reads them */
  free(t->once);
  t->lock = t->once = NULL;
  return rc;
}

int read_tasks(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct release *r = in->release;
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  r->tasks = xcalloc(value->n + 1, sizeof(*r->tasks));
  for (size_t i = 0; i < value->n; i++) {
    if (key_ignored(value->pairs[i].key)) continue;
    if (read_task(in, &r->tasks[r->n_tasks++], &value->pairs[i], err)) return -1;
  }
  return 0;
}

void task_done(struct task *t) {
  char *texts[] = {t->name, t->description, t->lock, t->once};
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) free(texts[i]);
  strv_done(&t->command);
  strv_done(&t->options);
}

static int unknown_task(const struct release *r, const char *name, struct error *err) {
  CLEANUP_FREE const char **names = xcalloc(r->n_tasks + 1, sizeof(char *));
  for (size_t i = 0; i < r->n_tasks; i++) names[i] = r->tasks[i].name;
  const char *near = nearest_word(name, names, (int)r->n_tasks);
  if (near) return error_set(err, ERR_USAGE, "task '%s': not in %s; did you mean '%s'?", name, r->file, near);
  if (!r->n_tasks) return error_set(err, ERR_USAGE, "task '%s': %s has no tasks", name, r->file);
  return error_set(err, ERR_USAGE, "task '%s': not in %s; run-once task lists those that are", name, r->file);
}

int release_task(struct release *r, const char *name, const struct task **ret, struct error *err) {
  struct task *t = NULL;
  for (size_t i = 0; i < r->n_tasks && !t; i++)
    if (!strcmp(r->tasks[i].name, name)) t = &r->tasks[i];
  if (!t) return unknown_task(r, name, err);
  CLEANUP_FREE char *path = xprintf("tasks.%s", name);
  strv_done(&t->options);
  struct reading in = {.release = r, .task = t, .options = &t->options, .notes = &r->notes, .path = path};
  if (keys_read(&in, t->node, AT_TASK, KEYS_OPTIONS, err)) return -1;
  *ret = t;
  return 0;
}
