/* Inside of an upgraded connection: upgrade_open.c brings it about, upgrade.c is the stream. */
#ifndef NET_UPGRADE_INSIDE_H
#define NET_UPGRADE_INSIDE_H
#include "net/gather.h"
#include "net/loop_curl.h"
#include "net/upgrade.h"
#include "net/upgrade_head.h"
#include <stdbool.h>
#include <stdint.h>

#define UPGRADE_READ_MAX 65536 /* a turn: others must have theirs */

struct upgrade {
  struct http_client *client;
  struct loop *loop;
  struct upgrade_handlers h;
  void *data;
  struct transfer transfer;
  struct watch *watch;
  struct task task; /* for what poll() does not see: early bytes, bytes inside of the TLS layer */
  int fd;
  bool tls;
  bool paused, want_out, ended;
  struct gather gather;
  size_t came;            /* bytes, since gather_us() was told */
  bool drained;           /* there was no more to read */
  bool sending;           /* since the last turn: whoever has something to send is not kept from it */
  bool shut_wanted, shut; /* end of input: asked for, sent */
  bool in_callback, freed;
  struct buf early; /* came with the head */
  char *out;        /* TLS only: OpenSSL wants the same bytes again after a "would block" */
  size_t out_at, out_n;
  char text[CURL_ERROR_SIZE];
  /* Until it is open */
  enum { UPGRADE_CONNECTING, UPGRADE_SENDING, UPGRADE_READING, UPGRADE_REFUSED, UPGRADE_OPEN } stage;
  upgrade_open_fn *on_open; /* NULL: upgrade_open() waits for `settled` */
  bool settled;             /* open, or `fault` says why not */
  struct error fault;
  char *request; /* the head; holds credentials */
  size_t request_at, request_n;
  char *what; /* "GET /api/...", without the query */
  struct timer *timer;
  CURLcode connected;
  struct upgrade_head head;
  char *head_text;           /* the answer's, for upgrade_header() */
  char in[UPGRADE_READ_MAX]; /* last, and never cleared: pages that nothing comes into are not touched */
};
/* upgrade_open.c: the next step towards the open stream, as far as it goes without waiting. */
void upgrade_opening(struct upgrade *u);
void upgrade_opening_done(struct upgrade *u); /* frees what only the opening needs */
/* upgrade.c */
void upgrade_destroy(struct upgrade *u);
void upgrade_stream(struct upgrade *u); /* the head is there: the stream begins */
void upgrade_turn(void *data);          /* the task */
void upgrade_event(void *data, int fd, unsigned events);
#endif
