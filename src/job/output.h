/* Bytes of the command to our stdout and stderr: unaltered, whole, in order. What the reader does not take at
 * once waits in a queue of LIMIT_OUTPUT_QUEUE; a full queue asks for the source to be paused. While a stop,
 * kill or inspect is owed the source must be read on (moby#41827): output_spill() then lets the rest go to an
 * unlinked temporary file. Counts and hashes what was received, for joining a log after a cut. */
#ifndef JOB_OUTPUT_H
#define JOB_OUTPUT_H
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;
struct output_handlers {
  void (*on_full)(void *data, bool full); /* pause or resume the source */
  void (*on_broken)(void *data, int fd,
                    int no); /* once for a descriptor: errno of the write; the rest is dropped */
};
struct output_options {
  bool timestamps;    /* RFC 3339 before each line */
  const char *prefix; /* before each line; NULL none */
};
struct output *output_new(struct loop *loop, const struct output_options *opt,
                          const struct output_handlers *h, void *data);
void output_free(struct output *o);
void output_put(struct output *o, int fd, const char *p, size_t n);
/* Of stream_mover (runtime.h): a pipe of ours that is not full takes large pieces without a copy. */
bool output_ready(const struct output *o, int fd);
size_t output_move(struct output *o, int fd, int from, const char *p, size_t n);
void output_spill(struct output *o, bool on);
bool output_full(const struct output *o); /* the source is paused: the reader is slow */
bool output_drained(const struct output *o);
int64_t output_bytes(const struct output *o, int fd); /* received */
int64_t output_waiting(const struct output *o);       /* not taken yet by our reader */
int64_t output_lost(const struct output *o);          /* could not be kept: no room for the temporary file */
uint64_t output_hash(const struct output *o, int fd); /* XXH3 of what was received */
/* The last bytes received of fd, at most 4 KiB: for finding the place again. */
size_t output_tail(const struct output *o, int fd, char *ret, size_t size);
#endif
