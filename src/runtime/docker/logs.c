/* The engine's log of a container, as the attached stream would bring it. follow loses output when the log is
 * rotated (experiments: H): whoever must have all of it reads again without follow after the end. */
#include "base/alloc.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/stream.h"

static void on_data(void *data, const char *p, size_t n) {
  docker_stream_take(data, p, n);
}
static void on_end(void *data, const struct error *err) {
  docker_stream_finish(data, err);
}
static const struct follow_handlers handlers = {.on_data = on_data, .on_end = on_end};

int docker_logs(struct runtime *rt, const char *id, bool tty, bool follow, int64_t since_ns,
                const struct stream_handlers *h, void *data, struct stream **ret, struct error *err) {
  struct docker *d = (struct docker *)rt;
  CLEANUP_FREE char *since = since_ns > 0 ? xprintf("&since=%lld.%09lld", (long long)(since_ns / 1000000000),
                                                    (long long)(since_ns % 1000000000))
                                          : xstrdup("");
  CLEANUP_FREE char *path =
      xprintf("/containers/%s/logs?stdout=1&stderr=1%s%s", id, follow ? "&follow=1" : "", since);
  struct docker_stream *s = docker_stream_new(d, tty, h, data);
  struct follow_request req = {
      .method = "GET", .path = path, .what = "reading the log failed", .head_ms = 60000, .hold = true};
  if (follow_begin(&s->follow, d, &req, &handlers, s, err) < 0) {
    stream_free(&s->base);
    return -1;
  }
  *ret = &s->base;
  return 0;
}
