/* Output that no caller received, kept beside the history for `jobs logs`: both streams with times, at most
 * --spool-max bytes (the first), for --keep-for. A file spool/ID of lines, one for each piece of output:
 * {"t":RFC 3339,"s":1|2,"b":base64}. Mode 0600: output may hold anything. */
#ifndef JOB_SPOOL_H
#define JOB_SPOOL_H
#include "job/record.h"
#include "runtime/runtime.h"

/* Reads the ended container's log into the spool. -1: nothing was spooled; the container should be kept
 * instead. */
int spool_from_log(struct runtime *rt, struct loop *loop, struct history *h, const char *container,
                   const char *job_id, bool tty, int64_t max, int64_t keep_for, struct error *err);
/* Calls h->on_output for each piece. ERR_MISSING: no such spool. */
int spool_read(struct history *h, const char *job_id, const struct stream_handlers *calls, void *data,
               struct error *err);
/* Removes spools older than their keep-for (the file's time stamp is its end). */
void spool_expire(struct history *h);
#endif
