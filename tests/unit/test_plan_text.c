#include "base/alloc.h"
#include "cli/plan.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

static char *text_of(const char *json) {
  json_error_t why;
  json_t *plan = json_loads(json, 0, &why);
  struct buf out;
  assert_non_null(plan);
  buf_init(&out, 1 << 20);
  plan_text(&out, plan);
  json_decref(plan);
  return buf_take(&out);
}

static void has(const char *text, const char *part) {
  if (!strstr(text, part)) print_error("no \"%s\" in:\n%s\n", part, text);
  assert_non_null(strstr(text, part));
}

static void says_what_would_run(void **state) {
  (void)state;
  CLEANUP_FREE char *text = text_of(
      "{\"release\":{\"name\":\"shop\",\"source\":\"compose/shop/"
      "web\",\"image\":\"shop:1\",\"image_id\":\"sha256:aa\","
      "\"digest\":null},\"argv\":[\"sh\",\"-c\",\"echo 'hi' $X\",\"\"],\"runtime\":{\"kind\":\"docker\","
      "\"version\":\"20.10\",\"endpoint\":\"unix:///"
      "s\"},\"from\":{\"kind\":\"container\",\"name\":\"shop-web-1\","
      "\"id\":\"0123456789abcdef\"},\"tty\":false,\"stdin\":true,"
      "\"env\":[{\"name\":\"DB_URL\",\"origin\":\"compose/shop/web\"}],"
      "\"mounts\":[{\"type\":\"volume\",\"source\":\"data\",\"target\":\"/"
      "data\",\"mode\":\"rw\",\"origin\":\"source\"},"
      "{\"type\":\"tmpfs\",\"source\":null,\"target\":\"/tmp\",\"mode\":\"\",\"origin\":\"source\"}],"
      "\"networks\":[\"shop_default\"],\"dropped\":[{\"what\":\"port 8000/tcp\",\"why\":\"published "
      "ports\"}],"
      "\"checked\":[\"volume data exists\"],\"memory\":1024,\"shm\":null}");
  has(text, "release        shop\n");
  has(text, "from           container shop-web-1 0123456789ab\n");
  has(text, "image id       sha256:aa\n");
  has(text, "runs           sh -c 'echo '\\''hi'\\'' $X' ''\n");
  has(text, "stdin          forwarded\n");
  has(text, "runtime        docker 20.10 at unix:///s\n");
  has(text, "  DB_URL                           (compose/shop/web)\n");
  has(text, "  volume data -> /data rw  (source)\n");
  has(text, "  tmpfs /tmp  (source)\n");
  has(text, "\nNetworks:\n  shop_default\n");
  has(text, "\nDropped:\n  port 8000/tcp: published ports\n");
  has(text, "\nChecked:\n  volume data exists\n");
  has(text, "memory         1024\n"); /* whatever else the runtime tells */
  assert_null(strstr(text, "digest"));
  assert_null(strstr(text, "shm"));
}

static void survives_an_empty_plan(void **state) {
  (void)state;
  CLEANUP_FREE char *text = text_of("{}");
  has(text, "image id       not on the engine yet\n");
  CLEANUP_FREE char *odd = text_of("{\"env\":[1,{},null],\"mounts\":{},\"argv\":\"x\",\"release\":[]}");
  has(odd, "  1\n");
}

static void values_are_hidden(void **state) {
  (void)state;
  struct prepared p = {0};
  p.request = json_pack("{s:[s,s,s], s:[s]}", "Env", "PASSWORD=s3cret=x", "EMPTY=", "BARE", "Cmd", "A=b");
  json_t *hidden = plan_request(p.request, false), *shown = plan_request(p.request, true);
  CLEANUP_FREE char *text = json_dumps(hidden, JSON_COMPACT);
  assert_string_equal(
      text, "{\"Env\":[\"PASSWORD=<set, 8 bytes>\",\"EMPTY=<set, 0 bytes>\",\"BARE\"],\"Cmd\":[\"A=b\"]}");
  assert_true(json_equal(shown, p.request));
  json_decref(hidden);
  json_decref(shown);
  json_decref(p.request);
}

static void values_of_objects_are_hidden(void **state) {
  (void)state;
  json_t *objects = json_loads(
      "[{\"kind\":\"Secret\",\"stringData\":{\"env.A\":\"s3cret\"}},{\"kind\":\"Job\",\"spec\":{\"template\":"
      "{"
      "\"spec\":{\"containers\":[{\"env\":[{\"name\":\"B\",\"value\":\"s3cret\"},{\"name\":\"C\","
      "\"valueFrom\":{}}]}],\"initContainers\":[{\"env\":[{\"name\":\"D\",\"value\":\"s3cret\"}]}]}}}}]",
      0, NULL);
  assert_non_null(objects);
  json_t *hidden = plan_request(objects, false);
  CLEANUP_FREE char *text = json_dumps(hidden, JSON_COMPACT);
  assert_null(strstr(text, "s3cret"));
  assert_non_null(strstr(text, "{\"env.A\":\"<set, 6 bytes>\"}"));
  assert_non_null(
      strstr(text, "{\"name\":\"B\",\"value\":\"<set, 6 bytes>\"},{\"name\":\"C\",\"valueFrom\":{}}"));
  assert_non_null(strstr(text, "{\"name\":\"D\",\"value\":\"<set, 6 bytes>\"}"));
  json_decref(hidden);
  json_decref(objects);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_what_would_run),
      cmocka_unit_test(survives_an_empty_plan),
      cmocka_unit_test(values_are_hidden),
      cmocka_unit_test(values_of_objects_are_hidden),
  };
  return RUN_TESTS(tests);
}
