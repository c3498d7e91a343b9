/* One ssh process: in its own session, without our descriptors, ended with us. */
#ifndef NET_SSH_PROCESS_H
#define NET_SSH_PROCESS_H
#include "base/error.h"
#include <sys/types.h>

/* `io`: its stdin and stdout (-1: /dev/null); `log`: its stderr. Both stay the caller's. */
int ssh_spawn(char *const argv[], int io, int log, pid_t *ret, struct error *err);
void ssh_end(pid_t pid); /* TERM, and KILL when it does not end within a second */
#endif
