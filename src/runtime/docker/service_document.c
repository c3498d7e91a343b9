/* A service's specification in the shape of a container's inspect document. */
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/docker/service.h"
#include <string.h>

#define NEEDS_MAX 2048 /* bytes of the list inside the message */

json_t *service_spec(const json_t *service, const json_t *task) {
  json_t *own = json_at(task, "Spec");
  return own ? own : json_at(service, "Spec.TaskTemplate");
}

json_t *service_networks(const json_t *service, const json_t *task) {
  json_t *of_tasks = json_at(service_spec(service, task), "Networks");
  return of_tasks ? of_tasks : json_at(service, "Spec.Networks"); /* as engines wrote it before 17.06 */
}

void service_left_out(json_t *left_out, const char *what, const char *why) {
  json_array_append_new(left_out, json_pack("{s:s, s:s}", "what", what, "why", why));
}

static void set(json_t *to, const char *key, const json_t *value) {
  if (value && !json_is_null(value)) json_object_set_new(to, key, json_deep_copy(value));
}

/* What only tasks of the swarm can have: collected, so that one line names all of it. */
struct needs {
  const struct settings *s;
  struct buf list;
};

static void need(struct needs *n, const char *what, const char *name, const char *instead) {
  (void)buf_printf(&n->list, "%s%s %s (%s)", n->list.len ? ", " : "", what, name, instead);
}

static bool is_mounted(const struct settings *s, const char *target) {
  for (size_t i = 0; i < s->n_mounts; i++)
    if (!strcmp(s->mounts[i].target, target)) return true;
  return false;
}

/* Secrets and configs: a mount of the settings at that place takes their place. */
static void need_files(struct needs *n, const json_t *container, const char *key, const char *what,
                       const char *name_key, const char *folder) {
  size_t i;
  json_t *file;
  json_array_foreach(json_at(container, key), i, file) {
    const char *name = json_str(file, name_key), *target = json_str(file, "File.Name");
    if (!target) target = name ? name : "?";
    CLEANUP_FREE char *path = *target == '/' ? xstrdup(target) : xprintf("%s/%s", folder, target);
    CLEANUP_FREE char *instead = xprintf("--volume FILE:%s:ro", path);
    if (!is_mounted(n->s, path)) need(n, what, name ? name : "?", instead);
  }
}

/* Swarm's agent fills in {{.Node.Hostname}} and the like for each task. */
static bool is_template(const char *text) {
  return text && strstr(text, "{{");
}

static void need_env(struct needs *n, const json_t *container) {
  size_t i;
  json_t *item;
  json_array_foreach(json_at(container, "Env"), i, item) {
    const char *entry = json_string_value(item);
    if (!is_template(entry)) continue;
    CLEANUP_FREE char *name = xstrndup(entry, strcspn(entry, "="));
    if (settings_env_value(n->s, name) || strv_has(&n->s->drop_env, name)) continue;
    need(n, "the template in variable", name, "--env");
  }
}

static void need_mounts(struct needs *n, const json_t *container) {
  size_t i;
  json_t *m;
  json_array_foreach(json_at(container, "Mounts"), i, m) {
    const char *type = json_str(m, "Type"), *target = json_str(m, "Target");
    if (!target || is_mounted(n->s, target)) continue;
    if (type && !strcmp(type, "cluster")) need(n, "the cluster volume at", target, "--volume");
    if (is_template(json_str(m, "Source"))) need(n, "the template in the mount at", target, "--volume");
  }
}

/* These are on every engine, whatever Swarm says of them. */
static bool is_predefined(const json_t *network) {
  const char *name = json_str(network, "Name");
  return name && (!strcmp(name, "host") || !strcmp(name, "none") || !strcmp(name, "bridge"));
}

static bool can_attach(const json_t *network) {
  const char *scope = json_str(network, "Scope");
  return !scope || strcmp(scope, "swarm") != 0 || json_is(network, "Attachable") || is_predefined(network);
}

static void need_networks(struct needs *n, const json_t *networks) {
  size_t i;
  json_t *network;
  json_array_foreach(networks, i, network) {
    if (!can_attach(network))
      need(n, "network", json_str(network, "Name"), "not attachable; --network OTHER");
  }
}

static int check_needs(const json_t *container, const json_t *networks, const struct settings *s,
                       struct error *err) {
  struct needs n = {.s = s};
  buf_init(&n.list, NEEDS_MAX);
  need_files(&n, container, "Secrets", "secret", "SecretName", "/run/secrets");
  need_files(&n, container, "Configs", "config", "ConfigName", "");
  if (json_at(container, "Privileges.CredentialSpec")) need(&n, "the", "credential spec", "Windows only");
  need_env(&n, container);
  need_mounts(&n, container);
  need_networks(&n, networks);
  CLEANUP_FREE char *list = buf_take(&n.list);
  if (!*list) return 0;
  return error_set(err, ERR_CONFIG,
                   "%s failed: only tasks of the swarm can have these, a container beside them cannot: %s",
                   s->source.text, list);
}

static json_t *labels_of(const json_t *service, const json_t *container) {
  json_t *labels = json_object(), *of_service = json_at(service, "Spec.Labels"),
         *of_container = json_at(container, "Labels");
  if (of_service) json_object_update(labels, of_service);
  if (of_container) json_object_update(labels, of_container);
  return labels;
}

static json_t *config_of(const json_t *service, const json_t *container) {
  static const struct {
    const char *from, *to;
  } rows[] = {{"Image", "Image"},
              {"Command", "Entrypoint"},
              {"Env", "Env"},
              {"Dir", "WorkingDir"},
              {"User", "User"},
              {"Hostname", "Hostname"},
              {"StopSignal", "StopSignal"},
              {"Healthcheck", "Healthcheck"}};
  json_t *config = json_object(), *grace = json_at(container, "StopGracePeriod");
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) set(config, rows[i].to, json_at(container, rows[i].from));
  if (grace)
    json_object_set_new(config, "StopTimeout",
                        json_integer((json_integer_value(grace) + 999999999) / 1000000000));
  json_object_set_new(config, "Labels", labels_of(service, container));
  return config;
}

/* The first one is the container's own mode, as the agent has it. */
static json_t *join(json_t *host, const json_t *wanted, const json_t *networks) {
  json_t *joined = json_object(), *network;
  size_t i;
  json_object_set_new(host, "NetworkMode", json_string("default"));
  json_array_foreach(networks, i, network) {
    const char *name = json_str(network, "Name");
    json_t *asked = json_array_get(wanted, i), *endpoint = json_object();
    if (is_predefined(network) && strcmp(name, "bridge") != 0) {
      json_object_set_new(host, "NetworkMode", json_string(name));
      json_decref(endpoint);
      json_object_clear(joined);
      break;
    }
    set(endpoint, "NetworkID", json_at(network, "Id"));
    set(endpoint, "Aliases", json_at(asked, "Aliases"));
    set(endpoint, "DriverOpts", json_at(asked, "DriverOpts"));
    if (i == 0) json_object_set_new(host, "NetworkMode", json_string(name));
    json_object_set_new(joined, name, endpoint);
  }
  return joined;
}

static void publish(json_t *host, const json_t *service) {
  json_t *ports = json_object_in(host, "PortBindings"), *port;
  size_t i;
  json_array_foreach(json_at(service, "Spec.EndpointSpec.Ports"), i, port) {
    const char *protocol = json_str(port, "Protocol");
    CLEANUP_FREE char *inner =
        xprintf("%lld/%s", json_int_or(port, "TargetPort", 0), protocol ? protocol : "tcp");
    json_object_set_new(
        ports, inner,
        json_pack("[{s:o}]", "HostPort", json_sprintf("%lld", json_int_or(port, "PublishedPort", 0))));
  }
}

int service_document(const json_t *service, const json_t *task, const json_t *networks, const char *image_id,
                     const struct settings *s, json_t **ret, struct error *err) {
  const json_t *spec = service_spec(service, task), *container = json_at(spec, "ContainerSpec");
  if (!container || !json_str(container, "Image"))
    return error_set(err, ERR_CONFIG, "%s failed: its tasks are no containers", s->source.text);
  if (check_needs(container, networks, s, err) < 0) return -1;
  json_t *document = json_object(), *host = json_object_in(document, "HostConfig"), *left_out = json_array();
  json_object_set_new(
      document, "Service",
      json_pack("{s:s, s:s}", "ID", json_str(service, "ID"), "Name", json_str(service, "Spec.Name")));
  if (image_id) json_object_set_new(document, "Image", json_string(image_id));
  json_object_set_new(document, "Config", config_of(service, container));
  service_host(host, spec, left_out);
  publish(host, service);
  json_object_set_new(json_object_in(document, "NetworkSettings"), "Networks",
                      join(host, service_networks(service, task), networks));
  json_object_set_new(document, "LeftOut", left_out);
  *ret = document;
  return 0;
}

/* A variable that the service sets itself wins. */
static void inherit_env(json_t *config, const json_t *of_image) {
  json_t *all = json_array(), *own = json_object_get(config, "Env"), *item;
  size_t i, k;
  json_array_foreach(of_image, i, item) {
    const char *entry = json_string_value(item);
    size_t n = entry ? strcspn(entry, "=") : 0;
    json_t *given;
    bool ours = !entry;
    json_array_foreach(own, k, given) {
      const char *text = json_string_value(given);
      if (text && entry && !strncmp(text, entry, n) && (text[n] == '=' || !text[n])) ours = true;
    }
    if (!ours) json_array_append(all, item);
  }
  if (own) json_array_extend(all, own);
  json_object_set_new(config, "Env", all);
}

void service_inherit(json_t *document, const json_t *image) {
  static const char *const keys[] = {"Entrypoint", "User", "WorkingDir", "StopSignal", "Volumes"};
  json_t *config = json_at(document, "Config");
  if (!image || !config) return;
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
    CLEANUP_FREE char *path = xprintf("Config.%s", keys[i]);
    if (!json_object_get(config, keys[i])) set(config, keys[i], json_at(image, path));
  }
  inherit_env(config, json_at(image, "Config.Env"));
}
