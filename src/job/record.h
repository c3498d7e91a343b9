/* The history: one JSON line for each intent, outcome and refusal, fsynced and hash-chained (contract section
 * 6). Safe with many writers: flock on the folder's lock file, never on the history itself (it is renamed by
 * rotate). Line: {"version":1,"event":"intent"|"outcome"|"refused"|..., "at":..., <fields of the result>,
 * "prev":HASH, "hash":SHA-256 of the canonical line without "hash"}. history.head beside it holds the last
 * hash. */
#ifndef JOB_RECORD_H
#define JOB_RECORD_H
#include "base/error.h"
#include "job/outcome.h"

struct history; /* NULL means --history off: every call below takes it and does nothing */
/* path NULL: the default place. Makes the folder (0700). ERR_PERMISSION/ERR_CONFIG: not ours (owner named),
 * unwritable. */
int history_open(const char *path, struct history **ret, struct error *err);
void history_free(struct history *h);
const char *history_path(const struct history *h);
/* extra may be NULL: further fields ("settled_by"). Fills o->record_hash. */
int history_append(struct history *h, const char *event, struct outcome *o, const json_t *extra,
                   struct error *err);
/* The last outcome (or intent) lines for a job id or unique prefix; ERR_MISSING, ERR_USAGE ambiguous. */
int history_find(struct history *h, const char *id_prefix, json_t **ret_intent, json_t **ret_outcome,
                 struct error *err);
typedef int history_fn(void *data, const json_t *line, struct error *err);
/* Rotated files first. A line that is no record comes as {"event":"broken","file":F,"line":N}. fn's -1 stops.
 */
int history_each(struct history *h, history_fn *fn, void *data, struct error *err);
/* 0 whole (*ret_why NULL, or a remark: older files are elsewhere, a torn line was ended); 1 broken, *ret_why
 * says file, line and what. head NULL: history.head must be the last line; else HASH must be in the chain. */
int history_verify(struct history *h, const char *head, char **ret_why, struct error *err);
int history_rotate(struct history *h, char **ret_file, struct error *err);

/* --result FILE | fd:N. result_begin replaces what is there by verdict unknown and the id. */
int result_begin(const char *where, const struct outcome *o, struct error *err);
int result_write(const char *where, const struct outcome *o, struct error *err);
#endif
