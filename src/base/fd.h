/* Descriptors and small files. Everything opened here has CLOEXEC. Descriptors 0 to 2 never get O_NONBLOCK:
 * the shell shares them with us. */
#ifndef BASE_FD_H
#define BASE_FD_H
#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>

void fd_close(int *fd);                            /* closes if >= 0, sets -1 */
int fd_write_all(int fd, const void *p, size_t n); /* blocking; 0, or -1 with errno */
int fd_nonblock(int fd);                           /* only for descriptors of ours */
/* Reads a whole file of at most cap bytes; *ret is set up anew (for buf_done), only on success. Kind of a
 * fault: ERR_CONFIG ("FILE: No such file or directory").
 */
int file_read(const char *path, size_t cap, struct buf *ret, struct error *err);
/* Writes by temporary file, fsync and rename (regular files or none; mode and owner stay, a link stays a
 * link), in place (anything else, and regular files that cannot be renamed over: mounted alone, folder not
 * ours). */
int file_replace(const char *path, const void *p, size_t n, struct error *err);
bool file_exists(const char *path);
#define CLEANUP_FD __attribute__((cleanup(fd_close)))
#endif
