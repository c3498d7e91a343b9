#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include "runtime/docker/podman.h"
#include <inttypes.h>
#include <string.h>

static void tell_ports(struct clone *c) {
  const char *port;
  json_t *bindings, *binding;
  size_t i;
  json_object_foreach(json_at(c->host, "PortBindings"), port, bindings) {
    json_array_foreach(bindings, i, binding) {
      const char *host = json_str(binding, "HostPort");
      plan_dropped(c, "the application's traffic must not reach the copy", "published port %s -> %s",
                   host && *host ? host : "any", port);
    }
  }
  if (json_is(c->host, "PublishAllPorts"))
    plan_dropped(c, "the application's traffic must not reach the copy", "publishing of all ports");
  plan_checked(c, "no port is published");
}

static void tell_policy(struct clone *c) {
  const char *policy = json_str(c->host, "RestartPolicy.Name");
  if (policy && *policy && strcmp(policy, "no") != 0)
    plan_dropped(c, "the command runs once", "restart policy %s", policy);
  if (json_is(c->host, "AutoRemove"))
    plan_dropped(c, "run-once removes the copy itself, after its state was read", "auto-remove");
}

/* Capped, and readable whatever the daemon's default is. Two files: one is being filled while the other is
 * still whole. compress would cost the engine a quarter of its time. */
static json_t *log_config(const struct settings *s) {
  const char *driver = s->log_driver ? s->log_driver : "local";
  bool local = !strcmp(driver, "local"), json_file = !strcmp(driver, "json-file");
  json_t *options = json_object();
  if ((local || json_file) && s->log_max > 0) {
    int64_t each = s->log_max / 2 > 0 ? s->log_max / 2 : 1;
    json_object_set_new(options, "max-size", json_sprintf("%" PRId64, each));
    json_object_set_new(options, "max-file", json_string("2"));
  }
  if (local) json_object_set_new(options, "compress", json_string("false"));
  return json_pack("{s:s, s:o}", "Type", driver, "Config", options);
}

/* What mounts, network and settings rebuild, and what belongs to the container and not to its configuration.
 */
static const char *const dropped[] = {"PortBindings",    "PublishAllPorts", "RestartPolicy", "AutoRemove",
                                      "ContainerIDFile", "LogConfig",       "ConsoleSize",   "Links"};

static void drop_nulls(json_t *o) {
  const char *key;
  json_t *value;
  void *tmp;
  json_object_foreach_safe(o, tmp, key, value) if (json_is_null(value)) json_object_del(o, key);
}

/* The engine answers "/db:/web/alias"; it is asked for as "db:alias". */
static void keep_links(struct clone *c) {
  json_t *links = json_array(), *link;
  size_t i;
  json_array_foreach(json_at(c->f->source, "HostConfig.Links"), i, link) {
    const char *text = json_string_value(link), *colon = text ? strchr(text, ':') : NULL;
    if (!colon) continue;
    const char *slash = strrchr(colon, '/'), *name = *text == '/' ? text + 1 : text;
    json_array_append_new(links,
                          json_sprintf("%.*s:%s", (int)(colon - name), name, slash ? slash + 1 : colon + 1));
  }
  if (json_array_size(links))
    json_object_set_new(c->host, "Links", links);
  else
    json_decref(links);
}

void clone_host(struct clone *c) {
  tell_ports(c);
  tell_policy(c);
  for (size_t i = 0; i < ARRAY_LEN(dropped); i++) json_object_del(c->host, dropped[i]);
  drop_nulls(c->host);
  keep_links(c);
  json_object_set_new(c->host, "RestartPolicy",
                      json_pack("{s:s, s:i}", "Name", "no", "MaximumRetryCount", 0));
  json_object_set_new(c->host, "AutoRemove", json_false());
  json_object_set_new(c->host, "LogConfig",
                      c->f->podman ? podman_log_config(c->s->log_driver, c->s->log_max) : log_config(c->s));
  if (c->s->tty && c->s->rows > 0 && c->s->cols > 0)
    json_object_set_new(c->host, "ConsoleSize", json_pack("[i, i]", c->s->rows, c->s->cols));
  const char *name = json_str(c->f->source, "Name");
  if (name)
    plan_dropped(c, "the copy has a name of its own", "container name %s", *name == '/' ? name + 1 : name);
}
