/* The runtimes, one line each. A new one is a folder beside docker/ and a row in registry.c. */
#ifndef RUNTIME_REGISTRY_H
#define RUNTIME_REGISTRY_H
#include "runtime/runtime.h"

typedef int runtime_open_fn(struct loop *loop, const struct endpoint *ep, struct runtime **ret,
                            struct error *err);
runtime_open_fn docker_open, podman_open, kubernetes_open;
#endif
