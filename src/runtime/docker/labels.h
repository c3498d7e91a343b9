/* Labels that others act upon. */
#ifndef RUNTIME_DOCKER_LABELS_H
#define RUNTIME_DOCKER_LABELS_H
#include <stdbool.h>

#define LABEL_COMPOSE_PROJECT "com.docker.compose.project"
#define LABEL_COMPOSE_SERVICE "com.docker.compose.service"
#define LABEL_COMPOSE_NUMBER "com.docker.compose.container-number"
#define LABEL_COMPOSE_ONEOFF "com.docker.compose.oneoff"
#define LABEL_COMPOSE_FILES "com.docker.compose.project.config_files"

/* Would somebody (Compose, Swarm, traefik, caddy, an auto-updater) act on a container because of this label?
 */
bool label_acts(const char *name);
/* The value that makes such a label do nothing: "false" for switches, else "". */
const char *label_neutral(const char *name);
#endif
