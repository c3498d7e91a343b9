#include "job/chain.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/hash.h"
#include "data/json.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ,"hash":"<64>"} at the end of every line */
#define SEAL_HEAD ",\"hash\":\""
#define SEAL_LEN (sizeof SEAL_HEAD - 1 + 64 + 2)

/* jansson writes \u001B, everybody else \u001b: so that `jq -cS 'del(.hash)'` gives the hashed text. */
static void lower_escapes(char *text) {
  for (char *p = text; *p; p++) {
    if (*p != '\\') continue;
    p++;
    for (int i = 1; *p == 'u' && i <= 4 && p[i]; i++) p[i] = (char)tolower((unsigned char)p[i]);
  }
}

char *chain_seal(const json_t *line, char ret_hash[65]) {
  CLEANUP_FREE char *text = json_canonical(line);
  lower_escapes(text);
  size_t n = strlen(text);
  sha256_hex(text, n, ret_hash);
  text[n - 1] = '\0'; /* the closing brace comes after the hash */
  return xprintf("%s" SEAL_HEAD "%s\"}\n", text, ret_hash);
}

static bool is_hash(const char *s) {
  for (int i = 0; i < 64; i++)
    if (!strchr("0123456789abcdef", s[i]) || !s[i]) return false;
  return true;
}

bool chain_check(const char *text, size_t n, char ret_hash[65]) {
  ret_hash[0] = '\0';
  if (n <= SEAL_LEN) return false;
  const char *seal = text + n - SEAL_LEN, *hash = seal + sizeof SEAL_HEAD - 1;
  if (memcmp(seal, SEAL_HEAD, sizeof SEAL_HEAD - 1) != 0 || !is_hash(hash)) return false;
  if (memcmp(hash + 64, "\"}", 2) != 0) return false;
  memcpy(ret_hash, hash, 64);
  ret_hash[64] = '\0';
  size_t body = n - SEAL_LEN;
  CLEANUP_FREE char *unsealed = xmalloc(body + 2);
  memcpy(unsealed, text, body);
  memcpy(unsealed + body, "}", 2);
  char real[65];
  sha256_hex(unsealed, body + 1, real);
  return !strcmp(real, ret_hash);
}

void chain_hash_in(int fd, char ret[65]) {
  ssize_t n = fd < 0 ? -1 : pread(fd, ret, 64, 0);
  ret[n == 64 ? 64 : 0] = '\0';
  if (ret[0] && !is_hash(ret)) ret[0] = '\0';
}

void chain_read_hash(const char *path, char ret[65]) {
  CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  chain_hash_in(fd, ret);
}

/* 1: a line (without newline) in b; 0: end of file; -1 longer than any record, or a fault of reading. */
static int read_line(FILE *f, struct buf *b, bool *ret_ended) {
  char chunk[4096];
  size_t n = 0;
  int c = 0;
  buf_clear(b);
  *ret_ended = false;
  while (c != EOF && !*ret_ended) {
    c = getc_unlocked(f);
    if (c == '\n')
      *ret_ended = true;
    else if (c != EOF)
      chunk[n++] = (char)c;
    if (n == sizeof chunk || c == EOF || *ret_ended) {
      if (buf_append(b, chunk, n)) return -1;
      n = 0;
    }
  }
  if (ferror(f)) return -1;
  return b->len || *ret_ended;
}

static int visit(const char *path, size_t number, const struct buf *b, bool ended, chain_fn *fn, void *data,
                 struct error *err) {
  struct chain_line l = {
      .file = path, .number = number, .text = b->data, .len = b->len, .ended = ended, .prev = ""};
  l.sound = chain_check(b->data, b->len, l.hash);
  CLEANUP_JSON json_t *json = json_parse(b->data, b->len, NULL);
  if (json_is_object(json)) l.json = json;
  if (l.json && json_str(l.json, "prev")) l.prev = json_str(l.json, "prev");
  return fn(data, &l, err);
}

int chain_scan(const char *path, chain_fn *fn, void *data, struct error *err) {
  FILE *f = fopen(path, "re");
  if (!f && errno == ENOENT) return 0;
  if (!f) return error_set(err, ERR_PERMISSION, "reading the history %s failed: %s", path, strerror(errno));
  struct buf b;
  buf_init(&b, LIMIT_HISTORY_LINE);
  bool ended;
  int result = 0, got = 0;
  size_t number = 0;
  while (!result && (got = read_line(f, &b, &ended)) == 1)
    result = visit(path, ++number, &b, ended, fn, data, err);
  if (got < 0)
    result = error_set(err, ERR_SYSTEM, "reading the history failed: %s:%zu: %s", path, number + 1,
                       ferror(f) ? strerror(errno) : "longer than any record");
  buf_done(&b);
  fclose(f);
  return result;
}

/* Reads the last `want` bytes of a file; -1 with errno. */
static int read_end(int fd, off_t size, size_t want, char *ret) {
  for (size_t done = 0; done < want;) {
    ssize_t n = pread(fd, ret + done, want - done, size - (off_t)want + (off_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    done += (size_t)n;
  }
  return 0;
}

static bool take_tail(const char *text, size_t n, struct chain_tail *ret) {
  if (!chain_check(text, n, ret->hash)) return false;
  CLEANUP_JSON json_t *json = json_parse_part(text, n, (const char *const[]){"prev", NULL}, NULL);
  const char *prev = json_str(json, "prev");
  if (prev && strlen(prev) == 64) memcpy(ret->prev, prev, 65);
  return true;
}

/* The window begins at the start of the file or somewhere before the last two lines. */
static void find_tail(const char *window, size_t n, bool whole_file, struct chain_tail *ret) {
  const char *last = memrchr(window, '\n', n);
  size_t ended = last ? (size_t)(last - window) + 1 : 0;
  if (ended < n && (ended || whole_file)) {
    if (take_tail(window + ended, n - ended, ret)) {
      ret->unended = true;
      return;
    }
    ret->torn = (off_t)(n - ended);
  }
  ret->hash[0] = '\0';
  if (!ended) return;
  const char *before = ended > 1 ? memrchr(window, '\n', ended - 1) : NULL;
  const char *start = before ? before + 1 : window;
  if ((before || whole_file) && !take_tail(start, (size_t)(last - start), ret)) ret->hash[0] = '\0';
}

#define TAIL_FIRST 4096 /* mostly two lines */

int chain_tail_in(int fd, struct chain_tail *ret) {
  struct stat st;
  *ret = (struct chain_tail){0};
  if (fstat(fd, &st)) return -1;
  off_t size = st.st_size;
  /* Twice the longest record always holds the last two. */
  for (size_t want = TAIL_FIRST; size > 0; want *= 4) {
    if ((off_t)want > size) want = (size_t)size;
    CLEANUP_FREE char *window = xmalloc(want + 1);
    if (read_end(fd, size, want, window)) return -1;
    *ret = (struct chain_tail){0};
    find_tail(window, want, (off_t)want == size, ret);
    if (ret->hash[0] || (off_t)want == size || want > 2 * (size_t)LIMIT_HISTORY_LINE) break;
  }
  return 0;
}

int chain_tail(const char *path, struct chain_tail *ret, struct error *err) {
  *ret = (struct chain_tail){0};
  CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return 0;
  if (fd >= 0 && !chain_tail_in(fd, ret)) return 0;
  return error_set(err, ERR_PERMISSION, "reading the history %s failed: %s", path, strerror(errno));
}
