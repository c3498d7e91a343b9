#include "job/input.h"
#include "base/alloc.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct input {
  struct loop *loop;
  struct watch *watch;
  struct stream *stream;
  struct input_handlers h;
  void *data;
  bool tty, eof, complete;
  char keys[16];
  size_t n_keys, matched;
  char buf[65536 + 16]; /* 16: detach keys held back that turned out to be input */
  size_t from, to;
  int64_t sent;
};

static int key_byte(const char *word, size_t n) {
  if (n == 1) return (unsigned char)word[0];
  if (n != 6 || strncmp(word, "ctrl-", 5)) return -1;
  int c = tolower((unsigned char)word[5]);
  if (c >= 'a' && c <= 'z') return c - 'a' + 1;
  static const char others[] = "@[\\]^_"; /* ctrl-@ is 0, ctrl-[ is 27 and so on */
  const char *at = c ? strchr(others, c) : NULL;
  if (!at) return -1;
  return at == others ? 0 : 26 + (int)(at - others);
}

int input_keys(const char *keys, char *ret, size_t size, size_t *ret_n, struct error *err) {
  size_t n = 0;
  for (const char *p = keys; *p;) {
    size_t k = strcspn(p, ",");
    int byte = key_byte(p, k);
    if (byte < 0 || n == size)
      return error_set(err, ERR_USAGE,
                       "--detach-keys: '%s' is not a list like ctrl-p,ctrl-q (letters, or ctrl- with one of "
                       "a-z @ [ \\ ] ^ _)",
                       keys);
    ret[n++] = (char)byte;
    p += k;
    if (*p == ',') p++;
  }
  *ret_n = n;
  return 0;
}

static void ready(struct input *in) {
  bool room = in->stream && !in->eof && in->from == in->to;
  watch_set(in->watch, room ? WATCH_IN : 0);
}

static void finish(struct input *in) {
  if (!in->stream || in->complete || in->from != in->to || !in->eof) return;
  if (!in->tty && stream_end_input(in->stream))
    return; /* the connection is gone: on_end of the stream tells */
  in->complete = true;
  if (in->h.on_complete) in->h.on_complete(in->data);
}

static void push(struct input *in) {
  while (in->stream && in->from < in->to) {
    long k = stream_send(in->stream, in->buf + in->from, in->to - in->from);
    if (k <= 0) break;
    in->from += (size_t)k;
    in->sent += k;
  }
  if (in->from == in->to) in->from = in->to = 0;
  finish(in);
  ready(in);
}

/* Copies what was read, holding back a beginning of the detach keys; true when they are complete. */
static bool scan(struct input *in, const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (in->n_keys && p[i] == in->keys[in->matched]) {
      if (++in->matched == in->n_keys) return true;
      continue;
    }
    memcpy(in->buf + in->to, in->keys, in->matched);
    in->to += in->matched;
    in->matched = in->n_keys && p[i] == in->keys[0];
    if (!in->matched)
      in->buf[in->to++] = p[i];
    else if (in->n_keys == 1)
      return true;
  }
  return false;
}

static void on_readable(void *data, int fd, unsigned events) {
  (void)events;
  struct input *in = data;
  char piece[65536];
  ssize_t k = read(fd, piece, in->tty ? 4096 : sizeof piece);
  if (k < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (k <= 0)
    in->eof = true; /* an unreadable stdin is an ended one, as for any filter */
  else if (in->tty && scan(in, piece, (size_t)k)) {
    watch_set(in->watch, 0);
    if (in->h.on_detach) in->h.on_detach(in->data);
    return;
  } else if (!in->tty) {
    memcpy(in->buf, piece, (size_t)k);
    in->to = (size_t)k;
  }
  push(in);
}

struct input *input_new(struct loop *loop, bool tty, const char *keys, size_t n_keys,
                        const struct input_handlers *h, void *data) {
  struct input *in = xcalloc(1, sizeof *in);
  in->loop = loop;
  in->tty = tty;
  in->h = *h;
  in->data = data;
  in->n_keys = n_keys < sizeof in->keys ? n_keys : sizeof in->keys;
  if (n_keys) memcpy(in->keys, keys, in->n_keys);
  in->watch = loop_watch(loop, STDIN_FILENO, 0, on_readable, in);
  return in;
}

void input_stream(struct input *in, struct stream *s) {
  in->stream = s;
  push(in);
}

void input_writable(struct input *in) {
  push(in);
}
int64_t input_sent(const struct input *in) {
  return in->sent;
}
bool input_complete(const struct input *in) {
  return in->complete;
}

void input_free(struct input *in) {
  if (!in) return;
  watch_free(in->watch);
  free(in);
}
