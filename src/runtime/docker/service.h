/* A Swarm service as the source (service/NAME): what its tasks run is turned into the shape of a container's
 * inspect document, so that clone.h does the rest. The copy is a container on the manager's engine and no
 * task of the swarm. A spec says only what was asked for: what the image adds comes in by service_inherit().
 */
#ifndef RUNTIME_DOCKER_SERVICE_H
#define RUNTIME_DOCKER_SERVICE_H
#include "runtime/docker/docker.h"

#define LABEL_STACK "com.docker.stack.namespace"
#define LABEL_SWARM_TASK "com.docker.swarm.task.id"
#define LABEL_SWARM_SERVICE "com.docker.swarm.service.id"

/* Looks only. *ret is the document, as service_document() makes it. ERR_MISSING: no such service; ERR_ENGINE:
 * the engine is no manager of a swarm; ERR_ROLLOUT; ERR_CONFIG: something only Swarm itself can give, or a
 * volume or network that is not there. */
int service_find(struct docker *d, const struct settings *s, json_t **ret, struct strv *notes,
                 struct error *err);

/* service_tasks.c, pure. The task that stands for the release; *ret_task NULL: none runs, the service's own
 * specification is the source. *ret_container is its row of containers (GET /containers/json of this engine),
 * NULL when it runs on another node. Both are borrowed from the lists. ERR_ROLLOUT: an update is half done,
 * or the tasks run more than one image; ERR_CONFIG: --image-of fits none or several. */
int service_choose(const json_t *service, const json_t *tasks, const json_t *containers,
                   const struct settings *s, const json_t **ret_task, const json_t **ret_container,
                   struct strv *notes, struct error *err);

/* service_document.c, pure. task may be NULL; networks: the answers of GET /networks/ID in the order of
 * service_networks(); image_id: of the task's container, NULL: not known. *ret:
 *   {"Service": {"ID", "Name"}, "Image": id if known, "Config", "HostConfig", "NetworkSettings.Networks",
 *    "LeftOut": [{"what", "why"}] for the plan}
 * ERR_CONFIG: one line that names all that only Swarm itself can give (secrets, configs, templates, networks
 * that are not attachable), less what the settings replace. */
int service_document(const json_t *service, const json_t *task, const json_t *networks, const char *image_id,
                     const struct settings *s, json_t **ret, struct error *err);
/* [{"Target", ..}] of the specification that counts; borrowed, may be NULL. */
json_t *service_networks(const json_t *service, const json_t *task);
/* The specification that counts: the task's own, else the service's. Borrowed. */
json_t *service_spec(const json_t *service, const json_t *task);
/* What the document leaves to the image, written into it. image NULL: not on this engine. */
void service_inherit(json_t *document, const json_t *image);

/* service_limits.c: the part of it that is about the host: privileges, DNS, limits, what Swarm alone reads.
 */
void service_host(json_t *host, const json_t *spec, json_t *left_out);
void service_left_out(json_t *left_out, const char *what, const char *why);
#endif
