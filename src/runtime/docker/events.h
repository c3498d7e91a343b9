/* One message of GET /events, read. Pure. Before API 1.52 the verb stands in "status" too; "Action" is in
 * all. */
#ifndef RUNTIME_DOCKER_EVENTS_H
#define RUNTIME_DOCKER_EVENTS_H
#include "runtime/runtime.h"

/* false: of no interest (exec, attach, resize, ...), or not a container's. *ret_signal is 0 but for kill. */
extern const char *const event_keys[]; /* of json_parse_part(): what event_read() looks at */
bool event_read(const json_t *o, enum runtime_event *ret, int *ret_signal, int64_t *ret_time_ns);
#endif
