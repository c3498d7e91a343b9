#include "runtime/kube/cursor.h"
#include "base/alloc.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define BURST_MIN (256 << 10) /* what is left of a log that was rotated may be little, but is seldom less */
#define BURST_MAX (32 << 20)  /* twice as much is not written before anybody can look */
#define ROTATED "the log of its container was rotated while it was read"
#define DIFFERS "the log of its container does not hold what was read from it before"

void cursor_init(struct cursor *c, bool pieces) {
  *c = (struct cursor){.pieces = pieces};
  c->hash = stream_hash_new();
}

void cursor_done(struct cursor *c) {
  stream_hash_free(c->hash);
  stream_hash_free(c->skipped);
  free(TAKE(c->recent));
  c->hash = c->skipped = NULL;
}

static void hash_anew(struct stream_hash **h) {
  stream_hash_free(*h);
  *h = stream_hash_new();
}

/* One second earlier than the line itself: lines of the other stream may stand behind it with a time before
 * it. */
static void since_text(int64_t ns, char *ret) {
  char *text = clock_rfc3339((ns / SECOND - 1) * SECOND);
  snprintf(ret, CURSOR_TIME_MAX, "%.19sZ", text);
  free(text);
}

void cursor_begin(struct cursor *c, char ret_since[CURSOR_TIME_MAX]) {
  c->at = CURSOR_AT_TIME;
  c->n_text = 0;
  c->piece = 0;
  c->any = false;
  c->same = 0;
  *ret_since = '\0';
  c->mode = !c->first[0] ? (c->from_ns > 0 ? CURSOR_EARLY : CURSOR_LIVE)
            : c->by_time ? CURSOR_TIME
                         : CURSOR_SEEK;
  if (c->mode == CURSOR_EARLY)
    since_text(c->from_ns + SECOND, ret_since);
  else if (c->mode == CURSOR_TIME)
    since_text(c->last_ns, ret_since);
  else if (c->mode == CURSOR_SEEK && !c->anchor_first)
    since_text(c->anchor_ns, ret_since);
}

const char *cursor_gap(const struct cursor *c) {
  return c->gap;
}

/* The anchor is of no use any more. */
static int again(struct cursor *c, const char *gap) {
  c->gap = gap;
  c->by_time = true;
  return 2;
}

static void take_anchor(struct cursor *c, const char *time, int64_t ns) {
  c->anchor_first = !c->first[0];
  snprintf(c->anchor, sizeof c->anchor, "%s", time);
  c->anchor_ns = ns;
  c->n = 0;
  c->by_time = false;
  hash_anew(&c->hash);
}

static void remember(struct cursor *c, int64_t ns) {
  if (c->n_recent < CURSOR_RECENT) {
    if ((c->n_recent & (c->n_recent - 1)) == 0) /* 0, or full to a power of two */
      c->recent = xrealloc(c->recent, (c->n_recent ? 2 * c->n_recent : 1) * sizeof *c->recent);
    c->recent[c->n_recent++] = ns;
    return;
  }
  c->recent[c->at_recent] = ns;
  c->at_recent = (c->at_recent + 1) % CURSOR_RECENT;
}

/* How many lines of that time were delivered. */
static int64_t delivered(const struct cursor *c, int64_t ns) {
  int64_t n = 0;
  for (size_t i = 0; i < c->n_recent; i++) n += c->recent[i] == ns;
  return n;
}

/* A new line, which is to be delivered. */
static void live_line(struct cursor *c, const char *time, int64_t ns) {
  bool later = ns / SECOND != c->anchor_ns / SECOND && c->n >= CURSOR_ANCHOR;
  /* It is found by its time. The pieces of a line have one time on Docker, and so may lines. */
  if (!c->first[0] || ((c->by_time || later) && !delivered(c, ns))) take_anchor(c, time, ns);
  if (!c->first[0]) {
    snprintf(c->first, sizeof c->first, "%s", time);
    c->first_ns = ns;
  }
  remember(c, ns);
  if (strcmp(c->last, time) != 0) c->last_count = 0;
  snprintf(c->last, sizeof c->last, "%s", time);
  c->last_ns = ns;
  c->last_count++;
  c->last_bytes = 0;
}

static void skip_begin(struct cursor *c) {
  c->mode = c->n > 0 ? CURSOR_SKIP : CURSOR_LIVE;
  c->left = c->n;
  hash_anew(&c->skipped);
}

/* By time alone: lines up to the last one that was delivered are left out. */
static void time_line(struct cursor *c, const char *time, int64_t ns) {
  if (!strcmp(time, c->last)) {
    if (++c->same < delivered(c, ns)) return;
    c->mode = c->last_bytes > 0 ? CURSOR_TIME_SKIP : CURSOR_LIVE;
    c->left = c->last_bytes;
    return;
  }
  if (ns <= c->last_ns || delivered(c, ns)) return;
  if (!c->same) c->gap = ROTATED;
  c->mode = CURSOR_LIVE;
  live_line(c, time, ns);
}

/* A time was read: a line, or a piece of one, begins. */
static int line(struct cursor *c, const char *time, int64_t ns) {
  c->any = true;
  c->piece = 0;
  c->now_ns = ns;
  switch (c->mode) {
  case CURSOR_LIVE:
    /* A kubelet that has opened the next file of a log may begin with it twice (seen with 1.20). */
    if (ns < c->last_ns && delivered(c, ns)) return again(c, ROTATED);
    live_line(c, time, ns);
    return 0;
  case CURSOR_EARLY:
    if (ns < c->from_ns) return 0;
    c->mode = CURSOR_LIVE;
    live_line(c, time, ns);
    c->anchor_first = false; /* others stand before it */
    return 0;
  case CURSOR_SEEK:
    if (!strcmp(time, c->anchor))
      skip_begin(c);
    else if (ns > c->anchor_ns || c->anchor_first)
      return again(c, ROTATED);
    return 0;
  case CURSOR_TIME_SKIP: /* the line is shorter than what was delivered of it */
    c->gap = ROTATED;
    c->mode = CURSOR_LIVE;
    live_line(c, time, ns);
    return 0;
  case CURSOR_TIME:
    time_line(c, time, ns);
    return 0;
  default:
    return 0;
  }
}

static void keep_end(struct cursor *c, const char *p, size_t n) {
  if (n >= CURSOR_END) {
    memcpy(c->end, p + n - CURSOR_END, CURSOR_END);
  } else {
    memmove(c->end, c->end + n, CURSOR_END - n);
    memcpy(c->end + CURSOR_END - n, p, n);
  }
  c->last_bytes += (int64_t)n;
}

static int deliver(struct cursor *c, const char *p, size_t n, cursor_fn *fn, void *data) {
  if (!n) return 0;
  stream_hash_add(c->hash, p, n);
  c->n += (int64_t)n;
  c->total += (int64_t)n;
  keep_end(c, p, n);
  if (c->last_ns <= c->mark_ns) {
    c->backlog += (int64_t)n;
    c->backlog_ns = c->last_ns;
  }
  return fn(data, p, n) ? 1 : 0;
}

static int bytes(struct cursor *c, const char *p, size_t n, cursor_fn *fn, void *data) {
  if (c->mode == CURSOR_LIVE) return deliver(c, p, n, fn, data);
  if (c->mode != CURSOR_SKIP && c->mode != CURSOR_TIME_SKIP) return 0;
  size_t k = (int64_t)n < c->left ? n : (size_t)c->left;
  c->left -= (int64_t)k;
  if (c->mode == CURSOR_SKIP) stream_hash_add(c->skipped, p, k);
  if (c->left) return 0;
  if (c->mode == CURSOR_SKIP && stream_hash_value(c->skipped) != stream_hash_value(c->hash))
    return again(c, DIFFERS);
  c->mode = CURSOR_LIVE;
  return deliver(c, p + k, n - k, fn, data);
}

/* The text is a time, as far as it goes. */
static bool like_time(const char *text, size_t n) {
  static const char form[] = "0000-00-00T00:00:00";
  for (size_t i = 0; i < n; i++) {
    bool digit = text[i] >= '0' && text[i] <= '9';
    if (i < sizeof form - 1 ? (form[i] == '0' ? !digit : text[i] != form[i])
                            : !digit && !strchr(".Z+-:", text[i]))
      return false;
  }
  return n < CURSOR_TIME_MAX;
}

/* Words that are no line. At the beginning of a later reading they may be the rest of a line that began
 * before sinceTime. */
static int word_byte(struct cursor *c, char b, struct error *err) {
  c->at = CURSOR_AT_WORDS;
  if (b != '\n') {
    if (c->n_text < sizeof c->text - 1) c->text[c->n_text++] = b;
    return 0;
  }
  c->text[c->n_text] = '\0';
  if (c->any || c->mode == CURSOR_LIVE) return error_set(err, ERR_ENGINE, "the log broke off: %s", c->text);
  c->at = CURSOR_AT_TIME;
  c->n_text = 0;
  return 0;
}

/* What looked like the time before a piece of a line is the line itself. */
static int no_piece(struct cursor *c, cursor_fn *fn, void *data) {
  size_t n = c->n_text;
  char last = n ? c->text[n - 1] : '\0';
  /* A line of exactly that length proves nothing about the kubelet. */
  if (n > 1 || last != '\n') c->pieces = false;
  c->at = last == '\n' ? CURSOR_AT_TIME : CURSOR_AT_BYTES;
  c->n_text = 0;
  return bytes(c, c->text, n, fn, data);
}

/* One byte where a time is expected. */
static int time_byte(struct cursor *c, char b, cursor_fn *fn, void *data, struct error *err) {
  bool piece = c->at == CURSOR_AT_PIECE;
  if (b == ' ' && c->n_text) {
    c->text[c->n_text] = '\0';
    int64_t ns = clock_parse_rfc3339(c->text);
    if (ns && (!piece || ns >= c->now_ns)) {
      c->at = CURSOR_AT_BYTES;
      c->n_text = 0;
      return line(c, c->text, ns);
    }
  }
  bool fits = b != ' ' && c->n_text < CURSOR_TIME_MAX - 1;
  c->text[c->n_text] = b;
  if (fits && like_time(c->text, c->n_text + 1)) {
    c->n_text++;
    return 0;
  }
  if (!piece) return word_byte(c, b, err);
  c->n_text++;
  return no_piece(c, fn, data);
}

/* Bytes of a line, up to its end, or to where a piece may end. *ret_taken of them. */
static int line_bytes(struct cursor *c, const char *p, size_t n, size_t *ret_taken, cursor_fn *fn,
                      void *data) {
  if (c->pieces && (int64_t)n > CURSOR_PIECE - c->piece) n = (size_t)(CURSOR_PIECE - c->piece);
  const char *end = memchr(p, '\n', n);
  size_t k = end ? (size_t)(end - p) + 1 : n;
  c->piece += (int64_t)k;
  *ret_taken = k;
  if (end)
    c->at = CURSOR_AT_TIME;
  else if (c->pieces && c->piece == CURSOR_PIECE)
    c->at = CURSOR_AT_PIECE;
  return bytes(c, p, k, fn, data);
}

int cursor_feed(struct cursor *c, const char *p, size_t n, cursor_fn *fn, void *data, struct error *err) {
  while (n > 0) {
    size_t taken = 1;
    int r;
    if (c->at == CURSOR_AT_BYTES)
      r = line_bytes(c, p, n, &taken, fn, data);
    else if (c->at == CURSOR_AT_WORDS)
      r = word_byte(c, *p, err);
    else
      r = time_byte(c, *p, fn, data, err);
    if (r) return r; /* c may be gone: fn ended it */
    p += taken;
    n -= taken;
  }
  return 0;
}

static int end_of_log(struct cursor *c) {
  switch (c->mode) {
  case CURSOR_SEEK:
    return again(c, ROTATED);
  case CURSOR_SKIP:
    return again(c, DIFFERS);
  case CURSOR_TIME:
    if (c->same < delivered(c, c->last_ns)) c->gap = ROTATED;
    return 0;
  case CURSOR_TIME_SKIP:
    c->gap = ROTATED;
    return 0;
  default:
    return 0;
  }
}

int cursor_end(struct cursor *c, bool whole, cursor_fn *fn, void *data, struct error *err) {
  if (c->at == CURSOR_AT_PIECE && c->n_text) {
    if (!whole) return 0;
    int r = no_piece(c, fn, data);
    if (r) return r;
  }
  if (c->n_text && (c->at == CURSOR_AT_WORDS || (whole && c->at != CURSOR_AT_BYTES))) {
    c->text[c->n_text] = '\0';
    return error_set(err, ERR_ENGINE, "the log broke off: %s", c->text);
  }
  return whole ? end_of_log(c) : 0;
}

bool cursor_at_end(const struct cursor *c, const char *text, size_t n) {
  size_t k = strlen(c->last), kept = c->last_bytes < CURSOR_END ? (size_t)c->last_bytes : CURSOR_END;
  const char *line = text, *last = NULL, *stop = text + n;
  int64_t same = 0;
  for (const char *eol; line < stop; line = eol ? eol + 1 : stop) {
    eol = memchr(line, '\n', (size_t)(stop - line));
    bool fits = (size_t)(stop - line) > k && !memcmp(line, c->last, k) && line[k] == ' ';
    if (!fits && same) return false; /* something stands behind it */
    if (fits) same++, last = line + k + 1;
  }
  return k && same == c->last_count && stop - last == c->last_bytes &&
         !memcmp(stop - kept, c->end + CURSOR_END - kept, kept);
}

bool cursor_may_lack_head(const struct cursor *c, int64_t started_ns) {
  return started_ns > 0 && c->backlog >= BURST_MIN && c->backlog <= BURST_MAX &&
         c->first_ns - started_ns >= c->backlog_ns - c->first_ns;
}
