#include "net/tls_shared.h"
#include "base/alloc.h"
#include "data/hash.h"
#include "net/proxy.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct tls_shared {
  CURLSH *sessions;
  X509_STORE *authorities; /* NULL: libcurl reads them, for each connection */
  char *name;              /* of the authorities */
};

/* What libcurl makes of CURLOPT_CAINFO_BLOB. NULL: nothing good; it shall complain itself. */
static X509_STORE *read_authorities(const char *pem) {
  BIO *in = BIO_new_mem_buf(pem, -1);
  STACK_OF(X509_INFO) *found = PEM_X509_INFO_read_bio(in, NULL, NULL, NULL);
  X509_STORE *store = X509_STORE_new();
  int n = 0;
  for (int i = 0; i < sk_X509_INFO_num(found); i++) {
    const X509_INFO *info = sk_X509_INFO_value(found, i);
    if (info->x509 && X509_STORE_add_cert(store, info->x509)) n++;
    if (info->crl && X509_STORE_add_crl(store, info->crl)) n++;
  }
  X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  sk_X509_INFO_pop_free(found, X509_INFO_free);
  BIO_free(in);
  ERR_clear_error();
  if (n) return store;
  X509_STORE_free(store);
  return NULL;
}

static CURLcode on_context(CURL *e, void *context, void *data) {
  const struct tls_shared *s = data;
  (void)e;
  SSL_CTX_set1_cert_store(context, s->authorities);
  return CURLE_OK;
}

struct tls_shared *tls_shared_new(const struct endpoint *ep) {
  struct tls_shared *s = xcalloc(1, sizeof *s);
  CLEANUP_FREE char *proxy = proxy_named(ep);
  if (!ep->tls || ep->cert || proxy) return s;
  s->sessions = curl_share_init();
  if (s->sessions) curl_share_setopt(s->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  if (ep->verify && ep->ca_data) {
    char hash[65];
    sha256_hex(ep->ca_data, strlen(ep->ca_data), hash);
    s->authorities = read_authorities(ep->ca_data);
    s->name = xprintf("/dev/null/%s", hash);
  }
  return s;
}

void tls_shared_free(struct tls_shared *s) {
  if (!s) return;
  if (s->sessions) curl_share_cleanup(s->sessions);
  X509_STORE_free(s->authorities);
  free(s->name);
  free(s);
}

/* libcurl looks for authorities in no file, and in a folder that cannot be: its name tells connections of
 * other authorities apart, of which libcurl knows nothing else, and keeps any default of its own away. */
bool tls_shared_apply(struct tls_shared *s, CURL *e) {
  if (s->sessions)
    curl_easy_setopt(e, CURLOPT_SHARE, s->sessions);
  else
    curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* newer ones share by themselves, in the loop */
  if (!s->authorities || curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_context)) return false;
  curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, s);
  curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
  curl_easy_setopt(e, CURLOPT_CAPATH, s->name);
  return true;
}
