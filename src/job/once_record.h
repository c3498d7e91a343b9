/* The record under a once-key: made from the container's log after its end, read back by who replays it. */
#ifndef JOB_ONCE_RECORD_H
#define JOB_ONCE_RECORD_H
#include "job/outcome.h"
#include "runtime/runtime.h"

/* max: the last so many bytes of both streams together. */
int once_record_store(struct runtime *rt, struct loop *loop, const char *claim, const char *image,
                      const char *container, bool tty, int64_t max, const struct outcome *o,
                      struct error *err);
/* ERR_MISSING: none there (yet). */
int once_record_load(struct runtime *rt, const char *claim, const char *image, json_t **ret,
                     struct error *err);
/* How many bytes stood before those that were kept. */
int64_t once_record_dropped(const json_t *record);
void once_record_output(const json_t *record, void (*put)(void *data, int fd, const char *p, size_t n),
                        void *data);
#endif
