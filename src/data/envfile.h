/* Files of environment variables. Two dialects, one callback. Complaints are ERR_CONFIG with FILE:LINE and
 * never quote a value. Values may hold anything but NUL. */
#ifndef DATA_ENVFILE_H
#define DATA_ENVFILE_H
#include "base/error.h"
#include <stddef.h>

/* value NULL: a name alone (docker: from the caller's environment, else dropped; Compose: inherit). Return -1
 * with err set to stop. */
typedef int envfile_fn(void *data, const char *name, const char *value, int line, struct error *err);
/* Looks a variable up for ${} inside values; NULL: unset. */
typedef const char *lookup_fn(void *data, const char *name);

/* docker --env-file (docker/cli pkg/kvfile): UTF-8, BOM stripped, # only at line start, no quotes, no
 * expansion. */
int envfile_docker(const char *path, envfile_fn *fn, void *data, struct error *err);
/* Compose env_file and .env (compose-go dotenv/parser.go): quotes, escapes, export, multi-line, ${} expansion
 * over lookup, then names set earlier in the file (the caller's environment wins, as in Compose). lookup may
 * be NULL. */
int envfile_compose(const char *path, lookup_fn *lookup, void *lookup_data, envfile_fn *fn, void *data,
                    struct error *err);
/* The same on text already read (fuzzed); name is for complaints. */
int envfile_docker_text(const char *name, const char *text, size_t len, envfile_fn *fn, void *data,
                        struct error *err);
int envfile_compose_text(const char *name, const char *text, size_t len, lookup_fn *lookup, void *lookup_data,
                         envfile_fn *fn, void *data, struct error *err);
#endif
