/* Where an engine is reached. Owned strings. */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>

enum endpoint_scheme { ENDPOINT_UNIX, ENDPOINT_TCP, ENDPOINT_SSH };
struct endpoint {
  enum endpoint_scheme scheme;
  char *text; /* as shown to people and recorded: "unix:///var/run/docker.sock" (no password) */
  char
      *why; /* where it came from: "--host", "DOCKER_HOST", "context prod (DOCKER_CONTEXT)", "first socket" */
  char *socket_path;   /* unix */
  bool podman_service; /* unix: that socket is not there, and podman is: it is started (net/podman_service.h)
                        */
  char *host;          /* tcp, ssh: without brackets */
  int port;
  char *base_path; /* tcp: "" or "/prefix" without trailing slash */
  char *user;      /* ssh */
  bool tls, verify;
  char *ca, *cert, *key;                /* files; NULL: none */
  char *ca_data, *cert_data, *key_data; /* the same as PEM text, in place of the file; NULL: none */
  char *server_name;                    /* that the certificate must have, and SNI; NULL: host */
  struct curl_slist *connect_to;        /* a client's own (http.c), for server_name; not copied */
  struct tls_shared *tls_shared;        /* the same: what its connections have in common */
  char *proxy;                          /* URL of the proxy for this endpoint; NULL: the environment's */
  json_t *context; /* what the runtime needs besides. Kubernetes (runtime/kube/kube.h): namespace, user; else
                      NULL */
};
void endpoint_done(struct endpoint *ep);
void endpoint_copy(struct endpoint *to, const struct endpoint *from); /* deep; `to` is overwritten */
/* "unix:///path", "tcp://host:port/base", "host:port", "ssh://u@h:p/path". ERR_USAGE with what is wrong. */
int endpoint_parse(const char *text, const char *why, struct endpoint *ret, struct error *err);
#endif
