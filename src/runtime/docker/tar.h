/* tar as the engine's /archive speaks it (POSIX ustar with pax headers; GNU long names and base-256 numbers
 * are read too). Pure; in memory. */
#ifndef RUNTIME_DOCKER_TAR_H
#define RUNTIME_DOCKER_TAR_H
#include "base/buf.h"
#include "base/error.h"
#include <stdint.h>

struct tar_entry {
  const char *name; /* without trailing '/' */
  char type;        /* '0' file, '2' symbolic link, '5' folder, others as they are */
  unsigned mode;
  unsigned uid, gid;
  int64_t mtime; /* seconds */
  const char *data;
  size_t size;
  const char *link; /* target of a link; "" otherwise */
};
/* One member. ERR_CONFIG: the buffer's cap, or a name of more than 100 bytes that ustar's prefix cannot take.
 */
int tar_add(struct buf *tar, const struct tar_entry *e, struct error *err);
int tar_end(struct buf *tar, struct error *err);

/* Each member in order; e and what it points to are valid inside fn only, data points into p. fn ends it by
 * anything but 0, which is answered. -1: ERR_ENGINE, broken. */
typedef int tar_fn(void *data, const struct tar_entry *e, struct error *err);
int tar_each(const void *p, size_t n, tar_fn *fn, void *data, struct error *err);
#endif
