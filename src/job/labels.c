/* What the container says of its job, to whoever reaches the engine. */
#include "base/alloc.h"
#include "job/job.h"

json_t *job_labels(const struct job_request *req, const struct outcome *o, const char *app,
                   const char *once) {
  json_t *l = json_object();
  const struct {
    const char *key, *value;
  } rows[] = {
      {"run-once.id", o->id},
      {"run-once.version", req->version},
      {"run-once.app", app},
      {"run-once.lock", o->lock},
      {"run-once.actor", o->actor_user},
      {"run-once.host", o->actor_host},
      {"run-once.reason", o->reason},
      {"run-once.once", once},
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    if (rows[i].value) json_object_set_new(l, rows[i].key, json_string(rows[i].value));
  if (req->keep != KEEP_NEVER) {
    CLEANUP_FREE char *keep = xprintf("%lld", (long long)req->keep_for);
    json_object_set_new(l, "run-once.keep", json_string(keep));
  }
  if (req->timeout) {
    CLEANUP_FREE char *seconds = xprintf("%.3fs", (double)req->timeout / 1000);
    json_object_set_new(l, "run-once.deadline", json_string(seconds));
  }
  return l;
}
