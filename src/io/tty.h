/* The caller's terminal: raw mode and back, on every way out. tty_restore() is idempotent, async-signal-safe,
 * and also runs at exit and on fatal signals. A job-control stop (TSTP from outside) restores, stops, and on
 * CONT goes raw again: tty_suspend(). */
#ifndef IO_TTY_H
#define IO_TTY_H
#include "base/error.h"
#include <stdbool.h>

bool tty_all(void); /* stdin, stdout and stderr are terminals */
int tty_raw(int fd, struct error *err);
void tty_restore(void);
void tty_suspend(void);                             /* restore, SIGSTOP ourselves, raw again after CONT */
int tty_size(int fd, int *ret_rows, int *ret_cols); /* -1: no terminal */
#endif
