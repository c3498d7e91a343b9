/* Mounts that settings ask for, and what makes a volume anonymous. */
#ifndef RUNTIME_DOCKER_MOUNTS_H
#define RUNTIME_DOCKER_MOUNTS_H
#include "runtime/docker/clone.h"

/* The engine names them with 64 hexadecimal digits. */
bool volume_is_anonymous(const char *name);
/* Does this entry of HostConfig.Mounts ask for an anonymous volume? */
bool mount_is_anonymous(const json_t *m);
/* Appends to mounts (or HostConfig.Tmpfs) what m asks for. ERR_CONFIG: an option nobody knows. */
int mount_from_setting(struct clone *c, json_t *mounts, const struct mount_setting *m, struct error *err);
#endif
