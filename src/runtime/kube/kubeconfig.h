/* kubeconfig files, merged as kubectl merges them (client-go, tools/clientcmd/loader.go): of clusters, users
 * and contexts the first file that names one wins, with the whole entry; so does the first that sets
 * current-context. Paths in an entry are relative to the folder of its own file. */
#ifndef RUNTIME_KUBE_KUBECONFIG_H
#define RUNTIME_KUBE_KUBECONFIG_H
#include "data/yaml.h"
#include "net/endpoint.h"

struct kubeconfig_file {
  char *path, *dir; /* dir: absolute */
  struct yaml *tree;
};
struct kubeconfig {
  struct kubeconfig_file *files; /* in order; missing ones of a list are left out */
  size_t n;
};
/* `path` alone, which must be there; NULL: $KUBECONFIG, a list; else ~/.kube/config. Of a list one file at
 * least must be there. No ~/.kube/config: n is 0. ERR_CONFIG with file and line. */
int kubeconfig_read(const char *path, struct kubeconfig *ret, struct error *err);
void kubeconfig_done(struct kubeconfig *c);         /* wipes */
char *kubeconfig_names(const struct kubeconfig *c); /* "FILE, FILE", for free() */

/* One entry: of clusters, users or contexts. */
struct kubeconfig_entry {
  const char *kind, *name; /* "cluster", "prod" */
  const struct kubeconfig_file *file;
  const struct yaml *map; /* what stands behind "cluster:"; may be NULL (nothing) */
  int line;
};
/* False: no file has it. */
bool kubeconfig_find(const struct kubeconfig *c, const char *list, const char *kind, const char *name,
                     struct kubeconfig_entry *ret);
/* current-context; NULL: none. *ret_file says whose. Borrowed. */
const char *kubeconfig_current(const struct kubeconfig *c, const char **ret_file);
/* Names of all entries of a list, "a, b, c"; for free(). "" for none. */
char *kubeconfig_list(const struct kubeconfig *c, const char *list);

/* Values of an entry. A complaint begins "FILE:LINE: KIND 'NAME': KEY". Empty texts count as absent. */
int entry_text(const struct kubeconfig_entry *e, const char *key, const char **ret, struct error *err);
int entry_bool(const struct kubeconfig_entry *e, const char *key, bool *ret, struct error *err);
/* Absolute; must be readable. NULL: absent. For free(). */
int entry_file(const struct kubeconfig_entry *e, const char *key, char **ret, struct error *err);
/* KEY (a file) or KEY-data (base64 of PEM); both: refused. */
int entry_pem(const struct kubeconfig_entry *e, const char *key, char **ret_file, char **ret_data,
              struct error *err);
int entry_fault(const struct kubeconfig_entry *e, int line, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* `path` against the folder of the entry's file; for free(). */
char *entry_path(const struct kubeconfig_entry *e, const char *path);

/* cluster.c: where it is and whom to trust -> ret (zeroed before), and context "server", "cluster_config". */
int cluster_apply(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err);
/* Scheme, host, port, prefix of an http(s) URL; `what` begins the complaint. */
int cluster_server(const char *url, struct endpoint *ret, char *why, size_t size);
/* user.c: who we are -> certificates of ret, and context "token", "token_file", "exec", "impersonate". */
int user_apply(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err);
/* service_account.c: the cluster of the pod that this runs in. 1: it is none. */
int service_account_apply(const char *namespace, struct endpoint *ret, struct error *err);
extern const char *service_account_folder; /* for tests */
/* yaml_json.c: a new reference. Numbers that fit stay numbers, others become text. */
json_t *yaml_to_json(const struct yaml *y);
#endif
