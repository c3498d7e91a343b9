#include "job/once_record.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/trace.h"
#include "data/hash.h"
#include "data/json.h"
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "record.json"

/* Output in pieces, in order; the oldest are dropped when there is more than max. */
struct piece {
  int fd;
  char *bytes;
  size_t n;
};
struct collector {
  struct piece *pieces;
  size_t n, first, size;
  int64_t total, max, came;
  bool ended;
  struct error cut; /* the log broke off: half of it is no record */
};

static void on_output(void *data, int fd, const char *p, size_t n) {
  struct collector *c = data;
  c->came += (int64_t)n;
  if ((int64_t)n > c->max) {
    p += (int64_t)n - c->max;
    n = (size_t)c->max;
  }
  if (!n) return;
  if (c->n == c->size) c->pieces = xrealloc(c->pieces, (c->size = c->size * 2 + 64) * sizeof *c->pieces);
  c->pieces[c->n++] = (struct piece){fd, xstrndup("", 0), n};
  struct piece *last = &c->pieces[c->n - 1];
  free(last->bytes);
  last->bytes = xmalloc(n);
  memcpy(last->bytes, p, n);
  c->total += (int64_t)n;
  for (; c->total > c->max && c->first < c->n; c->first++) {
    struct piece *old = &c->pieces[c->first];
    int64_t over = c->total - c->max;
    if (over < (int64_t)old->n) {
      memmove(old->bytes, old->bytes + over, old->n - (size_t)over);
      old->n -= (size_t)over;
      c->total -= over;
      break;
    }
    c->total -= (int64_t)old->n;
    free(TAKE(old->bytes));
  }
}
static void on_end(void *data, const struct error *err) {
  struct collector *c = data;
  if (err) c->cut = *err;
  c->ended = true;
}
static void on_writable(void *data) {
  (void)data;
}

static json_t *collected(struct collector *c) {
  json_t *list = json_array();
  for (size_t i = c->first; i < c->n; i++) {
    CLEANUP_FREE char *text = base64_encode(c->pieces[i].bytes, c->pieces[i].n);
    json_t *row = json_array();
    json_array_append_new(row, json_integer(c->pieces[i].fd));
    json_array_append_new(row, json_string(text));
    json_array_append_new(list, row);
    free(c->pieces[i].bytes);
  }
  free(c->pieces);
  return list;
}

int once_record_store(struct runtime *rt, struct loop *loop, const char *claim, const char *image,
                      const char *container, bool tty, int64_t max, const struct outcome *o,
                      struct error *err) {
  static const struct stream_handlers calls = {on_output, on_end, on_writable};
  struct collector c = {.max = max, .cut = ERROR_INIT};
  struct stream *s = NULL;
  struct error none = ERROR_INIT;
  if (container && !rt->ops->logs(rt, container, tty, false, 0, &calls, &c, &s, &none))
    while (!c.ended) loop_step(loop, 1000);
  stream_free(s);
  json_t *output = collected(&c);
  if (c.cut.kind != ERR_NONE) {
    json_decref(output);
    *err = c.cut;
    return -1;
  }
  json_t *record = json_object();
  json_object_set_new(record, "outcome", outcome_json(o));
  json_object_set_new(record, "output", output);
  if (c.came > c.total) json_object_set_new(record, "dropped", json_integer(c.came - c.total));
  CLEANUP_FREE char *text = json_dumps(record, JSON_COMPACT);
  json_decref(record);
  return rt->ops->claim_store(rt, claim, image, FILE_NAME, text, strlen(text), err);
}

int once_record_load(struct runtime *rt, const char *claim, const char *image, json_t **ret,
                     struct error *err) {
  CLEANUP_FREE char *text = NULL;
  size_t n = 0;
  if (rt->ops->claim_load(rt, claim, image, FILE_NAME, &text, &n, err)) return -1;
  *ret = json_parse(text, n, err);
  return *ret ? 0 : -1;
}

int64_t once_record_dropped(const json_t *record) {
  return json_integer_value(json_object_get(record, "dropped"));
}

void once_record_output(const json_t *record, void (*put)(void *data, int fd, const char *p, size_t n),
                        void *data) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(record, "output"), i, row) {
    const char *text = json_string_value(json_array_get(row, 1));
    size_t n = 0;
    CLEANUP_FREE char *raw = text ? base64_decode(text, &n) : NULL;
    if (raw) put(data, json_integer_value(json_array_get(row, 0)) == 2 ? 2 : 1, raw, n);
  }
}
