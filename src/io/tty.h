/* The caller's terminal: raw mode and back, on every way out. tty_restore() is idempotent, async-signal-safe,
 * and also runs at exit and on fatal signals. A job-control stop (TSTP from outside) restores, stops, and on
 * CONT goes raw again: tty_suspend(), if we are in the foreground then. On every SIGCONT call tty_raw()
 * again: it does nothing when the terminal is raw already, and what it finds otherwise is what it puts back.
 */
#ifndef IO_TTY_H
#define IO_TTY_H
#include "base/error.h"
#include <stdbool.h>

bool tty_all(void); /* stdin, stdout and stderr are terminals */
int tty_raw(int fd, struct error *err);
void tty_restore(void);
bool tty_is_raw(void);
void tty_suspend(void);                             /* restore, SIGSTOP ourselves, raw again after CONT */
int tty_size(int fd, int *ret_rows, int *ret_cols); /* -1: no terminal */
#endif
