/* A service of Compose files as settings: what `docker compose` would give its container, by the Compose
 * specification and, where that is silent, by compose-go. Pure: reads files, asks no engine.
 *
 *   project.c   which files, .env, the project's name
 *   load.c      one file: YAML, ${}, numbers as Compose writes them, include
 *   merge.c     several files and extends: which value wins, which lists grow; !reset, !override
 *   extend.c    extends
 *   keys.c      the keys of a service: how each is merged, who reads it, or why it is left out
 *   service.c, mounts.c, networks.c, resources.c   the merged service -> struct settings
 *
 * Only the chosen service (and what it extends) is merged and read; of the others the names and keys are
 * looked at. Private to release/, but for compose_settings() in release.h. */
#ifndef RELEASE_COMPOSE_COMPOSE_H
#define RELEASE_COMPOSE_COMPOSE_H
#include "base/buf.h"
#include "release/compose/tree.h"
#include "release/keys.h"

/* A file that was read. `shown` is what struct yaml.file of its nodes points to. */
struct compose_file {
  char *shown; /* as people know it, in complaints and origins */
  char *dir;   /* absolute: what relative paths in it mean */
};

struct compose {
  const char *service; /* the chosen one */
  char *dir;           /* absolute: of the project */
  char *project;       /* its name */
  bool named;          /* by COMPOSE_PROJECT_NAME: no file changes it */
  struct dotenv *env;  /* the caller's environment, .env */
  struct compose_file **files;
  size_t n_files;
  struct strv including; /* absolute paths of the files that are being read, for cycles */
  struct strv extending; /* "FILE#SERVICE", the same for extends */
  struct strv unset;     /* names of variables that were said to be unset already */
  struct strv *notes;
  struct yaml *model; /* all files as one */
};

/* "FILE:LINE: KEY: TEXT" with the place of the node; key NULL: without. ERR_CONFIG, -1. */
int compose_complain(const struct yaml *at, const char *key, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
const struct compose_file *compose_file_of(const struct compose *c, const struct yaml *node);
/* A path as the file of the node means it: absolute, clean. For free(). */
char *compose_path(const struct compose *c, const struct yaml *node, const char *path);
/* Text of a string, number or boolean, NULL for anything else; borrowed. */
const char *compose_text(const struct yaml *node);

/* load.c: path is absolute; shown as given. *ret: the tree, marked, ${} replaced, extends of the chosen
 * service (NULL: of none) done, includes taken in. */
int compose_load(struct compose *c, const char *path, const char *shown, const char *dir, struct dotenv *env,
                 const char *service, struct yaml **ret, struct error *err);
/* YAML, marks and ${} only. */
int compose_parse(struct compose *c, const char *path, const char *shown, const char *dir, struct dotenv *env,
                  struct yaml **ret, struct error *err);
/* Regular files only, at most LIMIT_RELEASE_FILE. at: who names it; NULL: the caller. */
int compose_read(const char *path, const struct yaml *at, struct buf *ret, struct error *err);

/* extend.c: services.NAME of the file, with what it extends, takes the place of the one that is there. */
int compose_extend(struct compose *c, struct yaml *root, const char *service, struct dotenv *env,
                   struct error *err);

/* merge.c: over (taken over in any case) goes over into. */
int merge_service(struct yaml *into, struct yaml *over, struct error *err);
int merge_model(struct yaml *into, struct yaml *over, const char *service, struct error *err);
/* Where a mount of volumes:, secrets:, configs: or devices: goes: what makes two of them one. For free(). */
char *merge_target(const struct yaml *item, const char *folder);

/* keys.c */
enum merge {
  MERGE_REPLACE,
  MERGE_MAP,     /* by key, recursively; lists grow */
  MERGE_PAIRS,   /* map, or list of NAME=VALUE; by name */
  MERGE_NAMES,   /* map, or list of names */
  MERGE_LIST,    /* grows; what is the same up to '=' once */
  MERGE_ONE,     /* the same, or one alone */
  MERGE_HOSTS,   /* the same, or a map of host: address */
  MERGE_VOLUMES, /* grow; by target */
  MERGE_MOUNTS,  /* secrets and configs; by target */
  MERGE_DEVICES,
  MERGE_FILES, /* env_file; by path */
  MERGE_BUILD, /* a map, or the context alone */
};
enum fate { FATE_READ, FATE_SILENT, FATE_LEFT_OUT, FATE_REFUSED };
struct service_key {
  struct key key; /* name, read, offset, expect */
  enum merge merge;
  enum fate fate;
  const char *why; /* it is left out or refused */
};
const struct service_key *service_key(const char *name); /* NULL: unknown */
const struct service_key *service_keys(size_t *ret_n);   /* in the order in which they are read */
/* Keys at the top and of every service must be known. */
int compose_check_keys(const struct yaml *root, struct error *err);

/* service.c: the merged service, over s. */
int compose_service(struct compose *c, struct settings *s, struct error *err);
/* What a reading of a Compose file says was left out, for the plan. */
void compose_left_out(struct settings *s, const char *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The key's value, item by item, each with the folder of its own file. */
int compose_each(struct reading *in, const struct key *k, const struct yaml *value, key_fn *read,
                 struct error *err);
/* The name of a network, volume, secret or config on the engine; declared must be in `kind:`. For free(). */
int compose_name(struct compose *c, const char *kind, const char *name, const struct yaml *at, char **ret,
                 struct error *err);
key_fn read_service_image, read_service_environment, read_service_env_file, read_service_words,
    read_service_links, read_service_labels, read_service_hostname, read_service_text, read_service_map,
    read_service_flag, read_service_number, read_service_namespace, read_service_security,
    read_service_depends, read_service_list;
key_fn read_service_volumes, read_service_tmpfs, read_service_secrets, read_service_configs,
    read_service_devices;
key_fn read_service_networks, read_service_network_mode;
key_fn read_service_deploy, read_service_blkio, read_service_gpus, read_service_period, read_service_hosts;
#endif
