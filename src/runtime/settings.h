/* What a runtime is asked to run: the source, and everything that the release file and the command line say
 * about the copy, already merged (image < source < env_file < env < task < --env-file < --env), each with its
 * origin. Neutral: Docker and Kubernetes both start from this. Filled by release/, read by runtime/. Owned
 * strings; "not given" is NULL, n == 0, -1 or TRI_UNSET: the source's value then stands. */
#ifndef RUNTIME_SETTINGS_H
#define RUNTIME_SETTINGS_H
#include "base/strv.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum tri { TRI_UNSET = -1, TRI_NO, TRI_YES };

enum source_kind {
  SOURCE_NONE,
  SOURCE_IMAGE,
  SOURCE_CONTAINER,
  SOURCE_COMPOSE,
  SOURCE_COMPOSE_FILE,
  SOURCE_SERVICE,
  SOURCE_WORKLOAD
};
struct source_ref {
  enum source_kind kind;
  char *text;    /* as given: "compose/shop/web" */
  char *type;    /* "compose"; of a workload "deployment", ... */
  char *project; /* compose/PROJECT/SERVICE; else NULL */
  char *name;    /* last part */
};

struct env_setting {
  char *name, *value;
  char *origin;   /* "release.yaml:7", "env_file .env:3", "task migrate", "--env-file f:2", "--env" */
  bool of_source; /* a Compose file's: drop_env takes it away, as with a source that runs */
};

enum mount_kind { MOUNT_BIND, MOUNT_VOLUME, MOUNT_TMPFS };
struct mount_setting {
  enum mount_kind kind;
  char *source; /* path or volume name; NULL: tmpfs, anonymous volume */
  char *target;
  bool read_only;
  char *options; /* "rprivate,noexec"; of tmpfs "size=64m"; NULL: none. z, Z, U are dropped with a note */
  char *origin;
};

/* --pull, only when it was given: the source's own imagePullPolicy stands otherwise. */
enum kube_pull { KUBE_PULL_SOURCE, KUBE_PULL_MISSING, KUBE_PULL_ALWAYS, KUBE_PULL_NEVER };
/* Release file `kubernetes:` and the options of the same names. */
struct kube_settings {
  char *namespace;       /* release file; --namespace is in the endpoint already. NULL: none */
  char *container;       /* --container; NULL: by the contract's section 8 */
  char *service_account; /* NULL: the source's */
  char *template_file;   /* `template: job.yaml`, beside the release file; NULL: none */
  struct strv with;      /* --with: further containers that run */
  bool init_containers;  /* --init-containers */
  char *volumes_of;      /* --volumes-of POD, of a StatefulSet; NULL: its claims are left out */
  bool streams_apart;    /* --streams apart: by attach, where the log cannot be split */
  enum kube_pull pull;
};

struct settings {
  char *name; /* of the release file; NULL: none */
  char *app;  /* --app; NULL: none */
  struct source_ref source;
  char *image;    /* replaces the source's image, or is the only one */
  char *image_of; /* --image-of REPLICA */
  char *platform;
  char *task;          /* NULL: an ad hoc command */
  struct strv argv;    /* COMMAND; with shell: {"/bin/sh", "-c", WORD} already */
  bool entrypoint_set; /* --entrypoint "" clears it */
  struct strv entrypoint;
  struct env_setting *env; /* changed only by settings_env() */
  size_t n_env;
  struct name_index *env_index; /* private to settings.c */
  struct strv drop_env, keep_env, keep_labels;
  struct strv labels; /* NAME=VALUE */
  struct mount_setting *mounts;
  size_t n_mounts;
  bool networks_set;
  struct strv networks;            /* names; "none" and "host" are modes */
  char *user, *workdir, *hostname; /* hostname "source": the source's */
  int64_t memory, nano_cpus;       /* -1 */
  enum tri init, read_only, privileged;
  char *stop_signal;
  int64_t stop_grace_ms; /* -1: the source's, else 10 s */
  json_t *extra;         /* Compose's further keys, normalised: {"cap_add":["X"],"cap_drop","security_opt",
                            "group_add","extra_hosts":["h:ip"],"dns","dns_search","dns_opt","devices",
                            "sysctls":{"k":"v"},"ulimits":{"nofile":{"soft":1,"hard":2}},"shm_size":bytes,
                            "pids_limit":n,"pid","ipc","userns_mode","cgroup_parent","oom_score_adj":n,
                            "mem_swappiness","memswap_limit","runtime","domainname"}; never NULL */
  json_t *described;     /* of SOURCE_COMPOSE_FILE, else NULL: what its settings have no place for.
                            {"extra": as extra, which goes over it; further keys there: "memory", "nano_cpus",
                             "mem_reservation", "cpu_shares", "cpu_period", "cpu_quota", "cpu_rt_period",
                             "cpu_rt_runtime" (microseconds), "cpuset", "oom_kill_disable", "uts", "cgroup",
                             "isolation", "storage_opt":{}, "annotations":{}, "device_cgroup_rules":[],
                             "blkio_weight", "blkio_weight_device":[{"path","weight"}],
                             "blkio_device_read_bps" and its like:[{"path","rate"}],
                             "device_requests":[{"driver","count","device_ids","capabilities":[],"options"}];
                             "image", "project": the service's and its project's;
                             "built": "compose.yaml:5", the image is built there, so never pulled;
                             "labels": {..}, "hostname": for --keep-label, --hostname source;
                             "left_out": [{"what", "why"}] for the plan} */
  bool create_volumes;   /* --create-volumes */
  bool tty, open_stdin;
  int rows, cols;            /* of the caller's terminal; 0: unknown */
  char *log_driver;          /* NULL: local */
  int64_t log_max;           /* bytes, 100 MiB */
  struct kube_settings kube; /* what only Kubernetes has; others refuse it */
  struct strv notes;         /* lines for stderr: variables that were not set, mount options left out */
};
void settings_init(struct settings *s);
void settings_done(struct settings *s);
void settings_env(struct settings *s, const char *name, const char *value,
                  const char *origin); /* by name: later wins */
void settings_env_of_source(struct settings *s, const char *name, const char *value, const char *origin);
const char *settings_env_value(const struct settings *s, const char *name); /* NULL: not there */
void settings_mount(struct settings *s, const struct mount_setting *m); /* copies; by target: later wins */
/* "container/web", "compose/shop/web", "image/REF", "file:PATH#SERVICE", "deployment/web"; ERR_USAGE
 * otherwise. */
struct error;
int source_parse(const char *text, struct source_ref *ret, struct error *err); /* *ret is not freed before */
void source_done(struct source_ref *ref);
#endif
