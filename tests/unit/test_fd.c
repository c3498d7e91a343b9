#include "base/alloc.h"
#include "base/fd.h"
#include "descriptors.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/run-once-test-XXXXXX";

static char *in_folder(const char *name) {
  return xprintf("%s/%s", folder, name);
}

static int make_folder(void **state) {
  return count_descriptors(state) || !mkdtemp(folder);
}

static int drop_folder(void **state) {
  int left = rmdir(folder); /* fails when a temporary file was left */
  if (left) print_error("%s: %s\n", folder, strerror(errno));
  return compare_descriptors(state) || left;
}

static void assert_content(const char *path, const char *text) {
  struct error err = ERROR_INIT;
  struct buf b;
  if (file_read(path, 1000, &b, &err)) fail_msg("%s", err.text);
  assert_string_equal(b.data, text);
  assert_int_equal(b.len, strlen(text));
  buf_done(&b);
}

static void close_is_idempotent(void **state) {
  (void)state;
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  errno = EDOM;
  fd_close(&fd);
  assert_int_equal(fd, -1);
  fd_close(&fd);
  assert_int_equal(errno, EDOM);
}

static void replaces_and_reads(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *path = in_folder("file");
  struct stat before, after;
  assert_false(file_exists(path));
  assert_int_equal(file_replace(path, "one", 3, &err), 0);
  assert_true(file_exists(path));
  assert_content(path, "one");
  chmod(path, 0640);
  stat(path, &before);
  assert_int_equal(file_replace(path, "", 0, &err), 0);
  assert_content(path, "");
  stat(path, &after);
  assert_true(before.st_ino != after.st_ino); /* by rename: a reader of the old one keeps it */
  assert_int_equal(after.st_mode & 0777, 0640);
  unlink(path);
}

static void a_link_stays_a_link(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *path = in_folder("file");
  CLEANUP_FREE char *link = in_folder("link");
  file_replace(path, "one", 3, &err);
  assert_int_equal(symlink(path, link), 0);
  assert_int_equal(file_replace(link, "two", 3, &err), 0);
  struct stat st;
  lstat(link, &st);
  assert_true(S_ISLNK(st.st_mode));
  assert_content(path, "two");
  unlink(link);
  unlink(path);
}

static void a_pipe_is_written_in_place(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *path = in_folder("fifo");
  assert_int_equal(mkfifo(path, 0600), 0);
  pid_t child = fork();
  if (child == 0) { /* the reader: open blocks until the writer comes */
    struct buf b;
    _exit(file_read(path, 100, &b, NULL) || strcmp(b.data, "through") != 0);
  }
  assert_int_equal(file_replace(path, "through", 7, &err), 0);
  int status;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  unlink(path);
}

static void a_failed_write_leaves_the_old_file(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *path = in_folder("file");
  CLEANUP_FREE char *why = xprintf("%s: File too large", path);
  assert_int_equal(file_replace(path, "old", 3, &err), 0);
  struct rlimit all, small;
  getrlimit(RLIMIT_FSIZE, &all);
  small = all;
  small.rlim_cur = 5;
  void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  int result = file_replace(path, "0123456789", 10, &err);
  setrlimit(RLIMIT_FSIZE, &all);
  signal(SIGXFSZ, before);
  assert_int_equal(result, -1);
  assert_string_equal(err.text, why);
  assert_content(path, "old");
  unlink(path); /* and the folder is empty at the end: no temporary file */
}

static void faults_name_the_file(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  struct buf b = {.data = NULL, .len = 77};
  CLEANUP_FREE char *none = in_folder("none");
  CLEANUP_FREE char *deep = in_folder("none/file");
  CLEANUP_FREE char *missing = xprintf("%s: No such file or directory", none);
  CLEANUP_FREE char *nowhere = xprintf("%s: No such file or directory", deep);
  assert_int_equal(file_read(none, 10, &b, &err), -1);
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_string_equal(err.text, missing);
  assert_int_equal(b.len, 77);
  assert_int_equal(file_replace(deep, "x", 1, &err), -1);
  assert_int_equal(err.kind, ERR_SYSTEM);
  assert_string_equal(err.text, nowhere);
  assert_int_equal(file_read("/", 10, &b, &err), -1);
  assert_string_equal(err.text, "/: Is a directory");
  assert_int_equal(file_read("/dev/zero", 1000, &b, &err), -1);
  assert_string_equal(err.text, "/dev/zero: more than 1000 bytes");
  assert_int_equal(file_replace("/dev/full", "x", 1, &err), -1);
  assert_string_equal(err.text, "/dev/full: No space left on device");
}

static void writes_all_through_a_full_pipe(void **state) {
  (void)state;
  int ends[2];
  static char bytes[300000];
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  assert_int_equal(fd_nonblock(ends[1]), 0); /* EAGAIN is waited for */
  pid_t child = fork();
  if (child == 0) {
    size_t total = 0;
    ssize_t n;
    close(ends[1]);
    while ((n = read(ends[0], bytes, sizeof bytes)) > 0) total += (size_t)n;
    _exit(total != sizeof bytes);
  }
  fd_close(&ends[0]);
  assert_int_equal(fd_write_all(ends[1], bytes, sizeof bytes), 0);
  fd_close(&ends[1]);
  int status;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  int closed = -1;
  assert_int_equal(fd_write_all(closed, "x", 1), -1);
  assert_int_equal(errno, EBADF);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(close_is_idempotent),
      cmocka_unit_test(replaces_and_reads),
      cmocka_unit_test(a_link_stays_a_link),
      cmocka_unit_test(a_pipe_is_written_in_place),
      cmocka_unit_test(a_failed_write_leaves_the_old_file),
      cmocka_unit_test(faults_name_the_file),
      cmocka_unit_test(writes_all_through_a_full_pipe),
  };
  return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
