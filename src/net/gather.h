/* How long to let what comes be, so that many small pieces are read with one wake-up. Pure.
 *
 * A command's output comes as a piece for each of its writes, and waking up for each of them costs more than
 * all else that is done with it. Only for streams in full flow, where nobody waits for the next piece, and
 * for about as long as it takes to fill the sender's socket. */
#ifndef NET_GATHER_H
#define NET_GATHER_H
#include <stddef.h>
#include <stdint.h>

struct gather { /* zeroed: nothing has come yet */
  int64_t at_us;
  uint64_t pieces;
  size_t burst; /* bytes since the last pause */
};
#define GATHER_MAX_US 8000
/* After a turn that took all there was, n bytes: for how many microseconds not to look for more, 0 to
 * GATHER_MAX_US. pieces: that have begun in all; now_us: CLOCK_MONOTONIC. */
int64_t gather_us(struct gather *g, size_t n, uint64_t pieces, int64_t now_us);
#endif
