/* The keys of a release file: one table, from which come reading, the complaint about an unknown key with its
 * nearest known one, and the reference in the documentation. Private to release/, but for key_table().
 *
 * A map is read by keys_read(): every key must be in the table for that place. A handler gets the value of
 * its key and lays it over in->settings, in->task, in->options or in->release. Reading happens twice: when
 * the file is loaded (in->check: everything, also tasks that will not run, into a scratch; a text that holds
 * ${} is not known yet and passes) and for real when the settings are asked for. */
#ifndef RELEASE_KEYS_H
#define RELEASE_KEYS_H
#include "release/release.h"

/* Places, and groups of keys that are read together; a key has one or more places and one group. */
enum key_place { AT_FILE = 1, AT_TASK = 2, AT_DEFAULTS = 4, AT_KUBERNETES = 8 };
enum key_group { KEYS_HEAD = 1, KEYS_SETTINGS = 2, KEYS_OPTIONS = 4, KEYS_TASK = 8 };

struct reading {
  struct release *release;
  struct settings *settings;
  struct task *task;    /* NULL: not inside a task */
  struct strv *options; /* of defaults: or of a task */
  struct strv *notes;   /* lines for stderr */
  const char *path;     /* "tasks.migrate" in complaints; NULL: top of the file */
  bool check;
  struct compose *compose; /* the reader is that of a Compose file, whose ${} are replaced already */
};

struct key;
typedef int key_fn(struct reading *in, const struct key *k, const struct yaml *value, struct error *err);
struct key {
  const char *name, *alias; /* alias NULL: none; `-` may be written for `_` */
  unsigned places;
  enum key_group group;
  key_fn *read;
  size_t offset;      /* of the member that is set; meaning is the handler's */
  const char *expect; /* "a list of names": after "expected" in complaints, and in the reference */
  const char *doc;    /* one line of the reference; NULL: Compose's key, as Compose has it */
};
const struct key *key_table(size_t *ret_n);
int keys_read(struct reading *in, const struct yaml *map, enum key_place place, unsigned groups,
              struct error *err);
bool key_ignored(const char *name); /* x-... */

/* value.c: values of YAML nodes. All return -1 with "FILE:LINE: path.key: expected ..., found ...". */
int complain(const struct reading *in, int line, const char *key, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int wrong_type(const struct reading *in, const struct key *k, const struct yaml *value, struct error *err);
/* A string, number or boolean as text, ${} replaced: 0 and *ret for free(); 1: not known yet (check). */
int value_text(struct reading *in, const struct key *k, const struct yaml *value, char **ret,
               struct error *err);
/* The same of text that stands at a line; an unset variable is an error where must_be_set, else a note. */
int value_expand(struct reading *in, const char *key, int line, const char *text, bool must_be_set,
                 char **ret, struct error *err);
/* A list of such values, or (one) a single one; null: empty. Appends. */
int value_list(struct reading *in, const struct key *k, const struct yaml *value, bool one, struct strv *ret,
               struct error *err);
/* A map of texts, or a list of NAME=VALUE: calls fn for each; value NULL: a name alone. */
typedef int pair_fn(struct reading *in, const struct key *k, int line, const char *name, const char *value,
                    struct error *err);
int value_pairs(struct reading *in, const struct key *k, const struct yaml *value, pair_fn *fn,
                struct error *err);
int value_bool(struct reading *in, const struct key *k, const struct yaml *value, bool *ret,
               struct error *err);

/* dotenv.c: ${} and names without value: the caller's environment, then .env beside the file. */
struct dotenv *dotenv_load(const char *dir, struct error *err);
struct dotenv *dotenv_new(const struct dotenv *parent); /* empty; parent's variables (borrowed) win */
void dotenv_set(struct dotenv *d, const char *name, const char *value);
int dotenv_read(struct dotenv *d, const char *path, struct error *err); /* later files win */
void dotenv_free(struct dotenv *d);
const char *dotenv_lookup(void *dotenv, const char *name); /* a lookup_fn */

/* The handlers: file.c head; tasks.c; apply.c settings; environment.c; mounts.c. */
key_fn read_version, read_head, read_defaults, read_tasks, read_kubernetes;
key_fn read_command, read_shell, read_description, read_flag, read_identity;
key_fn read_choice, read_duration_option, read_size_option, read_bool_option, read_text_option;
key_fn read_text, read_tri, read_size, read_cpus, read_duration, read_entrypoint, read_networks, read_labels,
    read_names;
key_fn read_extra_text, read_extra_list, read_extra_one_or_list, read_extra_int, read_extra_size,
    read_extra_hosts, read_extra_sysctls, read_extra_ulimits, read_extra_devices;
key_fn read_env, read_env_file, read_volumes, read_tmpfs;

/* mounts.c: relative to dir (NULL: where the caller stands), clean, by words alone; ~ is the caller's home.
 * NULL: cannot be said. For free(). */
char *absolute_path(const char *dir, const char *path);
/* file.c: a path as the file means it: relative to its folder. For free(). */
char *release_path(const struct release *r, const char *path);
/* tasks.c: frees what a task owns. */
void task_done(struct task *t);
#endif
