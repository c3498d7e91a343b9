/* Pull progress and events share the splitting; the first byte says where the stream is cut. */
#include "runtime/docker/events.h"
#include "runtime/docker/pullstream.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *data, const char *layer, const char *status, int64_t current, int64_t total) {
  (void)current, (void)total;
  *(size_t *)data += 1 + strlen(layer) + strlen(status);
}

static int look(void *data, json_t *o, struct error *err) {
  enum runtime_event e;
  int signal;
  int64_t ns;
  (void)data, (void)err;
  if (event_read(o, &e, &signal, &ns) && (signal < 0 || signal > 64 || ns < 0)) abort();
  return 0;
}

static int feed(const char *p, size_t n, size_t cut, size_t *ret_count) {
  struct pull_stream s;
  struct pull_progress progress = {.line = count, .data = ret_count};
  pull_stream_init(&s, &progress);
  int rc = pull_stream_feed(&s, p, cut, NULL);
  if (rc == 0) rc = pull_stream_feed(&s, p + cut, n - cut, NULL);
  pull_stream_done(&s);
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const char *p = (const char *)data + 1;
  size_t n = size - 1, whole = 0, cut = 0;
  if (feed(p, n, n, &whole) != feed(p, n, n ? data[0] % (n + 1) : 0, &cut) || whole != cut) abort();
  struct jsonstream rows;
  jsonstream_init(&rows);
  (void)jsonstream_feed(&rows, p, n, look, NULL, NULL);
  jsonstream_done(&rows);
  return 0;
}
