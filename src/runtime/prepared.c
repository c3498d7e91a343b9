#include "runtime/runtime.h"
#include <stdlib.h>

void prepared_done(struct prepared *p) {
  char *texts[] = {p->app,         p->release_name, p->image,     p->image_id,   p->digest,
                   p->target_kind, p->target_name,  p->target_id, p->stop_signal};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
  strv_done(&p->argv);
  strv_done(&p->notes);
  json_decref(p->plan);
  json_decref(p->request);
  json_decref(p->private_parts);
  *p = (struct prepared){0};
}
