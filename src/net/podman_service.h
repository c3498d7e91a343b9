/* Podman where no service of it runs: `podman system service` of our own behind a socket in a private folder,
 * started when it is first needed and gone with us. Podman keeps no daemon: containers, output and ends are
 * held by conmon and the storage, so that each process has a service of its own (the guardian its, when the
 * launcher is gone) and all of them see the same containers as `podman` on the command line does. A service
 * that was killed is started again by the next podman_service_ready(). It runs in a session of its own (^C
 * does not reach it), gets TERM when we end, and ends by itself a minute after its last connection, which is
 * for rootless Podman, whose inner process a KILL does not reach. */
#ifndef NET_PODMAN_SERVICE_H
#define NET_PODMAN_SERVICE_H
#include "base/error.h"
#include "net/endpoint.h"
#include "net/loop.h"

struct podman_service;
/* Starts nothing yet. */
struct podman_service *podman_service_new(struct loop *loop, const struct endpoint *ep);
/* Blocks in the loop until it listens. ERR_UNREACHABLE with podman's own words; the loop's interrupt. */
int podman_service_ready(struct podman_service *s, struct error *err);
/* The socket's path; NULL before the first podman_service_ready() that went well. Stays the same. */
const char *podman_service_socket(const struct podman_service *s);
void podman_service_free(struct podman_service *s); /* NULL is fine; ends it and removes the folder */

/* For free(): what tells the cause in what podman wrote to stderr, without its time and level; NULL: it wrote
 * nothing. */
char *podman_words(const char *log);
#endif
