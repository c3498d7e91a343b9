/* SHA-256 (libcrypto), XXH3 (libxxhash), base64 (libcrypto), random ids. */
#ifndef DATA_HASH_H
#define DATA_HASH_H
#include <stddef.h>
#include <stdint.h>

void sha256_hex(const void *p, size_t n, char ret[65]);
char *base64_encode(const void *p, size_t n);    /* padded; for free() */
char *base64url_encode(const void *p, size_t n); /* padded, URL alphabet (X-Registry-Auth) */
/* NULL for garbage; *ret_n bytes, NUL behind. */
char *base64_decode(const char *text, size_t *ret_n);
/* n lower-case base-32 characters from getrandom(2), the first a letter. ret has n + 1 bytes. */
void random_id(char *ret, size_t n);
/* A running XXH3 of a stream's bytes, for joining a log to what was delivered. */
struct stream_hash;
struct stream_hash *stream_hash_new(void);
void stream_hash_add(struct stream_hash *h, const void *p, size_t n);
uint64_t stream_hash_value(const struct stream_hash *h);
void stream_hash_free(struct stream_hash *h);
#endif
