/* Locks: the container's name is the lock, so it lives exactly as long as the job. Contract section 5.3. */
#ifndef JOB_LOCK_H
#define JOB_LOCK_H
#include "base/error.h"
#include <stddef.h>

struct job;
/* "run-once.lock.APP.NAME"; characters that a name cannot hold, and long names, go through a hash. */
void lock_container_name(const char *app, const char *lock, char *ret, size_t size);
/* Hex SHA-256 over application and key: what labels and volume names show of a once-key. */
void lock_once_hash(const char *app, const char *key, char ret[65]);
/* create() said that the name is taken. 1: gone or settled, try again. 0: attach to *ret_id (--if-locked
 * attach). -1: ERR_LOCKED telling by which job, who, since when, why, which command. Waits for --lock-wait.
 */
int lock_conflict(struct job *j, char **ret_id, struct error *err);
/* The command has ended, and its container stays for a while: it gives up the name that is the lock. By its
 * owner, before a removal is on its way. Without a lock nothing; nor where somebody else ended the command,
 * who may be starting it again. */
void lock_let_go(struct job *j);
#endif
