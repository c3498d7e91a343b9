#include "base/alloc.h"
#include "cli/history_place.h"
#include "cli/jobs.h"
#include "data/json.h"
#include <string.h>

int jobs_open(struct jobs *j, const struct options *o, struct error *err) {
  memset(j, 0, sizeof *j);
  if (history_place(o, &j->history, err) < 0) return -1;
  if (engine_choose(&j->engine, o, err) < 0) return -1;
  return j->engine.rt->ops->jobs(j->engine.rt, false, NULL, &j->list, err);
}

void jobs_close(struct jobs *j) {
  job_list_done(&j->list);
  engine_done(&j->engine);
  history_free(j->history);
}

bool state_ended(const struct container_state *s) {
  return s->status == STATE_EXITED || s->status == STATE_DEAD;
}

bool state_live(const struct container_state *s) {
  return s->status == STATE_RUNNING || s->status == STATE_PAUSED || s->status == STATE_RESTARTING;
}

int jobs_find(const struct jobs *j, const char *word, struct job_info **ret, struct error *err) {
  struct job_info *found = NULL, *second = NULL;
  size_t n = strlen(word);
  if (n == 0) return error_set(err, ERR_USAGE, "job: the id is an empty word");
  for (size_t i = 0; i < j->list.n; i++) {
    struct job_info *info = &j->list.jobs[i];
    if (!info->id || strncmp(info->id, word, n) != 0) continue;
    if (!info->id[n]) {
      *ret = info;
      return 0;
    }
    second = found;
    found = info;
  }
  if (second)
    return error_set(err, ERR_USAGE, "job %s: ambiguous: %s, %s; write more of the id", word, second->id,
                     found->id);
  if (!found)
    return error_set(err, ERR_MISSING, "job %s: not on this engine; `run-once jobs list` shows what is",
                     word);
  *ret = found;
  return 0;
}

char *jobs_recorded_id(struct jobs *j, const char *word) {
  CLEANUP_JSON json_t *intent = NULL, *outcome = NULL;
  struct error ignored = ERROR_INIT;
  if (!j->history || history_find(j->history, word, &intent, &outcome, &ignored) < 0) return NULL;
  return xstrdup(json_str(outcome ? outcome : intent, "id"));
}
