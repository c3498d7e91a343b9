/* The proxy on the way to an endpoint: the endpoint's own, else what the environment says, as docker reads
 * it: HTTPS_PROXY for TLS, HTTP_PROXY without, else ALL_PROXY, each also in lower case, which wins; NO_PROXY
 * goes without. It is asked for a tunnel (CONNECT); loopback is never asked for of one. Its address may hold
 * a password: it is named by host, port and variable alone. */
#ifndef NET_PROXY_H
#define NET_PROXY_H
#include "net/endpoint.h"
#include <curl/curl.h>

/* For an endpoint without a proxy of its own: what libcurl does not take from the environment by itself. */
void proxy_from_environment(CURL *e, const struct endpoint *ep);
/* "HOST:PORT (VARIABLE)" of the proxy that is asked unless NO_PROXY says otherwise, for free(); NULL: none.
 */
char *proxy_named(const struct endpoint *ep);
/* Is the fault of libcurl's (rc, its words `text`) one of the proxy's? Then -1, and err says so after "cannot
 * reach the WHAT at ...: "; else 0, and err is untouched. */
int proxy_fault(const struct endpoint *ep, const char *what, CURL *easy, CURLcode rc, const char *text,
                struct error *err);
#endif
