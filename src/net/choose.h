/* Which Docker endpoint, by the contract's section 7: --host | --context (both: error), the release file's
 * context:, DOCKER_HOST, DOCKER_CONTEXT, currentContext of $DOCKER_CONFIG/config.json, else the first
 * existing socket. A release file's context against a different DOCKER_HOST or DOCKER_CONTEXT is an error
 * showing both. An explicit target that cannot be used is an error; nothing falls back. Context store as
 * docker/cli cli/context/store. Podman's own socket of this user, named or by --runtime podman, need not be
 * there where podman is in the PATH: ret->podman_service. */
#ifndef NET_CHOOSE_H
#define NET_CHOOSE_H
#include "net/endpoint.h"

struct endpoint_choice {
  const char *host, *context;  /* options; NULL: not given */
  const char *release_context; /* context: of the release file */
  bool podman;                 /* --runtime podman: of the sockets only Podman's */
};
int endpoint_choose(const struct endpoint_choice *c, struct endpoint *ret, struct error *err);
/* $DOCKER_CONFIG or ~/.docker; for free(). */
char *docker_config_dir(void);
#endif
