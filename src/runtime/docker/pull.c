/* Pulling an image. The engine does it; whether the image is there afterwards is for the caller to look,
 * since the answer can end early without a word. */
#include "base/alloc.h"
#include "base/trace.h"
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

/* The registry or the way to it had a bad moment, in the engine's words. Not: refused, unknown, too many
 * requests (asking again makes that worse), nobody there. Layers the engine tries again by itself. */
static bool transient(const struct error *err) {
  static const char *const words[] = {"unexpected HTTP status: 50",
                                      "status code 50",
                                      "502 Bad Gateway",
                                      "503 Service Unavailable",
                                      "504 Gateway",
                                      "i/o timeout",
                                      "TLS handshake timeout",
                                      "connection reset by peer",
                                      "unexpected EOF"};
  if (err->kind != ERR_IMAGE) return false;
  for (size_t i = 0; i < ARRAY_LEN(words); i++)
    if (strstr(err->text, words[i])) return true;
  return false;
}

static int run_patiently(struct docker *d, const struct follow_request *req, const struct pull_progress *pp,
                         struct error *err) {
  static const int64_t pauses_ms[] = {1000, 3000};
  for (size_t i = 0;; i++) {
    struct error fault = ERROR_INIT;
    if (run(d, req, pp, &fault) == 0) return 0;
    if (i == ARRAY_LEN(pauses_ms) || !transient(&fault)) {
      if (err) *err = fault;
      return -1;
    }
    trace(TRACE_RUNTIME, "%s; once more in %lld s", fault.text, (long long)pauses_ms[i] / 1000);
    if (docker_sleep(d, pauses_ms[i], err) < 0) return -1;
  }
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
  rc = run_patiently(d, &req, pp, err);
  if (header) explicit_bzero(header, strlen(header));
  if (auth) explicit_bzero(auth, strlen(auth));
  return rc;
}
