/* References to images, by the rules of distribution/reference: [HOST/]REPO[:TAG][@ALGORITHM:HEX]. The first
 * part is a host when it holds '.', ':' or upper case, or is "localhost"; otherwise the host is docker.io,
 * and a single name there stands below library/. Pure. */
#ifndef RUNTIME_DOCKER_IMAGEREF_H
#define RUNTIME_DOCKER_IMAGEREF_H
#include "base/error.h"

struct image_ref {
  char *host;   /* "docker.io", "registry.example.com:5000" */
  char *repo;   /* below the host: "library/debian" */
  char *name;   /* as people write it: "debian", "registry.example.com:5000/shop" */
  char *tag;    /* NULL: none given */
  char *digest; /* "sha256:..."; NULL: none given */
};
/* ERR_IMAGE "image reference 'X': WHY". Image ids ("sha256:...", 64 hex digits) are no references. */
int image_ref_parse(const char *text, struct image_ref *ret, struct error *err);
void image_ref_done(struct image_ref *r);
#endif
