/* Images as the engine has them. Looks only; pull.c fetches. */
#ifndef RUNTIME_DOCKER_IMAGE_H
#define RUNTIME_DOCKER_IMAGE_H
#include "runtime/docker/docker.h"

struct images {
  json_t *old_image; /* of the source; NULL: no source, gone, or (of a Swarm service) never here */
  json_t *image;     /* that will run; NULL: not on the engine */
  bool replaced;     /* settings.image stands over the source's */
};
void images_done(struct images *i);
/* source may be NULL. A tag that has moved since goes to notes. ERR_IMAGE when the source's own image is
 * wanted and gone, or nothing says which image. */
int images_find(struct docker *d, const struct settings *s, const json_t *source, struct images *ret,
                struct strv *notes, struct error *err);
#endif
