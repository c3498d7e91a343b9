#include "runtime/docker/jsonstream.h"
#include "data/json.h"

void jsonstream_init(struct jsonstream *s) {
  *s = (struct jsonstream){0};
  buf_init(&s->text, JSONSTREAM_OBJECT_MAX);
}

void jsonstream_done(struct jsonstream *s) {
  buf_done(&s->text);
}

bool jsonstream_whole(const struct jsonstream *s) {
  return s->depth == 0;
}

/* How many of the n bytes belong to the object that is open; *ret_ended when its last bracket is among them.
 */
static size_t scan(struct jsonstream *s, const char *p, size_t n, bool *ret_ended) {
  *ret_ended = false;
  for (size_t i = 0; i < n; i++) {
    char c = p[i];
    if (s->escaped) {
      s->escaped = false;
    } else if (s->in_string) {
      s->escaped = c == '\\';
      s->in_string = c != '"';
    } else if (c == '"') {
      s->in_string = true;
    } else if (c == '{' || c == '[') {
      s->depth++;
    } else if ((c == '}' || c == ']') && --s->depth == 0) {
      *ret_ended = true;
      return i + 1;
    }
  }
  return n;
}

static int deliver(struct jsonstream *s, jsonstream_fn *fn, void *data, struct error *err) {
  CLEANUP_JSON json_t *o = s->keys ? json_parse_part(s->text.data, s->text.len, s->keys, err)
                                   : json_parse(s->text.data, s->text.len, err);
  if (!o) return -1;
  buf_clear(&s->text);
  return fn(data, o, err);
}

int jsonstream_feed(struct jsonstream *s, const char *p, size_t n, jsonstream_fn *fn, void *data,
                    struct error *err) {
  while (n > 0) {
    bool ended;
    if (s->depth == 0 && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
      p++, n--;
      continue;
    }
    if (s->depth == 0 && *p != '{')
      return error_set(err, ERR_ENGINE, "the engine's answer is not a row of JSON objects");
    size_t take = scan(s, p, n, &ended);
    if (buf_append(&s->text, p, take) < 0)
      return error_set(err, ERR_ENGINE, "the engine's answer holds a JSON object of more than %u bytes",
                       JSONSTREAM_OBJECT_MAX);
    p += take;
    n -= take;
    int r = ended ? deliver(s, fn, data, err) : 0;
    if (r) return r; /* s may be gone */
  }
  return 0;
}
