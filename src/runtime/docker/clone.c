#include "runtime/docker/clone.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/docker/labels.h"
#include "runtime/docker/service.h"
#include <string.h>

/* What the engine does with "Entrypoint": absent takes the image's, [""] clears it. */
static json_t *cleared(void) {
  return json_pack("[s]", "");
}

static bool empty(const json_t *o, const char *path) {
  const json_t *v = json_at(o, path);
  return !v || (json_is_array(v) && json_array_size(v) == 0) || (json_is_string(v) && !*json_string_value(v));
}

bool clone_inherited(const struct clone *c, const char *key) {
  if (!c->f->replaced || !c->f->old_image) return false;
  CLEANUP_FREE char *path = xprintf("Config.%s", key);
  if (empty(c->f->source, path) && empty(c->f->old_image, path)) return true;
  json_t *ours = json_at(c->f->source, path), *theirs = json_at(c->f->old_image, path);
  return ours && theirs && json_equal(ours, theirs);
}

/* With another image, what the source merely has from its old one is left to the new one. */
static void drop_inherited(struct clone *c) {
  static const char *const keys[] = {"Entrypoint", "User", "WorkingDir", "StopSignal", "Shell"};
  for (size_t i = 0; i < ARRAY_LEN(keys); i++)
    if (clone_inherited(c, keys[i])) json_object_del(c->config, keys[i]);
  if (!c->f->replaced || !c->f->old_image) return;
  /* Anonymous volumes that the old image declared: the new image declares its own. */
  json_t *declared = json_at(c->f->old_image, "Config.Volumes");
  json_t *volumes = json_object_get(c->config, "Volumes");
  const char *target;
  json_t *unused;
  if (json_is_object(volumes)) json_object_foreach(declared, target, unused) json_object_del(volumes, target);
}

static void drop_nulls(json_t *o) {
  const char *key;
  json_t *value;
  void *tmp;
  json_object_foreach_safe(o, tmp, key, value) if (json_is_null(value)) json_object_del(o, key);
}

static json_t *argv_array(const struct strv *v) {
  json_t *a = json_array();
  for (size_t i = 0; i < v->n; i++) json_array_append_new(a, json_string(v->v[i]));
  return a;
}

static void set_entrypoint(struct clone *c) {
  if (c->s->entrypoint_set) {
    json_object_set_new(c->config, "Entrypoint",
                        c->s->entrypoint.n ? argv_array(&c->s->entrypoint) : cleared());
  } else if (empty(c->config, "Entrypoint")) {
    /* The source runs without one although its image has one: it was cleared, and stays so. */
    bool was_cleared = c->f->source && !c->f->unmerged && empty(c->f->source, "Config.Entrypoint") &&
                       !clone_inherited(c, "Entrypoint") && !empty(c->f->image, "Config.Entrypoint");
    if (was_cleared)
      json_object_set_new(c->config, "Entrypoint", cleared());
    else
      json_object_del(c->config, "Entrypoint");
  }
}

static int set_command(struct clone *c, struct error *err) {
  const struct strv *argv = &c->s->argv;
  if (argv->n == 0) return error_set(err, ERR_USAGE, "the command failed: it is empty");
  json_t *cmd = json_array();
  json_object_set_new(c->config, "Cmd", cmd);
  for (size_t i = 0; i < argv->n; i++) {
    size_t len = strlen(argv->v[i]);
    if (len > LIMIT_ENV_STRING)
      return error_set(err, ERR_CONFIG,
                       "argument %zu of the command failed: %zu bytes, no kernel takes more than %u", i, len,
                       LIMIT_ENV_STRING);
    json_t *word = json_string(argv->v[i]);
    if (!word) return error_set(err, ERR_CONFIG, "argument %zu of the command failed: it is not UTF-8", i);
    json_array_append_new(cmd, word);
  }
  return 0;
}

static void set_streams(struct clone *c) {
  bool tty = c->s->tty, input = c->s->open_stdin;
  json_object_set_new(c->config, "Tty", json_boolean(tty));
  json_object_set_new(c->config, "OpenStdin", json_boolean(input));
  json_object_set_new(c->config, "AttachStdin", json_boolean(input));
  /* Without StdinOnce the engine closes our output together with the input (protocols A6). */
  json_object_set_new(c->config, "StdinOnce", json_boolean(input));
  json_object_set_new(c->config, "AttachStdout", json_true());
  json_object_set_new(c->config, "AttachStderr", json_true());
}

static void set_hostname(struct clone *c) {
  const char *was = json_str(c->f->source, "Config.Hostname"), *id = json_str(c->f->source, "Id");
  const char *want = c->s->hostname;
  if (!was) was = json_str(c->s->described, "hostname");
  if (want && !strcmp(want, "source")) want = was;
  json_object_del(c->config, "Hostname");
  if (want && *want) {
    json_object_set_new(c->config, "Hostname", json_string(want));
  } else if (was && *was && !(id && !strncmp(id, was, strlen(was)))) {
    plan_dropped(c, "the copy must not answer to the application's name (--hostname source keeps it)",
                 "hostname %s", was);
  }
}

static int set_config(struct clone *c, struct error *err) {
  static const char *const dropped[] = {"ExposedPorts", "MacAddress", "OnBuild", "ArgsEscaped",
                                        "Image",        "Cmd",        "Labels",  "Env"};
  for (size_t i = 0; i < ARRAY_LEN(dropped); i++) json_object_del(c->config, dropped[i]);
  if (!empty(c->f->source, "Config.Healthcheck.Test") || !empty(c->f->image, "Config.Healthcheck.Test"))
    plan_dropped(c, "a run-once command is not probed", "health check");
  const char *mac = json_str(c->f->source, "Config.MacAddress");
  if (mac && *mac) plan_dropped(c, "two containers cannot have one address", "fixed MAC %s", mac);
  drop_inherited(c);
  drop_nulls(c->config);
  json_object_set_new(c->config, "Healthcheck", json_pack("{s:[s]}", "Test", "NONE"));
  set_entrypoint(c);
  set_streams(c);
  set_hostname(c);
  return set_command(c, err);
}

char *image_short_name(const char *reference) {
  if (!reference) return xstrdup("image");
  size_t len = strcspn(reference, "@");
  const char *slash = memrchr(reference, '/', len);
  const char *name = slash ? slash + 1 : reference;
  len -= (size_t)(name - reference);
  const char *colon = memchr(name, ':', len);
  return xstrndup(name, colon ? (size_t)(colon - name) : len);
}

/* Of a label whose name holds dots. */
static const char *source_label(const struct clone *c, const char *name) {
  return json_string_value(json_object_get(json_at(c->f->source, "Config.Labels"), name));
}

static void fill_names(struct clone *c, struct prepared *p) {
  const char *service = json_str(c->f->source, "Service.Name");
  const char *name = service ? service : json_str(c->f->source, "Name");
  const char *project = source_label(c, service ? LABEL_STACK : LABEL_COMPOSE_PROJECT);
  if (!project) project = json_str(c->s->described, "project");
  if (name && *name == '/') name++;
  if (c->s->app)
    p->app = xstrdup(c->s->app);
  else if (c->s->name)
    p->app = xstrdup(c->s->name);
  else if (project && *project)
    p->app = xstrdup(project);
  else
    p->app = name ? xstrdup(name) : image_short_name(p->image);
  p->release_name = xstrdup(c->s->name ? c->s->name : p->app);
  if (!c->f->source) return;
  p->target_kind = xstrdup(service ? "service" : "container");
  p->target_name = xstrdup(name);
  p->target_id = xstrdup(json_str(c->f->source, service ? "Service.ID" : "Id"));
}

/* "repo@sha256:..": of the reference's own repository if it is there, else the first. */
static char *repo_digest(const json_t *image, const char *reference) {
  const json_t *list = json_at(image, "RepoDigests");
  const char *found = NULL;
  size_t i, len = reference ? strcspn(reference, "@") : 0;
  json_t *item;
  const char *colon = len ? memrchr(reference, ':', len) : NULL;
  if (colon && !memchr(colon, '/', len - (size_t)(colon - reference))) len = (size_t)(colon - reference);
  json_array_foreach(list, i, item) {
    const char *text = json_string_value(item), *at = text ? strchr(text, '@') : NULL;
    if (!at) continue;
    if (!found) found = at + 1;
    if (len && (size_t)(at - text) == len && !strncmp(text, reference, len)) {
      found = at + 1;
      break;
    }
  }
  return xstrdup(found);
}

static void fill_image(struct clone *c, struct prepared *p) {
  const char *was = json_str(c->f->source, "Config.Image"), *id = json_str(c->f->image, "Id");
  if (!was) was = json_str(c->s->described, "image");
  p->image = xstrdup(c->s->image ? c->s->image : was ? was : c->s->source.name);
  p->image_id = xstrdup(id);
  p->digest = repo_digest(c->f->image, p->image);
  if (c->f->replaced) plan_difference(c, "image: %s -> %s", was ? was : "?", p->image);
  /* By id, so that a tag that moves between looking and creating changes nothing. */
  json_object_set_new(c->config, "Image", json_string(id ? id : p->image));
}

#define GRACE_DEFAULT_MS 10000
#define GRACE_FOREVER_MS (365LL * 86400 * 1000) /* StopTimeout -1 */

static void fill_stop(struct clone *c, struct prepared *p) {
  long long seconds = json_int_or(c->config, "StopTimeout", 10);
  if (c->s->stop_grace_ms >= 0) {
    p->stop_grace_ms = c->s->stop_grace_ms;
    json_object_set_new(c->config, "StopTimeout", json_integer((c->s->stop_grace_ms + 999) / 1000));
  } else if (json_at(c->config, "StopTimeout")) {
    p->stop_grace_ms = seconds < 0 ? GRACE_FOREVER_MS : seconds * 1000;
  } else {
    p->stop_grace_ms = GRACE_DEFAULT_MS;
  }
  if (c->s->stop_signal) json_object_set_new(c->config, "StopSignal", json_string(c->s->stop_signal));
  const char *sig = json_str(c->config, "StopSignal");
  if (!sig || !*sig) sig = json_str(c->f->image, "Config.StopSignal");
  p->stop_signal = xstrdup(sig && *sig ? sig : "SIGTERM");
  p->tty = c->s->tty;
}

/* Entrypoint and command as they will run. */
static void fill_argv(struct clone *c, struct prepared *p) {
  const json_t *entry = json_at(c->config, "Entrypoint");
  if (!entry) entry = json_at(c->f->image, "Config.Entrypoint");
  size_t i;
  json_t *word;
  json_array_foreach(entry, i, word) {
    const char *text = json_string_value(word);
    if (text && *text) strv_add(&p->argv, text);
  }
  for (i = 0; i < c->s->argv.n; i++) strv_add(&p->argv, c->s->argv.v[i]);
}

static json_t *copy_of(const json_t *o) {
  return json_is_object(o) ? json_deep_copy(o) : json_object();
}

static void begin(struct clone *c, struct prepared *p) {
  memset(p, 0, sizeof *p);
  strv_init(&p->argv);
  strv_init(&p->notes);
  p->request = copy_of(json_at(c->f->source, "Config"));
  p->plan = json_object();
  p->private_parts = json_object();
  c->request = c->config = p->request;
  c->host = copy_of(json_at(c->f->source, "HostConfig"));
  json_object_set_new(p->request, "HostConfig", c->host);
  c->plan = p->plan;
  c->private_parts = p->private_parts;
  c->notes = &p->notes;
  c->origin = c->f->source && c->s->source.text ? c->s->source.text : "image";
}

static void fill_private(struct clone *c) {
  const char *id = json_str(c->f->source, "Id");
  if (id) json_object_set_new(c->private_parts, "source_id", json_string(id));
  if (c->s->platform) json_object_set_new(c->private_parts, "platform", json_string(c->s->platform));
  if (c->f->late && json_array_size(c->f->late))
    json_object_set_new(c->private_parts, "late", json_deep_copy(c->f->late));
}

int clone_build(const struct settings *s, const struct facts *f, struct prepared *ret, struct error *err) {
  struct clone c = {.s = s, .f = f};
  begin(&c, ret);
  if (set_config(&c, err) < 0) return -1;
  fill_image(&c, ret);
  fill_names(&c, ret);
  clone_host(&c);
  if (clone_mounts(&c, err) < 0 || clone_network(&c, err) < 0 || clone_env(&c, err) < 0 ||
      clone_labels(&c, err) < 0 || settings_apply(&c, err) < 0)
    return -1;
  fill_stop(&c, ret);
  fill_argv(&c, ret);
  fill_private(&c);
  plan_finish(&c, ret);
  return 0;
}
