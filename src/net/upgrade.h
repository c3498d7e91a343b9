/* A connection taken over after "101" (Docker attach, docs: Engine API "hijacking"; WebSocket): a plain byte
 * stream both ways. The head is sent through curl_easy_send (a CONNECT_ONLY connection never used through it
 * is closed by libcurl after 118 s) and HTTP/1.1 is forced. Bytes that came in the same packet as the head
 * are delivered first. SO_KEEPALIVE on TCP. */
#ifndef NET_UPGRADE_H
#define NET_UPGRADE_H
#include "net/http.h"
#include <sys/types.h>

struct upgrade;
struct upgrade_handlers {
  void (*on_data)(void *data, const char *p, size_t n);
  void (*on_end)(void *data, const struct error *err); /* once; err NULL: the peer closed in order */
  void (*on_writable)(void *data);                     /* after upgrade_send() took less than all */
  /* Both NULL, or both set; plain connections only. on_next: at most how many bytes to read next, SIZE_MAX:
   * as many as there are. *ret_front: they are shown to on_front() first, unread at the front of `fd`; it
   * returns how many it has taken from there itself, 0: they come by on_data. Neither may free the
   * connection. */
  size_t (*on_next)(void *data, bool *ret_front);
  size_t (*on_front)(void *data, int fd, const char *p, size_t n);
  /* How many pieces (frames) the peer has begun so far: a stream of many of them is read in larger portions
   * (net/gather.h), some milliseconds later. NULL: each at once. */
  uint64_t (*pieces)(void *data);
};
struct upgrade_request {
  const char *method, *path; /* path: begins with '/', escaped */
  const char *protocol;      /* of the Upgrade header: "tcp", "websocket" */
  const char *headers;       /* more lines, "\r\n" between, none at the end; NULL: none */
};
/* Begins and returns; both come from loop_step(): on_open when the 101 is there (upgrade_header() tells what
 * stood in it), or on_end with what upgrade_open() would say. */
typedef void upgrade_open_fn(void *data, struct upgrade *u);
struct upgrade *upgrade_begin(struct http_client *c, const struct upgrade_request *req,
                              upgrade_open_fn *on_open, const struct upgrade_handlers *h, void *data);
/* Of the answer's head; for free(), NULL: absent. */
char *upgrade_header(const struct upgrade *u, const char *name);
/* As Docker attaches: POST, "tcp". Blocking until the head is there. Any status but 101: ERR_MISSING (404),
 * ERR_CONFLICT (409) or ERR_ENGINE with the engine's words, JSON or plain text. No handler is called before
 * upgrade_open() has returned. */
int upgrade_open(struct http_client *c, const char *path, const struct upgrade_handlers *h, void *data,
                 struct upgrade **ret, struct error *err);
/* Bytes taken, 0 = would block (on_writable comes), -1 = the connection is gone (on_end comes too). */
ssize_t upgrade_send(struct upgrade *u, const void *p, size_t n);
/* End of input; reading goes on. 0: everything was handed to the kernel; 1: not yet, on_writable comes, ask
 * again; -1: the connection is gone. */
int upgrade_half_close(struct upgrade *u);
void upgrade_pause(struct upgrade *u, bool paused); /* stops reading */
int upgrade_fd(const struct upgrade *u);            /* for the guardian's dup */
void upgrade_free(struct upgrade *u);               /* NULL is fine; closes */
#endif
