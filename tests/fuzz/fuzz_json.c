/* Any bytes: no crash, and what is read comes out the same again in its canonical form; what can be read
 * whole can be read in part. */
#include "data/json.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {"Id", "Labels.run-once.id", "Actor.Attributes.signal", "Actor.ID", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err = ERROR_INIT, none = ERROR_INIT;
  CLEANUP_JSON json_t *part = json_parse_part((const char *)data, size, keys, &none);
  CLEANUP_JSON json_t *o = json_parse((const char *)data, size, &err);
  if (!o != (err.kind == ERR_ENGINE)) abort();
  if (!o) return 0;
  if (!part) abort();
  json_at(o, "State.ExitCode");
  json_int_or(o, "a.b", 0);
  json_str(o, "Id");
  char *once = json_canonical(o);
  CLEANUP_JSON json_t *again = json_parse(once, strlen(once), NULL);
  if (!again) abort();
  char *twice = json_canonical(again);
  if (strcmp(once, twice) != 0) abort();
  free(once);
  free(twice);
  return 0;
}
