/* Is every line there, in order and as it was written? */
#include "base/alloc.h"
#include "base/fd.h"
#include "data/json.h"
#include "job/chain.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

struct check {
  const struct strv *parts;
  const char *head;          /* of --head */
  bool head_seen;            /* and it was found */
  char last[65], before[65]; /* hashes of the last line and of the one it follows; "" none */
  char *torn;                /* FILE:LINE of a line that is no record, not yet explained by the next */
  size_t torn_len;
  char *remark; /* whole, but somebody may want to know */
  char *why;    /* broken */
};

static const char *base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static void remark(struct check *c, char *text) {
  if (c->remark) {
    CLEANUP_FREE char *mine = text, *old = c->remark;
    c->remark = xprintf("%s; %s", old, mine);
  } else {
    c->remark = text;
  }
}

struct lookup {
  const char *hash;
  char *found;
};

static int compare(void *data, const struct chain_line *line, struct error *err) {
  struct lookup *l = data;
  (void)err;
  if (!line->sound || strcmp(line->hash, l->hash) != 0) return 0;
  l->found = xprintf("%s:%zu", base(line->file), line->number);
  return 1;
}

/* Where the line that this one says it follows stands: then something was put between or moved; nowhere: it
 * is gone. */
static int explain(struct check *c, const struct chain_line *line, struct error *err) {
  struct lookup l = {.hash = line->prev};
  for (size_t i = 0; !l.found && i < c->parts->n; i++)
    if (chain_scan(c->parts->v[i], compare, &l, err) < 0) return -1;
  if (l.found)
    c->why = xprintf("%s:%zu follows %s, not the line before it: a line was inserted or moved",
                     base(line->file), line->number, l.found);
  else
    c->why = xprintf("%s:%zu: the line before it is missing (hash %s)", base(line->file), line->number,
                     line->prev[0] ? line->prev : "not given");
  free(l.found);
  return 1;
}

/* A line whose writer died ends anyhow but as JSON, and the next writer has said so; everything else has been
 * changed or put there. */
static int not_sound(struct check *c, const struct chain_line *line) {
  if (line->json || c->torn) {
    c->why = c->torn ? xprintf("%s is not a record: inserted or damaged", c->torn)
                     : xprintf("%s:%zu was changed: its hash is not that of its text", base(line->file),
                               line->number);
    return 1;
  }
  c->torn = xprintf("%s:%zu", base(line->file), line->number);
  c->torn_len = line->len;
  return 0;
}

static int settle_torn(struct check *c, const struct chain_line *line) {
  if (!c->torn) return 0;
  if (json_int_or(line->json, "after_torn", -1) != (long long)c->torn_len) {
    c->why = xprintf("%s is not a record: inserted or damaged", c->torn);
    return 1;
  }
  remark(c, xprintf("%s was torn when its writer died, and ended by the next", c->torn));
  free(TAKE(c->torn));
  return 0;
}

static int check_line(void *data, const struct chain_line *line, struct error *err) {
  struct check *c = data;
  if (!line->sound || !line->json) return not_sound(c, line);
  if (settle_torn(c, line)) return 1;
  bool first = !c->last[0];
  if (!first && strcmp(line->prev, c->last) != 0) return explain(c, line, err);
  if (first && strcmp(line->prev, CHAIN_START) != 0) {
    if (!json_is(line->json, "opens")) return explain(c, line, err);
    remark(c,
           xprintf("%s begins after %s, which is in a file that is not here", base(line->file), line->prev));
    if (c->head && !strcmp(c->head, line->prev)) c->head_seen = true;
  }
  memcpy(c->before, strlen(line->prev) == 64 ? line->prev : "", strlen(line->prev) == 64 ? 65 : 1);
  memcpy(c->last, line->hash, sizeof c->last);
  if (c->head && !strcmp(c->head, line->hash)) c->head_seen = true;
  return 0;
}

/* The end of the chain against what is known from outside the file. */
static void check_end(struct check *c, const struct history *h) {
  char head[65], pending[65];
  chain_read_hash(h->head, head);
  chain_read_hash(h->lock, pending);
  if (c->torn)
    c->why = xprintf(
        "%s is not a whole record: its writer died or the disk was full; the next record ends it", c->torn);
  else if (c->head && !c->head_seen)
    c->why = xprintf("lines are missing at the end: %s is not in the history", c->head);
  else if (c->head || (!c->last[0] && !head[0]))
    return;
  else if (!head[0])
    c->why = xprintf("%s is missing, without it a cut end cannot be seen; the last line has hash %s",
                     base(h->head), c->last);
  else if (!strcmp(head, c->last) || (!c->last[0] && !strcmp(head, CHAIN_START)))
    return;
  else if (!strcmp(head, c->before) && !strcmp(pending, c->last))
    return; /* its writer died between the line and the head */
  else if (!strcmp(head, c->before))
    c->why = xprintf("the last line is not the one that %s names: a line was put at the end", base(h->head));
  else
    c->why = xprintf("lines are missing at the end: %s is %s, the last line has %s", base(h->head), head,
                     c->last[0] ? c->last : "no hash: the file is gone or empty");
}

/* Nobody writes meanwhile, where we may lock; a reader without rights reads without. */
static int quiet(const struct history *h) {
  int fd = open(h->lock, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) flock(fd, LOCK_SH);
  return fd;
}

static int verify_quiet(const struct history *h, const char *head, char **ret_why, struct error *err) {
  struct strv parts;
  if (chain_parts(h, &parts, err)) return -1;
  struct check c = {.parts = &parts, .head = head};
  int result = 0;
  for (size_t i = 0; result == 0 && i < parts.n; i++) result = chain_scan(parts.v[i], check_line, &c, err);
  if (result == 0) check_end(&c, h);
  if (result >= 0) {
    result = c.why ? 1 : 0;
    *ret_why = c.why ? TAKE(c.why) : TAKE(c.remark);
  }
  free(c.why);
  free(c.remark);
  free(c.torn);
  strv_done(&parts);
  return result;
}

int history_verify(struct history *h, const char *head, char **ret_why, struct error *err) {
  *ret_why = NULL;
  if (!h) return 0;
  int lock = quiet(h);
  int result = verify_quiet(h, head, ret_why, err);
  fd_close(&lock);
  return result;
}
