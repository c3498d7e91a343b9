#include "runtime/docker/image.h"
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/source.h"
#include <string.h>

void images_done(struct images *i) {
  json_decref(i->old_image);
  json_decref(i->image);
  *i = (struct images){0};
}

/* What anybody looks at: not its layers and history. */
static const char *const image_keys[] = {"Id",           "RepoTags", "RepoDigests", "Os",
                                         "Architecture", "Variant",  "Config",      NULL};

/* *ret NULL when the engine does not have it. */
static int inspect(struct docker *d, const char *ref, json_t **ret, struct error *err) {
  CLEANUP_FREE char *escaped = http_escape(ref);
  CLEANUP_FREE char *path = xprintf("/images/%s/json", escaped);
  struct http_response r;
  *ret = NULL;
  if (docker_call(d, "GET", path, NULL, false, SOURCE_CALL_MS, &r, err) < 0) return -1;
  int rc = 0;
  if (r.status == 200) {
    *ret = json_parse_part(r.body.data ? r.body.data : "", r.body.len, image_keys, err);
    rc = *ret ? 0 : error_prefix(err, "the engine's answer about image %s", ref);
  } else if (r.status != 404) {
    CLEANUP_FREE char *what = xprintf("image %s failed", ref);
    rc = docker_fault(&r, what, err);
    if (err && r.status == 400) err->kind = ERR_IMAGE; /* not a reference */
  }
  http_response_done(&r);
  return rc;
}

/* "linux/arm64/v8" against what the image is for. */
static bool fits_platform(const json_t *image, const char *platform) {
  const char *os = json_str(image, "Os"), *arch = json_str(image, "Architecture"),
             *variant = json_str(image, "Variant");
  if (!os || !arch) return true;
  CLEANUP_FREE char *is = xprintf("%s/%s", os, arch);
  size_t n = strlen(is);
  if (!strchr(platform, '/')) return !strcmp(platform, arch) || !strcmp(platform, os);
  if (strncmp(platform, is, n) != 0) return false;
  if (!platform[n]) return true;
  return platform[n] == '/' && (!variant || !*variant || !strcmp(platform + n + 1, variant));
}

static int find_given(struct docker *d, const struct settings *s, const char *ref, json_t **ret,
                      struct error *err) {
  if (inspect(d, ref, ret, err) < 0) return -1;
  if (*ret && s->platform && !fits_platform(*ret, s->platform)) {
    json_decref(*ret);
    *ret = NULL; /* of another platform: to be pulled */
  }
  return 0;
}

/* A tag may point elsewhere now; an id or a digest cannot. */
static bool is_tag(const char *ref, const char *id) {
  const char *hex = !strncmp(id, "sha256:", 7) ? id + 7 : id;
  return !strchr(ref, '@') && strncmp(ref, "sha256:", 7) != 0 &&
         !(strlen(ref) >= 12 && !strncmp(hex, ref, strlen(ref)));
}

/* The image the source runs, by id. Mostly the tag still means it: then one request answers both questions.
 */
static int find_running(struct docker *d, const struct settings *s, const json_t *source, json_t **ret,
                        struct strv *notes, struct error *err) {
  const char *id = json_str(source, "Image"), *ref = json_str(source, "Config.Image");
  json_t *tagged = NULL;
  if (!id && s->source.kind == SOURCE_SERVICE && ref) return find_given(d, s, ref, ret, err);
  if (!id)
    return error_set(err, ERR_ENGINE, "%s failed: the engine does not say which image it runs",
                     s->source.text);
  if (ref && *ref && is_tag(ref, id)) {
    if (inspect(d, ref, &tagged, err) < 0) return -1;
    const char *now = json_str(tagged, "Id");
    if (now && !strcmp(now, id)) {
      *ret = tagged;
      return 0;
    }
    if (now && !s->image)
      strv_take(
          notes,
          xprintf("the tag %s has since moved: the application runs %.19s, which is used; the tag means "
                  "%.19s now (--image %s takes that)",
                  ref, id, now, ref));
    json_decref(tagged);
  }
  return inspect(d, id, ret, err);
}

int images_find(struct docker *d, const struct settings *s, const json_t *source, struct images *ret,
                struct strv *notes, struct error *err) {
  struct images found = {0};
  const char *described = json_str(s->described, "image");
  const char *ref = s->image ? s->image : source ? NULL : described ? described : s->source.name;
  if (!source && (!ref || !*ref))
    return error_set(err, ERR_CONFIG,
                     "no release: --from SOURCE, --image REF or a release file says what to run");
  if (source && find_running(d, s, source, &found.old_image, notes, err) < 0) return -1;
  found.replaced = source && s->image;
  int rc = 0;
  if (ref)
    rc = find_given(d, s, ref, &found.image, err);
  else if (found.old_image)
    found.image = json_incref(found.old_image);
  else if (json_str(source, "Image")) /* else a Swarm service's, not on this engine yet: to be pulled */
    rc = error_set(err, ERR_IMAGE,
                   "%s failed: its image %s is no longer on the engine; --image REF names another",
                   s->source.text, json_str(source, "Image"));
  const char *built = json_str(s->described, "built");
  if (rc == 0 && built && !found.image && !s->image)
    rc = error_set(
        err, ERR_IMAGE,
        "%s failed: the image '%s' is not on the engine, and nobody can pull it: %s builds it (docker "
        "compose build %s)",
        s->source.text, ref, built, s->source.name);
  if (rc < 0) {
    images_done(&found);
    return -1;
  }
  *ret = found;
  return 0;
}
