/* The one blocking call of the program: loop_step() polls libcurl's sockets, the watches and the timers
 * together. Descriptors, signals (io/signals.h), upgraded connections and requests all live here; no threads.
 * Order inside a step: perform what is due, poll, perform, then callbacks; the caller looks at its own
 * condition after the step.
 * Callbacks may add and free watches and timers (also their own) but must not call loop_step() or
 * http_call(): they note what happened, the code that called loop_step() acts on it. */
#ifndef NET_LOOP_H
#define NET_LOOP_H
#include "base/error.h"
#include <stdint.h>

struct loop;
struct watch;
struct timer;
enum { WATCH_IN = 1, WATCH_OUT = 2 };

struct loop *loop_new(void);
/* libcurl starts with the first client or step, perhaps with a thread: fork the guardian before. */
void loop_free(struct loop *loop);

typedef void watch_fn(void *data, int fd, unsigned events);
/* events 0 takes the descriptor out of the poll (a hung-up pipe would spin); a hang-up shows as WATCH_IN. */
struct watch *loop_watch(struct loop *loop, int fd, unsigned events, watch_fn *fn, void *data);
void watch_set(struct watch *w, unsigned events);
void watch_free(struct watch *w); /* NULL is fine; does not close the descriptor */

typedef void timer_fn(void *data);
/* Fires once, at or after clock_ms() + ms (boot time: a suspend counts). Freed by timer_free() only. */
struct timer *loop_timer(struct loop *loop, int64_t ms, timer_fn *fn, void *data);
void timer_free(struct timer *t); /* NULL is fine; also after firing */

/* Waits at most max_ms (-1: as long as it takes) and dispatches what came. */
void loop_step(struct loop *loop, int max_ms);
/* So long, whatever comes meanwhile is dispatched; no interrupt is asked. */
void loop_pause(struct loop *loop, int64_t ms);

/* While a blocking call (http_call, upgrade_open) waits, `fn` is asked after each step; an answer other than
 * ERR_NONE ends the call with that kind and the text fn put into err. For INT and --start-timeout. fn NULL:
 * none. Returns the earlier function and data through ret_* so that it can be put back. */
typedef enum error_kind interrupt_fn(void *data, struct error *err);
struct interrupt {
  interrupt_fn *fn;
  void *data;
};
struct interrupt loop_set_interrupt(struct loop *loop, struct interrupt i);
enum error_kind loop_interrupted(struct loop *loop, struct error *err);

/* After an engine restart every pooled connection is dead (curl #10646): throws them away. No exchange may be
 * under way and no upgraded connection open: it would be closed under its owner's feet. */
void loop_drop_connections(struct loop *loop);
#endif
