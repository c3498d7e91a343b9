/* Inside the history (record.h): its files and the text of its lines. Used by history.c, verify.c, rotate.c
 * and place.c only.
 *
 * A line on disk is the canonical JSON of the record (compact, keys sorted, escapes in lower case) with the
 * member "hash" put last: the hash is SHA-256 of the text without that member, so it is checked on the bytes
 * and never depends on how a parser writes JSON back. "prev" is the hash of the line before, CHAIN_START in
 * the very first. "opens":true marks the first line of a file (what stands before it is in another file),
 * "after_torn":N one that follows N bytes of a line whose writer died.
 *
 * Files beside history.jsonl: history.head (hash of the last line), history.lock (flock; its content is the
 * hash of the line about to be written, so that a death between line and head is told from an inserted line),
 * history-TIME.jsonl (rotated). For another path than history.jsonl its own name takes the place of
 * "history". */
#ifndef JOB_CHAIN_H
#define JOB_CHAIN_H
#include "base/buf.h"
#include "base/strv.h"
#include "job/record.h"
#include <sys/types.h>

#define CHAIN_START "0000000000000000000000000000000000000000000000000000000000000000"

struct history {
  char *folder;
  char *path;
  char *stem; /* path without .jsonl */
  char *head;
  char *lock;
};

/* place.c. For free(); NULL with err. uid is the effective one. */
char *history_default_path(uid_t uid, struct error *err);
/* Makes folder and its parents with 0700; somebody else's is ERR_PERMISSION naming the owner. */
int history_folder(const char *folder, struct error *err);

/* Takes flock on h->lock, waiting up to 30 s; -1 with err. Close *ret to let go. */
int history_lock(const struct history *h, int *ret_fd, struct error *err);

/* `line` complete but for "hash". Text with the newline, for free(). */
char *chain_seal(const json_t *line, char ret_hash[65]);
/* The hash that the text states ("": none); true if it is that of the text. */
bool chain_check(const char *text, size_t n, char ret_hash[65]);
/* Reads 64 hex digits at the start of a file; "" if there are none. */
void chain_read_hash(const char *path, char ret[65]);
void chain_hash_in(int fd, char ret[65]); /* fd -1: "" */

struct chain_line {
  const char *file; /* path */
  size_t number;    /* from 1 */
  const char *text; /* without the newline; NUL behind */
  size_t len;
  bool ended;         /* had its newline */
  bool sound;         /* states the hash of its text */
  char hash[65];      /* as stated, "" none */
  const json_t *json; /* NULL: not a JSON object */
  const char *prev;   /* "" if absent */
};
/* Return 0 to go on, 1 to stop (the scan then returns 1), -1 with err. */
typedef int chain_fn(void *data, const struct chain_line *line, struct error *err);
int chain_scan(const char *path, chain_fn *fn, void *data, struct error *err);

/* How a file ends. */
struct chain_tail {
  char hash[65], prev[65]; /* of the last sound line; "" none */
  bool unended;            /* that line only lacks its newline */
  off_t torn;              /* bytes of a torn line behind it */
};
int chain_tail(const char *path, struct chain_tail *ret, struct error *err);
int chain_tail_in(int fd, struct chain_tail *ret); /* -1 with errno */

/* The files of the history in the order of the chain, current one last; copies left out. */
int chain_parts(const struct history *h, struct strv *ret, struct error *err);
#endif
