#include "runtime/registry.h"
#include "base/alloc.h"
#include <string.h>

static const struct {
  const char *kind;
  runtime_open_fn *open;
} kinds[] = {{"docker", docker_open}, {"podman", podman_open}, {"kubernetes", kubernetes_open}};

int runtime_open(const char *kind, struct loop *loop, const struct endpoint *ep, struct runtime **ret,
                 struct error *err) {
  for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
    if (!strcmp(kind, kinds[i].kind)) return kinds[i].open(loop, ep, ret, err);
  return error_set(err, ERR_USAGE, "runtime '%s': run-once knows docker, podman and kubernetes", kind);
}
