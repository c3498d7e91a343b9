/* A cluster's entry: where it is, whom to trust, which way. */
#include "base/alloc.h"
#include "base/parse.h"
#include "data/json.h"
#include "runtime/kube/kubeconfig.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXEC_EXTENSION "client.authentication.k8s.io/exec"

static int wrong(char *why, size_t size, const char *text) {
  snprintf(why, size, "%s", text);
  return -1;
}

/* "host", "host:port", "[v6]:port" */
static int read_authority(const char *p, size_t n, struct endpoint *ep, char *why, size_t size) {
  CLEANUP_FREE char *s = xstrndup(p, n);
  char *host = s, *port = NULL, *end;
  int64_t number;
  if (*s == '[') {
    if (!(end = strchr(s, ']')) || (end[1] && end[1] != ':')) return wrong(why, size, "is no URL");
    host++;
    if (end[1]) port = end + 2;
    *end = '\0';
  } else if ((end = strchr(s, ':'))) {
    if (strchr(end + 1, ':'))
      return wrong(why, size, "an IPv6 address stands in brackets: https://[::1]:6443");
    *end = '\0';
    port = end + 1;
  }
  if (port && parse_int(port, 1, 65535, &number)) return wrong(why, size, "has no valid port (1 to 65535)");
  if (!*host) return wrong(why, size, "names no host");
  for (const char *c = host; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr(*s == '[' ? ":.%-_" : ".-_", *c) && (unsigned char)*c < 0x80)
      return wrong(why, size, "has a host's name that is none");
  if (port) ep->port = (int)number;
  ep->host = xstrdup(host);
  return 0;
}

int cluster_server(const char *url, struct endpoint *ret, char *why, size_t size) {
  bool tls = !strncasecmp(url, "https://", 8);
  if (!tls && strncasecmp(url, "http://", 7) != 0)
    return wrong(why, size, "must begin with https:// (or http://, without any credentials)");
  const char *rest = url + (tls ? 8 : 7);
  size_t n = strcspn(rest, "/?#"), base = strlen(rest + n);
  if (memchr(rest, '@', n)) return wrong(why, size, "must not hold a user or password");
  if (strpbrk(rest + n, "?# \t")) return wrong(why, size, "must not hold a query, a fragment or a space");
  ret->scheme = ENDPOINT_TCP;
  ret->tls = ret->verify = tls;
  ret->port = tls ? 443 : 80;
  if (read_authority(rest, n, ret, why, size) < 0) return -1;
  while (base && rest[n + base - 1] == '/') base--;
  ret->base_path = xstrndup(rest + n, base);
  ret->text = xprintf("%s%.*s%s", tls ? "https://" : "http://", (int)n, rest, ret->base_path);
  return 0;
}

static int read_server(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  const char *server;
  char why[128];
  if (entry_text(e, "server", &server, err) < 0) return -1;
  if (!server) return entry_fault(e, 0, err, "it has no server");
  /* Not quoted: one that is wrong may hold a password. */
  if (cluster_server(server, ret, why, sizeof why) < 0)
    return entry_fault(e, yaml_get(e->map, "server")->line, err, "server %s", why);
  json_object_set_new(ret->context, "server", json_string(server));
  return 0;
}

/* Go's SOCKS client lets the proxy look names up; libcurl calls that socks5h. */
static int read_proxy(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  const char *url;
  if (entry_text(e, "proxy-url", &url, err) < 0) return -1;
  if (!url) return 0;
  if (!strncasecmp(url, "socks5://", 9))
    ret->proxy = xprintf("socks5h://%s", url + 9);
  else if (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8))
    ret->proxy = xstrdup(url);
  else
    return entry_fault(e, yaml_get(e->map, "proxy-url")->line, err,
                       "proxy-url must begin with http://, https:// or socks5://");
  return 0;
}

static int read_trust(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  bool insecure;
  const char *name;
  if (entry_pem(e, "certificate-authority", &ret->ca, &ret->ca_data, err) < 0 ||
      entry_bool(e, "insecure-skip-tls-verify", &insecure, err) < 0 ||
      entry_text(e, "tls-server-name", &name, err) < 0)
    return -1;
  if (insecure && (ret->ca || ret->ca_data))
    return entry_fault(e, yaml_get(e->map, "insecure-skip-tls-verify")->line, err,
                       "insecure-skip-tls-verify and a certificate-authority exclude each other");
  if (insecure) ret->verify = false;
  if (!name || !ret->tls) return 0;
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr(".-_:*", *c))
      return entry_fault(e, yaml_get(e->map, "tls-server-name")->line, err,
                         "tls-server-name is no host's name");
  ret->server_name = xstrdup(name);
  return 0;
}

/* What stands there for plugins: extensions: [{name: client.authentication.k8s.io/exec, extension: any}] */
static void read_extension(const struct kubeconfig_entry *e, struct endpoint *ret) {
  const struct yaml *l = e->map ? yaml_get(e->map, "extensions") : NULL;
  for (size_t i = 0; l && l->kind == YAML_LIST && i < l->n; i++) {
    const struct yaml *x = l->items[i];
    if (x->kind != YAML_MAP) continue;
    const struct yaml *name = yaml_get(x, "name"), *in = yaml_get(x, "extension");
    if (name && name->text && in && !strcmp(name->text, EXEC_EXTENSION))
      json_object_set_new(ret->context, "cluster_config", yaml_to_json(in));
  }
}

int cluster_apply(const struct kubeconfig_entry *e, struct endpoint *ret, struct error *err) {
  if (read_server(e, ret, err) < 0 || read_proxy(e, ret, err) < 0 || read_trust(e, ret, err) < 0) return -1;
  read_extension(e, ret);
  return 0;
}
