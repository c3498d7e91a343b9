/* The head of an answer to an upgrade, and the words of a refusal: pure, fed with whatever has come so far.
 */
#ifndef NET_UPGRADE_HEAD_H
#define NET_UPGRADE_HEAD_H
#include "base/error.h"
#include "net/endpoint.h"
#include <stdbool.h>
#include <stddef.h>

struct upgrade_head {
  long status;
  size_t len;     /* of the head, empty line included */
  long long body; /* Content-Length; -1: not given */
  bool chunked;
};
/* 1: complete. 0: more is needed. -1: this is not HTTP/1.x (said as early as it can be known). */
int upgrade_head_parse(const char *p, size_t n, struct upgrade_head *ret);
/* The value of a header within the head; for free(). NULL: absent. */
char *upgrade_head_header(const char *p, size_t n, const char *name);
/* Whether the n bytes behind the head are the whole body; without a length only the end of the stream tells.
 */
bool upgrade_body_whole(const struct upgrade_head *h, const char *p, size_t n);
/* The answer was not 101: sets kind, http_status and text by status and body. Evaluates to -1. */
int upgrade_refused(const struct upgrade_head *h, const struct endpoint *ep, const char *body, size_t n,
                    struct error *err);
#endif
