/* After a cut: reach the engine again, read the state, join the streams where they were left. */
#ifndef JOB_REGAIN_H
#define JOB_REGAIN_H
#include <stdbool.h>
struct job;
/* 0: in contact again (streams joined, or the container has ended and its log is being read). -1: ended or
 * given up; j->ev tells: removed_first, or the state was not read. */
int job_regain(struct job *j);

/* rejoin.c: the engine's log instead of the attached stream, from the byte where it was cut. */
int rejoin_begin(struct job *j, bool running);
void rejoin_free(struct job *j);
#endif
