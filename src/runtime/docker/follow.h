/* A request whose head is awaited and whose body goes on coming: events, wait, logs, pull. */
#ifndef RUNTIME_DOCKER_FOLLOW_H
#define RUNTIME_DOCKER_FOLLOW_H
#include "runtime/docker/docker.h"

struct follow_handlers {
  void (*on_data)(void *data, const char *p, size_t n); /* of a success only */
  void (*on_end)(void *data, const struct error *err);  /* once, of a success only; NULL: whole */
};
struct follow_request {
  const char *method, *path; /* path without /v1.N */
  const char *header;        /* one more "Name: value" line or NULL */
  const char *what;          /* "wait failed": begins a complaint */
  int64_t head_ms;           /* longest wait for the head; 0: the loop's interrupt alone ends it */
  bool hold;                 /* no handler is called before follow_begin() has returned */
};
struct follow {
  struct docker *d;
  struct http_exchange *x;
  const struct follow_handlers *h;
  void *data;
  char *path;
  bool hold;
  struct timer *release; /* of what was held: in the next step of the loop */
  long status;           /* 0: the head has not come */
  bool ended;
  struct error fault; /* of a transport that broke before or in an answer that is no success */
  struct buf words;   /* body of a status that is no success */
};
/* Begins and blocks until the head has come. Any status but 200: the engine's words as docker_fault() puts
 * them. f must stay where it is until follow_done(); on failure it is done already. */
int follow_begin(struct follow *f, struct docker *d, const struct follow_request *req,
                 const struct follow_handlers *h, void *data, struct error *err);
void follow_done(struct follow *f); /* cancels; no handler is called after. Twice is fine */
#endif
