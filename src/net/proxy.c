#include "net/proxy.h"
#include "base/alloc.h"
#include "net/easy.h"
#include <stdlib.h>
#include <string.h>

struct proxy {
  const char *name; /* of the variable, or what else says it */
  const char *url;  /* NULL: none */
  char *at;         /* "host:port" as people write it; NULL: the URL is none */
  char *host;
  bool credentials;
};

static const char *first_of(const char *const *names, const char **ret_name) {
  for (; *names; names++) {
    const char *v = getenv(*names);
    if (v && *v) return *ret_name = *names, v;
  }
  return NULL;
}

/* libcurl reads HTTP_PROXY in lower case alone, for a CGI server sets it from a header of the client's
 * ("httpoxy"); as docker does, only there it is left aside. */
static const char *from_environment(const struct endpoint *ep, const char **ret_name) {
  static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
  static const char *const plain[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL};
  static const char *const cgi[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
  return first_of(ep->tls ? tls : getenv("REQUEST_METHOD") ? cgi : plain, ret_name);
}

void proxy_from_environment(CURL *e, const struct endpoint *ep) {
  const char *name = "", *url = from_environment(ep, &name);
  if (url) curl_easy_setopt(e, CURLOPT_PROXY, url); /* NO_PROXY holds all the same */
}

static char *part(CURLU *u, CURLUPart what) {
  char *s = NULL;
  return curl_url_get(u, what, &s, 0) ? NULL : s;
}

/* What may be shown of the URL: never its user and password. */
static void take_apart(struct proxy *p) {
  CURLU *u = curl_url();
  unsigned lax = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME;
  if (u && p->url && !curl_url_set(u, CURLUPART_URL, p->url, lax)) {
    char *host = part(u, CURLUPART_HOST), *port = part(u, CURLUPART_PORT), *user = part(u, CURLUPART_USER);
    p->host = xstrdup(host);
    if (host) p->at = xprintf("%s%s%s", host, port ? ":" : "", port ? port : "");
    p->credentials = user != NULL;
    curl_free(host);
    curl_free(port);
    curl_free(user);
  }
  curl_url_cleanup(u);
}

static bool was_not_reached(const struct proxy *p, CURLcode rc, const char *text) {
  if (rc != CURLE_COULDNT_CONNECT || !p->host) return false;
  CLEANUP_FREE char *words = xprintf("Failed to connect to %s port ", p->host);
  return !strncmp(text, words, strlen(words));
}

static char *refusal(const struct endpoint *ep, const struct proxy *p, long status) {
  if (status != 407)
    return xprintf("it refuses the way there (HTTP %ld); NO_PROXY=%s goes without it", status, ep->host);
  if (p->credentials) return xstrdup("it does not take the user and password that stand there (HTTP 407)");
  return xstrdup("it wants a user and a password (HTTP 407): http://USER:PASSWORD@HOST:PORT");
}

/* For free(); NULL: the fault is none of the proxy's. */
static char *words_for(const struct endpoint *ep, const struct proxy *p, CURL *easy, CURLcode rc,
                       const char *text) {
  long status = 0, os = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os);
  if (strstr(text, "Unsupported proxy")) return xstrdup("that is none; write http://HOST:PORT");
  if (rc == CURLE_COULDNT_RESOLVE_PROXY) return xstrdup("its name cannot be resolved");
  if (was_not_reached(p, rc, text)) return xstrdup(os ? strerror((int)os) : "it cannot be connected to");
  if (status >= 300) return refusal(ep, p, status);
  if (strstr(text, "Proxy CONNECT aborted")) return xstrdup("it closed the connection without an answer");
  if (rc == CURLE_PROXY) return xstrdup(text[0] ? text : curl_easy_strerror(rc));
  return NULL;
}

/* False: no proxy comes into it. */
static bool find(const struct endpoint *ep, struct proxy *ret) {
  *ret = (struct proxy){.name = "proxy-url", .url = ep->proxy};
  if (ep->scheme != ENDPOINT_TCP) return false;
  if (!ret->url && !easy_is_loopback(ep->host)) ret->url = from_environment(ep, &ret->name);
  if (ret->url) take_apart(ret);
  return ret->url != NULL;
}

static void done(struct proxy *p) {
  free(p->at);
  free(p->host);
}

char *proxy_named(const struct endpoint *ep) {
  struct proxy p;
  if (!find(ep, &p)) return NULL;
  char *named = xprintf("%s (%s)", p.at ? p.at : "not an address", p.name);
  done(&p);
  return named;
}

int proxy_fault(const struct endpoint *ep, const char *what, CURL *easy, CURLcode rc, const char *text,
                struct error *err) {
  struct proxy p;
  if (!find(ep, &p)) return 0;
  CLEANUP_FREE char *words = words_for(ep, &p, easy, rc, text);
  if (words)
    error_set(err, ERR_UNREACHABLE, "cannot reach the %s at %s: the proxy %s%s%s%s: %s", what, ep->text,
              p.at ? p.at : "", p.at ? " (" : "of ", p.name, p.at ? ")" : "", words);
  done(&p);
  return words ? -1 : 0;
}
