/* HTTP/1.1 requests to one endpoint over kept-alive connections, through libcurl.
 * A request with `changes` set is put on the wire at most once: libcurl re-sends on a reused connection that
 * died unanswered, CURLOPT_PREREQFUNCTION refuses the second try, and the result is ERR_LOST. Answers are
 * capped (LIMIT_JSON). An HTTP status is not an error here: look at status; docker's own layer maps it. */
#ifndef NET_HTTP_H
#define NET_HTTP_H
#include "base/buf.h"
#include "base/error.h"
#include "net/endpoint.h"
#include "net/loop.h"
#include <stdbool.h>

struct http_client;
/* Over ssh:// the tunnel (net/ssh.h) comes up with the first http_call() or upgrade_open(), and again after
 * it was lost. */
struct http_client *http_client_new(struct loop *loop, const struct endpoint *ep, struct error *err);
void http_client_free(struct http_client *c);
int http_client_ready(struct http_client *c, struct error *err); /* for upgrade.c; blocks like http_call() */
const struct endpoint *http_client_endpoint(const struct http_client *c);
/* The client's certificate from now on, as PEM (copied): new connections show it, and old ones serve no more.
 */
void http_client_certificate(struct http_client *c, const char *cert, const char *key);
struct loop *http_client_loop(const struct http_client *c);

struct http_request {
  const char *method; /* GET, HEAD, POST, PUT, PATCH, DELETE */
  const char *path;   /* begins with '/', already escaped (http_escape) */
  const void *body;   /* NULL: none. Borrowed until the exchange has ended */
  size_t body_len;
  const char *content_type; /* with a body; NULL: application/json */
  const char *header;       /* more "Name: value" lines, "\r\n" between, e.g. X-Registry-Auth; NULL: none.
                               Copied; wiped with the exchange: they may be credentials */
  const char *accept;       /* NULL: anything */
  bool changes;             /* sent once, see above */
  int64_t timeout_ms;       /* for the whole exchange; 0: none (wait, events, logs, pull) */
};
struct http_response {
  long status;
  struct buf headers; /* raw lines of the last head */
  struct buf body;    /* empty when a sink took it */
};
void http_response_done(struct http_response *r);
/* Value of a header (case-insensitive), for free(); NULL if absent. */
char *http_header(const struct http_response *r, const char *name);

/* Blocking (the loop goes on turning, see loop.h). ERR_UNREACHABLE: nothing was sent. ERR_PERMISSION: EACCES
 * on the socket. ERR_LOST: sent, no (whole) answer. ERR_TIMEOUT. ERR_ENGINE: not HTTP ("is it an engine?").
 * ret is initialised by the call and must be http_response_done() on success. */
int http_call(struct http_client *c, const struct http_request *req, struct http_response *ret,
              struct error *err);

/* Every connection is busy: the loop turns until one of them is done, at most for ms (no interrupt is asked).
 * A new one costs more than most requests do; for calls that nobody waits for. */
void http_wait_free(struct http_client *c, int64_t ms);

/* Long ones: begins and returns; callbacks come from loop_step(). */
struct http_handlers {
  void (*on_head)(void *data, long status);             /* head complete; may be NULL */
  void (*on_data)(void *data, const char *p, size_t n); /* NULL: collected into the response */
  void (*on_done)(void *data, const struct http_response *r,
                  const struct error *err); /* err NULL: whole answer */
};
struct http_exchange;
struct http_exchange *http_begin(struct http_client *c, const struct http_request *req,
                                 const struct http_handlers *h, void *data);
void http_pause(struct http_exchange *x, bool paused); /* stops reading: back-pressure */
void http_exchange_free(
    struct http_exchange *x); /* NULL is fine. Cancels if under way; no callback comes after */

char *http_escape(const char *s); /* percent-encodes a path segment or query value; for free() */
#endif
