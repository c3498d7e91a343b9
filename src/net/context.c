#include "net/context.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/hash.h"
#include "data/json.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* o[key] without regard to case: docker writes "Endpoints", Go reads "endpoints" as well. */
static const json_t *member(const json_t *o, const char *key) {
  const char *k;
  json_t *v;
  json_object_foreach((json_t *)o, k, v) {
    if (!strcasecmp(k, key)) return v;
  }
  return NULL;
}

static json_t *read_meta(const char *path, const char *name, struct error *err) {
  struct buf text;
  json_t *o = NULL;
  buf_init(&text, LIMIT_CONFIG_JSON);
  if (!file_exists(path))
    error_set(err, ERR_CONFIG, "no such context; 'docker context ls' lists them (%s does not exist)", path);
  else if (!file_read(path, LIMIT_CONFIG_JSON, &text, err)) {
    o = json_parse(text.len ? text.data : "", text.len, err);
    if (!o) error_prefix(err, "%s", path);
  }
  buf_done(&text);
  if (!o) {
    if (err) err->kind = ERR_CONFIG;
    error_prefix(err, "context '%s'", name);
  }
  return o;
}

static void take_file(const char *dir, const char *name, char **slot) {
  CLEANUP_FREE char *path = xprintf("%s/%s", dir, name);
  if (file_exists(path)) *slot = TAKE(path);
}

/* TLS is on with any material, or when the context says not to verify; never on a Unix socket. */
static void add_tls(struct endpoint *ep, const char *dir, bool skip_verify) {
  if (ep->scheme != ENDPOINT_TCP) return;
  take_file(dir, "ca.pem", &ep->ca);
  take_file(dir, "cert.pem", &ep->cert);
  take_file(dir, "key.pem", &ep->key);
  ep->tls = ep->ca || ep->cert || ep->key || skip_verify;
  ep->verify = ep->tls && !skip_verify;
  if (ep->cert && ep->key) return;
  free(ep->cert);
  free(ep->key);
  ep->cert = ep->key = NULL;
}

int context_endpoint(const char *config_dir, const char *name, const char *why, struct endpoint *ret,
                     struct error *err) {
  char hash[65];
  sha256_hex(name, strlen(name), hash);
  CLEANUP_FREE char *meta = xprintf("%s/contexts/meta/%s/meta.json", config_dir, hash);
  CLEANUP_FREE char *tls = xprintf("%s/contexts/tls/%s/docker", config_dir, hash);
  json_t CLEANUP_JSON *o = read_meta(meta, name, err);
  struct endpoint ep;
  if (!o) return -1;
  const json_t *docker = member(member(o, "Endpoints"), "docker");
  const char *host = json_string_value(member(docker, "Host"));
  if (!docker) return error_set(err, ERR_CONFIG, "context '%s' has no Docker endpoint", name);
  if (endpoint_parse(host ? host : "unix://", why, &ep, err)) {
    if (err) err->kind = ERR_CONFIG;
    return -1;
  }
  add_tls(&ep, tls, json_is_true(member(docker, "SkipTLSVerify")));
  *ret = ep;
  return 0;
}
