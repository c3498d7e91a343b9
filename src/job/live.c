#include "job/live.h"
#include "base/alloc.h"
#include "base/fd.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOLD_TRIES 200 /* while others look: each holds it for some microseconds */
#define HELD_TIMES 5   /* seen locked: one who looks locks it too, and one who forgets it */
#define ENGINE_MAX 1024
#define HOLD_AGAIN_NS 1000000

static char *path_of(const char *job_id) {
  const char *dir = getenv("XDG_RUNTIME_DIR");
  if (geteuid() == 0 || !dir || !*dir) dir = geteuid() == 0 ? "/run" : "/tmp";
  CLEANUP_FREE char *folder = geteuid() == 0 || dir[1] != 't'
                                  ? xprintf("%s/run-once", dir)
                                  : xprintf("%s/run-once-%u", dir, (unsigned)geteuid());
  struct stat st;
  if (lstat(folder, &st) && (mkdir(folder, 0700), lstat(folder, &st))) return NULL;
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) return NULL;
  return xprintf("%s/%s", folder, job_id);
}

bool live_possible(void) {
  CLEANUP_FREE char *path = path_of("");
  return path && !access(path, W_OK);
}

/* Locked, but perhaps removed between our open and our lock: by its holder, or by live_forget(). */
static bool still_there(int fd, const char *path) {
  struct stat a, b;
  return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* 1: ret_fd holds it; 0: somebody else does; -1: again, it was in the hand of one who looks. */
static int try_hold(const char *path, int *ret_fd) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return 0;
  bool locked = !flock(fd, LOCK_EX | LOCK_NB);
  if (locked && still_there(fd, path)) {
    *ret_fd = fd;
    return 1;
  }
  bool looked = locked || !flock(fd, LOCK_SH | LOCK_NB); /* gone under us, or shared by those who look */
  close(fd);
  return looked ? -1 : 0;
}

int live_hold(const char *job_id) {
  CLEANUP_FREE char *path = path_of(job_id);
  int fd = -1, held = 0;
  for (int tries = 0; path && tries < HOLD_TRIES; tries++) {
    int rc = try_hold(path, &fd);
    if (rc > 0) return fd;
    if (rc == 0 && ++held == HELD_TIMES) return -1;
    nanosleep(&(struct timespec){0, HOLD_AGAIN_NS}, NULL);
  }
  return -1;
}

void live_engine(int fd, const char *engine) {
  if (fd >= 0 && pwrite(fd, engine, strlen(engine), 0) < 0) return; /* then it does not tell */
}

void live_drop(const char *job_id, int fd) {
  CLEANUP_FREE char *path = path_of(job_id);
  if (fd < 0) return;
  if (path) unlink(path);
  close(fd);
}

bool live_here(const char *host) {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return host && !strcmp(host, name);
}

/* Its age in seconds; -1: somebody holds it, or it is no mark. */
static int64_t dead_mark(int folder, const char *path, char *engine, size_t size) {
  CLEANUP_FD int fd = openat(folder, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || flock(fd, LOCK_SH | LOCK_NB)) return -1;
  ssize_t n = size ? pread(fd, engine, size - 1, 0) : 0;
  if (size) engine[n > 0 ? n : 0] = '\0';
  int64_t age = time(NULL) - st.st_mtime;
  return age > 0 ? age : 0;
}

bool live_died(const char *job_id) {
  CLEANUP_FREE char *path = path_of(job_id);
  return path && dead_mark(AT_FDCWD, path, NULL, 0) >= 0;
}

/* By what can be seen from outside: to open and lock each that others left behind costs as much as a sixth of
 * a whole run for sixty of them. A mark that tells holds the engine's name and no more. */
static bool may_be_wanted(int folder, const char *name, const char *engine, int64_t younger_s) {
  struct stat st;
  if (name[0] == '.') return false;
  if (!engine) return true;
  if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || time(NULL) - st.st_mtime >= younger_s) return false;
  return !st.st_size || (size_t)st.st_size == strlen(engine);
}

bool live_dead(const char *engine, int64_t younger_s, live_fn *fn, void *data) {
  CLEANUP_FREE char *folder = path_of("");
  DIR *d = folder ? opendir(folder) : NULL;
  bool found = false;
  for (struct dirent *e; d && !found && (e = readdir(d));) {
    if (!may_be_wanted(dirfd(d), e->d_name, engine, younger_s)) continue;
    char told[ENGINE_MAX] = "";
    int64_t age = dead_mark(dirfd(d), e->d_name, told, sizeof told);
    bool wanted = age >= 0 && (!engine || (age < younger_s && (!*told || !strcmp(told, engine))));
    found = wanted && fn(data, e->d_name, age);
  }
  if (d) closedir(d);
  return found;
}

void live_forget(const char *job_id) {
  CLEANUP_FREE char *path = path_of(job_id);
  int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (fd < 0) return;
  /* Whoever takes hold of it meanwhile sees that the name is gone. */
  if (!flock(fd, LOCK_EX | LOCK_NB) && still_there(fd, path)) unlink(path);
  close(fd);
}

/* A mark that was left by the dead stays: it proves that they are. */
bool live_held(const char *job_id) {
  CLEANUP_FREE char *path = path_of(job_id);
  int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (fd < 0) return false;
  /* Shared, so that two who look do not take each other for its holder. */
  bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
  close(fd);
  return held;
}
