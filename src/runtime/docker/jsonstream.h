/* JSON objects one after another, separated by white space or nothing, split anywhere by the transport: pull
 * progress and events. Pure. Finds where an object ends by its brackets and strings, then parses it whole. */
#ifndef RUNTIME_DOCKER_JSONSTREAM_H
#define RUNTIME_DOCKER_JSONSTREAM_H
#include "base/buf.h"
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>

#define JSONSTREAM_OBJECT_MAX (1u << 20) /* one object; an event carries all labels of a container */

struct jsonstream {
  struct buf text; /* of the object that has begun */
  int depth;
  bool in_string, escaped;
  const char *const *keys; /* of json_parse_part(): all that is wanted of an object; NULL: everything */
};

/* o is borrowed. Anything but 0 ends the feeding at once (the owner is gone, or has err set). */
typedef int jsonstream_fn(void *data, json_t *o, struct error *err);

void jsonstream_init(struct jsonstream *s);
void jsonstream_done(struct jsonstream *s);
/* 0; what fn answered; -1: ERR_ENGINE (not JSON objects, one over the cap). After that nothing more may be
 * fed. */
int jsonstream_feed(struct jsonstream *s, const char *p, size_t n, jsonstream_fn *fn, void *data,
                    struct error *err);
bool jsonstream_whole(const struct jsonstream *s); /* between two objects */
#endif
