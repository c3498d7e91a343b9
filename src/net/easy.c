#include "net/easy.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/name_service.h"
#include "net/proxy.h"
#include "net/tls_shared.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 30000L /* docker's own for ssh; a SYN that nobody answers */
#define KEEPALIVE_S 30L           /* a silent job's stream must outlive a NAT's patience (docker's value) */

char *easy_authority(const struct endpoint *ep) {
  if (ep->scheme != ENDPOINT_TCP) return xstrdup("localhost");
  return xprintf(strchr(ep->host, ':') ? "[%s]:%d" : "%s:%d", ep->host, ep->port);
}

struct curl_slist *easy_connect_to(const struct endpoint *ep) {
  if (!ep->server_name) return NULL;
  CLEANUP_FREE char *authority = easy_authority(ep);
  CLEANUP_FREE char *line = xprintf("::%s", authority);
  return curl_slist_append(NULL, line);
}

/* libcurl verifies the certificate against the name in the URL, and announces it (SNI): where it connects to
 * is said apart when they differ. */
static char *url_of(const struct endpoint *ep, const char *path) {
  const char *base = ep->base_path ? ep->base_path : "", *scheme = ep->tls ? "https" : "http";
  CLEANUP_FREE char *authority = easy_authority(ep);
  if (!ep->server_name) return xprintf("%s://%s%s%s", scheme, authority, base, path);
  return xprintf(strchr(ep->server_name, ':') ? "%s://[%s]:%d%s%s" : "%s://%s:%d%s%s", scheme,
                 ep->server_name, ep->port, base, path);
}

bool easy_is_loopback(const char *host) {
  return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1");
}

/* OpenSSL's own start is a fifth of the work of a whole run: configuration, names of ciphers, texts of
 * faults. None of it is wanted on a Unix socket. TLS finds its ciphers without those names, which only keys
 * need that are encrypted themselves; the machine's configuration holds its policy, and is read. What the
 * first client of a process says stays so. */
void easy_global(const struct endpoint *ep) {
  if (ep->scheme == ENDPOINT_UNIX)
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
                            OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                            OPENSSL_INIT_NO_ATEXIT,
                        NULL);
  else if (!ep->cert && !ep->cert_data)
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ADD_ALL_CIPHERS, NULL);
}

static void set_blob(CURL *e, CURLoption option, char *pem) {
  struct curl_blob blob = {pem, pem ? strlen(pem) : 0, CURL_BLOB_COPY};
  if (pem) curl_easy_setopt(e, option, &blob);
}

/* The one place where TLS is decided. Without `ca` the system's authorities count. */
static void set_tls(CURL *e, const struct endpoint *ep) {
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, ep->verify ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, ep->verify ? 2L : 0L);
  bool read = ep->tls_shared && tls_shared_apply(ep->tls_shared, e);
  if (!read && (ep->ca || ep->ca_data))
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* not the system's beside it */
  if (ep->ca) curl_easy_setopt(e, CURLOPT_CAINFO, ep->ca);
  if (ep->cert) curl_easy_setopt(e, CURLOPT_SSLCERT, ep->cert);
  if (ep->key) curl_easy_setopt(e, CURLOPT_SSLKEY, ep->key);
  if (!read) set_blob(e, CURLOPT_CAINFO_BLOB, ep->ca_data);
  set_blob(e, CURLOPT_SSLCERT_BLOB, ep->cert_data);
  set_blob(e, CURLOPT_SSLKEY_BLOB, ep->key_data);
}

CURL *easy_new(const struct endpoint *ep, const char *path, char *text) {
  CURL *e = curl_easy_init();
  CLEANUP_FREE char *url = url_of(ep, path);
  if (!e) abort(); /* only for want of memory */
  text[0] = '\0';
  curl_easy_setopt(e, CURLOPT_URL, url);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, text);
  curl_easy_setopt(e, CURLOPT_USERAGENT, "run-once/" RUN_ONCE_VERSION);
  curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  /* Over TLS libcurl would agree on HTTP/2, which cannot be taken over. */
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
  if (ep->scheme == ENDPOINT_UNIX) {
    curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, ep->socket_path);
    /* There is no second address to try meanwhile, but libcurl would wake up for it. */
    curl_easy_setopt(e, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    return e;
  }
  curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
  curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
  curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, 1L); /* a proxy that reads along breaks upgraded streams */
  /* What the proxy itself says to CONNECT is no answer of the endpoint's. */
  curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (ep->connect_to) curl_easy_setopt(e, CURLOPT_CONNECT_TO, ep->connect_to);
  if (ep->proxy) {
    curl_easy_setopt(e, CURLOPT_PROXY, ep->proxy);
    curl_easy_setopt(e, CURLOPT_NOPROXY, ""); /* said for this endpoint: NO_PROXY has no word in it */
  } else if (easy_is_loopback(ep->host))
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  else
    proxy_from_environment(e, ep);
  if (ep->tls) set_tls(e, ep);
  return e;
}

/* libcurl hides why a Unix socket could not be connected: asks again, without waiting. 0: it works now. */
static int probe_unix(const char *path) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  if (strlen(path) >= sizeof sa.sun_path) return ENAMETOOLONG;
  memcpy(sa.sun_path, path, strlen(path) + 1);
  return connect(fd, (struct sockaddr *)&sa, sizeof sa) ? errno : 0;
}

static bool is_cluster(const struct endpoint *ep) {
  return ep->context != NULL;
}

static const char *noun(const struct endpoint *ep) {
  return is_cluster(ep) ? "cluster" : "engine";
}

static int fault_permission(const struct endpoint *ep, struct error *err) {
  struct stat st;
  CLEANUP_FREE char *group =
      ep->scheme == ENDPOINT_UNIX && !stat(ep->socket_path, &st) && st.st_gid ? group_name(st.st_gid) : NULL;
  return error_set(err, ERR_PERMISSION,
                   "cannot reach the engine at %s: Permission denied; join the group '%s' (usermod -aG, then "
                   "log in again) or use sudo",
                   ep->text, group ? group : "docker");
}

/* The other end ends TLS because of what we showed, or did not show, of ourselves. Under TLS 1.3 that comes
 * when the request has left already; it was not read. */
static bool refuses_us(const struct endpoint *ep, const char *text) {
  static const char *const alerts[] = {
      "certificate required", "bad certificate",     "unknown ca",
      "certificate expired",  "certificate unknown", "unsupported certificate",
      "handshake failure",    "access denied",       "decrypt error"};
  const char *alert = ep->tls ? strstr(text, " alert ") : NULL;
  for (size_t i = 0; alert && i < ARRAY_LEN(alerts); i++)
    if (strstr(alert, alerts[i])) return true;
  return false;
}

static int fault_refused(const struct endpoint *ep, const char *text, struct error *err) {
  const char *alert = strstr(text, " alert ") + strlen(" alert ");
  int n = (int)strcspn(alert, ",;");
  if (ep->cert || ep->cert_data)
    return error_set(err, ERR_PERMISSION, "cannot reach the %s at %s: it refuses the certificate %s: %.*s",
                     noun(ep), ep->text, ep->cert ? ep->cert : "that the kubeconfig holds", n, alert);
  if (is_cluster(ep))
    return error_set(err, ERR_PERMISSION,
                     "cannot reach the cluster at %s: it wants a client's certificate (%.*s); "
                     "client-certificate and client-key belong in the user's entry of the kubeconfig",
                     ep->text, n, alert);
  return error_set(
      err, ERR_PERMISSION,
      "cannot reach the engine at %s: it wants a client's certificate (%.*s); cert.pem and key.pem "
      "belong in DOCKER_CERT_PATH or the context",
      ep->text, n, alert);
}

/* What to think of a fault of TLS, for free(); NULL: nothing that the words do not say. */
static char *tls_advice(const struct endpoint *ep, CURLcode rc, const char *why) {
  if (!ep->tls) return NULL;
  if (strstr(why, "wrong version number")) return xstrdup("what answers does not speak TLS");
  if (rc != CURLE_PEER_FAILED_VERIFICATION) return NULL;
  if (is_cluster(ep) && strstr(why, "subject name"))
    return xstrdup("tls-server-name of the kubeconfig says which name the certificate has");
  if (ep->ca) return xprintf("only what %s has signed is trusted", ep->ca);
  if (ep->ca_data)
    return xstrdup("only what the kubeconfig's certificate-authority-data has signed is trusted");
  if (is_cluster(ep))
    return xstrdup(
        "only the system's authorities are trusted; certificate-authority belongs in the cluster's "
        "entry of the kubeconfig");
  return xstrdup(
      "only the system's authorities are trusted; ca.pem belongs in DOCKER_CERT_PATH or the context");
}

static int fault_unreachable(const struct endpoint *ep, CURL *easy, CURLcode rc, const char *text,
                             struct error *err) {
  long os = 0;
  const char *why = text[0] ? text : curl_easy_strerror(rc);
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os);
  if (ep->scheme == ENDPOINT_UNIX && rc == CURLE_COULDNT_CONNECT) {
    int probed = probe_unix(ep->socket_path);
    if (probed && probed != EAGAIN && probed != EINPROGRESS) os = probed;
    if (os) why = strerror((int)os);
  }
  if (proxy_fault(ep, noun(ep), easy, rc, text, err)) return -1;
  if (os == EACCES || os == EPERM) return fault_permission(ep, err);
  if (rc == CURLE_OPERATION_TIMEDOUT) why = "Connection timed out";
  CLEANUP_FREE char *advice = tls_advice(ep, rc, why);
  return error_set(err, ERR_UNREACHABLE, "cannot reach the %s at %s: %s%s%s", noun(ep), ep->text, why,
                   advice ? "; " : "", advice ? advice : "");
}

int easy_fault_not_http(const struct endpoint *ep, struct error *err) {
  return error_set(err, ERR_ENGINE, "%s: what answers is not HTTP; is it %s?", ep->text,
                   is_cluster(ep) ? "a cluster's API server" : "an engine");
}

int easy_fault(const struct endpoint *ep, CURL *easy, CURLcode rc, bool sent, const char *what,
               const char *text, struct error *err) {
  const char *why = text[0] ? text : curl_easy_strerror(rc);
  if (refuses_us(ep, text)) return fault_refused(ep, text, err);
  if (!sent) return fault_unreachable(ep, easy, rc, text, err);
  switch (rc) {
  case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or a version that is none */
  case CURLE_WEIRD_SERVER_REPLY:
    return easy_fault_not_http(ep, err);
  case CURLE_ABORTED_BY_CALLBACK: /* our refusal to send again */
    why = "the connection was closed before an answer";
    break;
  default:
    break;
  }
  return error_set(err, ERR_LOST, "%s: sent to %s, but the answer was lost: %s", what, ep->text, why);
}
