/* Is anybody of this machine looking after a job? A file run-once/ID in $XDG_RUNTIME_DIR (root: /run) that
 * launcher and guardian hold locked through one open file description: free once both are gone, also by
 * SIGKILL. */
#ifndef JOB_LIVE_H
#define JOB_LIVE_H
#include <stdbool.h>
#include <stdint.h>

/* The descriptor, kept over the fork; -1 where no such folder can be had (then nobody settles early:
 * harmless). */
int live_hold(const char *job_id);
/* Writes into it which engine the job is on (endpoint.text), for those who find it without its holders. */
void live_engine(int fd, const char *engine);
bool live_possible(void); /* there is such a folder: live_hold() failed because somebody else holds it */
void live_drop(const char *job_id, int fd); /* removes the file: nothing is owed any more */
bool live_held(const char *job_id);
/* Its launcher and guardian are dead for certain: their mark is there, and nobody holds it. */
bool live_died(const char *job_id);
/* All such marks, with the age of each; with an engine only those that tell of it, or do not tell, and are
 * younger than that. fn's true ends it: whether there was one. */
typedef bool live_fn(void *data, const char *job_id, int64_t age_s);
bool live_dead(const char *engine, int64_t younger_s, live_fn *fn, void *data);
void live_forget(const char *job_id); /* removes such a mark: nothing is owed any more */
bool live_here(const char *host);     /* is that this machine's name? NULL: no */
#endif
