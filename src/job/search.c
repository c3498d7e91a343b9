/* Reading the history: every line, or those of one job. */
#include "base/alloc.h"
#include "data/json.h"
#include "job/chain.h"
#include <stdlib.h>
#include <string.h>

struct reader {
  history_fn *fn;
  void *data;
};

static int hand_on(void *data, const struct chain_line *line, struct error *err) {
  struct reader *r = data;
  if (line->json) return r->fn(r->data, line->json, err) ? -1 : 0;
  CLEANUP_JSON json_t *broken =
      json_pack("{s:s, s:s, s:I}", "event", "broken", "file", line->file, "line", (json_int_t)line->number);
  return r->fn(r->data, broken, err) ? -1 : 0;
}

int history_each(struct history *h, history_fn *fn, void *data, struct error *err) {
  if (!h) return 0;
  struct strv parts;
  if (chain_parts(h, &parts, err)) return -1;
  struct reader r = {fn, data};
  int failed = 0;
  for (size_t i = 0; !failed && i < parts.n; i++) failed = chain_scan(parts.v[i], hand_on, &r, err);
  strv_done(&parts);
  return failed ? -1 : 0;
}

struct search {
  const char *prefix;
  size_t n;
  bool exact;   /* the whole id was given and seen: longer ones do not count */
  char *id;     /* found */
  char *second; /* another one that fits: ambiguous */
  json_t *intent, *outcome;
};

static void forget(struct search *s) {
  free(TAKE(s->id));
  free(TAKE(s->second));
  json_decref(TAKE(s->intent));
  json_decref(TAKE(s->outcome));
}

static int compare(void *data, const json_t *line, struct error *err) {
  struct search *s = data;
  (void)err;
  const char *id = json_str(line, "id"), *event = json_str(line, "event");
  if (!id || !event || strncmp(id, s->prefix, s->n) != 0) return 0;
  bool exact = !id[s->n];
  if (s->exact && !exact) return 0;
  if (exact && !s->exact) {
    forget(s);
    s->exact = true;
  }
  if (!s->id) s->id = xstrdup(id);
  if (strcmp(s->id, id) != 0) {
    if (!s->second) s->second = xstrdup(id);
    return 0;
  }
  json_t **slot = !strcmp(event, "intent") ? &s->intent : &s->outcome;
  json_decref(*slot);
  *slot = json_incref((json_t *)line);
  return 0;
}

int history_find(struct history *h, const char *id_prefix, json_t **ret_intent, json_t **ret_outcome,
                 struct error *err) {
  struct search s = {.prefix = id_prefix, .n = strlen(id_prefix)};
  if (!s.n) return error_set(err, ERR_USAGE, "finding the job failed: the id is empty");
  int failed = history_each(h, compare, &s, err);
  if (!failed && s.second)
    failed = error_set(err, ERR_USAGE,
                       "finding the job failed: '%s' is ambiguous (%s, %s, ...); give more of the id",
                       id_prefix, s.id, s.second);
  if (!failed && !s.id)
    failed = error_set(err, ERR_MISSING, "finding the job failed: no job '%s' in the history%s%s", id_prefix,
                       h ? " " : "", h ? h->path : "");
  if (!failed) {
    *ret_intent = TAKE(s.intent);
    *ret_outcome = TAKE(s.outcome);
  }
  forget(&s);
  return failed;
}
