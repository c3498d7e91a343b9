/* The inside of the loop, for the files of net/ only: libcurl's multi handle, transfers that live in it, and
 * tasks. libcurl forbids most calls from its own callbacks (removing the handle, for one), so these only note
 * what came and queue a task; tasks run after curl_multi_perform(), where everything is allowed. */
#ifndef NET_LOOP_CURL_H
#define NET_LOOP_CURL_H
#include "net/loop.h"
#include <curl/curl.h>
#include <stdbool.h>

/* Starts libcurl; again is fine. After easy_global(). */
void loop_ready(struct loop *loop);

typedef void transfer_fn(void *data, CURLcode result);
/* Embedded in its owner; zeroed before first use. */
struct transfer {
  CURL *easy;
  transfer_fn *on_done; /* called outside of libcurl, inside loop_step(): it may only note and queue a task */
  void *data;
  struct loop *loop;
};
/* Puts t->easy into the loop. CURLOPT_PRIVATE of the handle belongs to the loop. */
void transfer_begin(struct loop *loop, struct transfer *t);
/* Out of the loop again, done or not; the handle stays the caller's. Twice is fine. */
void transfer_end(struct transfer *t);

struct task {
  struct task *next;
  void (*fn)(void *data);
  void *data;
  bool queued;
};
/* Runs once in the current or the next loop_step(); one that is queued already stays where it is. */
void task_queue(struct loop *loop, struct task *t);
void task_cancel(struct loop *loop, struct task *t);

/* Turns the loop until *done, `ms` have passed (0: no limit; ERR_TIMEOUT without a text), or the interrupt
 * says otherwise (its kind and text). */
enum error_kind loop_wait(struct loop *loop, const bool *done, int64_t ms, struct error *err);
#endif
