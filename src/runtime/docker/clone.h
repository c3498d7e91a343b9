/* Turning what was looked up into the create request: pure, no engine needed, so that every promise of the
 * contract's "Kept", "Inert" and "Same release" paragraphs can be tested on inspect documents.
 * The request starts as a copy of the source's Config and HostConfig, so that fields nobody here has heard of
 * survive; then each part takes away or replaces what it is responsible for, and finally the settings go over
 * it. Every part writes what it did into the plan. */
#ifndef RUNTIME_DOCKER_CLONE_H
#define RUNTIME_DOCKER_CLONE_H
#include "runtime/runtime.h"

/* What was looked up. Borrowed. */
struct facts {
  const json_t *source;    /* GET /containers/ID/json, or of a Swarm service (service.h); NULL: image/REF */
  const json_t *old_image; /* inspect of the image the source runs; NULL: no source, or gone */
  const json_t *image;     /* inspect of the image that will run; NULL: not on the engine yet */
  bool replaced;           /* settings.image over a source: image and old_image are two images */
  const json_t *networks;  /* of settings.networks in that order: {"Id", "Name"}, or a string: a mode */
  const json_t *renewed;   /* source networks made anew under their name: {NAME: new id}; may be NULL */
  const json_t *late;      /* files to copy, as in private_parts; may be NULL */
  const char *unread;      /* a Compose file of the source that this machine cannot read; NULL: none */
  bool unmerged; /* what the source does not say is its image's, not empty: service, image unknown */
  int api_minor;
  bool podman;
};

/* The work in progress, shared by the parts. Borrowed from the prepared. */
struct clone {
  const struct settings *s;
  const struct facts *f;
  json_t *request, *config, *host;
  json_t *plan, *private_parts;
  struct strv *notes;
  const char *origin; /* what the plan calls the source: "container/web"; "image" without one */
};

/* Fills ret (which the caller prepared_done()s in any case; ret is zeroed first). ERR_CONFIG, ERR_USAGE. */
int clone_build(const struct settings *s, const struct facts *f, struct prepared *ret, struct error *err);

/* The parts, in the order clone_build calls them. */
void clone_host(struct clone *c); /* HostConfig less what is dropped */
int clone_mounts(struct clone *c,
                 struct error *err); /* HostConfig.Mounts, .Tmpfs; settings.mounts over them */
int clone_network(struct clone *c, struct error *err);
int clone_env(struct clone *c, struct error *err);
int clone_labels(struct clone *c, struct error *err);
int settings_apply(struct clone *c, struct error *err); /* limits, user, Compose's further keys */

/* The image reference "repo/shop:1@sha256:.." -> "shop". For free(). */
char *image_short_name(const char *reference);
/* Is this a setting that the source merely has from its old image? Compares Config.KEY of both. */
bool clone_inherited(const struct clone *c, const char *key);

/* plan.c */
void plan_dropped(struct clone *c, const char *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void plan_checked(struct clone *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plan_difference(struct clone *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plan_note(struct clone *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
json_t *plan_list(struct clone *c, const char *key); /* made if absent; borrowed */
/* The rest of the plan, from the finished request. */
void plan_finish(struct clone *c, const struct prepared *p);
#endif
