/* JSON as YAML documents for people, by libyaml's emitter. What a reader of YAML 1.1 or 1.2 would take for
 * another type (yes, 1e3, ~, 0x10) is quoted, so that any reader gives the same JSON back. */
#ifndef DATA_YAML_WRITE_H
#define DATA_YAML_WRITE_H
#include "base/buf.h"
#include <jansson.h>

/* One document per element, each with "---" above it. Keys in their order. -1: more than the buffer takes, or
 * deeper than LIMIT_JSON_DEPTH. */
int yaml_write(struct buf *out, const json_t *documents);
#endif
