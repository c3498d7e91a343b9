/* What a start that takes its time waits for, on stderr. A plain run says nothing of its own unless it waits
 * longer than two seconds on a terminal (contract section 1); --progress plain and json say each change. */
#include "base/alloc.h"
#include "job/state.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_MS 2000

struct waiting {
  enum { SILENT, LATE, LINES, JSON } form;
  bool late; /* LATE: the patience is over */
  char *words;
  struct timer *timer;
};

static void show(struct job *j) {
  const struct waiting *w = j->waiting;
  if (w->form == LINES || (w->form == LATE && w->late)) {
    job_say(j, "%s", w->words);
  } else if (w->form == JSON) {
    json_t *o = json_pack("{s:s, s:s}", "event", "start", "status", w->words);
    CLEANUP_FREE char *text = json_dumps(o, JSON_COMPACT);
    if (text) fprintf(stderr, "%s\n", text);
    json_decref(o);
  }
}

static void on_progress(void *data, const char *words) {
  struct job *j = data;
  if (!j->waiting) return;
  free(j->waiting->words);
  j->waiting->words = xstrdup(words);
  show(j);
}

static void on_notice(void *data, const char *line) {
  job_say(data, "%s", line);
}

static void on_patience(void *data) {
  struct job *j = data;
  j->waiting->late = true;
  if (j->waiting->words) show(j);
}

void waiting_begin(struct job *j) {
  struct waiting *w = j->waiting = xcalloc(1, sizeof *w);
  enum choice_progress how = j->req->progress;
  j->rt->voice = (struct runtime_voice){on_progress, on_notice, j};
  if (how == PROGRESS_JSON)
    w->form = JSON;
  else if (j->req->quiet || how == PROGRESS_NONE)
    w->form = SILENT;
  else if (how == PROGRESS_PLAIN)
    w->form = LINES;
  else
    w->form = isatty(STDERR_FILENO) ? LATE : SILENT;
  if (w->form == LATE) w->timer = loop_timer(j->loop, PATIENCE_MS, on_patience, j);
}

/* What is to be noticed later is still said. */
void waiting_end(struct job *j) {
  struct waiting *w = TAKE(j->waiting);
  if (!w) return;
  timer_free(w->timer);
  free(w->words);
  free(w);
}
