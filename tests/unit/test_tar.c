#include "base/alloc.h"
#include "descriptors.h"
#include "runtime/docker/tar.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int note(void *data, const struct tar_entry *e, struct error *err) {
  (void)err;
  (void)buf_printf(data, "%s|%c|%o|%u|%u|%lld|%zu|%s|%.*s\n", e->name, e->type, e->mode, e->uid, e->gid,
                   (long long)e->mtime, e->size, e->link, e->size < 100 ? (int)e->size : 0, e->data);
  return 0;
}

static char *read_all(const struct buf *tar) {
  struct buf text;
  struct error err = ERROR_INIT;
  buf_init(&text, 1u << 20);
  if (tar_each(tar->data, tar->len, note, &text, &err) < 0) fail_msg("%s", err.text);
  return buf_take(&text);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  struct buf tar;
  struct error err = ERROR_INIT;
  char deep[220];
  memset(deep, 'd', sizeof deep);
  deep[130] = '/', deep[219] = 0;
  struct tar_entry entries[] = {
      {.name = "secrets", .type = '5', .mode = 0755, .mtime = 5},
      {.name = "secrets/db",
       .type = '0',
       .mode = 0400,
       .uid = 999,
       .gid = 77,
       .mtime = 1700000000,
       .data = "pw\n",
       .size = 3},
      {.name = "empty", .type = '0', .mode = 0644},
      {.name = "link", .type = '2', .mode = 0777, .link = "secrets/db"},
      {.name = "big", .type = '0', .mode = 04755, .uid = 4000000000u, .data = deep, .size = 200},
      {.name = deep, .type = '0', .mode = 0600, .data = "x", .size = 1},
  };
  buf_init(&tar, 1u << 20);
  for (size_t i = 0; i < ARRAY_LEN(entries); i++) assert_int_equal(tar_add(&tar, &entries[i], &err), 0);
  assert_int_equal(tar_end(&tar, &err), 0);
  assert_int_equal(tar.len % 512, 0);
  CLEANUP_FREE char *seen = read_all(&tar);
  CLEANUP_FREE char *want = xprintf("secrets|5|755|0|0|5|0||\nsecrets/db|0|400|999|77|1700000000|3||pw\n\n"
                                    "empty|0|644|0|0|0|0||\nlink|2|777|0|0|0|0|secrets/db|\n"
                                    "big|0|4755|4000000000|0|0|200||\n%s|0|600|0|0|0|1||x\n",
                                    deep);
  assert_string_equal(seen, want);
  buf_done(&tar);
}

/* The same, read by the system's tar. */
static void others_read_it(void **state) {
  (void)state;
  struct buf tar;
  struct tar_entry e = {
      .name = "a/b", .type = '0', .mode = 0640, .uid = 5, .gid = 6, .data = "hello", .size = 5};
  char file[] = "/tmp/test-tar-XXXXXX", line[200] = "";
  int fd = mkstemp(file);
  buf_init(&tar, 1u << 20);
  assert_int_equal(tar_add(&tar, &e, NULL), 0);
  assert_int_equal(tar_end(&tar, NULL), 0);
  assert_int_equal(write(fd, tar.data, tar.len), (ssize_t)tar.len);
  close(fd);
  CLEANUP_FREE char *command = xprintf("tar --numeric-owner -tvf %s 2>&1 && tar -xOf %s a/b", file, file);
  FILE *p = popen(command, "r");
  assert_non_null(fgets(line, sizeof line, p));
  assert_non_null(strstr(line, "-rw-r----- 5/6"));
  assert_non_null(strstr(line, " a/b\n"));
  assert_non_null(fgets(line, sizeof line, p));
  assert_string_equal(line, "hello");
  assert_int_equal(pclose(p), 0);
  unlink(file);
  buf_done(&tar);
}

/* Long names and large numbers in the dialects of GNU tar and pax. */
static void dialects(void **state) {
  (void)state;
  static const char *const formats[] = {"gnu", "pax", "ustar"};
  char dir[] = "/tmp/test-tar-XXXXXX", piece[4096];
  assert_non_null(mkdtemp(dir));
  for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
    struct buf tar;
    bool is_long = i < 2;
    CLEANUP_FREE char *command =
        xprintf("cd %s && n=$(printf '%%0120d' 7) && { [ %d = 1 ] || n=short; } && echo hi >$n && ln -sf $n "
                "l && tar -c "
                "--format=%s --owner=:12 --group=:3000000%s --mtime=@9 $n l && rm $n l",
                dir, is_long, formats[i], is_long ? "000" : "");
    FILE *p = popen(command, "r");
    size_t n;
    buf_init(&tar, 1u << 20);
    while ((n = fread(piece, 1, sizeof piece, p)) > 0) buf_append(&tar, piece, n);
    int rc = pclose(p);
    if (i == 2 && rc != 0) { /* ustar cannot hold that group: fine */
      buf_done(&tar);
      continue;
    }
    assert_int_equal(rc, 0);
    CLEANUP_FREE char *seen = read_all(&tar);
    CLEANUP_FREE char *name = is_long ? xprintf("%0120d", 7) : xstrdup("short");
    CLEANUP_FREE char *want = xprintf("%s|0|644|12|%s|9|3||hi\n", name, is_long ? "3000000000" : "3000000");
    CLEANUP_FREE char *link = xprintf("|%s|", name);
    assert_memory_equal(seen, want, strlen(want));
    assert_non_null(strstr(seen + strlen(want), link));
    buf_done(&tar);
  }
  rmdir(dir);
}

/* An archive cut anywhere is never read past its end, and a file that is not whole is never told. */
static void cut_anywhere(void **state) {
  (void)state;
  struct buf tar;
  struct tar_entry e = {.name = "a", .type = '0', .mode = 0640, .data = "hello", .size = 5};
  buf_init(&tar, 1u << 20);
  assert_int_equal(tar_add(&tar, &e, NULL), 0);
  for (size_t n = 0; n < 1024; n++) {
    struct buf text;
    struct error err = ERROR_INIT;
    char *copy = xmalloc(n + 1);
    memcpy(copy, tar.data, n);
    buf_init(&text, 4096);
    int rc = tar_each(copy, n, note, &text, &err);
    bool whole = n >= 517;
    assert_int_equal(rc, n == 0 || whole ? 0 : -1);
    assert_int_equal(text.len > 0, whole);
    if (rc < 0)
      assert_string_equal(err.text, n < 512 ? "tar: the archive ends in the middle of a header"
                                            : "tar: the archive ends in the middle of a file");
    free(copy);
    buf_done(&text);
  }
  buf_done(&tar);
}

static void a_wrong_sum(void **state) {
  (void)state;
  struct buf tar;
  struct error err = ERROR_INIT;
  struct tar_entry e = {.name = "a", .type = '0', .mode = 0640, .data = "hello", .size = 5};
  buf_init(&tar, 1u << 20);
  assert_int_equal(tar_add(&tar, &e, NULL), 0);
  tar.data[3] ^= 1;
  assert_int_equal(tar_each(tar.data, tar.len, note, NULL, &err), -1);
  assert_string_equal(err.text, "tar: a header's checksum is wrong");
  buf_done(&tar);
}

static void limits(void **state) {
  (void)state;
  struct buf tar;
  struct error err = ERROR_INIT;
  char name[101 + 160];
  memset(name, 'n', sizeof name);
  name[101] = 0;
  struct tar_entry e = {.name = name, .type = '0', .data = "hello", .size = 5};
  buf_init(&tar, 1024);
  assert_int_equal(tar_add(&tar, &e, &err), -1);
  assert_non_null(strstr(err.text, ": the path is too long for a tar archive"));
  e.name = "a";
  assert_int_equal(tar_add(&tar, &e, &err), 0);
  assert_int_equal(tar_add(&tar, &e, &err), -1);
  assert_string_equal(err.text, "a: the files are too large together");
  buf_done(&tar);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(others_read_it),
      cmocka_unit_test(dialects),
      cmocka_unit_test(cut_anywhere),
      cmocka_unit_test(a_wrong_sum),
      cmocka_unit_test(limits),
  };
  return RUN_TESTS(tests);
}
