#include "runtime/docker/labels.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include <string.h>

/* Names end with '.' or '_' when they are prefixes. */
static const char *const acting[] = {
    "com.docker.compose.",
    "com.docker.swarm.",
    "com.docker.stack.",
    "traefik.",
    "caddy",
    "caddy.",
    "caddy_",
    "com.centurylinklabs.watchtower.",
    "com.ouroboros.",
    "wud.",
    "diun.",
    "shepherd.",
    "io.containers.autoupdate",
    "io.containers.autoupdate.",
};

static const char *const switches[] = {".enable", ".enabled", ".watch", ".autodeploy"};

bool label_acts(const char *name) {
  for (size_t i = 0; i < ARRAY_LEN(acting); i++) {
    size_t n = strlen(acting[i]);
    bool prefix = acting[i][n - 1] == '.' || acting[i][n - 1] == '_';
    if (prefix ? !strncasecmp(name, acting[i], n) : !strcasecmp(name, acting[i])) return true;
  }
  return false;
}

const char *label_neutral(const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
    size_t n = strlen(switches[i]);
    if (len > n && !strcasecmp(name + len - n, switches[i])) return "false";
  }
  return "";
}

/* By these jobs are found, locks are held and things are removed. */
static int refuse_ours(const char *option, const char *name, struct error *err) {
  if (strncmp(name, "run-once.", 9) != 0) return 0;
  return error_set(err, ERR_USAGE, "%s %s failed: labels that begin with run-once. are run-once's own",
                   option, name);
}

static int keep_asked(struct clone *c, json_t *labels, const json_t *source, struct error *err) {
  for (size_t i = 0; i < c->s->keep_labels.n; i++) {
    const char *name = c->s->keep_labels.v[i];
    if (refuse_ours("--keep-label", name, err) < 0) return -1;
    json_t *value = json_object_get(source, name);
    if (value)
      json_object_set(labels, name, value);
    else
      plan_note(c, "--keep-label %s: the source has no such label", name);
  }
  return 0;
}

static int add_given(struct clone *c, json_t *labels, struct error *err) {
  for (size_t i = 0; i < c->s->labels.n; i++) {
    const char *text = c->s->labels.v[i], *equals = strchr(text, '=');
    CLEANUP_FREE char *name = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
    CLEANUP_JSON json_t *value = json_string(equals ? equals + 1 : "");
    if (refuse_ours("--label", name, err) < 0) return -1;
    if (!*name || json_object_set(labels, name, value) < 0)
      return error_set(err, ERR_CONFIG, "label %s failed: it must be NAME=VALUE in UTF-8",
                       *name ? name : "=");
  }
  return 0;
}

/* Labels of the image come along whatever we do; a value of ours wins over the image's. */
static void neutralise(struct clone *c, json_t *labels, const json_t *of_image) {
  const char *name;
  json_t *value;
  bool traefik = false;
  json_object_foreach((json_t *)of_image, name, value) {
    if (!label_acts(name)) continue;
    traefik = traefik || !strncasecmp(name, "traefik.", 8);
    if (json_object_get(labels, name)) continue;
    json_object_set_new(labels, name, json_string(label_neutral(name)));
    plan_dropped(c, "a label of the image cannot be removed, so it is set to nothing", "image label %s",
                 name);
  }
  /* Empty rules alone would leave traefik with a router without a rule. */
  if (traefik && !json_object_get(labels, "traefik.enable"))
    json_object_set_new(labels, "traefik.enable", json_string("false"));
}

static void tell_dropped(struct clone *c, const json_t *labels, const json_t *source,
                         const json_t *of_image) {
  const json_t *of_old = c->f->replaced ? json_at(c->f->old_image, "Config.Labels") : NULL;
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)source, name, value) {
    if (json_equal(json_object_get(labels, name), value)) continue;
    if (json_equal(json_object_get(of_image, name), value)) continue; /* comes with the image: plan.labels */
    if (json_equal(json_object_get(of_old, name), value)) continue;   /* went with the old one */
    plan_dropped(c, "no label of the source is copied (--keep-label keeps one)", "label %s", name);
  }
}

int clone_labels(struct clone *c, struct error *err) {
  const json_t *source = json_at(c->f->source, "Config.Labels");
  if (!source) source = json_at(c->s->described, "labels");
  const json_t *of_image = json_at(c->f->image, "Config.Labels");
  json_t *labels = json_object();
  json_object_set_new(c->config, "Labels", labels);
  if (keep_asked(c, labels, source, err) < 0) return -1;
  if (add_given(c, labels, err) < 0) return -1;
  neutralise(c, labels, of_image);
  tell_dropped(c, labels, source, of_image);
  json_t *shown = json_is_object(of_image) ? json_copy((json_t *)of_image) : json_object();
  json_object_update(shown, labels);
  json_object_set_new(c->plan, "labels", shown);
  plan_checked(c, "no label of the source that others act upon is on the copy%s",
               c->s->keep_labels.n ? ", except those kept by request" : "");
  return 0;
}
