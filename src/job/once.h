/* Once-keys: a key runs at most once. Contract section 5.2. Behind the runtime's claims. */
#ifndef JOB_ONCE_H
#define JOB_ONCE_H
#include "base/error.h"

struct job;
/* Looks the key up and claims it. 0: ours, execute. 1: answered (replayed or followed to its end; j->o is
 * complete). -1: ERR_ONCE_UNRESOLVED, ERR_ONCE_MISMATCH, or a fault. */
int once_begin(struct job *j, struct error *err);
/* Stores outcome and output under the key, before the container is removed. Nothing without --once. */
void once_store(struct job *j);
/* The command never began: the key is free again. */
void once_release(struct job *j);
#endif
