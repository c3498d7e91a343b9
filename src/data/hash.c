/* The functions below EVP: a first EVP_MD_fetch() costs 3 million instructions, a quarter of a whole run. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "data/hash.h"
#include "base/alloc.h"
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

void sha256_hex(const void *p, size_t n, char ret[65]) {
  static const char hex[] = "0123456789abcdef";
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256_CTX c;
  SHA256_Init(&c);
  SHA256_Update(&c, p, n);
  SHA256_Final(sum, &c);
  for (size_t i = 0; i < sizeof sum; i++) {
    ret[2 * i] = hex[sum[i] >> 4];
    ret[2 * i + 1] = hex[sum[i] & 15];
  }
  ret[64] = '\0';
}

/* libcrypto counts in int: pieces, each a multiple of 3 (4) bytes, so that only the last one is padded. */
#define PIECE (3u << 20)

char *base64_encode(const void *p, size_t n) {
  const unsigned char *from = p;
  char *text = xmalloc(n / 3 * 4 + 5), *to = text;
  *to = '\0';
  while (n) {
    size_t piece = n < PIECE ? n : PIECE;
    to += EVP_EncodeBlock((unsigned char *)to, from, (int)piece);
    from += piece;
    n -= piece;
  }
  return text;
}

char *base64url_encode(const void *p, size_t n) {
  char *text = base64_encode(p, n);
  for (char *c = text; *c; c++) *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
  return text;
}

/* libcrypto takes '=' anywhere and skips what it likes: the shape is checked here. Newlines are dropped,
 * since YAML and MIME fold long texts. Returns the text to decode, or NULL. */
static char *base64_clean(const char *text, size_t *ret_n, size_t *ret_padding) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *clean = xmalloc(strlen(text) + 1);
  size_t n = 0, padding = 0;
  for (; *text; text++) {
    if (*text == '\n' || *text == '\r' || *text == ' ' || *text == '\t') continue;
    if (*text == '=') padding++;
    if (*text == '=' ? padding > 2 : padding || !strchr(alphabet, *text)) {
      free(clean);
      return NULL;
    }
    clean[n++] = *text;
  }
  clean[n] = '\0';
  *ret_n = n;
  *ret_padding = padding;
  if (n % 4 == 0) return clean;
  free(clean);
  return NULL;
}

char *base64_decode(const char *text, size_t *ret_n) {
  size_t n, padding, at = 0;
  CLEANUP_FREE char *clean = base64_clean(text, &n, &padding);
  if (!clean) return NULL;
  char *bytes = xmalloc(n / 4 * 3 + 1);
  for (size_t from = 0; from < n; from += PIECE / 3 * 4) {
    size_t piece = n - from < PIECE / 3 * 4 ? n - from : PIECE / 3 * 4;
    int got = EVP_DecodeBlock((unsigned char *)bytes + at, (const unsigned char *)clean + from, (int)piece);
    if (got < 0) {
      free(bytes);
      return NULL;
    }
    at += (size_t)got;
  }
  at -= padding;
  bytes[at] = '\0';
  *ret_n = at;
  return bytes;
}

void random_id(char *ret, size_t n) {
  static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  for (size_t i = 0; i < n;) {
    unsigned char bytes[64];
    if (getentropy(bytes, sizeof bytes)) abort(); /* never on a kernel of this decade */
    for (size_t j = 0; j < sizeof bytes && i < n; j++) {
      char c = alphabet[bytes[j] & 31];
      if (i || c >= 'a') ret[i++] = c;
    }
  }
  ret[n] = '\0';
}

struct stream_hash {
  XXH3_state_t *state;
};

struct stream_hash *stream_hash_new(void) {
  struct stream_hash *h = xmalloc(sizeof *h);
  h->state = XXH3_createState();
  if (!h->state) abort(); /* out of memory */
  XXH3_64bits_reset(h->state);
  return h;
}

void stream_hash_add(struct stream_hash *h, const void *p, size_t n) {
  if (n) XXH3_64bits_update(h->state, p, n);
}

uint64_t stream_hash_value(const struct stream_hash *h) {
  return XXH3_64bits_digest(h->state);
}

void stream_hash_free(struct stream_hash *h) {
  if (!h) return;
  XXH3_freeState(h->state);
  free(h);
}
