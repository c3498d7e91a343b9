/* What the connections of one client need not do again over TLS: read the authorities, and (TLS 1.3) agree on
 * keys by a certificate that was verified for the one before. It weakens nothing: a session is only of this
 * client, so no other endpoint, authority, certificate or user ever meets it; libcurl compares host, port,
 * authority and certificate once more, and looks at the host's name in the session's certificate. A server
 * that does not take it up gets a whole handshake. */
#ifndef NET_TLS_SHARED_H
#define NET_TLS_SHARED_H
#include "net/endpoint.h"
#include <curl/curl.h>
#include <stdbool.h>

struct tls_shared;
/* Never NULL. Holds nothing where nothing can be shared: without TLS, with a proxy (its own TLS would meet
 * our authorities), with a certificate of ours in a file (another one may lie there when the next connection
 * is made; who we were must not outlive it). */
struct tls_shared *tls_shared_new(const struct endpoint *ep);
/* When no handle is left that has it. */
void tls_shared_free(struct tls_shared *s);
/* True: the authorities are those of `ca_data`, and libcurl needs none besides. */
bool tls_shared_apply(struct tls_shared *s, CURL *e);
#endif
