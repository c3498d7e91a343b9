/* run and task: from the invocation to job_launch(). */
#include "base/limits.h"
#include "cli/help.h"
#include "cli/history_place.h"
#include "cli/result.h"
#include "cli/say.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_notes(const struct invocation *inv) {
  if (inv->request.quiet) return;
  for (size_t i = 0; i < inv->notes.n; i++) say("%s", inv->notes.v[i]);
  for (size_t i = 0; i < inv->settings.notes.n; i++) say("%s", inv->settings.notes.v[i]);
}

int cmd_run(struct cli *c) {
  struct invocation inv;
  struct error err = ERROR_INIT;
  struct history *history = NULL;
  int status;
  if (invocation_build(&inv, c, &err) < 0 || history_place(&c->opts, &history, &err) < 0) {
    status = result_not_started(&c->opts, &inv, &err);
  } else {
    struct outcome o;
    outcome_init(&o);
    say_notes(&inv);
    status = job_launch(&inv.request, inv.kind, &inv.endpoint, history, say_line, NULL, &o);
    if (o.verdict == VERDICT_DETACHED) printf("%s\n", o.id);
    outcome_done(&o);
  }
  history_free(history);
  invocation_done(&inv);
  return status;
}

static void list_text(struct buf *out, const struct release *r) {
  for (size_t i = 0; i < r->n_tasks; i++) {
    const struct task *t = &r->tasks[i];
    buf_printf(out, t->description ? "%-20s %s\n" : "%s\n", t->name, t->description);
  }
}

static void list_json(struct buf *out, const struct release *r) {
  json_t *list = json_array();
  for (size_t i = 0; i < r->n_tasks; i++) {
    const struct task *t = &r->tasks[i];
    json_t *command = json_array();
    for (size_t k = 0; k < t->command.n; k++) json_array_append_new(command, json_string(t->command.v[k]));
    json_array_append_new(list, json_pack("{s:s, s:s?, s:o}", "name", t->name, "description", t->description,
                                          "command", command));
  }
  char *text = json_dumps(list, JSON_INDENT(2));
  buf_printf(out, "%s\n", text);
  free(text);
  json_decref(list);
}

static int list_tasks(struct cli *c) {
  struct release *r = NULL;
  struct error err = ERROR_INIT;
  char *note = NULL;
  if (release_load(option_text(&c->opts, OPT_RELEASE), &r, &note, &err) < 0) return say_fault(&err);
  if (note && !option_flag(&c->opts, OPT_QUIET)) say("%s", note);
  free(note);
  if (!r) {
    error_set(&err, ERR_USAGE,
              "task: there is no release file (./release.yaml, /etc/run-once/release.yaml); "
              "use --release FILE");
    return say_fault(&err);
  }
  const char *form = option_text(&c->opts, OPT_OUTPUT);
  struct buf out;
  buf_init(&out, LIMIT_RELEASE_FILE * 2);
  if (form && strcmp(form, "json") == 0)
    list_json(&out, r);
  else
    list_text(&out, r);
  release_free(r);
  return print_all(&out);
}

int cmd_task(struct cli *c) {
  return c->argc == 0 ? list_tasks(c) : cmd_run(c);
}
