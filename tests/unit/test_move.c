/* Large pieces of output that go on from descriptor to descriptor: whatever part of them is moved or read,
 * the streams are the same. */
#include "data/hash.h"
#include "docker_bench.h"
#include "job/output.h"
#include <fcntl.h>
#include <sys/socket.h>

#define UP "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

/* What a mover takes of what it is shown. */
enum taking { ALL, HALF, NOTHING, NOT_READY, ALTERNATING };

struct seen {
  struct buf out[3];
  enum taking taking;
  int moves, ended, calls;
  struct error err;
};

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct seen *s = data;
  assert_int_equal(buf_append(&s->out[fd], p, n), 0);
}
static void on_end(void *data, const struct error *err) {
  struct seen *s = data;
  if (err) s->err = *err;
  s->ended++;
}
static const struct stream_handlers handlers = {.on_output = on_output, .on_end = on_end};

static bool ready(void *data, int fd) {
  assert_true(fd == 1 || fd == 2);
  return ((struct seen *)data)->taking != NOT_READY;
}

static size_t move(void *data, int fd, int from, const char *p, size_t n) {
  static char taken[65536];
  struct seen *s = data;
  bool none = s->taking == NOTHING || (s->taking == ALTERNATING && s->calls++ % 2);
  size_t want = none ? 0 : s->taking == HALF ? (n + 1) / 2 : n;
  assert_true(n > 0 && n <= sizeof taken);
  if (!want) return 0;
  assert_int_equal(recv(from, taken, want, 0), want);
  assert_memory_equal(taken, p, want); /* what was shown is what stands there */
  assert_int_equal(buf_append(&s->out[fd], taken, want), 0);
  s->moves++;
  return want;
}
static const struct stream_mover mover = {ready, move};

static void add(struct buf *wire, struct buf *out, int fd, size_t n) {
  unsigned char head[8] = {
      (unsigned char)fd, 0, 0, 0, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
      (unsigned char)n};
  buf_append(wire, head, 8);
  for (size_t i = 0; i < n; i++) {
    char c = (char)(i * 7 + n + (i >> 8));
    buf_append(wire, &c, 1);
    buf_append(&out[fd], &c, 1);
  }
}

/* As an engine sends: runs of large frames, then small ones, then larger than any read. */
static void make_wire(struct buf *wire, struct buf *out) {
  static const size_t sizes[] = {32768, 32768, 5,     32768, 16384, 16383, 0,    200000,
                                 1,     32768, 32768, 32768, 40,    40,    90000};
  buf_init(wire, 8u << 20);
  for (int i = 0; i < 3; i++) buf_init(&out[i], 8u << 20);
  buf_append(wire, UP, strlen(UP));
  for (int turn = 0; turn < 3; turn++)
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) add(wire, out, i % 5 == 3 ? 2 : 1, sizes[i]);
}

static void any_part_of_it_may_be_moved(void **state) {
  (void)state;
  struct buf wire, want[3];
  make_wire(&wire, want);
  for (enum taking t = ALL; t <= ALTERNATING; t++) {
    struct row row = {.request = "/attach", .answer = wire.data, .n = wire.len};
    struct seen s = {.taking = t};
    struct error err = ERROR_INIT;
    struct stream *stream;
    struct bench b;
    for (int i = 0; i < 3; i++) buf_init(&s.out[i], 8u << 20);
    open_bench(&b, &row, 1);
    assert_int_equal(b.ops->attach(b.rt, "a", false, false, &handlers, &s, &stream, &err), 0);
    stream_set_mover(stream, &mover);
    until(&b, &s.ended);
    assert_int_equal(s.err.kind, ERR_NONE);
    for (int fd = 1; fd <= 2; fd++) {
      assert_int_equal(s.out[fd].len, want[fd].len);
      assert_memory_equal(s.out[fd].data, want[fd].data, want[fd].len);
    }
    if (t == ALL || t == HALF || t == ALTERNATING)
      assert_in_range(s.moves, 1, 1000); /* by what comes at once */
    if (t == NOTHING || t == NOT_READY) assert_int_equal(s.moves, 0);
    stream_free(stream);
    close_bench(&b);
    for (int i = 0; i < 3; i++) buf_done(&s.out[i]);
  }
  for (int i = 0; i < 3; i++) buf_done(&want[i]);
  buf_done(&wire);
}

/* Our own stdout: a pipe of 64 KiB that nobody reads, then somebody does. */
struct own {
  int saved, reader, wire[2];
  struct loop *loop;
  struct output *out;
};

static void own_begin(struct own *o, const struct output_options *opt) {
  static const struct output_handlers none = {NULL, NULL};
  int p[2];
  assert_int_equal(pipe2(p, O_CLOEXEC), 0);
  fflush(stdout);
  o->saved = fcntl(1, F_DUPFD_CLOEXEC, 3);
  assert_int_equal(dup2(p[1], 1), 1);
  close(p[1]);
  o->reader = p[0];
  fcntl(o->reader, F_SETFL, O_NONBLOCK);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, o->wire), 0);
  o->loop = loop_new();
  o->out = output_new(o->loop, opt, &none, NULL);
}

static void own_end(struct own *o) {
  output_free(o->out);
  loop_free(o->loop);
  dup2(o->saved, 1);
  close(o->saved);
  close(o->reader);
  close(o->wire[0]);
  close(o->wire[1]);
}

static size_t read_own(struct own *o, char *to, size_t size) {
  size_t n = 0;
  for (ssize_t k; n < size && (k = read(o->reader, to + n, size - n)) > 0;) n += (size_t)k;
  return n;
}

/* Sends on what the wire takes, moves what the pipe takes, until that is nothing. Returns what was moved. */
static size_t fill(struct own *o, const char *p, size_t n) {
  size_t sent = 0, moved = 0, k;
  do {
    ssize_t more = write(o->wire[0], p + sent, n - sent);
    if (more > 0) sent += (size_t)more;
    k = output_move(o->out, 1, o->wire[1], p + moved, sent - moved);
    moved += k;
  } while (k > 0);
  return moved;
}

static void a_pipe_takes_what_it_has_room_for(void **state) {
  static char sent[4 << 20], got[4 << 20];
  struct output_options plain = {false, NULL};
  struct own o;
  char tail[8];
  (void)state;
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (char)(i * 13 + (i >> 9));
  own_begin(&o, &plain);
  bool ready_at_first = output_ready(o.out, 1);
  size_t moved = fill(&o, sent, sizeof sent), at_once = read_own(&o, got, sizeof got);
  output_put(o.out, 1, "tail", 4);
  read_own(&o, got + at_once, 4);
  struct stream_hash *hash = stream_hash_new();
  stream_hash_add(hash, sent, moved);
  stream_hash_add(hash, "tail", 4);
  bool same = stream_hash_value(hash) == output_hash(o.out, 1);
  int64_t bytes = output_bytes(o.out, 1);
  size_t n_tail = output_tail(o.out, 1, tail, sizeof tail);
  stream_hash_free(hash);
  own_end(&o);
  assert_true(ready_at_first);
  assert_in_range(moved, 4096, sizeof sent - 1); /* full at last, which is no fault */
  assert_int_equal(at_once, moved);
  assert_memory_equal(got, sent, moved);
  assert_memory_equal(got + moved, "tail", 4);
  assert_int_equal(bytes, moved + 4);
  assert_true(same);
  assert_int_equal(n_tail, 8);
  assert_memory_equal(tail, sent + moved - 4, 4);
}

/* Not past what waits, not where each line gets something before it. */
static void order_is_kept(void **state) {
  static char block[100000];
  struct output_options plain = {false, NULL}, marked = {false, "> "};
  struct own o;
  (void)state;
  own_begin(&o, &plain);
  output_put(o.out, 1, block, sizeof block); /* more than the pipe holds: the rest waits */
  bool behind_a_queue = output_ready(o.out, 1);
  own_end(&o);
  own_begin(&o, &marked);
  bool with_a_prefix = output_ready(o.out, 1);
  own_end(&o);
  assert_false(behind_a_queue);
  assert_false(with_a_prefix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_part_of_it_may_be_moved),
      cmocka_unit_test(a_pipe_takes_what_it_has_room_for),
      cmocka_unit_test(order_is_kept),
  };
  return RUN_TESTS(tests);
}
