#include "cli/engine.h"
#include "cli/invocation.h"
#include <stdlib.h>

int engine_open(struct engine *e, const char *kind, const struct endpoint *ep, struct error *err) {
  e->loop = loop_new();
  if (runtime_open(kind, e->loop, ep, &e->rt, err) < 0) return -1;
  return e->rt->ops->connect(e->rt, err);
}

/* A release file in the way matters only for its context: and runtime:; a broken one is a fault all the same,
 * since another engine than the one that runs the jobs would be asked. */
int engine_choose(struct engine *e, const struct options *o, struct error *err) {
  struct release *release = NULL;
  struct endpoint ep = {0};
  const char *kind;
  char *note = NULL;
  if (release_load(option_text(o, OPT_RELEASE), &release, &note, err) < 0) return -1;
  free(note);
  int result = invocation_target(o, release, &kind, &ep, err);
  if (result == 0) result = engine_open(e, kind, &ep, err);
  endpoint_done(&ep);
  release_free(release);
  return result;
}

void engine_done(struct engine *e) {
  if (e->rt) e->rt->ops->free(e->rt);
  if (e->loop) loop_free(e->loop);
  *e = (struct engine){0};
}
