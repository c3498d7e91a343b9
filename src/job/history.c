#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/json.h"
#include "job/chain.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* 30 s. A writer holds it for two fsyncs; 50 at once take a second or two. */
#define LOCK_TRIES 6000
#define LOCK_PAUSE_NS 5000000

/* A folder named by --history means history.jsonl in it. Absolute, since the guardian lives in "/". */
static char *absolute(const char *path, struct error *err) {
  struct stat st;
  size_t n = strlen(path);
  bool folder = (n && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
  CLEANUP_FREE char *cwd = path[0] == '/' ? xstrdup("") : getcwd(NULL, 0);
  if (!cwd || !n) {
    error_set(err, ERR_CONFIG, "opening the history failed: %s", n ? strerror(errno) : "the path is empty");
    return NULL;
  }
  return xprintf("%s%s%s%s", cwd, path[0] == '/' ? "" : "/", path, folder ? "/history.jsonl" : "");
}

static int check_regular(const char *path, struct error *err) {
  struct stat st;
  if (stat(path, &st) || S_ISREG(st.st_mode)) return 0;
  return error_set(err, ERR_CONFIG,
                   "opening the history failed: %s is not a regular file; --history off writes none", path);
}

int history_open(const char *path, struct history **ret, struct error *err) {
  CLEANUP_FREE char *file = path ? absolute(path, err) : history_default_path(geteuid(), err);
  if (!file || check_regular(file, err)) return -1;
  char *slash = strrchr(file, '/');
  CLEANUP_FREE char *folder = slash == file ? xstrdup("/") : xstrndup(file, (size_t)(slash - file));
  if (history_folder(folder, err)) return -1;
  struct history *h = xcalloc(1, sizeof *h);
  size_t n = strlen(file);
  bool jsonl = n > 6 && !strcmp(file + n - 6, ".jsonl");
  h->stem = xstrndup(file, jsonl ? n - 6 : n);
  h->head = xprintf("%s.head", h->stem);
  h->lock = xprintf("%s.lock", h->stem);
  h->folder = TAKE(folder);
  h->path = TAKE(file);
  *ret = h;
  return 0;
}

void history_free(struct history *h) {
  if (!h) return;
  free(h->folder);
  free(h->path);
  free(h->stem);
  free(h->head);
  free(h->lock);
  free(h);
}

const char *history_path(const struct history *h) {
  return h ? h->path : NULL;
}

static int fault(const struct history *h, const char *what, struct error *err) {
  int e = errno;
  bool denied = e == EACCES || e == EPERM || e == EROFS;
  return error_set(err, denied ? ERR_PERMISSION : ERR_SYSTEM, "%s the history %s failed: %s%s", what, h->path,
                   strerror(e), denied ? "; choose another by --history PATH" : "");
}

int history_lock(const struct history *h, int *ret_fd, struct error *err) {
  CLEANUP_FD int fd = open(h->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fault(h, "locking", err);
  for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fault(h, "locking", err);
    if (i == LOCK_TRIES)
      return error_set(err, ERR_SYSTEM,
                       "locking the history failed: somebody has held %s for 30 s; fuser(1) tells who",
                       h->lock);
    nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
  }
  *ret_fd = fd;
  fd = -1;
  return 0;
}

/* What the next line must call "prev". The head says what was written; a last line that follows it was
 * written by somebody who died before the head; a last line that does not means that lines are gone or the
 * file was renamed away: going on from the head keeps the first visible and the second whole. */
static int last_hash(const struct history *h, int head, const struct chain_tail *tail, char ret[65],
                     struct error *err) {
  struct chain_tail end = *tail;
  chain_hash_in(head, ret);
  if (ret[0] && strcmp(end.prev, ret) != 0) return 0;
  if (!ret[0] && !end.hash[0]) { /* no head and no line: perhaps the files before know */
    struct strv parts;
    if (chain_parts(h, &parts, err)) return -1;
    int failed = parts.n ? chain_tail(parts.v[parts.n - 1], &end, err) : 0;
    strv_done(&parts);
    if (failed) return -1;
  }
  memcpy(ret, end.hash[0] ? end.hash : CHAIN_START, 65);
  return 0;
}

/* An intent has no end yet, and no record can hold its own hash. */
static json_t *line_json(const char *event, const struct outcome *o, const json_t *extra) {
  json_t *j = outcome_json(o);
  json_object_del(j, "record_hash");
  if (!strcmp(event, "intent"))
    for (const char *const *k =
             (const char *const[]){"verdict", "cause", "message", "exit_code", "exit_status", "signal",
                                   "retry_safe", "started_at", "finished_at", "output", "removed", NULL};
         *k; k++)
      json_object_del(j, *k);
  json_object_set_new(j, "event", json_string(event));
  CLEANUP_FREE char *now = clock_rfc3339(clock_wall_ns());
  json_object_set_new(j, "at", json_string(now));
  if (extra) json_object_update(j, (json_t *)extra);
  return j;
}

/* In place: 65 bytes that are there already never need space, and one pwrite is never seen half. */
static int put_hash(int fd, const char *hash) {
  char text[65];
  memcpy(text, hash, 64);
  text[64] = '\n';
  return pwrite(fd, text, sizeof text, 0) == (ssize_t)sizeof text ? 0 : -1;
}

static void sync_folder(const struct history *h) {
  CLEANUP_FD int fd = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) fsync(fd);
}

/* The files of a history, opened once for all that is done with them; -1: not there yet. */
struct files {
  int lock, lines, head;
};

static int open_files(const struct history *h, struct files *f, int create, struct error *err) {
  if (f->lines < 0) f->lines = open(h->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | create, 0600);
  if (f->lines < 0 && (create || errno != ENOENT)) return fault(h, "opening", err);
  if (f->head < 0) f->head = open(h->head, O_RDWR | O_CLOEXEC | create, 0600);
  if (f->head < 0 && (create || errno != ENOENT)) return fault(h, "opening", err);
  return 0;
}

/* Line to the file and to disk, then the head; whatever fails, the file is as before. */
static int write_line(struct history *h, struct files *f, const char *text, const char *prev,
                      const char *hash, struct error *err) {
  struct stat st, head_st;
  if (open_files(h, f, O_CREAT, err)) return -1;
  if (fstat(f->lines, &st) || fstat(f->head, &head_st)) return fault(h, "opening", err);
  /* First what needs room, so that nothing but the line itself can fail for lack of it. The head again even
   * if it is there: after two deaths between line and head it would be two lines behind, and not be known. */
  if (put_hash(f->lock, hash) || put_hash(f->head, prev)) return fault(h, "writing", err);
  if (fd_write_all(f->lines, text, strlen(text)) || fsync(f->lines) || put_hash(f->head, hash) ||
      fdatasync(f->head)) {
    fault(h, "writing", err);
    if (ftruncate(f->lines, st.st_size) == 0) fsync(f->lines);
    put_hash(f->head, prev);
    return -1;
  }
  if (st.st_size == 0 || head_st.st_size == 0) sync_folder(h);
  return 0;
}

static int append(struct history *h, struct files *f, json_t *line, char ret_hash[65], struct error *err) {
  struct chain_tail tail = {.torn = 0};
  struct stat st = {.st_size = 0};
  char prev[65];
  if (open_files(h, f, 0, err)) return -1;
  if (f->lines >= 0 && (fstat(f->lines, &st) || chain_tail_in(f->lines, &tail)))
    return fault(h, "reading", err);
  if (last_hash(h, f->head, &tail, prev, err)) return -1;
  if (st.st_size == 0) json_object_set_new(line, "opens", json_true());
  if (tail.torn) json_object_set_new(line, "after_torn", json_integer(tail.torn));
  json_object_set_new(line, "prev", json_string(prev));
  CLEANUP_FREE char *text = chain_seal(line, ret_hash);
  if (strlen(text) > LIMIT_HISTORY_LINE)
    return error_set(err, ERR_CONFIG,
                     "writing the history failed: the record has %zu bytes, %u are possible; --redact-args "
                     "shortens it",
                     strlen(text), LIMIT_HISTORY_LINE);
  CLEANUP_FREE char *ended = tail.torn || tail.unended ? xprintf("\n%s", text) : NULL;
  return write_line(h, f, ended ? ended : text, prev, ret_hash, err);
}

int history_append(struct history *h, const char *event, struct outcome *o, const json_t *extra,
                   struct error *err) {
  if (!h) return 0;
  struct files f = {-1, -1, -1};
  char hash[65];
  if (check_regular(h->path, err) || history_lock(h, &f.lock, err)) return -1;
  CLEANUP_JSON json_t *line = line_json(event, o, extra);
  int rc = append(h, &f, line, hash, err);
  fd_close(&f.head);
  fd_close(&f.lines);
  fd_close(&f.lock);
  if (!rc) memcpy(o->record_hash, hash, sizeof hash);
  return rc;
}
