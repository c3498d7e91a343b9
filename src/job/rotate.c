#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "job/chain.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* 2026-11-29T15:04:05.123456789Z -> 20261129T150405Z */
static char *stamp(void) {
  CLEANUP_FREE char *now = clock_rfc3339(clock_wall_ns());
  char digits[17];
  size_t n = 0;
  for (const char *p = now; *p && *p != '.' && n < 15; p++)
    if (*p != '-' && *p != ':') digits[n++] = *p;
  digits[n] = '\0';
  return xprintf("%sZ", digits);
}

/* A name nobody has; twice in a second gets a number. */
static char *free_name(const struct history *h) {
  CLEANUP_FREE char *time = stamp();
  char *name = xprintf("%s-%s.jsonl", h->stem, time);
  for (int i = 2; file_exists(name); i++) {
    free(name);
    name = xprintf("%s-%s-%d.jsonl", h->stem, time, i);
  }
  return name;
}

/* The next append finds no file and goes on from history.head: that is the whole chain across files. */
int history_rotate(struct history *h, char **ret_file, struct error *err) {
  if (!h) return error_set(err, ERR_USAGE, "rotating the history failed: it is off");
  CLEANUP_FD int lock = -1;
  if (history_lock(h, &lock, err)) return -1;
  struct stat st;
  if (stat(h->path, &st) || st.st_size == 0)
    return error_set(err, ERR_MISSING, "rotating the history failed: nothing has been written to %s",
                     h->path);
  CLEANUP_FREE char *to = free_name(h);
  CLEANUP_FD int folder = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (rename(h->path, to) || folder < 0 || fsync(folder))
    return error_set(err, errno == EACCES || errno == EPERM || errno == EROFS ? ERR_PERMISSION : ERR_SYSTEM,
                     "rotating the history %s to %s failed: %s", h->path, to, strerror(errno));
  *ret_file = TAKE(to);
  return 0;
}
