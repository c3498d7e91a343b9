/* Which files the history consists of. Whoever renames one away inside its folder (logrotate, a hand) does
 * not hide it: the chain tells the order, not the names. */
#include "base/alloc.h"
#include "job/chain.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct part {
  char *path;
  off_t size;
  char first_hash[65], first_prev[65], last[65];
  bool current, placed;
};

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && !strcmp(s + n - m, end);
}

/* history.jsonl, history-TIME.jsonl, and what logrotate and people make of it: history.jsonl.1,
 * history.jsonl-20261129. Not what is compressed. */
static bool is_part(const struct history *h, const char *name) {
  const char *stem = strrchr(h->stem, '/') + 1, *base = strrchr(h->path, '/') + 1;
  size_t n = strlen(base);
  for (const char *const *z = (const char *const[]){".gz", ".xz", ".zst", ".bz2", ".tmp", NULL}; *z; z++)
    if (ends_with(name, *z)) return false;
  if (!strncmp(name, base, n) && (!name[n] || name[n] == '.' || name[n] == '-')) return true;
  n = strlen(stem);
  return !strncmp(name, stem, n) && name[n] == '-' && ends_with(name, ".jsonl");
}

static int first_line(void *data, const struct chain_line *line, struct error *err) {
  struct part *p = data;
  (void)err;
  memcpy(p->first_hash, line->hash, 65);
  if (strlen(line->prev) == 64) memcpy(p->first_prev, line->prev, 65);
  return 1;
}

static int look(struct part *p, struct error *err) {
  struct chain_tail tail;
  struct stat st;
  if (stat(p->path, &st) || !S_ISREG(st.st_mode)) return 0;
  p->size = st.st_size;
  if (chain_scan(p->path, first_line, p, err) < 0 || chain_tail(p->path, &tail, err)) return -1;
  memcpy(p->last, tail.hash, 65);
  return 0;
}

/* A backup copy begins with the same line: the current file stands, else the longer one. */
static bool is_copy(const struct part *p, const struct part *parts, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const struct part *o = &parts[i];
    if (o == p || !o->size || !p->first_hash[0] || strcmp(o->first_hash, p->first_hash) != 0) continue;
    if (p->current) continue;
    if (o->current || o->size > p->size || (o->size == p->size && o < p)) return true;
  }
  return false;
}

static int by_name(const void *a, const void *b) {
  const struct part *x = a, *y = b;
  if (x->current != y->current) return x->current ? 1 : -1;
  return strcmp(x->path, y->path);
}

/* Nothing that is still to be placed goes on behind it. */
static bool is_end(const struct part *p, const struct part *parts, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (&parts[i] != p && !parts[i].placed && p->last[0] && !strcmp(parts[i].first_prev, p->last))
      return false;
  return true;
}

/* The file before `at`: the one that ends where it begins. Where the chain is cut (and at the very end, at
 * NULL), the latest name among the files that nothing follows. */
static struct part *before(const struct part *at, struct part *parts, size_t n) {
  struct part *best = NULL;
  for (size_t i = 0; i < n; i++) {
    struct part *p = &parts[i];
    if (p->placed || !p->size) continue;
    if (at && p->last[0] && !strcmp(p->last, at->first_prev)) return p;
    if (!best || is_end(p, parts, n)) best = p;
  }
  return best;
}

static void place(struct part *parts, size_t n, struct strv *ret) {
  const struct part **order = xcalloc(n + 1, sizeof(struct part *));
  size_t placed = 0;
  for (struct part *at = before(NULL, parts, n); at; at = before(at, parts, n)) {
    at->placed = true;
    order[placed++] = at;
  }
  while (placed) strv_add(ret, order[--placed]->path);
  free(order);
}

int chain_parts(const struct history *h, struct strv *ret, struct error *err) {
  DIR *d = opendir(h->folder);
  if (!d)
    return error_set(err, ERR_PERMISSION, "reading the history in %s failed: %s", h->folder, strerror(errno));
  struct part *parts = NULL;
  size_t n = 0;
  int failed = 0;
  for (struct dirent *e; !failed && (e = readdir(d));) {
    if (!is_part(h, e->d_name)) continue;
    parts = xrealloc(parts, (n + 1) * sizeof *parts);
    parts[n] = (struct part){.path = xprintf("%s/%s", h->folder, e->d_name)};
    parts[n].current = !strcmp(parts[n].path, h->path);
    failed = look(&parts[n++], err);
  }
  closedir(d);
  strv_init(ret);
  if (!failed && n) {
    qsort(parts, n, sizeof *parts, by_name);
    for (size_t i = 0; i < n; i++) parts[i].placed = is_copy(&parts[i], parts, n);
    place(parts, n, ret);
  }
  for (size_t i = 0; i < n; i++) free(parts[i].path);
  free(parts);
  return failed;
}
