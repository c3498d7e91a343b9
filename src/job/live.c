#include "job/live.h"
#include "base/alloc.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path_of(const char *job_id) {
  const char *dir = getenv("XDG_RUNTIME_DIR");
  if (geteuid() == 0 || !dir || !*dir) dir = geteuid() == 0 ? "/run" : "/tmp";
  CLEANUP_FREE char *folder = geteuid() == 0 || dir[1] != 't'
                                  ? xprintf("%s/run-once", dir)
                                  : xprintf("%s/run-once-%u", dir, (unsigned)geteuid());
  struct stat st;
  mkdir(folder, 0700);
  if (lstat(folder, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) return NULL;
  return xprintf("%s/%s", folder, job_id);
}

/* Locked, but perhaps removed by its holder between our open and our lock. */
static bool still_there(int fd, const char *path) {
  struct stat a, b;
  return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int live_hold(const char *job_id) {
  CLEANUP_FREE char *path = path_of(job_id);
  for (;;) {
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd < 0) return -1;
    bool ours = !flock(fd, LOCK_EX | LOCK_NB);
    if (ours && still_there(fd, path)) return fd;
    close(fd);
    if (!ours) return -1;
  }
}

void live_drop(const char *job_id, int fd) {
  CLEANUP_FREE char *path = path_of(job_id);
  if (fd < 0) return;
  if (path) unlink(path);
  close(fd);
}

bool live_held(const char *job_id) {
  CLEANUP_FREE char *path = path_of(job_id);
  int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (fd < 0) return false;
  bool held = flock(fd, LOCK_EX | LOCK_NB) != 0;
  if (!held) unlink(path); /* left by one that was killed */
  close(fd);
  return held;
}
