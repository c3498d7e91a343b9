/* What POST /images/create tells while it pulls: a row of JSON objects inside a 200. A fault after the first
 * of them is one of them ("errorDetail", before API 1.48 also "error"), not a status. Pure. */
#ifndef RUNTIME_DOCKER_PULLSTREAM_H
#define RUNTIME_DOCKER_PULLSTREAM_H
#include "runtime/docker/jsonstream.h"
#include "runtime/runtime.h"

struct pull_stream {
  struct jsonstream rows;
  const struct pull_progress *progress; /* may be NULL */
  char *fault;                          /* the registry's words; NULL: none yet */
};
void pull_stream_init(struct pull_stream *s, const struct pull_progress *progress);
void pull_stream_done(struct pull_stream *s);
/* 0; -1: ERR_ENGINE, not what it should be. The registry's fault is no error here: see s->fault. */
int pull_stream_feed(struct pull_stream *s, const char *p, size_t n, struct error *err);
#endif
