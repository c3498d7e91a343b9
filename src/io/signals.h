/* Signals as bytes on a self-pipe in the loop. signals_init() blocks nothing and remembers the old actions;
 * signals_done() puts them back. Ignored-at-start signals (nohup, `trap '' INT`) stay ignored and are not
 * reported. */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H
#include "base/error.h"
#include "net/loop.h"
#include <stdbool.h>

typedef void signal_fn(void *data, int signo);
/* Catches INT TERM HUP QUIT USR1 USR2 WINCH CONT TSTP(only when tty is set); SIGPIPE is ignored. */
int signals_init(struct loop *loop, bool tty, signal_fn *fn, void *data, struct error *err);
void signals_done(void);
#endif
