/* What ssh said, as one line for people: the words that tell the cause, and what to do next. */
#ifndef NET_SSH_WORDS_H
#define NET_SSH_WORDS_H
#include "base/error.h"
#include "net/endpoint.h"

/* Sets err: "cannot reach the engine at ssh://...: WORDS; NEXT STEP". `log`: all that ssh wrote; `status`:
 * how it ended (waitpid's; -1: it has not), for when it said nothing. Evaluates to -1. */
int ssh_fault(const struct endpoint *ep, const char *log, int status, struct error *err);
#endif
