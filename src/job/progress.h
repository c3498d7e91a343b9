/* Progress of a pull on stderr: bars on a terminal, lines elsewhere, JSON lines, or nothing. */
#ifndef JOB_PROGRESS_H
#define JOB_PROGRESS_H
#include "job/job.h"

struct progress;
struct progress *progress_new(enum choice_progress how, bool quiet);
void progress_layer(void *data, const char *layer, const char *status, int64_t current, int64_t total);
void progress_free(struct progress *p); /* ends the bars with a newline */
#endif
