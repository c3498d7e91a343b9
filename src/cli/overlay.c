/* Options about the copy, laid over what the release file said: env_file < env < task < --env-file < --env.
 */
#include "base/alloc.h"
#include "cli/invocation.h"
#include "data/envfile.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void replace(char **at, const char *text) {
  if (!text) return;
  free(*at);
  *at = xstrdup(text);
}

static void add_all(struct strv *to, const struct options *o, enum option_id id) {
  for (size_t i = 0; i < o->given[id].n; i++) strv_add(to, o->given[id].v[i].text);
}

static int env_file_line(void *data, const char *name, const char *value, int line, struct error *err) {
  struct env_file {
    struct settings *s;
    const char *path;
  } *f = data;
  (void)err;
  if (!value) value = getenv(name); /* docker: a name alone comes from the caller, else it is dropped */
  if (!value) return 0;
  CLEANUP_FREE char *origin = xprintf("--env-file %s:%d", f->path, line);
  settings_env(f->s, name, value, origin);
  return 0;
}

static int add_env_files(struct settings *s, const struct options *o, struct error *err) {
  const struct option_values *given = &o->given[OPT_ENV_FILE];
  for (size_t i = 0; i < given->n; i++) {
    struct {
      struct settings *s;
      const char *path;
    } f = {s, given->v[i].text};
    if (envfile_docker(f.path, env_file_line, &f, err) < 0) return error_prefix(err, "--env-file");
  }
  return 0;
}

static int add_env(struct settings *s, const struct options *o, struct error *err) {
  const struct option_values *given = &o->given[OPT_ENV];
  for (size_t i = 0; i < given->n; i++) {
    const char *text = given->v[i].text;
    const char *equals = strchr(text, '=');
    CLEANUP_FREE char *name = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
    const char *value = equals ? equals + 1 : getenv(name);
    if (!value)
      return error_set(err, ERR_USAGE, "--env %s: the variable is not set; write --env %s=VALUE or set it",
                       name, name);
    settings_env(s, name, value, given->v[i].layer == LAYER_ENVIRONMENT ? "RUN_ONCE_ENV" : "--env");
  }
  return 0;
}

static int add_volumes(struct settings *s, const struct options *o, struct error *err) {
  const struct option_values *given = &o->given[OPT_VOLUME];
  if (given->n == 0) return 0;
  CLEANUP_FREE char *here = getcwd(NULL, 0);
  for (size_t i = 0; i < given->n; i++)
    if (mount_parse(given->v[i].text, here ? here : "/", "--volume", s, err) < 0) return -1;
  return 0;
}

/* A release file that was not read is the likely reason, and its note is not said after a fault. */
static int no_release(const struct strv *notes, struct error *err) {
  static const char *const how = "use --from SOURCE, --image REF, or a release file with from: or image:";
  if (notes->n) return error_set(err, ERR_USAGE, "no release given: %s; %s", notes->v[0], how);
  return error_set(err, ERR_USAGE, "no release given: %s", how);
}

/* A source from the command line or RUN_ONCE_FROM takes the place of the file's from: and image: both. */
static int set_source(struct settings *s, const struct options *o, struct strv *notes, struct error *err) {
  const struct option_value *from = option_last(o, OPT_FROM);
  if (from) {
    struct source_ref source;
    if (source_parse(from->text, &source, err) < 0) return -1;
    source_done(&s->source);
    s->source = source;
    if (s->image && !option_text(o, OPT_IMAGE) && from->layer >= LAYER_ENVIRONMENT) {
      strv_take(notes, xprintf("image %s of the release file is left out: --from %s is given", s->image,
                               from->text));
      free(TAKE(s->image));
    }
  }
  replace(&s->image, option_text(o, OPT_IMAGE));
  replace(&s->image_of, option_text(o, OPT_IMAGE_OF));
  replace(&s->platform, option_text(o, OPT_PLATFORM));
  replace(&s->app, option_text(o, OPT_APP));
  if (s->source.kind == SOURCE_NONE && !s->image && !s->kube.template_file) return no_release(notes, err);
  return 0;
}

static void set_entrypoint(struct settings *s, const struct options *o) {
  const char *word = option_text(o, OPT_ENTRYPOINT);
  if (!word) return;
  strv_done(&s->entrypoint);
  s->entrypoint_set = true;
  if (*word) strv_add(&s->entrypoint, word);
}

/* Networks of the highest layer replace the others. */
static void set_networks(struct settings *s, const struct options *o) {
  const struct option_value *last = option_last(o, OPT_NETWORK);
  if (!last) return;
  strv_done(&s->networks);
  s->networks_set = true;
  for (size_t i = 0; i < o->given[OPT_NETWORK].n; i++) {
    const struct option_value *v = &o->given[OPT_NETWORK].v[i];
    if (v->layer == last->layer && !strv_has(&s->networks, v->text)) strv_add(&s->networks, v->text);
  }
}

static const enum kube_pull pull_policies[] = {
    [PULL_MISSING] = KUBE_PULL_MISSING, [PULL_ALWAYS] = KUBE_PULL_ALWAYS, [PULL_NEVER] = KUBE_PULL_NEVER};

static void set_kube(struct kube_settings *k, const struct options *o) {
  replace(&k->container, option_text(o, OPT_CONTAINER));
  replace(&k->volumes_of, option_text(o, OPT_VOLUMES_OF));
  add_all(&k->with, o, OPT_WITH);
  k->init_containers = option_flag(o, OPT_INIT_CONTAINERS);
  const char *streams = option_text(o, OPT_STREAMS);
  k->streams_apart = streams && !strcmp(streams, "apart");
  if (option_last(o, OPT_PULL)) k->pull = pull_policies[option_choice(o, OPT_PULL, PULL_MISSING)];
}

int overlay_settings(struct settings *s, const struct options *o, struct strv *notes, struct error *err) {
  if (set_source(s, o, notes, err) < 0) return -1;
  if (add_env_files(s, o, err) < 0 || add_env(s, o, err) < 0 || add_volumes(s, o, err) < 0) return -1;
  set_entrypoint(s, o);
  set_networks(s, o);
  replace(&s->user, option_text(o, OPT_USER));
  replace(&s->workdir, option_text(o, OPT_WORKDIR));
  replace(&s->hostname, option_text(o, OPT_HOSTNAME));
  replace(&s->log_driver, option_text(o, OPT_LOG_DRIVER));
  add_all(&s->labels, o, OPT_LABEL);
  add_all(&s->keep_labels, o, OPT_KEEP_LABEL);
  add_all(&s->keep_env, o, OPT_KEEP_ENV);
  s->memory = option_number(o, OPT_MEMORY, s->memory);
  s->nano_cpus = option_number(o, OPT_CPUS, s->nano_cpus);
  s->log_max = option_number(o, OPT_LOG_MAX, s->log_max);
  s->stop_grace_ms = option_number(o, OPT_STOP_GRACE, s->stop_grace_ms);
  set_kube(&s->kube, o);
  if (option_text(o, OPT_INIT)) s->init = option_flag(o, OPT_INIT) ? TRI_YES : TRI_NO;
  if (option_text(o, OPT_CREATE_VOLUMES)) s->create_volumes = option_flag(o, OPT_CREATE_VOLUMES);
  return 0;
}

int overlay_command(struct settings *s, const struct cli *c, const struct task *task, struct error *err) {
  if (!task) strv_done(&s->argv);
  if (task && s->argv.n == 0) strv_copy(&s->argv, &task->command);
  for (int i = 0; i < c->argc; i++) strv_add(&s->argv, c->argv[i]);
  if (s->argv.n == 0)
    return error_set(err, ERR_USAGE, "%s: no COMMAND given; write run-once %s [OPTIONS] -- COMMAND [ARG...]",
                     c->command->name, c->command->name);
  if (!*s->argv.v[0]) return error_set(err, ERR_USAGE, "COMMAND: it is an empty word");
  if (!option_flag(&c->opts, OPT_SHELL)) return 0;
  if (task) return error_set(err, ERR_USAGE, "--shell: not for tasks; their command is in the release file");
  if (s->argv.n != 1)
    return error_set(err, ERR_USAGE, "--shell: takes one word, %zu were given; quote the whole script",
                     s->argv.n);
  CLEANUP_FREE char *word = xstrdup(s->argv.v[0]);
  strv_done(&s->argv);
  strv_add(&s->argv, "/bin/sh");
  strv_add(&s->argv, "-c");
  strv_add(&s->argv, word);
  return 0;
}
