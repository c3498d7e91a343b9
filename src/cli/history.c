/* history list, show, verify, rotate, export. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "cli/help.h"
#include "cli/history_csv.h"
#include "cli/history_place.h"
#include "cli/say.h"
#include "data/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool form_is(const struct options *o, const char *word) {
  const char *form = option_text(o, OPT_OUTPUT);
  return form && strcmp(form, word) == 0;
}

static int open_for(struct cli *c, int words, struct history **ret, struct error *err) {
  if (c->argc != words) {
    if (words) return error_set(err, ERR_USAGE, "history %s: needs one JOB", c->command->name);
    return error_set(err, ERR_USAGE, "history %s: takes no words, '%s' was given", c->command->name,
                     c->argv[0]);
  }
  if (history_place(&c->opts, ret, err) < 0) return -1;
  return *ret ? 0 : error_set(err, ERR_USAGE, "history %s: the history is off", c->command->name);
}

/* A line that is no record is said, never taken for one. */
static bool broken_line(const json_t *line) {
  const char *event = json_str(line, "event");
  if (!event || strcmp(event, "broken") != 0) return false;
  const char *file = json_str(line, "file");
  say("%s:%lld: not a record; see `run-once history verify`", file ? file : "history",
      json_int_or(line, "line", 0));
  return true;
}

/* The last line of each job, in the order of their first. */
static int keep_last(void *data, const json_t *line, struct error *err) {
  json_t *jobs = data;
  const char *id = json_str(line, "id");
  (void)err;
  if (broken_line(line)) return 0;
  if (id) json_object_set(jobs, id, (json_t *)line);
  return 0;
}

static const char *or_dash(const json_t *line, const char *path) {
  const char *text = json_str(line, path);
  return text && *text ? text : "-";
}

static void list_line(struct buf *out, const json_t *line) {
  size_t i;
  json_t *word;
  bool intent = strcmp(or_dash(line, "event"), "intent") == 0;
  const json_t *status = json_object_get(line, "exit_status");
  buf_printf(out, "%.19s  %-12s  %-11s  ", or_dash(line, "at"), or_dash(line, "id"),
             intent ? "(no outcome)" : or_dash(line, "verdict"));
  if (!intent && json_is_integer(status))
    buf_printf(out, "%3d", (int)json_integer_value(status));
  else
    buf_puts(out, "  -");
  buf_printf(out, "  %-10s  %-12s ", or_dash(line, "actor.user"), or_dash(line, "release.name"));
  json_array_foreach(json_object_get(line, "command"), i, word) {
    CLEANUP_FREE char *text = xstrdup(json_is_string(word) ? json_string_value(word) : "?");
    for (char *p = text; *p; p++) /* one line a job, whatever the command holds */
      if ((unsigned char)*p < ' ' || *p == 127) *p = '?';
    buf_printf(out, " %s", text);
  }
  buf_puts(out, "\n");
}

int cmd_history_list(struct cli *c) {
  struct history *h = NULL;
  struct error err = ERROR_INIT;
  struct buf out;
  CLEANUP_JSON json_t *jobs = json_object();
  buf_init(&out, LIMIT_JSON * 4);
  int status;
  if (open_for(c, 0, &h, &err) < 0 || history_each(h, keep_last, jobs, &err) < 0) {
    status = say_fault(&err);
  } else {
    const char *id;
    json_t *line;
    bool json = form_is(&c->opts, "json");
    json_object_foreach(jobs, id, line) {
      CLEANUP_FREE char *text = json ? json_dumps(line, JSON_COMPACT) : NULL;
      if (text)
        buf_printf(&out, "%s\n", text);
      else
        list_line(&out, line);
    }
    status = print_all(&out);
  }
  history_free(h);
  return status;
}

int cmd_history_show(struct cli *c) {
  struct history *h = NULL;
  struct error err = ERROR_INIT;
  json_t *lines[2] = {NULL, NULL};
  struct buf out;
  buf_init(&out, LIMIT_JSON);
  int status;
  if (open_for(c, 1, &h, &err) < 0 || history_find(h, c->argv[0], &lines[0], &lines[1], &err) < 0) {
    status = say_fault(&err);
  } else {
    size_t flags = form_is(&c->opts, "json") ? JSON_COMPACT : JSON_INDENT(2);
    for (int i = 0; i < 2; i++) {
      CLEANUP_FREE char *text = lines[i] ? json_dumps(lines[i], flags) : NULL;
      if (text) buf_printf(&out, "%s\n", text);
    }
    status = print_all(&out);
  }
  json_decref(lines[0]);
  json_decref(lines[1]);
  history_free(h);
  return status;
}

int cmd_history_verify(struct cli *c) {
  struct history *h = NULL;
  struct error err = ERROR_INIT;
  char *why = NULL;
  int status;
  if (open_for(c, 0, &h, &err) < 0) {
    status = say_fault(&err);
  } else {
    int broken = history_verify(h, option_text(&c->opts, OPT_HEAD), &why, &err);
    status = broken < 0 ? say_fault(&err) : broken;
    if (broken == 1) say("history verify: broken: %s", why ? why : "?");
    if (broken == 0) {
      if (why) say("history verify: %s", why);
      CLEANUP_FREE char *text = xprintf("whole: %s\n", history_path(h));
      (void)!fd_write_all(STDOUT_FILENO, text, strlen(text));
    }
  }
  free(why);
  history_free(h);
  return status;
}

int cmd_history_rotate(struct cli *c) {
  struct history *h = NULL;
  struct error err = ERROR_INIT;
  char *file = NULL;
  struct buf out;
  int status;
  buf_init(&out, LIMIT_ERROR_BODY);
  if (open_for(c, 0, &h, &err) < 0 || history_rotate(h, &file, &err) < 0) {
    status = say_fault(&err);
  } else {
    if (file) buf_printf(&out, "%s\n", file);
    status = print_all(&out);
  }
  free(file);
  history_free(h);
  return status;
}

static int export_line(void *data, const json_t *line, struct error *err) {
  const bool *csv = data;
  struct buf out;
  if (broken_line(line)) return 0;
  buf_init(&out, LIMIT_HISTORY_LINE * 2);
  if (*csv) {
    history_csv_line(&out, line);
  } else {
    CLEANUP_FREE char *text = json_dumps(line, JSON_COMPACT);
    buf_printf(&out, "%s\n", text);
  }
  int failed = fd_write_all(STDOUT_FILENO, out.data ? out.data : "", out.len);
  buf_done(&out);
  return failed < 0 ? error_set(err, ERR_SYSTEM, "stdout: %s", strerror(errno)) : 0;
}

int cmd_history_export(struct cli *c) {
  struct history *h = NULL;
  struct error err = ERROR_INIT;
  bool csv = form_is(&c->opts, "csv");
  int status = 0;
  if (open_for(c, 0, &h, &err) < 0) {
    status = say_fault(&err);
  } else {
    struct buf out;
    buf_init(&out, LIMIT_ERROR_BODY);
    if (csv) history_csv_titles(&out);
    status = print_all(&out);
    if (status == 0 && history_each(h, export_line, &csv, &err) < 0) status = say_fault(&err);
  }
  history_free(h);
  return status;
}
