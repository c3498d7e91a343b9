/* A place in a container's log, over any number of readings: what was delivered is never delivered again, and
 * what a reading does not hold any more is said. Pure.
 *
 * The log comes with timestamps=true: "RFC3339-TIME SPACE BYTES" a line; the last line may lack its newline.
 * Lines of more than 16 KiB are pieces: kubelets before 1.27 write a time before each piece, in the middle of
 * the line (kubernetes#77603), newer ones only before the first. Times of stdout and stderr may stand in the
 * wrong order by microseconds, many lines may have the same, and sinceTime has whole seconds: so the place is
 * not a time but count and hash of the bytes since a line that can be found again (the anchor). When the
 * anchor is gone (the log was rotated: only the newest file is read), the time of the last line, and how many
 * lines with that time were delivered, must do. */
#ifndef RUNTIME_KUBE_CURSOR_H
#define RUNTIME_KUBE_CURSOR_H
#include "base/error.h"
#include "data/hash.h"
#include <stdbool.h>
#include <stdint.h>

#define CURSOR_TIME_MAX 40   /* "2026-11-29T15:04:05.123456789+00:00" and NUL */
#define CURSOR_PIECE 16384   /* bytes of a line after which runtimes begin a new piece */
#define CURSOR_ANCHOR 262144 /* bytes after which a new anchor is taken, at the next second */
#define CURSOR_END 64        /* bytes of the last line that are remembered */
#define CURSOR_RECENT 32768  /* lines whose times are remembered: of a file that was rotated */
#define CURSOR_WORDS 512     /* of a server's complaint inside of a log */

struct cursor {
  int64_t from_ns; /* lines of an earlier time are left out; 0: none */
  bool pieces;     /* the kubelet may be an old one: times in the middle of lines */
  /* what was delivered */
  int64_t total;
  char first[CURSOR_TIME_MAX], anchor[CURSOR_TIME_MAX], last[CURSOR_TIME_MAX]; /* times as they came; "" */
  int64_t first_ns, anchor_ns, last_ns;
  int64_t mark_ns;             /* when the first reading began, by the server's clock */
  int64_t backlog, backlog_ns; /* bytes of lines from before that, and the last one's time */
  bool anchor_first;           /* it is the very first line */
  int64_t n;                   /* bytes since the anchor */
  struct stream_hash *hash;
  int64_t *recent; /* times of the lines delivered last, a ring */
  size_t n_recent, at_recent;
  int64_t last_count, last_bytes; /* lines with the last time, bytes of the last of them */
  char end[CURSOR_END];           /* the last of these bytes */
  /* the present reading */
  enum { CURSOR_LIVE, CURSOR_EARLY, CURSOR_SEEK, CURSOR_SKIP, CURSOR_TIME, CURSOR_TIME_SKIP } mode;
  int64_t left, same; /* SKIP: bytes; TIME: lines with the last time so far */
  struct stream_hash *skipped;
  int64_t now_ns; /* of the line being read */
  bool any;       /* a whole time was read: what comes is a log */
  enum { CURSOR_AT_TIME, CURSOR_AT_BYTES, CURSOR_AT_PIECE, CURSOR_AT_WORDS } at;
  char text[CURSOR_WORDS]; /* the time being read, or words that are none */
  size_t n_text;
  int64_t piece; /* bytes since the last time */
  bool by_time;  /* the anchor was not found, or does not lead to the same bytes */
  const char *gap;
};

void cursor_init(struct cursor *c, bool pieces);
void cursor_done(struct cursor *c);
/* A reading begins. ret_since: sinceTime to ask for, "" for all of the log. */
void cursor_begin(struct cursor *c, char ret_since[CURSOR_TIME_MAX]);
typedef int cursor_fn(void *data, const char *p, size_t n); /* not 0: the owner is gone, stop at once */
/* 0; 1: fn ended it; 2: what was read does not fit: begin another reading at once (a gap is known now);
 * -1: ERR_ENGINE, words of the server stand where a line should. */
int cursor_feed(struct cursor *c, const char *p, size_t n, cursor_fn *fn, void *data, struct error *err);
/* The reading is at its end. whole: it came to the end of the log, not only the connection's. As
 * cursor_feed(); of what is whole -1, too, when it ends within a time. */
int cursor_end(struct cursor *c, bool whole, cursor_fn *fn, void *data, struct error *err);
/* Are these the last lines of the log, and do they end with what was delivered last? They are those of
 * tailLines = last_count + 1. false: perhaps not; another reading tells. */
bool cursor_at_end(const struct cursor *c, const char *text, size_t n);
/* Docker throws the older half of a log away as soon as it has a size that nobody tells. Can that have been
 * before the first reading, of a container that was started in the second started_ns? Had it been, a part at
 * least as large as what was found had been written before it, at the same pace. */
bool cursor_may_lack_head(const struct cursor *c, int64_t started_ns);
/* Bytes were, or may be, lost: why, in words. NULL: none that is known. */
const char *cursor_gap(const struct cursor *c);
#endif
