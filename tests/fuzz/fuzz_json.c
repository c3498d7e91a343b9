/* Any bytes: no crash, and what is read comes out the same again in its canonical form; what can be read
 * whole can be read in part, and without the arrays of some names. */
#include "data/json.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {"Id", "Labels.run-once.id", "Actor.Attributes.signal", "Actor.ID", NULL};

static const char *const names[] = {"Id", "a", "items", NULL};

static void strip(json_t *o) {
  size_t i;
  json_t *v;
  const char *key;
  json_array_foreach(o, i, v) strip(v);
  if (!json_is_object(o)) return;
  for (i = 0; names[i]; i++)
    if (json_is_array(json_object_get(o, names[i]))) json_object_del(o, names[i]);
  json_object_foreach(o, key, v) strip(v);
}

static void check_without(const char *text, size_t n, json_t *stripped) {
  CLEANUP_JSON json_t *rest = json_parse_without(text, n, names, NULL);
  if (!rest) abort();
  strip(stripped);
  if (!json_equal(rest, stripped)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err = ERROR_INIT, none = ERROR_INIT;
  CLEANUP_JSON json_t *part = json_parse_part((const char *)data, size, keys, &none);
  CLEANUP_JSON json_t *rest = json_parse_without((const char *)data, size, names, NULL);
  CLEANUP_JSON json_t *o = json_parse((const char *)data, size, &err);
  if (!o != (err.kind == ERR_ENGINE)) abort();
  if (!o) return 0;
  if (!part || !rest) abort();
  json_at(o, "State.ExitCode");
  json_int_or(o, "a.b", 0);
  json_str(o, "Id");
  char *once = json_canonical(o);
  CLEANUP_JSON json_t *again = json_parse(once, strlen(once), NULL);
  if (!again) abort();
  char *twice = json_canonical(again);
  if (strcmp(once, twice) != 0) abort();
  check_without(once, strlen(once), again); /* no key twice, none written otherwise */
  free(once);
  free(twice);
  return 0;
}
