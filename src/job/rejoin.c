/* The log of the container instead of the attached stream, from the byte where that was cut. Readings:
 *
 * EXACT: as many bytes of each stream as were delivered are dropped and hashed; equal, so it goes on there.
 *
 * VERIFY: a log that was followed may have lost output at a rotation; at the end it is read as it is.
 *
 * MEASURE: the log disagrees (bytes lost or changed, experiments.md section 4); where do the last 4 KiB stand
 * that were delivered?
 *
 * PLAIN: goes on behind that place, or behind all that the log held; output.gap says that this is not exact.
 *
 * The output of a terminal is never replayed: it is attached to again. So is a runtime that goes on by itself
 * where the last stream was cut. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/hash.h"
#include "job/regain.h"
#include "job/state.h"
#include <stdlib.h>
#include <string.h>

#define TAIL 4096

struct joint {
  int64_t left;  /* bytes still to drop */
  uint64_t want; /* EXACT: hash of the delivered bytes */
  struct stream_hash *hash;
  char tail[TAIL]; /* MEASURE: what is looked for */
  size_t tail_len;
  struct buf window;   /* the last bytes of the log so far */
  int64_t seen, place; /* bytes of the log so far; behind the tail, -1: not found */
};
struct rejoin {
  bool follow;
  struct joint joints[2];
};

void rejoin_free(struct job *j) {
  if (!j->rejoin) return;
  for (int i = 0; i < 2; i++) {
    stream_hash_free(j->rejoin->joints[i].hash);
    buf_done(&j->rejoin->joints[i].window);
  }
  free(j->rejoin);
  j->rejoin = NULL;
}

static void joint_begin(struct job *j, int fd, struct joint *t) {
  t->left = j->join == JOIN_PLAIN ? j->join_at[fd == 2] : output_bytes(j->output, fd);
  t->want = output_hash(j->output, fd);
  t->hash = stream_hash_new();
  t->tail_len = output_tail(j->output, fd, t->tail, sizeof t->tail);
  t->place = t->tail_len ? -1 : 0;
  buf_init(&t->window, 1u << 20);
}

/* The last place of the tail that begins in these n bytes; NULL: none. Backward, since output that repeats
 * itself has one at nearly every byte. */
static const char *last_tail(const struct joint *t, const char *from, size_t n) {
  while (n) {
    const char *at = memrchr(from, t->tail[0], n);
    if (!at) break;
    bool ends = at[t->tail_len - 1] == t->tail[t->tail_len - 1];
    if (ends && !memcmp(at, t->tail, t->tail_len)) return at;
    n = (size_t)(at - from);
  }
  return NULL;
}

/* Remembers the last place of the tail that does not lie behind the delivered count, or the first one behind
 * it. */
static void look_for_tail(struct joint *t) {
  int64_t begin = t->seen - (int64_t)t->window.len; /* of the window, in the log */
  size_t places = t->tail_len && t->window.len >= t->tail_len ? t->window.len - t->tail_len + 1 : 0;
  int64_t before = t->left - (int64_t)t->tail_len - begin + 1; /* so many of them end by the count */
  size_t n = before <= 0 ? 0 : before < (int64_t)places ? (size_t)before : places;
  const char *at = last_tail(t, t->window.data, n);
  if (!at && t->place < 0 && n < places)
    at = memmem(t->window.data + n, t->window.len - n, t->tail, t->tail_len);
  if (at) t->place = begin + (at - t->window.data) + (int64_t)t->tail_len;
}

static void measure(struct joint *t, const char *p, size_t n) {
  while (n) {
    size_t k = n < 65536 ? n : 65536;
    buf_append(&t->window, p, k);
    t->seen += (int64_t)k;
    p += k;
    n -= k;
    look_for_tail(t);
    if (t->tail_len && t->window.len >= t->tail_len) buf_consume(&t->window, t->window.len - t->tail_len + 1);
  }
}

/* Reads the log again in another way: told to the run phase as a cut, which comes back here at once. */
static void again(struct job *j, enum join how) {
  trace(TRACE_JOB, "reading the log once more: %d", (int)how);
  j->join = how;
  j->stream_ended = j->stream_cut = true;
  j->stream_ended_at = clock_ms();
  if (how != JOIN_VERIFY && j->o->gap < 0) j->o->gap = 0;
}

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct job *j = data;
  struct joint *t = &j->rejoin->joints[fd == 2];
  j->last_output = clock_ms();
  atomic_store(&j->ledger->last_output, j->last_output);
  if (j->join == JOIN_MEASURE) {
    measure(t, p, n);
    return;
  }
  if (j->join == JOIN_VERIFY) {
    stream_hash_add(t->hash, p, n);
    t->seen += (int64_t)n;
    return;
  }
  size_t k = (int64_t)n < t->left ? n : (size_t)t->left;
  if (k && j->join == JOIN_EXACT) stream_hash_add(t->hash, p, k);
  t->left -= (int64_t)k;
  if (k && !t->left && j->join == JOIN_EXACT && stream_hash_value(t->hash) != t->want) again(j, JOIN_MEASURE);
  if (j->join == JOIN_MEASURE || n == k) return;
  /* There was more: what closed the stream was not the end of the command, and took input along with it. */
  if (j->closed_early && atomic_load(&j->ledger->input_done_at)) job_doubt_input(j);
  output_put(j->output, fd, p + k, n - k);
}

/* A log that was followed across a rotation has lost what was not read yet (experiments.md, H): read once
 * more as it is, it must be what was delivered. */
static void verified(struct job *j) {
  int64_t missing = 0;
  bool same = true;
  for (int i = 0; i < 2; i++) {
    struct joint *t = &j->rejoin->joints[i];
    int64_t delivered = output_bytes(j->output, i + 1);
    same = same && t->seen == delivered && stream_hash_value(t->hash) == t->want;
    if (t->seen > delivered) missing += t->seen - delivered;
  }
  if (!same && j->o->gap < missing) j->o->gap = missing;
}

static void on_end(void *data, const struct error *err) {
  struct job *j = data;
  struct joint *t = j->rejoin->joints;
  j->stream_ended = true;
  j->stream_ended_at = clock_ms();
  j->stream_cut = err != NULL;
  trace(TRACE_JOB, "log ended%s%s", err ? ": " : "", err ? err->text : "");
  if (err) return;
  if (j->join == JOIN_EXACT && (t[0].left || t[1].left)) {
    again(j, JOIN_MEASURE);
  } else if (j->join == JOIN_EXACT && j->rejoin->follow) {
    again(j, JOIN_VERIFY);
  } else if (j->join == JOIN_VERIFY) {
    verified(j);
  } else if (j->join == JOIN_MEASURE) {
    for (int i = 0; i < 2; i++) j->join_at[i] = t[i].place >= 0 ? t[i].place : t[i].seen;
    again(j, JOIN_PLAIN);
  }
}

static void on_writable(void *data) {
  (void)data;
}

static const struct stream_handlers log_calls = {on_output, on_end, on_writable};

static int no_log(struct job *j, bool running, struct error *err) {
  trace(TRACE_JOB, "no log to join: %s", err->text);
  if (err->kind == ERR_UNREACHABLE || err->kind == ERR_LOST || err->kind == ERR_TIMEOUT) return -1;
  if (j->o->gap < 0) j->o->gap = 0;
  job_say(j, "output from while contact was lost cannot be had: %s", err->text);
  j->stream_ended = !running;
  return running ? job_attach(j, err) : 0;
}

int rejoin_begin(struct job *j, bool running) {
  struct error err = ERROR_INIT;
  rejoin_free(j);
  j->stream_ended = j->stream_cut = false;
  if (j->unattended) {
    if (running) job_watch_idle(j);
    j->stream_ended = true;
    return 0;
  }
  if (j->rt->ops->info(j->rt)->resumes && !j->req->settings->tty) return job_attach(j, &err);
  if (j->req->settings->tty) {
    j->stream_ended = !running;
    return running ? job_attach(j, &err) : 0;
  }
  j->rejoin = xcalloc(1, sizeof *j->rejoin);
  joint_begin(j, 1, &j->rejoin->joints[0]);
  joint_begin(j, 2, &j->rejoin->joints[1]);
  bool follow = running && j->join != JOIN_MEASURE && j->join != JOIN_VERIFY;
  j->rejoin->follow = follow;
  if (j->rt->ops->logs(j->rt, j->cid, false, follow, 0, &log_calls, j, &j->stream, &err))
    return no_log(j, running, &err);
  return 0;
}
