/* A certificate of a test's own, signed by itself: authority, server and client in one, for an hour. */
#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* names: "IP:127.0.0.1,DNS:localhost"; cn: whose. 0: both files are written. */
static inline int write_certificate_of(const char *cn, const char *names, const char *cert,
                                       const char *key_file) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = X509_new();
  X509_NAME *name = X509_get_subject_name(x);
  X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -60);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
  X509_set_issuer_name(x, name);
  X509_add_ext(x, san, -1);
  X509_sign(x, key, EVP_sha256());
  FILE *f = fopen(cert, "w"), *g = fopen(key_file, "w");
  int ok = f && g && PEM_write_X509(f, x) && PEM_write_PrivateKey(g, key, NULL, NULL, 0, NULL, NULL);
  fclose(f), fclose(g);
  X509_EXTENSION_free(san);
  X509_free(x);
  EVP_PKEY_free(key);
  return ok ? 0 : -1;
}

static inline int write_certificate(const char *names, const char *cert, const char *key_file) {
  return write_certificate_of("test", names, cert, key_file);
}
#endif
