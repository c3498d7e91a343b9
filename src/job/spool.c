#include "job/spool.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/hash.h"
#include "data/json.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE_MAX 49152    /* before base64: a line stays below 64 KiB */
#define HALF_STALE_S 86400 /* a half spool whose writer died */

/* spool/ beside the history; with --history off beside the default one. */
static char *folder(struct history *h) {
  const char *path = history_path(h);
  const char *slash = path ? strrchr(path, '/') : NULL;
  return slash ? xprintf("%.*s/spool", (int)(slash - path), path) : NULL;
}

struct writer {
  FILE *file;
  int64_t left;
  bool ended, failed;
  struct error cut; /* the log broke off */
};

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct writer *w = data;
  if (w->left <= 0) return;
  for (size_t k; n; p += k, n -= k) {
    k = n < PIECE_MAX ? n : PIECE_MAX;
    if ((int64_t)k > w->left) k = (size_t)w->left;
    if (!k) return;
    CLEANUP_FREE char *bytes = base64_encode(p, k);
    CLEANUP_FREE char *now = clock_rfc3339(clock_wall_ns());
    if (fprintf(w->file, "{\"t\":\"%s\",\"s\":%d,\"b\":\"%s\"}\n", now, fd, bytes) < 0) w->failed = true;
    w->left -= (int64_t)k;
  }
}
static void on_end(void *data, const struct error *err) {
  struct writer *w = data;
  w->ended = true;
  if (err) w->cut = *err;
}
static void on_writable(void *data) {
  (void)data;
}

static int write_log(struct runtime *rt, struct loop *loop, const char *container, bool tty, struct writer *w,
                     struct error *err) {
  static const struct stream_handlers calls = {on_output, on_end, on_writable};
  struct stream *s = NULL;
  if (rt->ops->logs(rt, container, tty, false, 0, &calls, w, &s, err)) return -1;
  while (!w->ended) loop_step(loop, 1000);
  stream_free(s);
  if (w->cut.kind != ERR_NONE) return *err = w->cut, -1;
  if (fflush(w->file) || fsync(fileno(w->file))) w->failed = true;
  return w->failed ? error_set(err, ERR_SYSTEM, "spooling the output failed: %s", strerror(errno)) : 0;
}

/* The file's time stamp is the end of its keep-for. */
static void stamp(const char *path, int64_t keep_for) {
  struct timespec t[2];
  t[0].tv_sec = t[1].tv_sec = time(NULL) + keep_for / 1000;
  t[0].tv_nsec = t[1].tv_nsec = 0;
  utimensat(AT_FDCWD, path, t, 0);
}

int spool_from_log(struct runtime *rt, struct loop *loop, struct history *h, const char *container,
                   const char *job_id, bool tty, int64_t max, int64_t keep_for, struct error *err) {
  CLEANUP_FREE char *dir = folder(h);
  if (!dir) return error_set(err, ERR_CONFIG, "spooling the output failed: there is no history folder");
  mkdir(dir, 0700);
  /* Under another name until it is whole: one who expires, reads or spools the same must not meet half of it.
   */
  CLEANUP_FREE char *path = xprintf("%s/%s", dir, job_id);
  CLEANUP_FREE char *half = xprintf("%s/.%s.%ld", dir, job_id, (long)getpid());
  int fd = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return error_set(err, ERR_SYSTEM, "spooling the output to %s failed: %s", half, strerror(errno));
  struct writer w = {.cut = ERROR_INIT, .file = fdopen(fd, "w"), .left = max > 0 ? max : INT64_MAX};
  int rc = write_log(rt, loop, container, tty, &w, err);
  fclose(w.file);
  if (!rc) stamp(half, keep_for);
  if (!rc && rename(half, path))
    rc = error_set(err, ERR_SYSTEM, "spooling the output to %s failed: %s", path, strerror(errno));
  if (rc) unlink(half);
  return rc;
}

static int read_line(const char *line, size_t n, const struct stream_handlers *calls, void *data) {
  struct error err = ERROR_INIT;
  CLEANUP_JSON json_t *o = json_parse(line, n, &err);
  const char *bytes = json_str(o, "b");
  size_t len = 0;
  CLEANUP_FREE char *raw = bytes ? base64_decode(bytes, &len) : NULL;
  if (!raw) return -1;
  calls->on_output(data, json_int_or(o, "s", 1) == 2 ? 2 : 1, raw, len);
  return 0;
}

int spool_read(struct history *h, const char *job_id, const struct stream_handlers *calls, void *data,
               struct error *err) {
  CLEANUP_FREE char *dir = folder(h);
  CLEANUP_FREE char *path = dir ? xprintf("%s/%s", dir, job_id) : NULL;
  FILE *f = path && !strchr(job_id, '/') ? fopen(path, "re") : NULL;
  if (!f) return error_set(err, ERR_MISSING, "no output of job %s is spooled on this machine", job_id);
  char *line = NULL;
  size_t size = 0;
  int rc = 0;
  for (ssize_t n; !rc && (n = getline(&line, &size, f)) > 0;)
    if (read_line(line, (size_t)n, calls, data))
      rc = error_set(err, ERR_SYSTEM, "the spool of job %s has a broken line", job_id);
  free(line);
  fclose(f);
  return rc;
}

void spool_expire(struct history *h) {
  CLEANUP_FREE char *dir = folder(h);
  DIR *d = dir ? opendir(dir) : NULL;
  if (!d) return;
  for (struct dirent *e; (e = readdir(d));) {
    struct stat st;
    bool file = !fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
    time_t until = e->d_name[0] == '.' ? st.st_mtime + HALF_STALE_S : st.st_mtime;
    if (file && until < time(NULL)) unlinkat(dirfd(d), e->d_name, 0);
  }
  closedir(d);
}
