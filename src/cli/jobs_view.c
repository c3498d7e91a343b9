/* Lists of jobs: a table for people, JSON for programs. */
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/jobs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 8 };

static const char *state_name(const struct container_state *s) {
  switch (s->status) {
  case STATE_CREATED:
    return "created";
  case STATE_RUNNING:
    return "running";
  case STATE_PAUSED:
    return "paused";
  case STATE_RESTARTING:
    return "restarting";
  case STATE_REMOVING:
    return "removing";
  case STATE_EXITED:
    return "exited";
  case STATE_DEAD:
    return "dead";
  }
  return "unknown";
}

static int64_t age_seconds(const struct job_info *info, int64_t now_ns) {
  int64_t created = info->created ? clock_parse_rfc3339(info->created) : 0;
  if (!created) return -1;
  return now_ns > created ? (now_ns - created) / 1000000000 : 0;
}

static char *age_text(int64_t seconds) {
  if (seconds < 0) return xstrdup("-");
  if (seconds < 120) return xprintf("%llds", (long long)seconds);
  if (seconds < 7200) return xprintf("%lldm", (long long)(seconds / 60));
  if (seconds < 172800) return xprintf("%lldh", (long long)(seconds / 3600));
  return xprintf("%lldd", (long long)(seconds / 86400));
}

static char *cell(const char *text) {
  return xstrdup(text && *text ? text : "-");
}

static void fill_row(char *row[COLUMNS], const struct job_info *info, int64_t now_ns) {
  row[0] = cell(info->id);
  row[1] = state_ended(&info->state) ? xprintf("%s %d", state_name(&info->state), info->state.exit_code)
                                     : xstrdup(state_name(&info->state));
  row[2] = age_text(age_seconds(info, now_ns));
  row[3] = cell(info->actor);
  row[4] = cell(info->host);
  row[5] = cell(info->app);
  row[6] = cell(info->lock);
  row[7] = cell(info->command);
  for (int i = 0; i < COLUMNS; i++) /* a label may hold anything; a table has one line a job */
    for (char *p = row[i]; *p; p++)
      if ((unsigned char)*p < ' ' || *p == 127) *p = '?';
}

void jobs_table(struct buf *out, const struct job_list *list, int64_t now_ns) {
  static const char *const titles[COLUMNS] = {"JOB",  "STATE", "AGE",  "ACTOR",
                                              "HOST", "APP",   "LOCK", "COMMAND"};
  char *(*rows)[COLUMNS] = xcalloc(list->n + 1, sizeof *rows);
  size_t width[COLUMNS] = {0};
  for (int i = 0; i < COLUMNS; i++) rows[0][i] = xstrdup(titles[i]);
  for (size_t r = 0; r < list->n; r++) fill_row(rows[r + 1], &list->jobs[r], now_ns);
  for (size_t r = 0; r <= list->n; r++)
    for (int i = 0; i < COLUMNS; i++)
      if (strlen(rows[r][i]) > width[i]) width[i] = strlen(rows[r][i]);
  for (size_t r = 0; r <= list->n; r++) {
    for (int i = 0; i < COLUMNS - 1; i++) buf_printf(out, "%-*s  ", (int)width[i], rows[r][i]);
    buf_printf(out, "%s\n", rows[r][COLUMNS - 1]);
    for (int i = 0; i < COLUMNS; i++) free(rows[r][i]);
  }
  free(rows);
}

static json_t *time_json(const char *text) {
  return *text ? json_string(text) : json_null();
}

json_t *jobs_json(const struct job_list *list, int64_t now_ns) {
  json_t *all = json_array();
  for (size_t i = 0; i < list->n; i++) {
    const struct job_info *info = &list->jobs[i];
    json_t *job =
        json_pack("{s:s?, s:s, s:o, s:I}", "id", info->id, "state", state_name(&info->state), "exit_code",
                  state_ended(&info->state) ? json_integer(info->state.exit_code) : json_null(),
                  "age_seconds", (json_int_t)age_seconds(info, now_ns));
    json_object_set_new(job, "created_at", json_pack("s?", info->created));
    json_object_set_new(job, "started_at", time_json(info->state.started_at));
    json_object_set_new(job, "finished_at", time_json(info->state.finished_at));
    const struct {
      const char *key, *text;
    } fields[] = {{"actor", info->actor}, {"host", info->host},          {"reason", info->reason},
                  {"app", info->app},     {"lock", info->lock},          {"once", info->once},
                  {"image", info->image}, {"command", info->command},    {"deadline", info->deadline},
                  {"name", info->name},   {"container", info->container}};
    for (size_t k = 0; k < ARRAY_LEN(fields); k++)
      json_object_set_new(job, fields[k].key, json_pack("s?", fields[k].text));
    json_array_append_new(all, job);
  }
  return all;
}
