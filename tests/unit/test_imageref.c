#include "base/alloc.h"
#include "descriptors.h"
#include "runtime/docker/imageref.h"
#include <string.h>

#define D "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void same(const char *a, const char *b) {
  if (b)
    assert_string_equal(a, b);
  else
    assert_null(a);
}

static void good(void **state) {
  (void)state;
  static const struct {
    const char *text, *host, *repo, *name, *tag, *digest;
  } cases[] = {
      {"debian", "docker.io", "library/debian", "debian", NULL, NULL},
      {"debian:12", "docker.io", "library/debian", "debian", "12", NULL},
      {"bitnami/redis", "docker.io", "bitnami/redis", "bitnami/redis", NULL, NULL},
      {"docker.io/debian", "docker.io", "library/debian", "debian", NULL, NULL},
      {"docker.io/library/debian", "docker.io", "library/debian", "debian", NULL, NULL},
      {"library/a/b", "docker.io", "library/a/b", "library/a/b", NULL, NULL},
      {"index.docker.io/a/b:c", "docker.io", "a/b", "a/b", "c", NULL},
      {"registry.example.com/shop:V1.2_x-3", "registry.example.com", "shop", "registry.example.com/shop",
       "V1.2_x-3", NULL},
      {"registry.example.com:5000/a/b/c", "registry.example.com:5000", "a/b/c",
       "registry.example.com:5000/a/b/c", NULL, NULL},
      {"localhost/x", "localhost", "x", "localhost/x", NULL, NULL},
      {"localhost:5000/x:y@" D, "localhost:5000", "x", "localhost:5000/x", "y", D},
      {"x@" D, "docker.io", "library/x", "x", NULL, D},
      {"Registry/x", "Registry", "x", "Registry/x", NULL, NULL},
      {"[::1]:5000/x", "[::1]:5000", "x", "[::1]:5000/x", NULL, NULL},
      {"a.b/c__d/e.f_g---h:_", "a.b", "c__d/e.f_g---h", "a.b/c__d/e.f_g---h", "_", NULL},
      {"x:5000", "docker.io", "library/x", "x", "5000", NULL},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct image_ref r;
    struct error err = ERROR_INIT;
    if (image_ref_parse(cases[i].text, &r, &err) < 0) fail_msg("%s", err.text);
    same(r.host, cases[i].host);
    same(r.repo, cases[i].repo);
    same(r.name, cases[i].name);
    same(r.tag, cases[i].tag);
    same(r.digest, cases[i].digest);
    image_ref_done(&r);
  }
}

static void bad(void **state) {
  (void)state;
  static const struct {
    const char *text, *why;
  } cases[] = {
      {"", "it is empty"},
      {D, "this is an image id, which no registry knows"},
      {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
       "this is an image id, which no registry knows"},
      {"Debian", "the repository's name must be in lower case"},
      {"a.b/Shop", "the repository's name must be in lower case"},
      {"x:", "what follows ':' is not a tag"},
      {"x:-a", "what follows ':' is not a tag"},
      {"x:a b", "what follows ':' is not a tag"},
      {"x@", "what follows '@' is not a digest (sha256:...)"},
      {"x@sha256:12", "what follows '@' is not a digest (sha256:...)"},
      {"x@" D "g", "what follows '@' is not a digest (sha256:...)"},
      {"-h.b/x", "the registry's host name is not one"},
      {"h.b:/x", "the registry's host name is not one"},
      {"a.b/x/", NULL},
      {"/x", NULL},
      {"a//b", NULL},
      {"a..b", NULL},
      {"a___b", NULL},
      {"a-", NULL},
      {"a b", NULL},
      {"a\n", NULL},
      {"\xc3\xa4", NULL},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct image_ref r;
    struct error err = ERROR_INIT;
    assert_int_equal(image_ref_parse(cases[i].text, &r, &err), -1);
    assert_int_equal(err.kind, ERR_IMAGE);
    CLEANUP_FREE char *want =
        xprintf("image reference '%s': %s", cases[i].text, cases[i].why ? cases[i].why : "");
    if (cases[i].why)
      assert_string_equal(err.text, want);
    else
      assert_non_null(strstr(err.text, "the repository's name may hold lower-case letters"));
  }
}

static void long_ones(void **state) {
  (void)state;
  struct image_ref r;
  struct error err = ERROR_INIT;
  char text[400];
  memset(text, 'a', sizeof text);
  text[255] = 0;
  assert_int_equal(image_ref_parse(text, &r, &err), 0);
  image_ref_done(&r);
  text[255] = 'a', text[256] = 0;
  assert_int_equal(image_ref_parse(text, &r, &err), -1);
  assert_non_null(strstr(err.text, "longer than 255"));
  text[1] = ':', text[130] = 0; /* a tag of 128 */
  assert_int_equal(image_ref_parse(text, &r, &err), 0);
  image_ref_done(&r);
  text[130] = 'a', text[131] = 0;
  assert_int_equal(image_ref_parse(text, &r, &err), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad),
                                     cmocka_unit_test(long_ones)};
  return RUN_TESTS(tests);
}
