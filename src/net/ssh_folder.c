#include "net/ssh_folder.h"
#include "base/alloc.h"
#include "base/fd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READY "run-once-ssh." /* locked: from here it may be swept */
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

static void sweep(const char *base) {
  DIR *dir = opendir(base);
  if (!dir) return;
  for (struct dirent *e; (e = readdir(dir));) {
    if (strncmp(e->d_name, READY, strlen(READY)) != 0) continue;
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

int ssh_folder_make(struct ssh_folder *ret, struct error *err) {
  const char *base = base_folder();
  sweep(base);
  CLEANUP_FREE char *making = xprintf("%s/" MAKING "XXXXXX", base);
  if (!mkdtemp(making))
    return error_set(err, ERR_SYSTEM, "ssh: a private folder in %s failed: %s", base, strerror(errno));
  CLEANUP_FREE char *path = xprintf("%s/" READY "%s", base, making + strlen(making) - 6);
  int log = open_log(making);
  if (log < 0 || rename(making, path)) {
    error_set(err, ERR_SYSTEM, "ssh: a private folder in %s failed: %s", base, strerror(errno));
    fd_close(&log);
    remove_folder(making);
    return -1;
  }
  *ret = (struct ssh_folder){.path = TAKE(path), .log = log};
  ret->socket = name_in(ret->path, "s");
  return 0;
}

void ssh_folder_remove(struct ssh_folder *f) {
  if (!f->path) return;
  remove_folder(f->path);
  sweep(base_folder()); /* a guardian takes its launcher's along: that one's ssh has ended by now */
  fd_close(&f->log);
  free(f->path);
  free(f->socket);
  *f = (struct ssh_folder){.log = -1};
}

void ssh_folder_clear_log(struct ssh_folder *f) {
  if (ftruncate(f->log, 0)) errno = 0; /* old words before the new ones: no harm */
}

void ssh_folder_read_log(const struct ssh_folder *f, struct buf *ret) {
  char piece[LOG_MAX];
  struct stat st;
  buf_init(ret, LOG_MAX);
  if (fstat(f->log, &st)) return;
  ssize_t n = pread(f->log, piece, sizeof piece, st.st_size > LOG_MAX ? st.st_size - LOG_MAX : 0);
  if (n > 0) buf_append(ret, piece, (size_t)n);
}
