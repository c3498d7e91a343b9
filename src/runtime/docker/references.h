/* Named networks and volumes that must be there before anything is created. Looks only. */
#ifndef RUNTIME_DOCKER_REFERENCES_H
#define RUNTIME_DOCKER_REFERENCES_H
#include "runtime/docker/docker.h"

/* GET /KIND/NAME of "networks" or "volumes"; *ret NULL when there is no such thing. */
int references_look(struct docker *d, const char *kind, const char *name, json_t **ret, struct error *err);
/* settings.networks in their order, as clone.h's facts want them: {"Id", "Name"}, or a string for a mode.
 * NULL when the settings name none. ERR_CONFIG: a network that does not exist. */
int references_networks(struct docker *d, const struct settings *s, json_t **ret, struct error *err);
/* Networks of a source that is not running may have been removed, or made anew under the same name: *ret is
 * {NAME: new id}. ERR_CONFIG: gone altogether. */
int references_source(struct docker *d, const json_t *source, json_t **ret, struct error *err);
/* ERR_CONFIG: a named volume that does not exist, unless --create-volumes. */
int references_volumes(struct docker *d, const struct settings *s, struct error *err);
#endif
