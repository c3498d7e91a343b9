/* Podman behind its Docker-compatible API: everything in which it differs from Docker stands in podman.c,
 * asked by these. Podman is recognised by its answers, whatever was asked for: there is one runtime for both.
 */
#ifndef RUNTIME_DOCKER_PODMAN_H
#define RUNTIME_DOCKER_PODMAN_H
#include "runtime/docker/docker.h"

/* Did Podman write this answer? */
bool podman_answered(const struct http_response *r);
/* Of the first answer: notes which of the two it is. ERR_CONFIG: --runtime podman, and it is not. */
int podman_note(struct docker *d, const struct http_response *r, struct error *err);
/* Podman answers 500 where Docker has a status for it: kind and http_status become what Docker's would be. */
void podman_fault(struct error *err);
/* The HostConfig.LogConfig of a job (new reference); driver NULL: the default. */
json_t *podman_log_config(const char *driver, int64_t max);
/* A create request as Podman wants it. ERR_CONFIG: what it cannot do, and would refuse in words of its own.
 */
int podman_adjust(json_t *request, struct error *err);
/* Podman's API leaves the labels of a mount out (of a volume it hands on source, target and read-only): there
 * an anonymous volume stays as it is declared, and none that is left behind can be told from others. */
bool podman_labels_volumes(bool podman);
/* Was this container, which has ended, stopped or signalled through Podman? 5 keeps that, and tells it in its
 * own API only; false where it is not told. One that had ended before is not marked by a stop. */
bool podman_stopped(struct docker *d, const char *id);
/* Containers that do not run, as the list's filter. */
extern const char podman_ended[];
#endif
