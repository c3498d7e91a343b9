/* The merged service, key by key, over the settings. Most keys are read by the handlers of the release file.
 */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "data/envfile.h"
#include "data/json.h"
#include "release/compose/compose.h"
#include "release/compose/words.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void compose_left_out(struct settings *s, const char *why, const char *fmt, ...) {
  char what[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(what, sizeof(what), fmt, ap);
  va_end(ap);
  json_t *list = json_object_get(s->described, "left_out");
  json_array_append_new(list, json_pack("{s:s%, s:s}", "what", what, strlen(what), "why", why));
}

/* The handlers take place and folder from the release file that is read: that is the node's own file here. */
static void stand_at(struct reading *in, const struct yaml *node) {
  if (!node->file) return;
  const struct compose_file *file = compose_file_of(in->compose, node);
  in->release->file = file->shown;
  in->release->dir = file->dir;
}

int compose_each(struct reading *in, const struct key *k, const struct yaml *value, key_fn *read,
                 struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    struct yaml one = {.kind = YAML_LIST, .line = value->items[i]->line, .items = &value->items[i], .n = 1};
    stand_at(in, value->items[i]);
    if (read(in, k, &one, err)) return -1;
  }
  return 0;
}

int read_service_image(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  if (!*value->text || !json_object_set_new(in->settings->described, "image", json_string(value->text)))
    return 0;
  return complain(in, value->line, k->name, err, "is not UTF-8");
}

/* A name without value comes from the caller or .env; set nowhere, it is not in the container either. */
int read_service_environment(struct reading *in, const struct key *k, const struct yaml *value,
                             struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml_pair *pair = &value->pairs[i];
    const char *text = compose_text(pair->value);
    stand_at(in, pair->value);
    if (!*pair->key || strchr(pair->key, '='))
      return complain(in, pair->line, k->name, err, "'%s' is not a name", pair->key);
    if (!text && pair->value->kind != YAML_NULL)
      return complain(in, pair->line, k->name, err, "%s: expected a string or a number, found %s", pair->key,
                      yaml_kind_name(pair->value->kind));
    if (!text) text = dotenv_lookup(in->compose->env, pair->key);
    CLEANUP_FREE char *origin = xprintf("%s:%d", in->release->file, pair->line);
    if (text) settings_env_of_source(in->settings, pair->key, text, origin);
  }
  return 0;
}

struct env_file {
  struct reading *in;
  const char *shown;
  struct settings set; /* by this file */
};

/* ${} in a file sees what the files before it set, then the project's variables, then what stands above. */
static const char *lookup(void *data, const char *name) {
  const struct env_file *f = data;
  const char *value = settings_env_value(f->in->settings, name);
  return value ? value : dotenv_lookup(f->in->compose->env, name);
}

static int add_variable(void *data, const char *name, const char *value, int line, struct error *err) {
  struct env_file *f = data;
  (void)err;
  if (!value) value = lookup(data, name);
  if (!value) return 0;
  CLEANUP_FREE char *origin = xprintf("env_file %s:%d", f->shown, line);
  settings_env_of_source(&f->set, name, value, origin);
  return 0;
}

static int read_env_of(struct reading *in, const struct yaml *item, const char *name, bool required, bool raw,
                       struct error *err) {
  CLEANUP_FREE char *path = compose_path(in->compose, item, name);
  struct env_file f = {.in = in, .shown = name};
  struct buf text;
  if (!file_exists(path)) {
    if (!required) return 0;
    return compose_complain(item, "env_file", err, "no such file: %s; with required: false it may be missing",
                            path);
  }
  if (compose_read(path, item, &text, err)) return -1;
  const char *data = text.data ? text.data : "";
  settings_init(&f.set);
  int rc = raw ? envfile_docker_text(path, data, text.len, add_variable, &f, err)
               : envfile_compose_text(path, data, text.len, lookup, &f, add_variable, &f, err);
  for (size_t i = 0; i < f.set.n_env && rc == 0; i++)
    settings_env_of_source(in->settings, f.set.env[i].name, f.set.env[i].value, f.set.env[i].origin);
  settings_done(&f.set);
  buf_done(&text);
  return rc;
}

static int read_env_item(struct reading *in, const struct key *k, const struct yaml *item,
                         struct error *err) {
  const char *name = compose_text(item), *format = NULL;
  bool required = true;
  if (!name && item->kind != YAML_MAP) return wrong_type(in, k, item, err);
  for (size_t i = 0; item->kind == YAML_MAP && i < item->n; i++) {
    const struct yaml_pair *pair = &item->pairs[i];
    const char *text = compose_text(pair->value);
    if (!strcmp(pair->key, "path"))
      name = text;
    else if (!strcmp(pair->key, "format"))
      format = text ? text : "";
    else if (strcmp(pair->key, "required") != 0 && !key_ignored(pair->key))
      return complain(in, pair->line, k->name, err, "unknown key '%s'; known are path, required, format",
                      pair->key);
    else if (!strcmp(pair->key, "required") && (!text || parse_bool(text, &required)))
      return complain(in, pair->line, k->name, err, "required: expected true or false");
  }
  if (format && strcmp(format, "raw") != 0)
    return complain(in, item->line, k->name, err, "format: expected raw, or no format at all");
  if (!name || !*name) return complain(in, item->line, k->name, err, "the path is missing");
  return read_env_of(in, item, name, required, format != NULL, err);
}

int read_service_env_file(struct reading *in, const struct key *k, const struct yaml *value,
                          struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    stand_at(in, value->items[i]);
    if (read_env_item(in, k, value->items[i], err)) return -1;
  }
  return 0;
}

/* entrypoint: a text is split as a shell splits words. */
int read_service_words(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct settings *s = in->settings;
  struct strv words = {0};
  if (value->kind == YAML_NULL) return 0;
  int rc = 0;
  if (value->kind == YAML_LIST)
    rc = value_list(in, k, value, false, &words, err);
  else if (value->kind != YAML_STRING)
    rc = wrong_type(in, k, value, err);
  else if (words_split(value->text, &words))
    rc = complain(in, value->line, k->name, err, "a quote is not closed");
  if (rc == 0) {
    s->entrypoint_set = true;
    strv_copy(&s->entrypoint, &words);
  }
  strv_done(&words);
  return rc;
}

int read_service_labels(struct reading *in, const struct key *k, const struct yaml *value,
                        struct error *err) {
  json_t *labels = json_object_in(in->settings->described, "labels");
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const char *text = compose_text(value->pairs[i].value);
    json_object_set_new(labels, value->pairs[i].key, json_string(text ? text : ""));
  }
  return 0;
}

int read_service_hostname(struct reading *in, const struct key *k, const struct yaml *value,
                          struct error *err) {
  const char *text = compose_text(value);
  if (!text) return value->kind == YAML_NULL ? 0 : wrong_type(in, k, value, err);
  json_object_set_new(in->settings->described, "hostname", json_string(text));
  return 0;
}

/* Services find each other by name on their networks; only another name for one needs the link. */
int read_service_links(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const char *text = compose_text(value->items[i]), *alias = text ? strchr(text, ':') : NULL;
    if (!text) return wrong_type(in, k, value->items[i], err);
    if (alias && strncmp(text, alias + 1, (size_t)(alias - text)) != 0)
      return compose_complain(value->items[i], "links", err,
                              "'%s': another name for a service is not supported; give the service a network "
                              "alias",
                              text);
    compose_left_out(in->settings, "services are found by their names on the networks", "link to %s", text);
  }
  return 0;
}

int read_service_depends(struct reading *in, const struct key *k, const struct yaml *value,
                         struct error *err) {
  const struct yaml *services = yaml_get(in->compose->model, "services");
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml *how = value->pairs[i].value, *required = yaml_get(how, "required");
    const char *condition = compose_text(yaml_get(how, "condition")), *text = compose_text(required);
    bool must = true;
    if (text && parse_bool(text, &must)) return wrong_type(in, k, required, err);
    if (!yaml_get(services, value->pairs[i].key) && must)
      return compose_complain(how, "depends_on", err, "there is no service '%s'", value->pairs[i].key);
    compose_left_out(in->settings, "nothing else is started: it must run already", "dependency on %s (%s)",
                     value->pairs[i].key, condition ? condition : "service_started");
  }
  return 0;
}

/* A copy of the key's row whose name is the engine-neutral one. */
static int put(struct reading *in, const struct key *k, int line, json_t *value, struct error *err) {
  if (json_object_set_new(in->settings->extra, k->name, value) == 0) return 0;
  return complain(in, line, k->name, err, "is not UTF-8");
}

int read_service_text(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  const char *text = compose_text(value);
  if (!text) return wrong_type(in, k, value, err);
  return *text ? put(in, k, value->line, json_string(text), err) : 0;
}

int read_service_flag(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  bool flag;
  if (value_bool(in, k, value, &flag, err)) return -1;
  return put(in, k, value->line, json_boolean(flag), err);
}

int read_service_list(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_extra_list(in, k, value, err);
}

int read_service_map(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  json_t *map = json_object_in(in->settings->extra, k->name);
  for (size_t i = 0; i < value->n; i++) {
    const char *text = compose_text(value->pairs[i].value);
    if (json_object_set_new(map, value->pairs[i].key, json_string(text ? text : "")))
      return complain(in, value->line, k->name, err, "is not UTF-8");
  }
  return 0;
}

/* container:NAME and host are the engine's; service:NAME would be a container that has yet to be found. */
int read_service_namespace(struct reading *in, const struct key *k, const struct yaml *value,
                           struct error *err) {
  const char *text = compose_text(value);
  if (text && !strncmp(text, "service:", 8))
    return complain(in, value->line, k->name, err,
                    "'%s' is not supported; write container:NAME with the name of its container", text);
  return read_service_text(in, k, value, err);
}

/* "no-new-privileges:true" is the old spelling of "=true"; a seccomp profile is a file of the caller's. */
int read_service_security(struct reading *in, const struct key *k, const struct yaml *value,
                          struct error *err) {
  if (value->kind != YAML_LIST) return wrong_type(in, k, value, err);
  json_t *list = json_array();
  int rc = 0;
  for (size_t i = 0; i < value->n && rc == 0; i++) {
    const struct yaml *item = value->items[i];
    const char *text = compose_text(item), *cut = text ? strpbrk(text, "=:") : NULL;
    if (!text) {
      rc = wrong_type(in, k, item, err);
    } else if (!strncmp(text, "seccomp", 7) && cut == text + 7 && strcmp(cut + 1, "unconfined") != 0) {
      CLEANUP_FREE char *path = compose_path(in->compose, item, cut + 1);
      struct buf profile;
      rc = compose_read(path, item, &profile, err);
      if (rc) break;
      CLEANUP_JSON json_t *read = json_parse(profile.data ? profile.data : "", profile.len, err);
      CLEANUP_FREE char *compact = read ? json_dumps(read, JSON_COMPACT) : NULL;
      buf_done(&profile);
      if (compact)
        json_array_append_new(list, json_sprintf("seccomp=%s", compact));
      else
        rc = error_prefix(err, "%s:%d: security_opt: %s", item->file, item->line, path);
    } else if (json_array_append_new(list, json_string(text))) {
      rc = complain(in, item->line, k->name, err, "is not UTF-8");
    }
  }
  if (rc == 0) return put(in, k, value->line, list, err);
  json_decref(list);
  return rc;
}

static int read_key(struct compose *c, const struct service_key *row, const struct yaml *value,
                    struct settings *s, struct error *err) {
  struct release at = {.file = c->files[0]->shown, .dir = c->dir};
  CLEANUP_FREE char *path = xprintf("services.%s", c->service);
  struct reading in = {.release = &at, .settings = s, .notes = c->notes, .path = path, .compose = c};
  stand_at(&in, value);
  if (value->kind == YAML_NULL) return 0;
  if (row->fate == FATE_READ) return row->key.read(&in, &row->key, value, err);
  if (row->fate == FATE_REFUSED) return complain(&in, value->line, row->key.name, err, "%s", row->why);
  if (row->fate == FATE_LEFT_OUT && !((value->kind == YAML_LIST || value->kind == YAML_MAP) && !value->n))
    compose_left_out(s, row->why, "%s%s%s (%s:%d)", row->key.name, compose_text(value) ? " " : "",
                     compose_text(value) ? value->text : "", value->file, value->line);
  return 0;
}

/* A service that only says how to build: the name Compose gives the image; nobody can pull that. */
static int settle_image(struct compose *c, const struct yaml *service, struct settings *s,
                        struct error *err) {
  const struct yaml *build = yaml_get(service, "build");
  json_object_set_new(s->described, "project", json_string(c->project));
  if (json_object_get(s->described, "image")) return 0;
  if (!build || build->kind == YAML_NULL)
    return compose_complain(service, c->service, err, "neither image: nor build: says what it runs");
  json_object_set_new(s->described, "image", json_sprintf("%s-%s", c->project, c->service));
  json_object_set_new(s->described, "built", json_sprintf("%s:%d", build->file, build->line));
  return 0;
}

/* Limits of the source are the ground, not what was asked for: memory: of a release file goes over them. */
static void settle_limits(struct settings *s) {
  if (s->memory >= 0) json_object_set_new(s->extra, "memory", json_integer(s->memory));
  if (s->nano_cpus >= 0) json_object_set_new(s->extra, "nano_cpus", json_integer(s->nano_cpus));
  s->memory = s->nano_cpus = -1;
  json_object_set_new(s->described, "extra", s->extra);
  s->extra = json_object();
}

int compose_service(struct compose *c, struct settings *s, struct error *err) {
  const struct yaml *service = yaml_get(yaml_get(c->model, "services"), c->service);
  static const struct yaml no_networks = {.kind = YAML_MAP};
  size_t n;
  const struct service_key *rows = service_keys(&n);
  json_decref(s->described);
  s->described = json_pack("{s:[]}", "left_out");
  for (size_t i = 0; i < n; i++) {
    const struct yaml *value = yaml_get(service, rows[i].key.name);
    if (value && read_key(c, &rows[i], value, s, err)) return -1;
  }
  if (!s->networks_set && read_key(c, service_key("networks"), &no_networks, s, err)) return -1;
  if (settle_image(c, service, s, err)) return -1;
  settle_limits(s);
  return 0;
}
