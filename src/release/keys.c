#include "release/keys.h"
#include "base/alloc.h"
#include "base/parse.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define IN_RELEASE(member) offsetof(struct release, member)
#define IN_SETTINGS(member) offsetof(struct settings, member)
#define IN_TASK(member) offsetof(struct task, member)
#define TEXT "a string"
#define BOOL "true or false"
#define LIST "a list of strings"
#define TEXT_OR_LIST "a string or a list of strings"
#define SIZE "a size such as 512m or 2g"
#define DURATION "a duration such as 90s, 30m or 1h30m"
#define NUMBER "a whole number"
#define MAP_OR_LIST "a map, or a list of NAME=VALUE"
#define BOTH (AT_FILE | AT_TASK)
#define OPTION (AT_DEFAULTS | AT_TASK), KEYS_OPTIONS

/* The reference of the release file, in the order in which it is shown: top of the file, tasks, options (in
 * defaults: and in a task; the command line's options of the same name go over them), settings of the
 * container (at the top and in a task; Compose's names and meanings). For handlers of choices `expect` is the
 * list of choices. Keys that begin with x- are ignored everywhere. */
static const struct key keys[] = {
    {"version", 0, AT_FILE, KEYS_HEAD, read_version, 0, "1", "Version of this format; required."},
    {"name", 0, AT_FILE, KEYS_HEAD, read_head, IN_RELEASE(name), TEXT,
     "The application; part of names, labels and locks. Required without from:."},
    {"image", 0, AT_FILE, KEYS_HEAD, read_head, IN_RELEASE(image), TEXT,
     "The image; with from: it replaces only the image of the source."},
    {"from", 0, AT_FILE, KEYS_HEAD, read_head, IN_RELEASE(from), "a source such as compose/shop/web",
     "The running thing that is copied: --from."},
    {"runtime", 0, AT_FILE, KEYS_HEAD, read_head, IN_RELEASE(runtime), "docker, podman or kubernetes",
     "The runtime; default: what the source says, else docker."},
    {"context", 0, AT_FILE, KEYS_HEAD, read_head, IN_RELEASE(context), TEXT, "A context of that runtime."},
    {"defaults", 0, AT_FILE, KEYS_HEAD, read_defaults, 0, "a map of options", "Options of every run."},
    {"tasks", 0, AT_FILE, KEYS_HEAD, read_tasks, 0, "a map of tasks", "Commands with a name: run-once task."},
    {"kubernetes", 0, AT_FILE, KEYS_HEAD, read_kubernetes, 0,
     "a map of namespace, container, service_account and template", "Read on Kubernetes only."},
    {"namespace", 0, AT_KUBERNETES, KEYS_HEAD, read_head, IN_RELEASE(kube.namespace), TEXT, "The namespace."},
    {"container", 0, AT_KUBERNETES, KEYS_HEAD, read_head, IN_RELEASE(kube.container), TEXT,
     "The container of the pod that is copied."},
    {"service_account", 0, AT_KUBERNETES, KEYS_HEAD, read_head, IN_RELEASE(kube.service_account), TEXT,
     "The service account of the copy."},
    {"template", 0, AT_KUBERNETES, KEYS_HEAD, read_head, IN_RELEASE(kube.template), TEXT,
     "A file with a Job to start from."},

    {"command", 0, AT_TASK, KEYS_TASK, read_command, IN_TASK(command), "a list of words",
     "The command, word by word; ${} is not touched."},
    {"shell", 0, AT_TASK, KEYS_TASK, read_shell, IN_TASK(command), TEXT,
     "Instead of command: one line for /bin/sh -c; ${} is not touched."},
    {"description", 0, AT_TASK, KEYS_TASK, read_description, IN_TASK(description), TEXT,
     "Shown in the list."},
    {"tty", 0, AT_TASK, KEYS_TASK, read_flag, IN_TASK(tty), BOOL, "With a terminal (-t) or without (-T)."},
    {"stdin", 0, AT_TASK, KEYS_TASK, read_flag, IN_TASK(stdin_open), BOOL, "Forward stdin (-i) or not (-n)."},
    {"once", 0, AT_TASK, KEYS_OPTIONS, read_identity, IN_TASK(once), TEXT, "Key under which it runs once."},
    {"reason", 0, AT_TASK, KEYS_OPTIONS, read_text_option, 0, TEXT, "Why, for the record."},

    {"lock", 0, OPTION, read_identity, IN_TASK(lock), TEXT, "Lock that is held while it runs."},
    {"if_locked", 0, OPTION, read_choice, 0, "fail, wait or attach", "When the lock is held."},
    {"lock_wait", 0, OPTION, read_duration_option, 0, DURATION, "How long to wait for the lock."},
    {"once_keep", 0, OPTION, read_duration_option, 0, DURATION, "How long a key is remembered."},
    {"once_output", 0, OPTION, read_size_option, 0, SIZE, "Output that is kept with a key."},
    {"timeout", 0, OPTION, read_duration_option, 0, DURATION, "From start to end."},
    {"start_timeout", 0, OPTION, read_duration_option, 0, DURATION, "From lock to start."},
    {"idle_timeout", 0, OPTION, read_duration_option, 0, DURATION, "Without a byte of output."},
    {"stop_grace", 0, OPTION, read_duration_option, 0, DURATION, "From stop signal to SIGKILL."},
    {"reconnect_for", 0, OPTION, read_duration_option, 0, DURATION, "How long contact is looked for again."},
    {"on_disconnect", 0, OPTION, read_choice, 0, "keep or stop", "When the caller is gone."},
    {"on_epipe", 0, OPTION, read_choice, 0, "continue or stop", "When nobody reads the output."},
    {"keep", 0, OPTION, read_choice, 0, "never, on-failure or always", "Keep the ended container."},
    {"keep_for", 0, OPTION, read_duration_option, 0, DURATION, "How long it is kept."},
    {"pull", 0, OPTION, read_choice, 0, "missing, always or never", "When the image is pulled."},
    {"log_driver", 0, OPTION, read_text_option, 0, TEXT, "The engine's log driver."},
    {"log_max", 0, OPTION, read_size_option, 0, SIZE, "Cap of the engine's log."},
    {"spool_max", 0, OPTION, read_size_option, 0, SIZE, "Cap of the spool."},
    {"heartbeat", 0, OPTION, read_duration_option, 0, DURATION, "A line on stderr that often."},
    {"redact_args", 0, OPTION, read_bool_option, 0, BOOL, "Record only the first word of the command."},
    {"progress", 0, OPTION, read_choice, 0, "auto, plain, json or none", "Progress of a pull."},
    {"detach_keys", 0, OPTION, read_text_option, 0, TEXT, "Keys that leave it running."},

    {"env", 0, BOTH, KEYS_SETTINGS, read_env, 0, MAP_OR_LIST,
     "Environment; a name without value comes from the caller."},
    {"env_file", 0, BOTH, KEYS_SETTINGS, read_env_file, 0,
     "a file, a list of files, or of {path, required, format}",
     "Files of environment, relative to this file; env: goes over them."},
    {"drop_env", 0, BOTH, KEYS_SETTINGS, read_names, IN_SETTINGS(drop_env), LIST,
     "Names of the source's environment that are left out."},
    {"workdir", "working_dir", BOTH, KEYS_SETTINGS, read_text, IN_SETTINGS(workdir), TEXT, NULL},
    {"user", 0, BOTH, KEYS_SETTINGS, read_text, IN_SETTINGS(user), TEXT, NULL},
    {"entrypoint", 0, BOTH, KEYS_SETTINGS, read_entrypoint, 0, "a list of words, or one word",
     "Empty: none, also when the image has one."},
    {"networks", 0, BOTH, KEYS_SETTINGS, read_networks, 0, "a list of names", "Instead of the source's."},
    {"volumes", 0, BOTH, KEYS_SETTINGS, read_volumes, 0, "a list of SOURCE:TARGET[:OPTIONS] or of maps",
     "Over the source's, by target."},
    {"tmpfs", 0, BOTH, KEYS_SETTINGS, read_tmpfs, 0, TEXT_OR_LIST, NULL},
    {"labels", 0, BOTH, KEYS_SETTINGS, read_labels, 0, MAP_OR_LIST, NULL},
    {"memory", "mem_limit", BOTH, KEYS_SETTINGS, read_size, IN_SETTINGS(memory), SIZE, NULL},
    {"cpus", 0, BOTH, KEYS_SETTINGS, read_cpus, IN_SETTINGS(nano_cpus), "a number such as 1.5", NULL},
    {"init", 0, BOTH, KEYS_SETTINGS, read_tri, IN_SETTINGS(init), BOOL, NULL},
    {"read_only", 0, BOTH, KEYS_SETTINGS, read_tri, IN_SETTINGS(read_only), BOOL, NULL},
    {"privileged", 0, BOTH, KEYS_SETTINGS, read_tri, IN_SETTINGS(privileged), BOOL, NULL},
    {"hostname", 0, BOTH, KEYS_SETTINGS, read_text, IN_SETTINGS(hostname), TEXT, "`source`: the source's."},
    {"platform", 0, BOTH, KEYS_SETTINGS, read_text, IN_SETTINGS(platform), TEXT, NULL},
    {"stop_signal", 0, BOTH, KEYS_SETTINGS, read_text, IN_SETTINGS(stop_signal), TEXT, NULL},
    {"stop_grace_period", 0, BOTH, KEYS_SETTINGS, read_duration, IN_SETTINGS(stop_grace_ms), DURATION, NULL},
    {"domainname", 0, BOTH, KEYS_SETTINGS, read_extra_text, 0, TEXT, NULL},
    {"cap_add", 0, BOTH, KEYS_SETTINGS, read_extra_list, 0, LIST, NULL},
    {"cap_drop", 0, BOTH, KEYS_SETTINGS, read_extra_list, 0, LIST, NULL},
    {"security_opt", 0, BOTH, KEYS_SETTINGS, read_extra_list, 0, LIST, NULL},
    {"group_add", 0, BOTH, KEYS_SETTINGS, read_extra_list, 0, LIST, NULL},
    {"extra_hosts", 0, BOTH, KEYS_SETTINGS, read_extra_hosts, 0, "a list of HOST:ADDRESS or a map", NULL},
    {"dns", 0, BOTH, KEYS_SETTINGS, read_extra_one_or_list, 0, TEXT_OR_LIST, NULL},
    {"dns_search", 0, BOTH, KEYS_SETTINGS, read_extra_one_or_list, 0, TEXT_OR_LIST, NULL},
    {"dns_opt", 0, BOTH, KEYS_SETTINGS, read_extra_list, 0, LIST, NULL},
    {"devices", 0, BOTH, KEYS_SETTINGS, read_extra_devices, 0, "a list of SOURCE[:TARGET[:rwm]]", NULL},
    {"sysctls", 0, BOTH, KEYS_SETTINGS, read_extra_sysctls, 0, MAP_OR_LIST, NULL},
    {"ulimits", 0, BOTH, KEYS_SETTINGS, read_extra_ulimits, 0, "a map of numbers or of {soft, hard}", NULL},
    {"shm_size", 0, BOTH, KEYS_SETTINGS, read_extra_size, 0, SIZE, NULL},
    {"memswap_limit", 0, BOTH, KEYS_SETTINGS, read_extra_size, 0, SIZE " or -1", NULL},
    {"mem_swappiness", 0, BOTH, KEYS_SETTINGS, read_extra_int, 0, NUMBER, NULL},
    {"oom_score_adj", 0, BOTH, KEYS_SETTINGS, read_extra_int, 0, NUMBER, NULL},
    {"pids_limit", 0, BOTH, KEYS_SETTINGS, read_extra_int, 0, NUMBER, NULL},
    {"pid", 0, BOTH, KEYS_SETTINGS, read_extra_text, 0, TEXT, NULL},
    {"ipc", 0, BOTH, KEYS_SETTINGS, read_extra_text, 0, TEXT, NULL},
    {"userns_mode", 0, BOTH, KEYS_SETTINGS, read_extra_text, 0, TEXT, NULL},
    {"cgroup_parent", 0, BOTH, KEYS_SETTINGS, read_extra_text, 0, TEXT, NULL},
    {"runtime", 0, AT_TASK, KEYS_SETTINGS, read_extra_text, 0, TEXT,
     "The OCI runtime of the task (Compose's)."},
};

/* Keys that people bring from elsewhere, and what to do instead. */
static const struct {
  const char *name, *advice;
} foreign[] = {
    {"guard", "not in this version"},
    {"environment", "unknown key; did you mean 'env'?"},
    {"network_mode", "unknown key; write networks: [host] or networks: [none]"},
    {"services", "unknown key; a Compose file is named by from: file:PATH#SERVICE"},
    {"ports", "not used: a one-off publishes no ports"},
    {"expose", "not used: a one-off publishes no ports"},
    {"restart", "not used: a one-off is never restarted"},
    {"healthcheck", "not used: a one-off has no health check"},
    {"container_name", "not used: a one-off has a name of its own"},
    {"depends_on", "not used: a one-off starts nothing else"},
    {"logging", "unknown key; the driver of a one-off is defaults: {log_driver: ...}"},
};

const struct key *key_table(size_t *ret_n) {
  *ret_n = ARRAY_LEN(keys);
  return keys;
}

bool key_ignored(const char *name) {
  return !strncmp(name, "x-", 2);
}

/* Both spellings: stop-grace is stop_grace. */
static bool same(const char *key, const char *written) {
  if (!key) return false;
  for (; *key && *written; key++, written++)
    if (*key != *written && !(*key == '_' && *written == '-')) return false;
  return *key == *written;
}

static const struct key *find(const char *written, unsigned places) {
  for (size_t i = 0; i < ARRAY_LEN(keys); i++)
    if ((keys[i].places & places) && (same(keys[i].name, written) || same(keys[i].alias, written)))
      return &keys[i];
  return NULL;
}

static const char *nearest(const char *written, enum key_place place) {
  const char *known[2 * ARRAY_LEN(keys) + ARRAY_LEN(foreign)];
  int n = 0;
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
    if (!(keys[i].places & place)) continue;
    known[n++] = keys[i].name;
    if (keys[i].alias) known[n++] = keys[i].alias;
  }
  if (place & BOTH)
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) known[n++] = foreign[i].name;
  return nearest_word(written, known, n);
}

static const char *belongs(const struct key *k) {
  if (k->places & AT_DEFAULTS) return "in defaults: or in a task";
  if (k->places & AT_TASK) return k->places & AT_FILE ? "at the top of the file or in a task" : "in a task";
  return k->places & AT_KUBERNETES ? "in kubernetes:" : "at the top of the file";
}

static const char *foreign_advice(const char *name) {
  for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
    if (!strcmp(name, foreign[i].name)) return foreign[i].advice;
  return NULL;
}

static int unknown_key(const struct reading *in, const struct yaml_pair *pair, enum key_place place,
                       struct error *err) {
  const char *advice = foreign_advice(pair->key);
  if (advice) return complain(in, pair->line, pair->key, err, "%s", advice);
  const struct key *elsewhere = find(pair->key, ~0u);
  if (elsewhere) return complain(in, pair->line, pair->key, err, "belongs %s", belongs(elsewhere));
  const char *near = nearest(pair->key, place);
  if (near && foreign_advice(near))
    return complain(in, pair->line, pair->key, err, "%s", foreign_advice(near));
  if (near) return complain(in, pair->line, pair->key, err, "unknown key; did you mean '%s'?", near);
  return complain(in, pair->line, pair->key, err, "unknown key");
}

/* Finds the row of every key: a complaint about a key comes before one about a value. */
static int find_rows(const struct reading *in, const struct yaml *map, enum key_place place,
                     const struct key **rows, struct error *err) {
  bool seen[ARRAY_LEN(keys)] = {false};
  for (size_t i = 0; i < map->n; i++) {
    const struct yaml_pair *pair = &map->pairs[i];
    if (key_ignored(pair->key)) continue;
    rows[i] = find(pair->key, place);
    if (!rows[i]) return unknown_key(in, pair, place, err);
    if (seen[rows[i] - keys])
      return complain(in, pair->line, pair->key, err, "given twice, in two spellings");
    seen[rows[i] - keys] = true;
  }
  return 0;
}

int keys_read(struct reading *in, const struct yaml *map, enum key_place place, unsigned groups,
              struct error *err) {
  CLEANUP_FREE const struct key **rows = xcalloc(map->n + 1, sizeof(const struct key *));
  if (find_rows(in, map, place, rows, err)) return -1;
  for (int first = 1; first >= 0; first--) /* env: goes over env_file:, whichever stands first */
    for (size_t i = 0; i < map->n; i++) {
      const struct key *k = rows[i];
      if (!k || !(k->group & groups) || (k->read == read_env_file) != first) continue;
      if (k->read(in, k, map->pairs[i].value, err) < 0) return -1;
    }
  return 0;
}
