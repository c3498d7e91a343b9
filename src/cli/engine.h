/* An engine for commands that run nothing: loop and runtime together. */
#ifndef CLI_ENGINE_H
#define CLI_ENGINE_H
#include "cli/option.h"
#include "runtime/runtime.h"

struct engine {
  struct loop *loop;
  struct runtime *rt; /* connected */
};
int engine_open(struct engine *e, const char *kind, const struct endpoint *ep, struct error *err);
/* The engine that options and release file name. */
int engine_choose(struct engine *e, const struct options *o, struct error *err);
void engine_done(struct engine *e); /* a zeroed one is fine */
#endif
