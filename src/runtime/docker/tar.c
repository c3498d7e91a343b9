#include "runtime/docker/tar.h"
#include "base/alloc.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512u

/* POSIX ustar header block (pax, "ustar Interchange Format"). */
struct header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2];
  char uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

static unsigned checksum(const struct header *h) {
  const unsigned char *p = (const unsigned char *)h;
  unsigned sum = 0;
  for (size_t i = 0; i < BLOCK; i++) {
    bool in_sum = i >= offsetof(struct header, sum) && i < offsetof(struct header, type);
    sum += in_sum ? ' ' : p[i];
  }
  return sum;
}

/* Octal; what is too large for that (user ids of remapped hosts) in base 256, as GNU and Go do. */
static void put_number(char *field, size_t size, uint64_t value) {
  if (value >> (3 * (size - 1)) != 0) {
    for (size_t i = size; i-- > 1; value >>= 8) field[i] = (char)(value & 255);
    field[0] = (char)0x80;
    return;
  }
  field[size - 1] = 0;
  for (size_t i = size - 1; i-- > 0; value >>= 3) field[i] = (char)('0' + (value & 7));
}

/* Long names go into the prefix, cut at a '/'. */
static int put_name(struct header *h, const char *name) {
  size_t n = strlen(name);
  if (n <= sizeof h->name) {
    memcpy(h->name, name, n);
    return 0;
  }
  for (size_t cut = n - sizeof h->name - 1; cut < n && cut <= sizeof h->prefix; cut++) {
    if (name[cut] != '/' || cut == 0) continue;
    memcpy(h->prefix, name, cut);
    memcpy(h->name, name + cut + 1, n - cut - 1);
    return 0;
  }
  return -1;
}

int tar_add(struct buf *tar, const struct tar_entry *e, struct error *err) {
  static const char zeros[BLOCK];
  struct header h = {0};
  if (put_name(&h, e->name) < 0 || (e->link && strlen(e->link) > sizeof h.link))
    return error_set(err, ERR_CONFIG, "%s: the path is too long for a tar archive", e->name);
  put_number(h.mode, sizeof h.mode, e->mode & 07777);
  put_number(h.uid, sizeof h.uid, e->uid);
  put_number(h.gid, sizeof h.gid, e->gid);
  put_number(h.size, sizeof h.size, e->size);
  put_number(h.mtime, sizeof h.mtime, e->mtime > 0 ? (uint64_t)e->mtime : 0);
  h.type = e->type;
  if (e->link) memcpy(h.link, e->link, strlen(e->link));
  memcpy(h.magic, "ustar", 6);
  memcpy(h.version, "00", 2);
  put_number(h.sum, 7, checksum(&h));
  h.sum[7] = ' ';
  if (buf_append(tar, &h, sizeof h) < 0 || buf_append(tar, e->data, e->size) < 0 ||
      buf_append(tar, zeros, (BLOCK - e->size % BLOCK) % BLOCK) < 0)
    return error_set(err, ERR_CONFIG, "%s: the files are too large together", e->name);
  return 0;
}

int tar_end(struct buf *tar, struct error *err) {
  static const char zeros[2 * BLOCK];
  if (buf_append(tar, zeros, sizeof zeros) < 0)
    return error_set(err, ERR_CONFIG, "the files are too large together");
  return 0;
}

/* Octal, or base 256 when the first bit is set. -1: neither. */
static int64_t number(const char *field, size_t size) {
  const unsigned char *p = (const unsigned char *)field;
  uint64_t v = 0;
  size_t i = 0;
  if (p[0] & 0x80) {
    if (p[0] != 0x80) return -1; /* negative, or beyond any file */
    for (i = 1; i < size; i++) {
      if (v >> 55) return -1;
      v = v << 8 | p[i];
    }
    return (int64_t)v;
  }
  while (i < size && p[i] == ' ') i++;
  for (; i < size && p[i] >= '0' && p[i] <= '7'; i++) v = v << 3 | (p[i] - (unsigned)'0');
  return i == size || p[i] == 0 || p[i] == ' ' ? (int64_t)v : -1;
}

/* What pax and GNU headers say about the member that follows. */
struct extra {
  char *name, *link;
  int64_t size, uid, gid; /* -1: nothing */
};

static void extra_reset(struct extra *x) {
  free(x->name);
  free(x->link);
  *x = (struct extra){.size = -1, .uid = -1, .gid = -1};
}

static int64_t decimal(const char *p, size_t n) {
  int64_t v = 0;
  if (n == 0 || n > 18) return -1;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < '0' || p[i] > '9') return -1;
    v = v * 10 + (p[i] - '0');
  }
  return v;
}

static void pax_record(struct extra *x, const char *key, size_t key_len, const char *value, size_t n) {
  if (key_len == 4 && !memcmp(key, "path", 4)) {
    free(x->name);
    x->name = xstrndup(value, n);
  } else if (key_len == 8 && !memcmp(key, "linkpath", 8)) {
    free(x->link);
    x->link = xstrndup(value, n);
  } else if (key_len == 4 && !memcmp(key, "size", 4)) {
    x->size = decimal(value, n);
  } else if (key_len == 3 && !memcmp(key, "uid", 3)) {
    x->uid = decimal(value, n);
  } else if (key_len == 3 && !memcmp(key, "gid", 3)) {
    x->gid = decimal(value, n);
  }
}

/* Records "LENGTH KEY=VALUE\n". Returns -1 when they are not. */
static int pax_records(struct extra *x, const char *p, size_t n) {
  while (n > 0) {
    const char *space = memchr(p, ' ', n);
    int64_t len = space ? decimal(p, (size_t)(space - p)) : -1;
    if (len < 0 || (uint64_t)len > n || len < space - p + 3 || p[len - 1] != '\n') return -1;
    const char *key = space + 1, *equals = memchr(key, '=', (size_t)(p + len - 1 - key));
    if (!equals) return -1;
    pax_record(x, key, (size_t)(equals - key), equals + 1, (size_t)(p + len - 1 - equals - 1));
    p += len;
    n -= (size_t)len;
  }
  return 0;
}

static char *header_name(const struct header *h) {
  int name = (int)strnlen(h->name, sizeof h->name), prefix = (int)strnlen(h->prefix, sizeof h->prefix);
  if (prefix && !memcmp(h->magic, "ustar", 6)) /* GNU's own magic uses these bytes otherwise */
    return xprintf("%.*s/%.*s", prefix, h->prefix, name, h->name);
  return xstrndup(h->name, (size_t)name);
}

static int tell(const struct header *h, const struct extra *x, const char *data, size_t size, tar_fn *fn,
                void *arg, struct error *err) {
  CLEANUP_FREE char *name = x->name ? xstrdup(x->name) : header_name(h);
  CLEANUP_FREE char *link = x->link ? xstrdup(x->link) : xstrndup(h->link, strnlen(h->link, sizeof h->link));
  for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--) name[n - 1] = 0;
  int64_t uid = x->uid >= 0 ? x->uid : number(h->uid, sizeof h->uid);
  int64_t gid = x->gid >= 0 ? x->gid : number(h->gid, sizeof h->gid);
  int64_t mode = number(h->mode, sizeof h->mode), mtime = number(h->mtime, sizeof h->mtime);
  struct tar_entry e = {.name = name,
                        .type = h->type == 0 || h->type == '7' ? '0' : h->type,
                        .mode = mode > 0 ? (unsigned)(mode & 07777) : 0,
                        .uid = uid > 0 ? (unsigned)uid : 0,
                        .gid = gid > 0 ? (unsigned)gid : 0,
                        .mtime = mtime > 0 ? mtime : 0,
                        .data = data,
                        .size = size,
                        .link = link};
  return fn(arg, &e, err);
}

/* One member with its data: headers about the next are kept in x, all else is told. */
static int member(const struct header *h, struct extra *x, const char *data, size_t size, tar_fn *fn,
                  void *arg, struct error *err) {
  int rc = 0;
  switch (h->type) {
  case 'x':
    return pax_records(x, data, size) < 0 ? error_set(err, ERR_ENGINE, "tar: a broken pax header") : 0;
  case 'g':
    return 0;
  case 'L':
    free(x->name);
    x->name = xstrndup(data, strnlen(data, size));
    return 0;
  case 'K':
    free(x->link);
    x->link = xstrndup(data, strnlen(data, size));
    return 0;
  default:
    rc = tell(h, x, data, size, fn, arg, err);
    extra_reset(x);
  }
  return rc;
}

static bool has_data(char type) {
  return !strchr("123456", type) || type == 0;
}

int tar_each(const void *p, size_t n, tar_fn *fn, void *data, struct error *err) {
  static const char zeros[BLOCK];
  const char *at = p;
  struct extra x = {.size = -1, .uid = -1, .gid = -1};
  int rc = 0;
  while (rc == 0 && n >= BLOCK && memcmp(at, zeros, BLOCK) != 0) {
    struct header h;
    memcpy(&h, at, BLOCK);
    at += BLOCK;
    n -= BLOCK;
    bool about_next = h.type == 'x' || h.type == 'g' || h.type == 'L' || h.type == 'K';
    int64_t size = x.size >= 0 && !about_next ? x.size : number(h.size, sizeof h.size);
    if (!has_data(h.type)) size = 0;
    if (number(h.sum, sizeof h.sum) != checksum(&h))
      rc = error_set(err, ERR_ENGINE, "tar: a header's checksum is wrong");
    else if (size < 0 || (uint64_t)size > n)
      rc = error_set(err, ERR_ENGINE, "tar: the archive ends in the middle of a file");
    else
      rc = member(&h, &x, at, (size_t)size, fn, data, err);
    if (rc != 0) break;
    size_t step = ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
    if (step > n) step = n;
    at += step;
    n -= step;
  }
  extra_reset(&x);
  if (rc == 0 && n > 0 && n < BLOCK)
    return error_set(err, ERR_ENGINE, "tar: the archive ends in the middle of a header");
  return rc;
}
