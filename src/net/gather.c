#include "net/gather.h"

#define BUSY 65536     /* bytes without a pause: in full flow */
#define PAUSE_US 20000 /* longer than any wait */
#define ROOM                                                                                                 \
  163840 /* of the 212,992 bytes of a Unix socket (net.core.wmem_default, unless it is set otherwise) */
#define FULL 204800  /* as much in one turn: the sender may have stood still */
#define LEAST_US 100 /* less is over before it has begun (PR_SET_TIMERSLACK: 50 us) */
#define GAIN 2       /* pieces instead of one, or the wait's own wake-up costs what it saves */

/* What the kernel counts for a piece in a Unix socket: the power of two that it was given, or whole pages,
 * and its head (skb_shared_info, struct sk_buff; unix_stream_sendmsg() in net/unix/af_unix.c). */
static size_t kernel_size(size_t n) {
  return n < 16384 ? 2 * n + 768 : n + 5120;
}

int64_t gather_us(struct gather *g, size_t n, uint64_t pieces, int64_t now_us) {
  int64_t passed = now_us - g->at_us, came = (int64_t)(pieces - g->pieces);
  g->at_us = now_us;
  g->pieces = pieces;
  if (passed > PAUSE_US) {
    g->burst = n;
    return 0;
  }
  g->burst += n;
  if (g->burst < BUSY || came <= 0) return 0;
  int64_t taken = came * (int64_t)kernel_size(n / (size_t)came);
  int64_t us = ROOM * passed / taken;
  if (taken > FULL) us /= 2; /* more may have come without a wait */
  if (us > GATHER_MAX_US) us = GATHER_MAX_US;
  return us < LEAST_US || us * came < GAIN * passed ? 0 : us;
}
