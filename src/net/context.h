/* One context of docker's store (docker/cli cli/context/store):
 * DIR/contexts/meta/SHA256(name)/meta.json and DIR/contexts/tls/SHA256(name)/docker/{ca,cert,key}.pem. */
#ifndef NET_CONTEXT_H
#define NET_CONTEXT_H
#include "net/endpoint.h"

/* The Docker endpoint of context `name`. ERR_CONFIG: no such context, unreadable, or without one. */
int context_endpoint(const char *config_dir, const char *name, const char *why, struct endpoint *ret,
                     struct error *err);
#endif
