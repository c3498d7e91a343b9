/* What will be created: looks everything up, then hands it to the pure half (clone.h). */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/clone.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/image.h"
#include "runtime/docker/late.h"
#include "runtime/docker/podman.h"
#include "runtime/docker/references.h"
#include "runtime/docker/service.h"
#include "runtime/docker/source.h"
#include <stdlib.h>

struct found {
  json_t *source, *networks, *renewed, *late;
  struct images images;
  char *unread;
};

static void found_done(struct found *f) {
  json_decref(f->source);
  json_decref(f->networks);
  json_decref(f->renewed);
  json_decref(f->late);
  images_done(&f->images);
  free(f->unread);
}

static int look_up(struct docker *d, const struct settings *s, struct found *f, struct strv *notes,
                   struct error *err) {
  if (source_find(d, s, &f->source, notes, err) < 0) return -1;
  if (images_find(d, s, f->source, &f->images, notes, err) < 0) return -1;
  if (references_networks(d, s, &f->networks, err) < 0) return -1;
  bool service = f->source && s->source.kind == SOURCE_SERVICE, container = f->source && !service;
  if (service) service_inherit(f->source, f->images.old_image);
  if (container && !s->networks_set && references_source(d, f->source, &f->renewed, err) < 0) return -1;
  if (references_volumes(d, s, err) < 0) return -1;
  return container ? late_find(d, f->source, &f->late, &f->unread, err) : 0;
}

int docker_prepare(struct runtime *rt, const struct settings *s, struct prepared *ret, struct error *err) {
  struct docker *d = (struct docker *)rt;
  struct found f = {0};
  struct strv notes;
  struct prepared made;
  strv_init(&notes);
  int rc = look_up(d, s, &f, &notes, err);
  if (rc == 0) {
    struct facts facts = {.source = f.source,
                          .old_image = f.images.old_image,
                          .image = f.images.image,
                          .replaced = f.images.replaced,
                          .networks = f.networks,
                          .renewed = f.renewed,
                          .late = f.late,
                          .unread = f.unread,
                          .unmerged = s->source.kind == SOURCE_SERVICE && !f.images.old_image,
                          .api_minor = d->api_minor,
                          .podman = d->podman};
    rc = clone_build(s, &facts, &made, err);
    if (rc == 0 && d->podman && podman_adjust(made.request, err) < 0) {
      prepared_done(&made);
      rc = -1;
    }
    if (rc == 0) {
      for (size_t i = 0; i < made.notes.n; i++) strv_add(&notes, made.notes.v[i]);
      strv_done(&made.notes);
      made.notes = notes;
      strv_init(&notes);
      made.memory_limit = json_int_or(made.request, "HostConfig.Memory", 0);
      *ret = made;
    } else {
      prepared_done(&made);
    }
  }
  strv_done(&notes);
  found_done(&f);
  return rc;
}
