#include "runtime/docker/imageref.h"
#include "base/alloc.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 255 /* distribution/reference: NameTotalLengthMax */
#define TAG_MAX_LEN 128

static bool lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
static bool alnum(char c) {
  return isalnum((unsigned char)c) && (unsigned char)c < 128;
}

/* [a-z0-9]+ joined by one of . _ __ or any number of - */
static bool good_component(const char *p, size_t n) {
  size_t i = 0;
  while (i < n) {
    size_t from = i;
    while (i < n && lower_alnum(p[i])) i++;
    if (i == from) return false;
    if (i == n) return true;
    from = i;
    while (i < n && p[i] == '-') i++;
    if (i == from) i += p[i] == '.' ? 1 : p[i] == '_' ? (i + 1 < n && p[i + 1] == '_' ? 2 : 1) : 0;
    if (i == from) return false;
  }
  return false; /* empty, or ends with a joint */
}

static bool good_repo(const char *p) {
  for (;;) {
    size_t n = strcspn(p, "/");
    if (!good_component(p, n)) return false;
    if (!p[n]) return true;
    p += n + 1;
  }
}

static bool good_tag(const char *p) {
  size_t n = strlen(p);
  if (n == 0 || n > TAG_MAX_LEN || !(alnum(*p) || *p == '_')) return false;
  for (; *p; p++)
    if (!alnum(*p) && !strchr("_.-", *p)) return false;
  return true;
}

static bool good_digest(const char *p) {
  size_t algorithm = strcspn(p, ":"), hex = 0;
  if (algorithm == 0 || !p[algorithm]) return false;
  for (size_t i = 0; i < algorithm; i++)
    if (!alnum(p[i]) && !strchr("+._-", p[i])) return false;
  for (p += algorithm + 1; isxdigit((unsigned char)*p); p++) hex++;
  return !*p && hex >= 32;
}

/* HOST[:PORT] or [IPv6][:PORT] */
static bool good_host(const char *p) {
  if (*p == '[') {
    const char *end = strchr(p, ']');
    if (!end || strspn(p + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - p - 1)) return false;
    p = end + 1;
  } else {
    size_t n = strcspn(p, ":");
    if (n == 0 || p[0] == '-' || p[n - 1] == '-') return false;
    for (size_t i = 0; i < n; i++)
      if (!alnum(p[i]) && p[i] != '-' && p[i] != '.') return false;
    p += n;
  }
  if (!*p) return true;
  return *p == ':' && p[1] && strspn(p + 1, "0123456789") == strlen(p + 1);
}

static bool is_host(const char *first) {
  if (strpbrk(first, ".:") || !strcmp(first, "localhost")) return true;
  for (; *first; first++)
    if (isupper((unsigned char)*first)) return true;
  return false;
}

/* Cuts @digest and :tag off name. */
static const char *cut_suffixes(char *name, struct image_ref *r) {
  char *at = strchr(name, '@');
  if (at) {
    *at = 0;
    r->digest = xstrdup(at + 1);
    if (!good_digest(r->digest)) return "what follows '@' is not a digest (sha256:...)";
  }
  char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');
  if (colon) {
    *colon = 0;
    r->tag = xstrdup(colon + 1);
    if (!good_tag(r->tag)) return "what follows ':' is not a tag";
  }
  return NULL;
}

static void split_host(const char *name, struct image_ref *r) {
  const char *slash = strchr(name, '/');
  CLEANUP_FREE char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
  if (first && is_host(first)) {
    r->host = xstrdup(strcmp(first, "index.docker.io") != 0 ? first : "docker.io");
    name = slash + 1;
  } else {
    r->host = xstrdup("docker.io");
  }
  bool hub = !strcmp(r->host, "docker.io");
  r->repo = xprintf("%s%s", hub && !strchr(name, '/') ? "library/" : "", name);
  if (hub && !strncmp(name, "library/", 8) && name[8] && !strchr(name + 8, '/')) name += 8;
  r->name = hub ? xstrdup(name) : xprintf("%s/%s", r->host, name);
}

static const char *parse(const char *text, struct image_ref *r) {
  CLEANUP_FREE char *name = xstrdup(text);
  size_t n = strlen(text);
  if (n == 0) return "it is empty";
  if ((n == 64 && strspn(text, "0123456789abcdef") == n) || !strncmp(text, "sha256:", 7))
    return "this is an image id, which no registry knows";
  const char *why = cut_suffixes(name, r);
  if (why) return why;
  if (strlen(name) > NAME_MAX_LEN) return "the name is longer than 255 characters";
  split_host(name, r);
  if (!good_host(r->host)) return "the registry's host name is not one";
  for (const char *p = r->repo; *p; p++)
    if (isupper((unsigned char)*p)) return "the repository's name must be in lower case";
  if (!good_repo(r->repo))
    return "the repository's name may hold lower-case letters, digits and single '.', '_', '-' between them";
  return NULL;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct error *err) {
  struct image_ref r = {0};
  const char *why = parse(text, &r);
  if (!why) {
    *ret = r;
    return 0;
  }
  image_ref_done(&r);
  return error_set(err, ERR_IMAGE, "image reference '%s': %s", text, why);
}

void image_ref_done(struct image_ref *r) {
  free(r->host);
  free(r->repo);
  free(r->name);
  free(r->tag);
  free(r->digest);
  *r = (struct image_ref){0};
}
