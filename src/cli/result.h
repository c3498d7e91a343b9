/* An end before job_launch(): said on stderr, written to --result like every other end. */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H
#include "cli/invocation.h"

/* Returns the exit status of err. inv may be NULL (the command line itself is at fault). */
int result_not_started(const struct options *opts, const struct invocation *inv, const struct error *err);
#endif
