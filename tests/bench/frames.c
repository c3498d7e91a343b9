/* Demultiplexes 64 MiB of frames as an engine sends them, in reads of 64 KiB: for counting instructions. */
#include "runtime/docker/frames.h"
#include "base/alloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME 4096
#define READ 65536
#define TOTAL (64u << 20)

static int count(void *data, int fd, const char *p, size_t n) {
  (void)p;
  ((size_t *)data)[fd == 2] += n;
  return 0;
}

int main(void) {
  size_t got[2] = {0}, at = 0, n = (FRAME + 8) * 64;
  char *wire = xcalloc(n, 1);
  struct frames f;
  struct error err = ERROR_INIT;
  for (size_t i = 0; i < 64; i++) {
    char *head = wire + i * (FRAME + 8);
    head[0] = (char)(1 + i % 2);
    head[6] = (char)(FRAME >> 8);
  }
  frames_init(&f, false);
  while (got[0] + got[1] < TOTAL) {
    size_t k = n - at < READ ? n - at : READ;
    if (frames_feed(&f, wire + at, k, count, got, &err) < 0) return 1;
    at = at + k == n ? 0 : at + k;
  }
  frames_done(&f);
  free(wire);
  return got[0] == got[1] ? 0 : 1;
}
