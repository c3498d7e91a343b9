/* Kubernetes' struct stream. Output comes from the log (log.h), or from an attached connection (socket.h) for
 * a terminal and for --streams apart; input goes through an attached connection. All of it waits for the
 * container to run, which the watch of the job's pods tells. */
#ifndef RUNTIME_KUBE_STREAM_H
#define RUNTIME_KUBE_STREAM_H
#include "runtime/handles.h"
#include "runtime/kube/log.h"
#include "runtime/kube/pods.h"
#include "runtime/kube/socket.h"

/* What outlives one stream: attach() again goes on where the last one was cut. */
struct kube_streams {
  char job[64];
  struct cursor cursors[2];     /* of fd 1 and 2 */
  bool input_over;              /* the one connection for input was there: stdinOnce, a second is of no use */
  bool early_done;              /* what a terminal's command wrote before it was attached was told */
  struct kube_stream *terminal; /* that resize() is about; NULL: none */
  int rows, cols;               /* the last size asked for; 0: none */
};
struct kube_streams *kube_streams(struct kube *k,
                                  const char *job_id); /* of that job; made when it is not there */
bool kube_logs_split(const struct kube *k);            /* the server tells stdout from stderr in a log */

enum kube_way {
  WAY_LOG,      /* log; input, if any, by a socket */
  WAY_ATTACHED, /* output by a socket, what came before from the log */
};
struct kube_stream {
  struct stream base; /* first: the same pointer */
  struct kube *k;
  const struct stream_handlers *h;
  void *data;
  enum kube_way way;
  bool tty, input; /* input: wanted, and not over */
  bool once;       /* only what the log holds now */
  struct kube_streams *mem;
  struct cursor own[2]; /* of kube_logs() */
  struct cursor *cursors;
  struct kube_pods *pods;
  struct kube_pods_user user;
  char *container;
  struct timer *timer; /* the first look; or a socket that ended is waited for */
  bool running, ended; /* the container, as the pods told */
  bool begun;
  struct kube_log *logs[2];
  int logs_open;
  const char *gap;
  bool text_log; /* the container's runtime keeps its log as text: Docker's json-file */
  int64_t started_ns;
  unsigned replacement; /* bytes of U+FFFD that have come in a row */
  bool paused;
  /* the socket: attach.c */
  struct kube_socket *socket;
  bool socket_over, attached;
  int64_t socket_since; /* clock_ms() of the first try */
  int64_t sent;         /* bytes of input */
  bool end_asked, end_arrived;
  struct error socket_fault;
  struct buf held; /* output of the socket while the early log is read */
  struct buf tail; /* the last bytes of the early log */
  struct cursor early_cursor;
  struct kube_log *early;
  bool over;
  int busy;
  bool freed;
};

/* stream.c */
void kube_stream_enter(struct kube_stream *s);
void kube_stream_leave(struct kube_stream *s);                         /* s may be gone afterwards */
void kube_stream_over(struct kube_stream *s, const struct error *err); /* tells the end */
void kube_stream_out(struct kube_stream *s, int fd, const char *p, size_t n);
void kube_stream_log(struct kube_stream *s, bool running); /* begins to read the log */
void kube_stream_check(struct kube_stream *s);             /* is everything over? */
/* attach.c */
bool kube_attach_waits(struct kube_stream *s); /* for the server to say that the input has arrived */
void kube_attach_begin(struct kube_stream *s); /* the container runs, or has ended */
void kube_attach_ended(struct kube_stream *s); /* it has ended just now */
void kube_attach_done(struct kube_stream *s);  /* frees its part */
long kube_attach_send(struct kube_stream *s, const void *p, size_t n);
int kube_attach_end_input(struct kube_stream *s);
#endif
