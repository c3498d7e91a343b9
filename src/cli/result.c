#include "cli/result.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/say.h"
#include "data/hash.h"
#include "job/record.h"
#include <stdio.h>
#include <string.h>

static char *known(const char *text) {
  return text ? xstrdup(text) : NULL;
}

/* The command as far as it is recorded: --redact-args keeps it out whole, since nothing ran. */
static void fill(struct outcome *o, const struct options *opts, const struct invocation *inv) {
  actor_find(option_text(opts, OPT_ACTOR), o);
  o->created_at = clock_rfc3339(clock_wall_ns());
  o->finished_at = xstrdup(o->created_at);
  o->reason = known(option_text(opts, OPT_REASON));
  o->lock = known(option_text(opts, OPT_LOCK));
  o->once = known(option_text(opts, OPT_ONCE));
  if (!inv) return;
  o->release_name = known(inv->settings.name);
  o->source = known(inv->settings.source.text);
  o->image = known(inv->settings.image);
  o->runtime_kind = xstrdup(inv->kind);
  if (inv->endpoint.text) o->endpoint = xstrdup(inv->endpoint.text);
  if (!option_flag(opts, OPT_REDACT_ARGS)) strv_copy(&o->command, &inv->settings.argv);
}

int result_not_started(const struct options *opts, const struct invocation *inv, const struct error *err) {
  const char *where = option_text(opts, OPT_RESULT);
  if (!where) return say_fault(err);
  struct outcome o;
  struct error fault = ERROR_INIT;
  outcome_init(&o);
  if (!o.id[0]) random_id(o.id, 12);
  fill(&o, opts, inv);
  outcome_not_started(&o, err);
  say("%s", err->text);
  if (result_write(where, &o, &fault) < 0) say("%s", fault.text);
  int status = o.exit_status;
  outcome_done(&o);
  return status;
}
