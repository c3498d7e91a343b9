#include "net/tunnel_folder.h"
#include "base/alloc.h"
#include "base/fd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAKING "run-once-new."
#define BASE_MAX 70        /* of the 107 bytes of a socket's path */
#define LOG_MAX (8u << 10) /* the end of it tells what went wrong */

/* ssh reads "%" and "$" in a socket's path as its own, and ":" parts it from the other end's. */
static bool plain_path(const char *path) {
  static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,=";
  return *path == '/' && !path[strspn(path, chars)];
}

static const char *base_folder(void) {
  const char *dir = getenv("XDG_RUNTIME_DIR");
  bool usable = dir && strlen(dir) <= BASE_MAX && plain_path(dir) && access(dir, W_OK | X_OK) == 0;
  return usable ? dir : "/tmp";
}

static char *name_in(const char *folder, const char *name) {
  return xprintf("%s/%s", folder, name);
}

static void remove_folder(const char *path) {
  CLEANUP_FREE char *socket = name_in(path, "s"), *log = name_in(path, "log");
  unlink(socket);
  unlink(log);
  rmdir(path);
}

static void sweep_one(const char *path) {
  struct stat st;
  CLEANUP_FREE char *name = name_in(path, "log");
  if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) return;
  CLEANUP_FD int log = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (log < 0 ? errno == ENOENT : !flock(log, LOCK_EX | LOCK_NB)) remove_folder(path);
}

/* The name of one that is locked: from there on it may be swept. */
static char *ready_prefix(const char *name) {
  return xprintf("run-once-%s.", name);
}

static void sweep(const char *base, const char *name) {
  CLEANUP_FREE char *ready = ready_prefix(name);
  DIR *dir = opendir(base);
  if (!dir) return;
  for (struct dirent *e; (e = readdir(dir));) {
    if (strncmp(e->d_name, ready, strlen(ready)) != 0) continue;
    CLEANUP_FREE char *path = name_in(base, e->d_name);
    sweep_one(path);
  }
  closedir(dir);
}

static int open_log(const char *folder) {
  CLEANUP_FREE char *name = name_in(folder, "log");
  int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) fd_close(&fd);
  return fd;
}

int tunnel_folder_make(struct tunnel_folder *ret, const char *name, struct error *err) {
  const char *base = base_folder();
  sweep(base, name);
  CLEANUP_FREE char *making = xprintf("%s/" MAKING "XXXXXX", base);
  if (!mkdtemp(making))
    return error_set(err, ERR_SYSTEM, "%s: a private folder in %s failed: %s", name, base, strerror(errno));
  CLEANUP_FREE char *ready = ready_prefix(name);
  CLEANUP_FREE char *path = xprintf("%s/%s%s", base, ready, making + strlen(making) - 6);
  int log = open_log(making);
  if (log < 0 || rename(making, path)) {
    error_set(err, ERR_SYSTEM, "%s: a private folder in %s failed: %s", name, base, strerror(errno));
    fd_close(&log);
    remove_folder(making);
    return -1;
  }
  *ret = (struct tunnel_folder){.name = name, .path = TAKE(path), .log = log};
  ret->socket = name_in(ret->path, "s");
  return 0;
}

void tunnel_folder_remove(struct tunnel_folder *f) {
  if (!f->path) return;
  remove_folder(f->path);
  sweep(base_folder(), f->name); /* a guardian takes its launcher's along: that one's program has ended */
  fd_close(&f->log);
  free(f->path);
  free(f->socket);
  *f = (struct tunnel_folder){.log = -1};
}

void tunnel_folder_clear_log(struct tunnel_folder *f) {
  if (ftruncate(f->log, 0)) errno = 0; /* old words before the new ones: no harm */
}

void tunnel_folder_read_log(const struct tunnel_folder *f, struct buf *ret) {
  char piece[LOG_MAX];
  struct stat st;
  buf_init(ret, LOG_MAX);
  if (fstat(f->log, &st)) return;
  ssize_t n = pread(f->log, piece, sizeof piece, st.st_size > LOG_MAX ? st.st_size - LOG_MAX : 0);
  if (n > 0) buf_append(ret, piece, (size_t)n);
}

int tunnel_folder_connect(const struct tunnel_folder *f) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  size_t n = strlen(f->socket);
  int fd = n < sizeof sa.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0) return -1;
  memcpy(sa.sun_path, f->socket, n + 1);
  if (connect(fd, (struct sockaddr *)&sa, sizeof sa)) fd_close(&fd);
  return fd;
}
