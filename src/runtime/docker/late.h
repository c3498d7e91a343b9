/* Files that were put into the source after its creation (Compose does so with secrets from the environment
 * and configs with content:): they are in no configuration, so they are copied from container to container.
 */
#ifndef RUNTIME_DOCKER_LATE_H
#define RUNTIME_DOCKER_LATE_H
#include "runtime/docker/docker.h"

/* Looks only. *ret: [{"path", "files": [..], "skip": [..]}] as in private_parts (a new reference; [] when
 * there is nothing). *ret_unread: as below. ERR_CONFIG naming the files when they cannot be read. */
int late_find(struct docker *d, const json_t *source, json_t **ret, char **ret_unread, struct error *err);

/* Pure: where Compose puts such files, by the Compose files that the source's labels name, as far as they can
 * be read on this machine. "/run/secrets" always comes first. *ret_unread is the first of these files that
 * cannot be read here (for free()), NULL: none. */
void late_targets(const json_t *source, struct strv *ret, char **ret_unread);
#define LATE_SECRETS "/run/secrets"
/* late_changes.c. Would reading files of this source make the engine create folders on its host? */
bool late_reading_makes_folders(const json_t *source);
/* Pure: what GET /containers/ID/changes lists at path and below it. */
void late_changed(const json_t *changes, const json_t *source, const char *path, json_t *files, json_t *skip);
/* Is path, or a folder above it, a mount of the source? Such files are shared, not copied. */
bool late_is_mounted(const json_t *source, const char *path);
#endif
