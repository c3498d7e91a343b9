/* What the jobs commands share: a connection, the history, and finding a job by id or unique beginning. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H
#include "base/buf.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "job/outcome.h"
#include "job/record.h"

struct jobs {
  struct engine engine;
  struct history *history; /* NULL: off */
  struct job_list list;    /* of the engine, as it was when opened */
};
/* Always to be followed by jobs_close(). */
int jobs_open(struct jobs *j, const struct options *o, struct error *err);
void jobs_close(struct jobs *j);
/* Borrowed from the list. ERR_MISSING: not on the engine; ERR_USAGE: ambiguous, with the candidates. */
int jobs_find(const struct jobs *j, const char *word, struct job_info **ret, struct error *err);
bool state_ended(const struct container_state *s);
bool state_live(const struct container_state *s); /* its command runs, or may again */

/* jobs_view.c */
void jobs_table(struct buf *out, const struct job_list *list, int64_t now_ns);
json_t *jobs_json(const struct job_list *list, int64_t now_ns);

/* The id of a job that this machine's history knows, when the engine does not have it (any more); for free().
 */
char *jobs_recorded_id(struct jobs *j, const char *word);
/* For every word of the command line, over one connection; the last status that is not 0. */
typedef int job_fn(struct cli *c, struct jobs *j, const char *word);
int jobs_each(struct cli *c, job_fn *one);
#endif
