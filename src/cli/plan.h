/* What would run, for people and for programs. Never holds values of variables unless asked for. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H
#include "base/buf.h"
#include "cli/invocation.h"

/* The plan as JSON: release, command, runtime and what the runtime's prepare() says. New reference. */
json_t *plan_json(const struct invocation *inv, const struct prepared *p, const struct runtime_info *info);
/* The same for people. */
void plan_text(struct buf *out, const json_t *plan);
/* plan_request.c: the body that run would send, or its objects in an array; each value of a variable (Env,
 * env, a Secret's stringData) is "<set, N bytes>" unless show_values. New reference. */
json_t *plan_request(const json_t *body, bool show_values);
#endif
