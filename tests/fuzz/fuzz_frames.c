/* A stream cut in two anywhere must give the same bytes as in one piece. The first byte says where. */
#include "runtime/docker/frames.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sum(void *data, int fd, const char *p, size_t n) {
  uint64_t *sums = data;
  if (n == 0 || (fd != 1 && fd != 2)) abort();
  for (size_t i = 0; i < n; i++) sums[fd] = sums[fd] * 31 + (unsigned char)p[i] + 1;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const char *p = (const char *)data + 1;
  size_t n = size - 1, cut = n ? data[0] % (n + 1) : 0;
  uint64_t whole[3] = {0}, cut_sums[3] = {0};
  struct error err = ERROR_INIT, cut_err = ERROR_INIT;
  struct frames f;
  frames_init(&f, false);
  int rc = frames_feed(&f, p, n, sum, whole, &err);
  bool at_end = rc == 0 && frames_whole(&f);
  frames_done(&f);
  frames_init(&f, false);
  int rc2 = frames_feed(&f, p, cut, sum, cut_sums, &cut_err);
  if (rc2 == 0) rc2 = frames_feed(&f, p + cut, n - cut, sum, cut_sums, &cut_err);
  if (rc != rc2 || memcmp(whole, cut_sums, sizeof whole) != 0 || strcmp(err.text, cut_err.text) != 0) abort();
  if (rc == 0 && frames_whole(&f) != at_end) abort();
  frames_done(&f);
  return 0;
}
