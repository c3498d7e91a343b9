/* A way to an engine on another host through the system's ssh: a Unix socket here, in a private folder, whose
 * connections come out at the engine's socket there. Two ways, tried in this order:
 *   forwarding: one `ssh -N -L SOCKET:REMOTE-SOCKET` for all connections; nothing but sshd is needed there;
 *   dialing:    where sshd refuses that, each connection becomes stdin and stdout of one
 *               `ssh ... docker -H unix://REMOTE-SOCKET system dial-stdio`.
 * Half-close passes both. ssh runs in a session of its own (^C does not reach it, and it cannot ask for
 * passwords), ends with us, holds none of our descriptors, and reads the user's own configuration. A lost
 * ssh is started again by the next ssh_tunnel_ready(). */
#ifndef NET_SSH_H
#define NET_SSH_H
#include "base/error.h"
#include "net/endpoint.h"
#include "net/loop.h"

struct ssh_tunnel;
/* Starts nothing yet. */
struct ssh_tunnel *ssh_tunnel_new(struct loop *loop, const struct endpoint *ep);
/* Blocks in the loop until an answer has come through it, from where there was none before. ERR_UNREACHABLE,
 * ERR_PERMISSION (host key, authentication) with ssh's words; the loop's interrupt. */
int ssh_tunnel_ready(struct ssh_tunnel *t, struct error *err);
/* The socket's path; NULL before the first ssh_tunnel_ready() that went well. Stays the same. */
const char *ssh_tunnel_socket(const struct ssh_tunnel *t);
void ssh_tunnel_free(struct ssh_tunnel *t); /* NULL is fine; ends every ssh and removes the folder */
#endif
