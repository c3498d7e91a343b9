/* A log is read in pieces, cut anywhere, by kubelets of two kinds: every byte comes once. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "descriptors.h"
#include "runtime/kube/cursor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record { /* of the log's file: a line, or a piece of one */
  const char *time, *bytes;
  size_t n; /* 0: a string */
};
struct log {
  const struct record *r;
  size_t n;
  bool times_in_pieces; /* before 1.27 */
};

static char long_line[3 * CURSOR_PIECE];

static size_t len(const struct record *r) {
  return r->n ? r->n : strlen(r->bytes);
}

/* As a kubelet writes it (cri-client's logs.go): records before `since` are left out one by one. */
static void render(const struct log *l, size_t from, size_t to, const char *since, struct buf *out) {
  int64_t after = *since ? clock_parse_rfc3339(since) : 0;
  bool new_line = true;
  for (size_t i = from; i < to; i++) {
    const struct record *r = &l->r[i];
    if (clock_parse_rfc3339(r->time) >= after) {
      if (new_line || l->times_in_pieces) buf_printf(out, "%s ", r->time);
      buf_append(out, r->bytes, len(r));
    }
    new_line = r->bytes[len(r) - 1] == '\n';
  }
}

static void content(const struct log *l, size_t from, size_t to, struct buf *out) {
  for (size_t i = from; i < to; i++) buf_append(out, l->r[i].bytes, len(&l->r[i]));
}

static int take(void *data, const char *p, size_t n) {
  assert_true(n > 0);
  buf_append(data, p, n);
  return 0;
}

/* One reading of the records [from, to), cut behind `cut` bytes (SIZE_MAX: whole), fed `step` bytes at a
 * time. Returns what the cursor said. */
static int read_log(struct cursor *c, const struct log *l, size_t from, size_t to, size_t cut, size_t step,
                    struct buf *got) {
  char since[CURSOR_TIME_MAX];
  struct error err = ERROR_INIT;
  struct buf text;
  int r = 0;
  buf_init(&text, 4u << 20);
  cursor_begin(c, since);
  render(l, from, to, since, &text);
  size_t n = cut < text.len ? cut : text.len;
  for (size_t at = 0; at < n && !r; at += step)
    r = cursor_feed(c, text.data + at, n - at < step ? n - at : step, take, got, &err);
  if (!r) r = cursor_end(c, cut == SIZE_MAX, take, got, &err);
  if (r < 0) fail_msg("%s", err.text);
  buf_done(&text);
  return r;
}

static void read_rest(struct cursor *c, const struct log *l, size_t from, struct buf *got) {
  int r = read_log(c, l, from, l->n, SIZE_MAX, 1000, got);
  if (r == 2) r = read_log(c, l, from, l->n, SIZE_MAX, 1000, got);
  assert_int_equal(r, 0);
}

static void is_whole(const struct log *l, size_t from, const struct buf *got, size_t cut) {
  struct buf want;
  buf_init(&want, 4u << 20);
  content(l, from, l->n, &want);
  if (got->len != want.len || memcmp(got->data, want.data, want.len) != 0)
    fail_msg("cut at %zu: %zu bytes in place of %zu: %.60s...", cut, got->len, want.len, got->data);
  buf_done(&want);
}

static const struct record short_lines[] = {
    {"2026-11-29T15:04:05.1Z", "one\n", 0},
    {"2026-11-29T15:04:05.1Z", "one\n", 0}, /* the same line at the same time */
    {"2026-11-29T15:04:05.1Z", "\n", 0},
    {"2026-11-29T15:04:05.000000002Z", "earlier, and behind it\n", 0}, /* the other stream */
    {"2026-11-29T15:04:06Z", "2026-11-29T15:04:06Z a time of its own\n", 0},
    {"2026-11-29T15:04:05.999999999Z", "across the second\n", 0},
    {"2026-11-29T15:04:06Z", "one\n", 0},
    {"2026-11-29T15:04:07.5Z", "no newline at the end", 0},
};

static void every_cut_twice(const struct log *l, size_t stride) {
  struct buf text, got;
  buf_init(&text, 4u << 20);
  buf_init(&got, 4u << 20);
  render(l, 0, l->n, "", &text);
  for (size_t cut = 0; cut <= text.len; cut += stride) {
    struct cursor c;
    cursor_init(&c, true);
    buf_clear(&got);
    assert_int_equal(read_log(&c, l, 0, l->n, cut, cut % 7 + 1, &got), 0);
    assert_int_equal(read_log(&c, l, 0, l->n, cut / 2 + 40, 11, &got), 0);
    read_rest(&c, l, 0, &got);
    is_whole(l, 0, &got, cut);
    read_rest(&c, l, 0, &got); /* and nothing comes twice */
    is_whole(l, 0, &got, cut);
    assert_null(cursor_gap(&c));
    assert_int_equal(c.total, got.len);
    cursor_done(&c);
  }
  buf_done(&text);
  buf_done(&got);
}

static void cut_anywhere(void **state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    struct log l = {short_lines, ARRAY_LEN(short_lines), old};
    every_cut_twice(&l, 1);
  }
}

static void long_lines_in_pieces(void **state) {
  (void)state;
  struct record r[] = {
      {"2026-11-29T15:04:05.1Z", long_line, CURSOR_PIECE}, /* docker: the pieces have one time */
      {"2026-11-29T15:04:05.1Z", long_line + 7, CURSOR_PIECE},
      {"2026-11-29T15:04:05.1Z", "\n", 0}, /* a line of exactly two pieces */
      {"2026-11-29T15:04:05.2Z", long_line, CURSOR_PIECE},
      {"2026-11-29T15:04:07.2Z", "its end is told later\n", 0},
      {"2026-11-29T15:04:07.3Z", long_line, CURSOR_PIECE},
  };
  memset(long_line, 'x', sizeof long_line);
  for (size_t i = 0; i < sizeof long_line; i += 13) long_line[i] = (char)('a' + i % 26);
  for (int old = 0; old < 2; old++) {
    struct log l = {r, ARRAY_LEN(r), old};
    every_cut_twice(&l, 997);
  }
}

/* What looks like the time of a piece, and is the line itself, stays. */
static void times_in_a_line_are_its_own(void **state) {
  (void)state;
  static char line[CURSOR_PIECE + 64];
  memset(line, '.', CURSOR_PIECE);
  const char *tails[] = {"2026-11-29T15:04:04Z before\n", "2026-11-29T15:\n", "2026\n", "plain\n", "\n"};
  for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
    strcpy(line + CURSOR_PIECE, tails[i]);
    struct record r[] = {{"2026-11-29T15:04:05Z", line, 0}, {"2026-11-29T15:04:06Z", "next\n", 0}};
    struct log l = {r, 2, false};
    struct buf got;
    struct cursor c;
    buf_init(&got, 4u << 20);
    cursor_init(&c, true);
    assert_int_equal(read_log(&c, &l, 0, 2, SIZE_MAX, 1 + i, &got), 0);
    is_whole(&l, 0, &got, i);
    cursor_done(&c);
    buf_done(&got);
  }
}

/* More than CURSOR_ANCHOR bytes: the anchor moves on, and a later reading need not begin at the start. */
static void the_anchor_moves_on(void **state) {
  (void)state;
  static struct record r[600];
  static char times[600][CURSOR_TIME_MAX];
  memset(long_line, 'y', sizeof long_line);
  long_line[sizeof long_line - 1] = '\n';
  for (size_t i = 0; i < 600; i++) {
    snprintf(times[i], sizeof times[i], "2026-11-29T15:%02zu:%02zu.%03zuZ", i / 240, i / 4 % 60, i % 4 * 250);
    r[i] = (struct record){times[i], long_line + sizeof long_line - 2000 - i, 2000 + i};
  }
  struct log l = {r, 600, false};
  for (size_t cut = 100000; cut < 1300000; cut += 99991) {
    struct buf got;
    struct cursor c;
    char since[CURSOR_TIME_MAX];
    buf_init(&got, 4u << 20);
    cursor_init(&c, true);
    assert_int_equal(read_log(&c, &l, 0, 600, cut, 4096, &got), 0);
    cursor_begin(&c, since);
    assert_int_equal(*since != '\0', cut > 290000);
    read_rest(&c, &l, 0, &got);
    is_whole(&l, 0, &got, cut);
    assert_null(cursor_gap(&c));
    cursor_done(&c);
    buf_done(&got);
  }
}

/* Docker gives the pieces of a line the time of the first: in the middle of such a line there is no anchor.
 */
static void pieces_of_one_time(void **state) {
  enum { PIECES = CURSOR_ANCHOR / CURSOR_PIECE + 4 };
  static char piece[CURSOR_PIECE];
  struct record r[1 + PIECES + 2] = {{"2026-11-29T15:04:05Z", "begun\n", 0}};
  struct log l = {r, 1 + PIECES + 2, true};
  (void)state;
  memset(piece, 'x', sizeof piece);
  for (size_t i = 1; i <= PIECES; i++) r[i] = (struct record){"2026-11-29T15:04:06.25Z", piece, sizeof piece};
  r[PIECES + 1] = (struct record){"2026-11-29T15:04:06.25Z", "y\n", 0};
  r[PIECES + 2] = (struct record){"2026-11-29T15:04:07Z", "done\n", 0};
  every_cut_twice(&l, CURSOR_PIECE / 2 + 1);
}

static void a_rotated_log_is_told(void **state) {
  (void)state;
  struct log l = {short_lines, ARRAY_LEN(short_lines), false};
  struct buf text, got, want;
  buf_init(&text, 4u << 20);
  buf_init(&got, 4u << 20);
  buf_init(&want, 4u << 20);
  render(&l, 0, 4, "", &text);
  /* Four lines were delivered, then the first lines are gone. */
  for (size_t first = 1; first < l.n; first++) {
    struct cursor c;
    cursor_init(&c, false);
    buf_clear(&got);
    buf_clear(&want);
    assert_int_equal(read_log(&c, &l, 0, 4, text.len, 5, &got), 0);
    read_rest(&c, &l, first, &got);
    content(&l, 0, 4, &want);
    content(&l, first > 4 ? first : 4, l.n, &want);
    assert_non_null(cursor_gap(&c));
    if (first == 4 || first == 5) /* the last line's time stands before others of the other stream: doubt */
      assert_true(got.len >= want.len);
    else if (first > 5)
      assert_memory_equal(got.data, want.data, want.len);
    cursor_done(&c);
  }
  buf_done(&text);
  buf_done(&got);
  buf_done(&want);
}

/* One stream, times in order: what is left behind the last delivered line comes once. */
static void behind_the_last_line(void **state) {
  (void)state;
  struct record r[] = {{"2026-11-29T15:04:01Z", "a\n", 0},
                       {"2026-11-29T15:04:02.5Z", "b\n", 0},
                       {"2026-11-29T15:04:02.5Z", "c\n", 0},
                       {"2026-11-29T15:04:02.5Z", "d\n", 0},
                       {"2026-11-29T15:04:09Z", "e\n", 0}};
  struct log l = {r, ARRAY_LEN(r), false};
  struct buf text, got;
  buf_init(&text, 4u << 20);
  buf_init(&got, 4u << 20);
  render(&l, 0, l.n, "", &text);
  for (size_t cut = 0; cut <= text.len; cut++) {
    struct cursor c;
    cursor_init(&c, false);
    buf_clear(&got);
    assert_int_equal(read_log(&c, &l, 0, l.n, cut, 3, &got), 0);
    bool began = c.first[0] != '\0';
    read_rest(&c, &l, 1, &got); /* "a" was rotated away */
    if (!began || got.len == 10) is_whole(&l, began ? 0 : 1, &got, cut);
    assert_memory_equal(got.data + got.len - 8, "b\nc\nd\ne\n", 8);
    assert_int_equal(got.len == 10, cut > 22);
    assert_int_equal(cursor_gap(&c) != NULL, began);
    cursor_done(&c);
  }
  buf_done(&text);
  buf_done(&got);
}

/* Shorter than what was read of it, or with other bytes: never silence. */
static void another_log_is_told(void **state) {
  (void)state;
  struct record a[] = {{"2026-11-29T15:04:01Z", "a\n", 0}, {"2026-11-29T15:04:02Z", "b\n", 0}};
  struct record b[] = {{"2026-11-29T15:04:01Z", "A\n", 0}, {"2026-11-29T15:04:02Z", "b\n", 0}};
  struct log first = {a, 2, false}, others[] = {{a, 1, false}, {b, 2, false}, {a, 0, false}};
  for (size_t i = 0; i < ARRAY_LEN(others); i++) {
    struct buf got;
    struct cursor c;
    buf_init(&got, 1000);
    cursor_init(&c, false);
    assert_int_equal(read_log(&c, &first, 0, 2, SIZE_MAX, 3, &got), 0);
    assert_null(cursor_gap(&c));
    read_rest(&c, &others[i], 0, &got);
    assert_string_equal(got.data, "a\nb\n");
    assert_non_null(cursor_gap(&c));
    cursor_done(&c);
    buf_done(&got);
  }
}

/* A kubelet that follows opens the next file twice: its lines come again, in the middle of a reading. */
static void a_file_that_is_begun_twice(void **state) {
  (void)state;
  struct record twice[2 * ARRAY_LEN(short_lines)];
  struct log l = {short_lines, ARRAY_LEN(short_lines), false}, again = {twice, ARRAY_LEN(twice), false};
  struct buf got;
  struct cursor c;
  for (size_t from = 0; from < 6; from++) {
    if (from == 4) continue; /* the time of the last line itself: nobody can tell */
    memcpy(twice, short_lines, 7 * sizeof *twice);
    memcpy(twice + 7, short_lines + from, (7 - from) * sizeof *twice);
    again.n = 14 - from;
    buf_init(&got, 1u << 20);
    cursor_init(&c, false);
    assert_int_equal(read_log(&c, &again, 0, again.n, SIZE_MAX, 3, &got), 2);
    read_rest(&c, &l, 0, &got);
    is_whole(&l, 0, &got, from);
    assert_non_null(cursor_gap(&c));
    cursor_done(&c);
    buf_done(&got);
  }
}

/* What Docker may have thrown away before the first reading: by its pace. */
static void a_beginning_that_may_be_missing(void **state) {
  (void)state;
  static char line[20000];
  static struct record r[200];
  static char times[200][CURSOR_TIME_MAX];
  int64_t started = clock_parse_rfc3339("2026-11-29T15:04:05Z");
  memset(line, 'z', sizeof line - 1);
  line[9999] = '\n';
  line[10000] = '\0';
  for (size_t i = 0; i < 200; i++) {
    snprintf(times[i], sizeof times[i], "2026-11-29T15:04:05.%03zuZ", 400 + i);
    r[i] = (struct record){times[i], line, 0};
  }
  struct log l = {r, 200, false};
  for (int row = 0; row < 2; row++) {
    struct buf got;
    struct cursor c;
    buf_init(&got, 4u << 20);
    cursor_init(&c, false);
    c.mark_ns = clock_parse_rfc3339("2026-11-29T15:04:06Z");
    assert_int_equal(read_log(&c, &l, 0, row == 1 ? 20 : 200, SIZE_MAX, 4096, &got), 0);
    assert_int_equal(cursor_may_lack_head(&c, started), row != 1); /* 0.2 MB: too little to tell */
    assert_false(cursor_may_lack_head(&c, started + 300000000)); /* 0.1 s: not enough for 2 MB at that pace */
    assert_false(cursor_may_lack_head(&c, 0));
    cursor_done(&c);
    buf_done(&got);
  }
}

static void words_of_the_server_are_no_output(void **state) {
  (void)state;
  static const char *const logs[] = {
      "unable to retrieve container logs for docker://0123",
      "unable to retrieve container logs for docker://0123\n",
      "2026-11-29T15:04:05Z a line\nfailed to watch file \"/var/log/pods/x\": no space left on device\n",
      "2026-11-29T15:04:05Z a line\n2026-11-29T15:0x:05Z\n",
  };
  for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
    struct buf got;
    struct cursor c;
    struct error err = ERROR_INIT;
    char since[CURSOR_TIME_MAX];
    buf_init(&got, 1000);
    cursor_init(&c, true);
    cursor_begin(&c, since);
    int r = cursor_feed(&c, logs[i], strlen(logs[i]), take, &got, &err);
    if (!r) r = cursor_end(&c, true, take, &got, &err);
    assert_int_equal(r, -1);
    assert_int_equal(err.kind, ERR_ENGINE);
    assert_memory_equal(err.text, "the log broke off: ", 19);
    assert_int_equal(got.len, i < 2 ? 0 : 7);
    cursor_done(&c);
    buf_done(&got);
  }
}

static int stop(void *data, const char *p, size_t n) {
  (void)p, (void)n;
  cursor_done(data); /* as an owner that is gone */
  memset(data, 0xee, sizeof(struct cursor));
  return 1;
}

static void an_owner_may_go(void **state) {
  (void)state;
  static const char text[] = "2026-11-29T15:04:05Z a line\n2026-11-29T15:04:05Z another\n";
  struct cursor c;
  struct error err = ERROR_INIT;
  char since[CURSOR_TIME_MAX];
  cursor_init(&c, true);
  cursor_begin(&c, since);
  assert_int_equal(cursor_feed(&c, text, sizeof text - 1, stop, &c, &err), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cut_anywhere),
      cmocka_unit_test(long_lines_in_pieces),
      cmocka_unit_test(times_in_a_line_are_its_own),
      cmocka_unit_test(the_anchor_moves_on),
      cmocka_unit_test(pieces_of_one_time),
      cmocka_unit_test(a_rotated_log_is_told),
      cmocka_unit_test(behind_the_last_line),
      cmocka_unit_test(another_log_is_told),
      cmocka_unit_test(a_file_that_is_begun_twice),
      cmocka_unit_test(a_beginning_that_may_be_missing),
      cmocka_unit_test(words_of_the_server_are_no_output),
      cmocka_unit_test(an_owner_may_go),
  };
  return RUN_TESTS(tests);
}
