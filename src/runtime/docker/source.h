/* Which container is the source. Looks only. */
#ifndef RUNTIME_DOCKER_SOURCE_H
#define RUNTIME_DOCKER_SOURCE_H
#include "runtime/docker/docker.h"

#define SOURCE_CALL_MS 60000 /* an inspect; a busy engine takes seconds */

/* Inspect document of the source container, or one made of a service (service.h); *ret NULL for image/REF.
 * What had to be chosen goes to notes. ERR_MISSING, ERR_CONFIG (several projects), ERR_ROLLOUT (replicas on
 * more than one image), ERR_USAGE (a kind of source that Docker does not have). */
int source_find(struct docker *d, const struct settings *s, json_t **ret, struct strv *notes,
                struct error *err);

/* The choosing itself, pure: list is GET /containers/json?all=1 of a service. *ret_id is one of the list's.
 */
int source_choose(const json_t *list, const struct settings *s, char **ret_id, struct strv *notes,
                  struct error *err);
#endif
