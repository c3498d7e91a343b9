/* A program that keeps a way to an engine open (ssh, podman): in its own session, without our descriptors,
 * ended with us. */
#ifndef NET_TUNNEL_PROCESS_H
#define NET_TUNNEL_PROCESS_H
#include "base/error.h"
#include <sys/types.h>

/* `io`: its stdin and stdout (-1: /dev/null); `log`: its stderr. Both stay the caller's. `package`: what to
 * install when argv[0] is not in the PATH. */
int tunnel_spawn(char *const argv[], const char *package, int io, int log, pid_t *ret, struct error *err);
void tunnel_end(pid_t pid); /* TERM, and KILL when it does not end within a second */
#endif
