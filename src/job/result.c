/* --result. A regular file always holds one whole record of this run; a pipe, a terminal or /dev/stdout gets
 * one object, at the end. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "job/record.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -1: a file's name. -2 with err. */
static int descriptor_of(const char *where, struct error *err) {
  int64_t fd;
  if (strncmp(where, "fd:", 3) != 0) return -1;
  if (!parse_int(where + 3, 0, 1 << 20, &fd)) return (int)fd;
  error_set(err, ERR_USAGE, "--result failed: '%s' is not fd:N", where);
  return -2;
}

static char *text_of(json_t *j, size_t *ret_n) {
  char *dump = json_dumps(j, JSON_COMPACT);
  char *text = xprintf("%s\n", dump ? dump : "{}");
  free(dump);
  json_decref(j);
  *ret_n = strlen(text);
  return text;
}

/* A regular file opened by the caller: from where its offset stands, so that what the caller wrote before
 * stays; the offset moves only with the last word. One opened for appending takes that word only. */
static int write_at(int fd, const char *p, size_t n, bool last) {
  off_t start = lseek(fd, 0, SEEK_CUR);
  if (start < 0) return -1;
  for (size_t done = 0; done < n;) {
    ssize_t wrote = pwrite(fd, p + done, n - done, start + (off_t)done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return -1;
    done += (size_t)wrote;
  }
  if (ftruncate(fd, start + (off_t)n)) return -1;
  return last && lseek(fd, start + (off_t)n, SEEK_SET) < 0 ? -1 : 0;
}

static int write_descriptor(int fd, const char *p, size_t n, bool last, struct error *err) {
  struct stat st;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &st))
    return error_set(err, ERR_USAGE, "--result fd:%d failed: %s", fd, strerror(errno));
  if ((flags & O_ACCMODE) == O_RDONLY)
    return error_set(err, ERR_USAGE, "--result fd:%d failed: it is open for reading only", fd);
  bool rewritable = S_ISREG(st.st_mode) && !(flags & O_APPEND);
  int failed = rewritable ? write_at(fd, p, n, last) : last ? fd_write_all(fd, p, n) : 0;
  return failed ? error_set(err, ERR_SYSTEM, "writing the result to fd:%d failed: %s", fd, strerror(errno))
                : 0;
}

static int write_result(const char *where, json_t *j, bool last, struct error *err) {
  size_t n;
  CLEANUP_FREE char *text = text_of(j, &n);
  int fd = descriptor_of(where, err);
  if (fd == -2) return -1;
  if (fd >= 0) return write_descriptor(fd, text, n, last, err);
  struct stat st;
  if (!last && stat(where, &st) == 0 && !S_ISREG(st.st_mode)) return 0;
  return file_replace(where, text, n, err) ? error_prefix(err, "writing the result failed") : 0;
}

int result_begin(const char *where, const struct outcome *o, struct error *err) {
  if (!where) return 0;
  json_t *j = outcome_json(o);
  json_object_set_new(j, "verdict", json_string(verdict_name(VERDICT_UNKNOWN)));
  json_object_set_new(j, "cause", json_null());
  json_object_set_new(j, "message", json_string("the job was begun; its end has not been written yet"));
  json_object_set_new(j, "exit_code", json_null());
  json_object_set_new(j, "exit_status", json_integer(120));
  json_object_set_new(j, "signal", json_null());
  json_object_set_new(j, "retry_safe", json_false());
  return write_result(where, j, false, err);
}

int result_write(const char *where, const struct outcome *o, struct error *err) {
  return where ? write_result(where, outcome_json(o), true, err) : 0;
}
