#include "base/fd.h"
#include "base/alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void fd_close(int *fd) {
  int saved = errno; /* cleanup must not hide the reason for it */
  if (*fd >= 0) close(*fd);
  *fd = -1;
  errno = saved;
}

int fd_write_all(int fd, const void *p, size_t n) {
  const char *at = p;
  while (n) {
    ssize_t wrote = write(fd, at, n);
    if (wrote > 0) {
      at += wrote;
      n -= (size_t)wrote;
    } else if (wrote < 0 && errno == EAGAIN) { /* a shared descriptor that somebody else made non-blocking */
      struct pollfd wait = {.fd = fd, .events = POLLOUT};
      if (poll(&wait, 1, -1) < 0 && errno != EINTR) return -1;
    } else if (wrote == 0 || errno != EINTR) {
      if (wrote == 0) errno = EIO;
      return -1;
    }
  }
  return 0;
}

int fd_nonblock(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -1 : 0;
}

int file_read(const char *path, size_t cap, struct buf *ret, struct error *err) {
  CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
  struct buf all;
  buf_init(&all, cap);
  char chunk[16384];
  for (;;) {
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      error_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
      break;
    }
    if (buf_append(&all, chunk, (size_t)n)) { /* with n = 0 it makes an empty file a string as well */
      error_set(err, ERR_CONFIG, "%s: more than %zu bytes", path, cap);
      break;
    }
    if (n == 0) {
      *ret = all;
      return 0;
    }
  }
  buf_done(&all);
  return -1;
}

static int write_in_place(const char *path, const void *p, size_t n, struct error *err) {
  CLEANUP_FD int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 || fd_write_all(fd, p, n)) return error_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
  return 0;
}

/* A rename is on disk only when its folder is. Some file systems cannot; nothing is lost but the promise. */
static void sync_folder(const char *path) {
  CLEANUP_FREE char *folder = xstrdup(path);
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = '\0';
  CLEANUP_FD int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) fsync(fd);
}

/* 0, or -1 with errno; leaves no temporary file. old: what stood there, or NULL. */
static int write_and_rename(const char *path, const struct stat *old, const void *p, size_t n) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  CLEANUP_FREE char *temp = xprintf("%s.%ld-%lx.tmp", path, (long)getpid(), (unsigned long)now.tv_nsec);
  CLEANUP_FD int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, old ? 0600 : 0666);
  if (fd < 0) return -1;
  int failed = fd_write_all(fd, p, n);
  if (!failed && old) {
    /* Root keeps a user's file the user's; anybody else owns it already. Ownership first: it clears bits. */
    int ignored = fchown(fd, old->st_uid, old->st_gid);
    (void)ignored;
    failed = fchmod(fd, old->st_mode & 0777);
  }
  if (!failed) failed = fsync(fd);
  if (!failed) failed = rename(temp, path);
  if (!failed) {
    sync_folder(path);
    return 0;
  }
  int saved = errno;
  unlink(temp);
  errno = saved;
  return -1;
}

int file_replace(const char *path, const void *p, size_t n, struct error *err) {
  struct stat st;
  bool there = stat(path, &st) == 0;
  if (!there && errno != ENOENT) return error_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
  if (there && !S_ISREG(st.st_mode)) return write_in_place(path, p, n, err);
  CLEANUP_FREE char *real = there ? realpath(path, NULL) : NULL; /* a link stays a link */
  if (write_and_rename(real ? real : path, there ? &st : NULL, p, n) == 0) return 0;
  /* A file mounted by itself cannot be renamed over, and its folder may not be ours. */
  if (there && (errno == EBUSY || errno == EACCES || errno == EPERM || errno == EROFS))
    return write_in_place(path, p, n, err);
  return error_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
}

bool file_exists(const char *path) {
  return access(path, F_OK) == 0;
}
