/* An easy handle for one endpoint, and libcurl's faults in our words: what http.c and upgrade.c share. */
#ifndef NET_EASY_H
#define NET_EASY_H
#include "net/endpoint.h"
#include <curl/curl.h>

/* Before anything of libcurl's: a process whose first client is on a Unix socket never speaks TLS. */
void easy_global(const struct endpoint *ep);

/* Ready but for the method: URL of `path` (escaped, begins with '/'), socket or TLS material, HTTP/1.1, no
 * signals. `text` takes libcurl's words (CURL_ERROR_SIZE bytes) and must outlive the handle. */
CURL *easy_new(const struct endpoint *ep, const char *path, char *text);
/* Where a URL that holds ep->server_name leads, for ep->connect_to; NULL: no such name.
 * curl_slist_free_all().
 */
struct curl_slist *easy_connect_to(const struct endpoint *ep);
/* Such a host is never asked for of a proxy that only the environment names. */
bool easy_is_loopback(const char *host);
/* "Host:" as sent to this endpoint; for free(). */
char *easy_authority(const struct endpoint *ep);

/* What has gone wrong, as kind and text. `sent`: the request may have reached the peer. `what` names the
 * request ("POST /v1.41/..."). */
int easy_fault(const struct endpoint *ep, CURL *easy, CURLcode rc, bool sent, const char *what,
               const char *text, struct error *err);
int easy_fault_not_http(const struct endpoint *ep, struct error *err);
#endif
