/* Pulling an image. The engine does it; whether the image is there afterwards is for the caller to look,
 * since the answer can end early without a word. */
#include "base/alloc.h"
#include "data/hash.h"
#include "runtime/docker/auth.h"
#include "runtime/docker/follow.h"
#include "runtime/docker/imageref.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/pullstream.h"
#include <stdlib.h>
#include <string.h>

struct pull {
  struct pull_stream stream;
  bool ended;
  struct error fault; /* of the transport or of what came over it */
};

static void on_data(void *data, const char *p, size_t n) {
  struct pull *pull = data;
  if (pull->fault.kind == ERR_NONE) (void)pull_stream_feed(&pull->stream, p, n, &pull->fault);
}

static void on_end(void *data, const struct error *err) {
  struct pull *pull = data;
  pull->ended = true;
  if (err && pull->fault.kind == ERR_NONE) pull->fault = *err;
}

static const struct follow_handlers handlers = {.on_data = on_data, .on_end = on_end};

/* A tag must be named, or the engine pulls all of them. */
static char *pull_path(const struct image_ref *ref, const char *platform) {
  const char *tag = ref->digest ? ref->digest : ref->tag ? ref->tag : "latest";
  CLEANUP_FREE char *name = http_escape(ref->name);
  CLEANUP_FREE char *version = http_escape(tag);
  CLEANUP_FREE char *p = platform ? http_escape(platform) : NULL;
  return xprintf("/images/create?fromImage=%s&tag=%s%s%s", name, version, p ? "&platform=" : "", p ? p : "");
}

/* Transport faults keep their kind; whatever the engine or the registry says is about the image. */
static int pull_fault(struct error *err) {
  if (err && err->http_status != 0) err->kind = ERR_IMAGE;
  return -1;
}

static int run(struct docker *d, const struct follow_request *req, const struct pull_progress *pp,
               struct error *err) {
  struct pull pull = {0};
  struct follow follow;
  int rc = 0;
  pull_stream_init(&pull.stream, pp);
  if (follow_begin(&follow, d, req, &handlers, &pull, err) < 0) {
    pull_stream_done(&pull.stream);
    return pull_fault(err);
  }
  while (!pull.ended && pull.fault.kind == ERR_NONE && rc == 0) {
    if (loop_interrupted(d->loop, err) != ERR_NONE)
      rc = -1;
    else
      loop_step(d->loop, -1);
  }
  follow_done(&follow); /* an end before its time cancels the pull on the engine */
  if (rc == 0 && pull.stream.fault) {
    rc = error_set(err, ERR_IMAGE, "%s: %s", req->what, pull.stream.fault);
  } else if (rc == 0 && pull.fault.kind != ERR_NONE) {
    rc = error_set(err, pull.fault.kind, "%s: %s", req->what, pull.fault.text);
  }
  pull_stream_done(&pull.stream);
  return rc;
}

int docker_pull(struct runtime *rt, const struct settings *s, const char *image,
                const struct pull_progress *pp, struct error *err) {
  struct docker *d = (struct docker *)rt;
  struct image_ref ref;
  CLEANUP_FREE char *auth = NULL;
  CLEANUP_FREE char *what = xprintf("pull of %s failed", image);
  if (image_ref_parse(image, &ref, err) < 0) return error_prefix(err, "%s", what);
  CLEANUP_FREE char *path = pull_path(&ref, s->platform);
  int rc = auth_header(d->loop, ref.host, &auth, err);
  image_ref_done(&ref);
  if (rc < 0) return error_prefix(err, "%s", what);
  CLEANUP_FREE char *header = auth ? xprintf("X-Registry-Auth: %s", auth) : NULL;
  struct follow_request req = {.method = "POST", .path = path, .header = header, .what = what};
  rc = run(d, &req, pp, err);
  if (header) explicit_bzero(header, strlen(header));
  if (auth) explicit_bzero(auth, strlen(auth));
  return rc;
}
