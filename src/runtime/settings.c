#include "runtime/settings.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/name_index.h"
#include "base/parse.h"
#include <stdlib.h>
#include <string.h>

void settings_init(struct settings *s) {
  *s = (struct settings){.memory = -1, .nano_cpus = -1, .stop_grace_ms = -1, .log_max = 100 << 20};
  s->init = s->read_only = s->privileged = TRI_UNSET;
  s->extra = json_object();
  s->env_index = xcalloc(1, sizeof(*s->env_index));
}

static void mount_done(struct mount_setting *m) {
  free(m->source);
  free(m->target);
  free(m->options);
  free(m->origin);
}

void settings_done(struct settings *s) {
  char *texts[] = {s->name,
                   s->app,
                   s->image,
                   s->image_of,
                   s->platform,
                   s->task,
                   s->user,
                   s->workdir,
                   s->hostname,
                   s->stop_signal,
                   s->log_driver,
                   s->kube.namespace,
                   s->kube.container,
                   s->kube.service_account,
                   s->kube.template_file,
                   s->kube.volumes_of};
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) free(texts[i]);
  struct strv *lists[] = {&s->argv,   &s->entrypoint, &s->drop_env, &s->keep_env, &s->keep_labels,
                          &s->labels, &s->networks,   &s->notes,    &s->kube.with};
  for (size_t i = 0; i < ARRAY_LEN(lists); i++) strv_done(lists[i]);
  source_done(&s->source);
  if (s->env_index) name_index_done(s->env_index);
  free(s->env_index);
  for (size_t i = 0; i < s->n_env; i++) {
    free(s->env[i].name);
    free(s->env[i].value);
    free(s->env[i].origin);
  }
  free(s->env);
  for (size_t i = 0; i < s->n_mounts; i++) mount_done(&s->mounts[i]);
  free(s->mounts);
  json_decref(s->extra);
  json_decref(s->described);
  *s = (struct settings){0};
}

/* Room for one more in an array of n that doubles at every power of two. */
static void *room_for_one(void *array, size_t n, size_t size) {
  return (n & (n - 1)) == 0 ? xrealloc(array, (n ? 2 * n : 1) * size) : array;
}

void settings_env(struct settings *s, const char *name, const char *value, const char *origin) {
  size_t i;
  if (!name_index_get(s->env_index, name, &i)) {
    i = s->n_env;
    s->env = room_for_one(s->env, i, sizeof(*s->env));
    s->env[i] = (struct env_setting){.name = xstrdup(name)};
    s->n_env++;
    name_index_put(s->env_index, s->env[i].name, i);
  }
  struct env_setting *e = &s->env[i];
  char *old_value = e->value, *old_origin = e->origin;
  e->value = xstrdup(value);
  e->origin = xstrdup(origin);
  e->of_source = false;
  free(old_value);
  free(old_origin);
}

void settings_env_of_source(struct settings *s, const char *name, const char *value, const char *origin) {
  size_t i;
  settings_env(s, name, value, origin);
  if (name_index_get(s->env_index, name, &i)) s->env[i].of_source = true;
}

const char *settings_env_value(const struct settings *s, const char *name) {
  size_t i;
  return name_index_get(s->env_index, name, &i) ? s->env[i].value : NULL;
}

void settings_mount(struct settings *s, const struct mount_setting *m) {
  struct mount_setting copy = {.kind = m->kind,
                               .source = xstrdup(m->source),
                               .target = xstrdup(m->target),
                               .read_only = m->read_only,
                               .options = xstrdup(m->options),
                               .origin = xstrdup(m->origin)};
  for (size_t i = 0; i < s->n_mounts; i++)
    if (!strcmp(s->mounts[i].target, m->target)) {
      mount_done(&s->mounts[i]);
      s->mounts[i] = copy;
      return;
    }
  s->mounts = room_for_one(s->mounts, s->n_mounts, sizeof(copy));
  s->mounts[s->n_mounts++] = copy;
}

static const char *const source_types[] = {"image",      "container",   "compose",   "service",
                                           "deployment", "statefulset", "daemonset", "replicaset",
                                           "cronjob",    "job",         "pod"};

static enum source_kind kind_of(const char *type) {
  if (!strcmp(type, "image")) return SOURCE_IMAGE;
  if (!strcmp(type, "container")) return SOURCE_CONTAINER;
  if (!strcmp(type, "compose")) return SOURCE_COMPOSE;
  if (!strcmp(type, "service")) return SOURCE_SERVICE;
  for (size_t i = 4; i < ARRAY_LEN(source_types); i++)
    if (!strcmp(type, source_types[i])) return SOURCE_WORKLOAD;
  return SOURCE_NONE;
}

static int parse_compose_file(const char *text, struct source_ref *ret, struct error *err) {
  const char *hash = strrchr(text, '#');
  if (!hash || hash == text + strlen("file:") || !hash[1])
    return error_set(err, ERR_USAGE, "source '%s': expected file:PATH#SERVICE", text);
  *ret = (struct source_ref){
      .kind = SOURCE_COMPOSE_FILE, .text = xstrdup(text), .type = xstrdup("file"), .name = xstrdup(hash + 1)};
  return 0;
}

static int unknown_type(const char *text, const char *type, struct error *err) {
  const char *near = nearest_word(type, source_types, ARRAY_LEN(source_types));
  if (near)
    return error_set(err, ERR_USAGE, "source '%s': unknown kind '%s'; did you mean '%s/'?", text, type, near);
  return error_set(
      err, ERR_USAGE,
      "source '%s': unknown kind '%s'; an image is written image/REF, a container container/NAME", text,
      type);
}

int source_parse(const char *text, struct source_ref *ret, struct error *err) {
  if (!strncmp(text, "file:", 5)) return parse_compose_file(text, ret, err);
  const char *slash = strchr(text, '/');
  if (!slash)
    return error_set(err, ERR_USAGE,
                     "source '%s': expected KIND/NAME, such as image/%s, container/%s or compose/%s", text,
                     *text ? text : "REF", *text ? text : "NAME", *text ? text : "SERVICE");
  CLEANUP_FREE char *type = xstrndup(text, (size_t)(slash - text));
  enum source_kind kind = kind_of(type);
  if (kind == SOURCE_NONE) return unknown_type(text, type, err);
  const char *name = slash + 1, *inner = strchr(name, '/');
  CLEANUP_FREE char *project = NULL;
  if (kind == SOURCE_COMPOSE && inner) {
    if (inner == name) return error_set(err, ERR_USAGE, "source '%s': the project is empty", text);
    project = xstrndup(name, (size_t)(inner - name));
    name = inner + 1;
  }
  if (!*name) return error_set(err, ERR_USAGE, "source '%s': the name after '%s/' is empty", text, type);
  if (kind != SOURCE_IMAGE && strchr(name, '/'))
    return error_set(err, ERR_USAGE, "source '%s': too many '/'; expected %s", text,
                     kind == SOURCE_COMPOSE ? "compose/SERVICE or compose/PROJECT/SERVICE" : "KIND/NAME");
  *ret = (struct source_ref){.kind = kind,
                             .text = xstrdup(text),
                             .type = TAKE(type),
                             .project = TAKE(project),
                             .name = xstrdup(name)};
  return 0;
}

void source_done(struct source_ref *ref) {
  free(ref->text);
  free(ref->type);
  free(ref->project);
  free(ref->name);
  *ref = (struct source_ref){0};
}
