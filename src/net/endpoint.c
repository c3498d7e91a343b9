#include "net/endpoint.h"
#include "base/alloc.h"
#include "base/parse.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define DEFAULT_PORT 2375 /* docker's; 2376 is never assumed */
#define SUN_PATH_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)

void endpoint_done(struct endpoint *ep) {
  free(ep->text);
  free(ep->why);
  free(ep->socket_path);
  free(ep->host);
  free(ep->base_path);
  free(ep->user);
  free(ep->ca);
  free(ep->cert);
  free(ep->key);
  free(ep->ca_data);
  free(ep->cert_data);
  if (ep->key_data) explicit_bzero(ep->key_data, strlen(ep->key_data));
  free(ep->key_data);
  free(ep->server_name);
  free(ep->proxy);
  json_decref(ep->context);
  *ep = (struct endpoint){.scheme = ENDPOINT_UNIX};
}

void endpoint_copy(struct endpoint *to, const struct endpoint *from) {
  *to = (struct endpoint){
      .scheme = from->scheme,
      .text = xstrdup(from->text),
      .why = xstrdup(from->why),
      .socket_path = xstrdup(from->socket_path),
      .podman_service = from->podman_service,
      .host = xstrdup(from->host),
      .port = from->port,
      .base_path = xstrdup(from->base_path),
      .user = xstrdup(from->user),
      .tls = from->tls,
      .verify = from->verify,
      .ca = xstrdup(from->ca),
      .cert = xstrdup(from->cert),
      .key = xstrdup(from->key),
      .ca_data = xstrdup(from->ca_data),
      .cert_data = xstrdup(from->cert_data),
      .key_data = xstrdup(from->key_data),
      .server_name = xstrdup(from->server_name),
      .proxy = xstrdup(from->proxy),
      .context = json_deep_copy(from->context),
  };
}

static int parse_unix(const char *path, struct endpoint *ep, const char *why, struct error *err) {
  if (!*path) path = DEFAULT_SOCKET;
  if (*path != '/')
    return error_set(err, ERR_USAGE, "%s: the socket in 'unix://%s' must be an absolute path (unix:///...)",
                     why, path);
  if (strlen(path) > SUN_PATH_MAX)
    return error_set(err, ERR_USAGE,
                     "%s: the socket's path is longer than the %zu bytes a Unix socket can have", why,
                     SUN_PATH_MAX);
  ep->scheme = ENDPOINT_UNIX;
  ep->socket_path = xstrdup(path);
  ep->text = xprintf("unix://%s", path);
  return 0;
}

/* "host", "host:port", "[v6]:port" of n bytes into ep->host and ep->port (left alone if not given). */
static int parse_authority(const char *p, size_t n, struct endpoint *ep, const char *why, struct error *err) {
  CLEANUP_FREE char *s = xstrndup(p, n);
  char *host = s, *port = NULL, *end;
  int64_t number;
  if (*s == '[') {
    if (!(end = strchr(s, ']')) || (end[1] && end[1] != ':'))
      return error_set(err, ERR_USAGE, "%s: '%s' is not a host and port (IPv6: [::1]:2375)", why, s);
    host = s + 1;
    port = end[1] ? end + 2 : NULL;
    *end = '\0';
  } else if ((end = strchr(s, ':'))) {
    if (strchr(end + 1, ':'))
      return error_set(err, ERR_USAGE, "%s: '%s': write an IPv6 address in brackets ([::1]:2375)", why, s);
    *end = '\0';
    port = end + 1;
  }
  if (port && parse_int(port, 1, 65535, &number))
    return error_set(err, ERR_USAGE, "%s: '%s' is not a port (1 to 65535)", why, port);
  for (const char *c = host; *c; c++)
    if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c) || strchr("?#@\\\"'<>", *c))
      return error_set(err, ERR_USAGE, "%s: '%s' is not a host name", why, host);
  if (port) ep->port = (int)number;
  ep->host = xstrdup(host);
  return 0;
}

static char *bracketed(const char *host) {
  return xprintf(strchr(host, ':') ? "[%s]" : "%s", host);
}

static int parse_tcp(const char *rest, struct endpoint *ep, const char *why, struct error *err) {
  size_t n = strcspn(rest, "/?#"), base_n = strlen(rest + n);
  ep->scheme = ENDPOINT_TCP;
  ep->port = DEFAULT_PORT;
  if (memchr(rest, '@', n)) /* not quoted: it may hold a password */
    return error_set(err, ERR_USAGE,
                     "%s: a user or password in tcp:// is not supported; use TLS "
                     "(DOCKER_TLS_VERIFY, DOCKER_CERT_PATH) or a context",
                     why);
  if (strpbrk(rest + n, "?# "))
    return error_set(err, ERR_USAGE, "%s: 'tcp://%s': a query or fragment has no place here", why, rest);
  if (parse_authority(rest, n, ep, why, err)) return -1;
  if (!*ep->host) {
    if (!n) return error_set(err, ERR_USAGE, "%s: 'tcp://%s' names no host", why, rest);
    free(ep->host);
    ep->host = xstrdup("localhost"); /* docker's reading of ":2375" */
  }
  while (base_n && rest[n + base_n - 1] == '/') base_n--;
  ep->base_path = xstrndup(rest + n, base_n);
  CLEANUP_FREE char *host = bracketed(ep->host);
  ep->text = xprintf("tcp://%s:%d%s", host, ep->port, ep->base_path);
  return 0;
}

/* These become words of ssh's command line and of a shell's there: nothing that either reads as its own. */
static bool only(const char *s, const char *more) {
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && !strchr(more, *s)) return false;
  return true;
}

static int parse_ssh(const char *rest, struct endpoint *ep, const char *why, struct error *err) {
  size_t n = strcspn(rest, "/?#");
  const char *at = memrchr(rest, '@', n), *host = at ? at + 1 : rest;
  ep->scheme = ENDPOINT_SSH;
  if (at && memchr(rest, ':', (size_t)(at - rest))) /* not quoted */
    return error_set(err, ERR_USAGE, "%s: a password in ssh:// is not supported; use a key", why);
  if (strpbrk(rest + n, "?#"))
    return error_set(err, ERR_USAGE, "%s: 'ssh://%s': a query or fragment has no place here", why, rest);
  if (parse_authority(host, n - (size_t)(host - rest), ep, why, err)) return -1;
  if (!*ep->host || *ep->host == '-' || (at && *rest == '-'))
    return error_set(err, ERR_USAGE, "%s: 'ssh://%s' names no host", why, rest);
  if (at && at > rest) ep->user = xstrndup(rest, (size_t)(at - rest));
  if (rest[n] && rest[n + 1]) ep->socket_path = xstrdup(rest + n);
  if (!only(ep->host, "._-:%") || (ep->user && !only(ep->user, "._-+@\\")))
    return error_set(err, ERR_USAGE, "%s: 'ssh://%.*s' is not a user and host", why, (int)n, rest);
  if (ep->socket_path && !only(ep->socket_path, "/._-+,=@"))
    return error_set(err, ERR_USAGE, "%s: '%s' is not a socket's path for ssh:// (letters, digits, /._-+,=@)",
                     why, ep->socket_path);
  ep->text = xprintf("ssh://%s", rest);
  return 0;
}

static int parse_any(const char *text, const char *why, struct endpoint *ep, struct error *err) {
  const char *rest = strstr(text, "://");
  size_t n = rest ? (size_t)(rest - text) : 0;
  if (!*text)
    return error_set(err, ERR_USAGE, "%s: empty; give unix:///PATH, tcp://HOST:PORT or ssh://HOST", why);
  if (!rest && *text == '/')
    return error_set(err, ERR_USAGE, "%s: '%s' has no scheme; write unix://%s", why, text, text);
  if (!rest) return parse_tcp(text, ep, why, err);
  rest += 3;
  if (n == 4 && !memcmp(text, "unix", n)) return parse_unix(rest, ep, why, err);
  if (n == 3 && !memcmp(text, "tcp", n)) return parse_tcp(rest, ep, why, err);
  if (n == 3 && !memcmp(text, "ssh", n)) return parse_ssh(rest, ep, why, err);
  return error_set(err, ERR_USAGE,
                   "%s: '%.*s://' is no way to an engine; use unix:///PATH, tcp://HOST:PORT or "
                   "ssh://HOST",
                   why, (int)n, text);
}

int endpoint_parse(const char *text, const char *why, struct endpoint *ret, struct error *err) {
  struct endpoint ep = {.scheme = ENDPOINT_UNIX};
  size_t n;
  while (isspace((unsigned char)*text)) text++;
  n = strlen(text);
  while (n && isspace((unsigned char)text[n - 1])) n--;
  CLEANUP_FREE char *trimmed = xstrndup(text, n);
  if (parse_any(trimmed, why, &ep, err)) {
    endpoint_done(&ep);
    return -1;
  }
  ep.why = xstrdup(why);
  *ret = ep;
  return 0;
}
