/* Credentials for a registry, found as docker/cli finds them (cli/config/configfile): DOCKER_AUTH_CONFIG,
 * then of config.json credHelpers, credsStore, auths. No value of them ever gets into an error, a trace or an
 * argv. */
#ifndef RUNTIME_DOCKER_AUTH_H
#define RUNTIME_DOCKER_AUTH_H
#include "base/buf.h"
#include "base/error.h"
#include "net/loop.h"
#include <jansson.h>
#include <stdbool.h>

struct credential {
  char *user, *secret;
  char *identity_token, *registry_token; /* instead of user and secret */
};
void credential_done(struct credential *c); /* wipes */

/* The value of X-Registry-Auth for the registry `host` ("docker.io", "registry.example.com:5000"), for
 * free(); *ret NULL: none known, pull as nobody. ERR_CONFIG: a config.json or a helper that cannot be used.
 * Blocks in the loop while a helper runs. */
int auth_header(struct loop *loop, const char *host, char **ret, struct error *err);

/* The parts, pure: the key under which a registry is kept; what `auths` of a config.json say (1 found, 0 not,
 * -1); what a helper printed; the header's value. */
const char *auth_key(const char *host);
int auth_from_config(const json_t *config, const char *host, struct credential *ret, struct error *err);
int auth_from_helper(const char *text, size_t len, struct credential *ret, struct error *err);
/* Name of the helper that config names for this registry, NULL: none; borrowed. */
const char *auth_helper_name(const json_t *config, const char *host);
char *auth_encode(const struct credential *c, const char *host);

/* helper.c: runs docker-credential-NAME get for at most 30 s. 1: it printed *ret; 0: it knows nothing; -1:
 * ERR_CONFIG with its own words. ret must be buf_init()ed. */
int auth_run_helper(struct loop *loop, const char *name, const char *key, struct buf *ret, struct error *err);
#endif
