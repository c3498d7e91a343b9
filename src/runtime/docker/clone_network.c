/* Networks of the copy: the source's or those of the settings, without anything by which the application is
 * found there (aliases, fixed addresses, MACs). Engines below API 1.44 take one network at create; the others
 * are joined before start (private_parts.connect). */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include <string.h>

#define API_MANY_NETWORKS 44

/* Modes that name no network of their own; "container:ID" too. */
static bool is_mode(const char *mode) {
  return !strcmp(mode, "host") || !strcmp(mode, "none") || !strncmp(mode, "container:", 10);
}
static bool is_default_bridge(const char *mode) {
  return !strcmp(mode, "default") || !strcmp(mode, "bridge");
}

static void set_mode(struct clone *c, const char *mode) {
  json_object_set_new(c->host, "NetworkMode", json_string(mode));
}

/* The copy shares the other's network namespace and takes its names and hosts from there: the engine refuses
 * what contradicts that. */
static void quiet_namespace(struct clone *c, const char *mode) {
  static const char *const keys[] = {"Dns", "DnsOptions", "DnsSearch", "ExtraHosts"};
  if (strncmp(mode, "container:", 10) != 0) return;
  json_object_del(c->config, "Hostname");
  json_object_del(c->config, "Domainname");
  for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
    if (json_array_size(json_object_get(c->host, keys[i])))
      plan_dropped(c, "the network is the other container's", "%s of the source", keys[i]);
    json_object_del(c->host, keys[i]);
  }
}

static void tell_endpoint(struct clone *c, const char *network, const json_t *endpoint) {
  const char *id = json_str(c->f->source, "Id"), *name = json_str(c->f->source, "Name");
  size_t i;
  json_t *alias;
  json_array_foreach(json_at(endpoint, "Aliases"), i, alias) {
    const char *text = json_string_value(alias);
    if (!text || (id && !strncmp(id, text, strlen(text))) || (name && !strcmp(name + (*name == '/'), text)))
      continue;
    plan_dropped(c, "the application's traffic must not reach the copy", "network alias %s on %s", text,
                 network);
  }
  const json_t *ipam = json_at(endpoint, "IPAMConfig");
  const char *v4 = json_str(ipam, "IPv4Address"), *v6 = json_str(ipam, "IPv6Address");
  if (v4 && *v4)
    plan_dropped(c, "two containers cannot have one address", "fixed address %s on %s", v4, network);
  if (v6 && *v6)
    plan_dropped(c, "two containers cannot have one address", "fixed address %s on %s", v6, network);
}

/* What is kept of an endpoint. New reference. */
static json_t *endpoint_config(const json_t *endpoint, const char *id) {
  static const char *const kept[] = {"Links", "DriverOpts", "GwPriority"};
  json_t *config = json_object();
  for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
    json_t *value = json_at(endpoint, kept[i]);
    bool nothing = !value || (json_is_array(value) && json_array_size(value) == 0) ||
                   (json_is_object(value) && json_object_size(value) == 0) ||
                   (json_is_integer(value) && json_integer_value(value) == 0);
    if (!nothing) json_object_set_new(config, kept[i], json_deep_copy(value));
  }
  if (id && *id) json_object_set_new(config, "NetworkID", json_string(id));
  return config;
}

/* Which of the source's networks is the one of its NetworkMode: by name, or by the beginning of its id. */
static const char *primary_name(const json_t *networks, const char *mode) {
  const char *name, *first = NULL;
  json_t *endpoint;
  json_object_foreach((json_t *)networks, name, endpoint) {
    const char *id = json_str(endpoint, "NetworkID");
    if (!first) first = name;
    if (!strcmp(name, mode) || (is_default_bridge(mode) && !strcmp(name, "bridge"))) return name;
    if (id && strlen(mode) >= 12 && !strncmp(id, mode, strlen(mode))) return name;
  }
  return first;
}

struct joined {
  json_t *endpoints; /* NetworkingConfig.EndpointsConfig */
  json_t *connect;   /* private_parts.connect */
};

/* By id wherever the engine takes one: names may be ambiguous below API 1.44. */
static void join(struct clone *c, struct joined *j, const char *name, const char *id, const json_t *endpoint,
                 bool primary) {
  bool many = c->f->api_minor >= API_MANY_NETWORKS, has_id = id && *id;
  json_t *config = endpoint_config(endpoint, many ? id : NULL);
  json_array_append_new(plan_list(c, "networks"), json_string(name));
  if (primary && is_default_bridge(name)) {
    set_mode(c, "bridge");
    json_object_del(config, "NetworkID");
    /* Once another network is named beside it, the engine takes no default for granted. */
    if (many || json_object_size(config))
      json_object_set_new(j->endpoints, "bridge", config);
    else
      json_decref(config);
  } else if (primary) {
    const char *key = many || !has_id ? name : id;
    set_mode(c, key);
    json_object_set_new(j->endpoints, key, config);
  } else if (many) {
    json_object_set_new(j->endpoints, name, config);
  } else {
    json_array_append_new(j->connect, json_pack("{s:s, s:s, s:o}", "network", has_id ? id : name, "name",
                                                name, "config", config));
  }
}

static void join_source(struct clone *c, struct joined *j) {
  const char *mode = json_str(c->f->source, "HostConfig.NetworkMode"), *name;
  json_t *networks = json_at(c->f->source, "NetworkSettings.Networks"), *endpoint;
  if (!mode) mode = "default";
  if (is_mode(mode)) {
    quiet_namespace(c, mode);
    json_array_append_new(plan_list(c, "networks"), json_string(mode));
    return;
  }
  const char *primary = primary_name(networks, mode);
  if (!primary) { /* never connected, or disconnected from all */
    json_array_append_new(plan_list(c, "networks"), json_string(is_default_bridge(mode) ? "bridge" : mode));
    return;
  }
  for (int first = 1; first >= 0; first--) {
    json_object_foreach(networks, name, endpoint) {
      if (!strcmp(name, primary) != (first == 1)) continue;
      const char *id = json_str(c->f->renewed, name);
      if (!id) id = json_str(endpoint, "NetworkID");
      tell_endpoint(c, name, endpoint);
      join(c, j, name, id, endpoint, first == 1);
    }
  }
}

static int join_settings(struct clone *c, struct joined *j, struct error *err) {
  size_t i;
  json_t *n;
  size_t count = json_array_size(c->f->networks);
  /* Links of the source name containers of its own networks. */
  if (json_object_get(c->host, "Links")) {
    plan_dropped(c, "the networks are others", "links of the source");
    json_object_del(c->host, "Links");
  }
  if (count == 0) set_mode(c, "none");
  json_array_foreach(c->f->networks, i, n) {
    const char *mode = json_string_value(n);
    if (!mode) {
      join(c, j, json_str(n, "Name"), json_str(n, "Id"), NULL, i == 0);
      continue;
    }
    if (is_mode(mode) && count > 1)
      return error_set(err, ERR_CONFIG, "network '%s' failed: it cannot be combined with other networks",
                       mode);
    if (is_mode(mode)) {
      set_mode(c, mode);
      quiet_namespace(c, mode);
      json_array_append_new(plan_list(c, "networks"), json_string(mode));
    } else {
      join(c, j, "bridge", NULL, NULL, i == 0);
    }
  }
  return 0;
}

int clone_network(struct clone *c, struct error *err) {
  struct joined j = {json_object(), json_array()};
  int rc = 0;
  if (c->s->networks_set)
    rc = join_settings(c, &j, err);
  else if (c->f->source)
    join_source(c, &j);
  else
    json_array_append_new(plan_list(c, "networks"), json_string("bridge"));
  if (json_object_size(j.endpoints))
    json_object_set_new(c->request, "NetworkingConfig", json_pack("{s:O}", "EndpointsConfig", j.endpoints));
  if (json_array_size(j.connect)) json_object_set(c->private_parts, "connect", j.connect);
  json_decref(j.endpoints);
  json_decref(j.connect);
  if (rc == 0) plan_checked(c, "no network alias, fixed address or MAC of the source is on the copy");
  return rc;
}
