#include "runtime/docker/auth.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/hash.h"
#include "data/json.h"
#include "net/choose.h"
#include <stdlib.h>
#include <string.h>

#define HUB_KEY "https://index.docker.io/v1/"

static void wipe(char **s) {
  if (*s) explicit_bzero(*s, strlen(*s));
  free(*s);
  *s = NULL;
}

void credential_done(struct credential *c) {
  wipe(&c->user);
  wipe(&c->secret);
  wipe(&c->identity_token);
  wipe(&c->registry_token);
}

const char *auth_key(const char *host) {
  return strcmp(host, "docker.io") == 0 ? HUB_KEY : host;
}

const char *auth_helper_name(const json_t *config, const char *host) {
  json_t *helpers = json_object_get(config, "credHelpers");
  const char *name = json_string_value(json_object_get(helpers, auth_key(host)));
  if (!name) name = json_string_value(json_object_get(helpers, host));
  if (!name) name = json_str(config, "credsStore");
  return name && *name ? name : NULL;
}

/* "https://registry.example.com/v2/" is the registry registry.example.com. */
static bool key_is_host(const char *key, const char *host) {
  if (!strncmp(key, "https://", 8)) key += 8;
  if (!strncmp(key, "http://", 7)) key += 7;
  size_t n = strcspn(key, "/");
  if (strlen(host) == n && !strncmp(key, host, n)) return true;
  return !strcmp(host, "docker.io") && n == strlen("index.docker.io") && !strncmp(key, "index.docker.io", n);
}

static const json_t *find_entry(const json_t *config, const char *host, const char **ret_key) {
  json_t *auths = json_object_get(config, "auths"), *entry = json_object_get(auths, auth_key(host));
  const char *key;
  json_t *value;
  *ret_key = auth_key(host);
  if (entry) return entry;
  json_object_foreach(auths, key, value) {
    if (!key_is_host(key, host)) continue;
    *ret_key = key;
    return value;
  }
  return NULL;
}

static char *copy_if_any(const char *s) {
  return s && *s ? xstrdup(s) : NULL;
}

/* "auth" is base64 of user:password; NULs behind the password are padding of old clients. */
static int decode_auth(const char *auth, const char *key, struct credential *c, struct error *err) {
  size_t n = 0;
  char *text = base64_decode(auth, &n), *colon = text ? strchr(text, ':') : NULL;
  if (!colon) {
    wipe(&text);
    return error_set(err, ERR_CONFIG, "auths['%s'].auth is not base64 of USER:PASSWORD", key);
  }
  c->user = xstrndup(text, (size_t)(colon - text));
  c->secret = xstrdup(colon + 1);
  explicit_bzero(text, n);
  free(text);
  return 0;
}

int auth_from_config(const json_t *config, const char *host, struct credential *ret, struct error *err) {
  struct credential c = {0};
  const char *key, *auth;
  const json_t *entry = find_entry(config, host, &key);
  if (!entry) return 0;
  auth = json_str(entry, "auth");
  if (auth && *auth && decode_auth(auth, key, &c, err) < 0) return -1;
  if (!c.user) c.user = copy_if_any(json_str(entry, "username"));
  if (!c.secret) c.secret = copy_if_any(json_str(entry, "password"));
  c.identity_token = copy_if_any(json_str(entry, "identitytoken"));
  c.registry_token = copy_if_any(json_str(entry, "registrytoken"));
  bool any = c.user || c.identity_token || c.registry_token;
  if (any)
    *ret = c;
  else
    credential_done(&c);
  return any;
}

int auth_from_helper(const char *text, size_t len, struct credential *ret, struct error *err) {
  CLEANUP_JSON json_t *answer = json_parse(text, len, NULL);
  const char *user = json_str(answer, "Username"), *secret = json_str(answer, "Secret");
  if (!user || !secret)
    return error_set(err, ERR_CONFIG, "what it printed is not {\"Username\", \"Secret\"}");
  *ret = (struct credential){0};
  if (!strcmp(user, "<token>")) {
    ret->identity_token = xstrdup(secret);
  } else {
    ret->user = xstrdup(user);
    ret->secret = xstrdup(secret);
  }
  return 1;
}

char *auth_encode(const struct credential *c, const char *host) {
  CLEANUP_JSON json_t *o = json_pack("{s:s}", "serveraddress", auth_key(host));
  if (c->identity_token) {
    json_object_set_new(o, "identitytoken", json_string(c->identity_token));
  } else if (c->registry_token) {
    json_object_set_new(o, "registrytoken", json_string(c->registry_token));
  } else {
    json_object_set_new(o, "username", json_string(c->user ? c->user : ""));
    json_object_set_new(o, "password", json_string(c->secret ? c->secret : ""));
  }
  char *text = json_dumps(o, JSON_COMPACT), *encoded = base64url_encode(text, strlen(text));
  wipe(&text);
  return encoded;
}

static int read_config(const char *path, json_t **ret, struct error *err) {
  struct buf text;
  *ret = NULL;
  if (!file_exists(path)) return 0;
  buf_init(&text, LIMIT_CONFIG_JSON);
  int rc = file_read(path, LIMIT_CONFIG_JSON, &text, err);
  if (rc == 0 && text.len && !(*ret = json_parse(text.data, text.len, err))) {
    if (err) err->kind = ERR_CONFIG;
    rc = error_prefix(err, "%s", path);
  }
  if (text.data) explicit_bzero(text.data, text.len);
  buf_done(&text);
  return rc;
}

static int ask_helper(struct loop *loop, const char *name, const char *host, struct credential *ret,
                      struct error *err) {
  struct buf out;
  buf_init(&out, LIMIT_CONFIG_JSON);
  int rc = auth_run_helper(loop, name, auth_key(host), &out, err);
  if (rc == 1) rc = auth_from_helper(out.data ? out.data : "", out.len, ret, err);
  if (rc < 0 && err && err->kind == ERR_CONFIG)
    error_prefix(err, "credential helper docker-credential-%s", name);
  if (out.data) explicit_bzero(out.data, out.len);
  buf_done(&out);
  return rc;
}

static int find(struct loop *loop, const char *host, struct credential *ret, struct error *err) {
  const char *variable = getenv("DOCKER_AUTH_CONFIG");
  CLEANUP_JSON json_t *given = NULL, *config = NULL;
  int found = 0;
  if (variable && *variable) {
    if (!(given = json_parse(variable, strlen(variable), err))) {
      if (err) err->kind = ERR_CONFIG;
      return error_prefix(err, "DOCKER_AUTH_CONFIG");
    }
    if ((found = auth_from_config(given, host, ret, err)) < 0) return error_prefix(err, "DOCKER_AUTH_CONFIG");
    if (found) return found;
  }
  CLEANUP_FREE char *dir = docker_config_dir();
  CLEANUP_FREE char *path = xprintf("%s/config.json", dir);
  if (read_config(path, &config, err) < 0) return -1;
  if (!config) return 0;
  const char *helper = auth_helper_name(config, host);
  if (helper) return ask_helper(loop, helper, host, ret, err);
  if ((found = auth_from_config(config, host, ret, err)) < 0) return error_prefix(err, "%s", path);
  return found;
}

int auth_header(struct loop *loop, const char *host, char **ret, struct error *err) {
  struct credential c = {0};
  int found = find(loop, host, &c, err);
  if (found < 0) return -1;
  *ret = found ? auth_encode(&c, host) : NULL;
  credential_done(&c);
  return 0;
}
