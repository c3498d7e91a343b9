#include "runtime/docker/pullstream.h"
#include "base/alloc.h"
#include "data/json.h"
#include <stdlib.h>

void pull_stream_init(struct pull_stream *s, const struct pull_progress *progress) {
  jsonstream_init(&s->rows);
  s->progress = progress;
  s->fault = NULL;
}

void pull_stream_done(struct pull_stream *s) {
  jsonstream_done(&s->rows);
  free(s->fault);
  s->fault = NULL;
}

static int on_row(void *data, json_t *o, struct error *err) {
  struct pull_stream *s = data;
  const char *fault = json_str(o, "errorDetail.message"), *status = json_str(o, "status");
  const char *layer = json_str(o, "id");
  (void)err;
  if (!fault) fault = json_str(o, "error");
  if (fault && !s->fault) s->fault = xstrdup(fault);
  if (status && s->progress && s->progress->line)
    s->progress->line(s->progress->data, layer ? layer : "", status,
                      json_int_or(o, "progressDetail.current", 0), json_int_or(o, "progressDetail.total", 0));
  return 0;
}

int pull_stream_feed(struct pull_stream *s, const char *p, size_t n, struct error *err) {
  return jsonstream_feed(&s->rows, p, n, on_row, s, err);
}
