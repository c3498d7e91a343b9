/* Any text in all four ways: no crash; a text without a dollar sign stays as it is. */
#include "base/alloc.h"
#include "data/interpolate.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *data, const char *name) {
  (void)data;
  return *name == 'A' ? "value" : *name == 'E' ? "" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CLEANUP_FREE char *text = xstrndup((const char *)data, size);
  for (int way = 0; way < 4; way++) {
    struct interpolation how = {.lookup = lookup, .bare_names = way & 1, .unset_is_error = way & 2};
    struct error err = ERROR_INIT;
    char *unset = NULL;
    char *result = interpolate(text, &how, &unset, &err);
    if (!result != (err.kind == ERR_CONFIG)) abort();
    if (!strchr(text, '$') && (!result || strcmp(result, text) != 0)) abort();
    if (unset && (!result || how.unset_is_error)) abort();
    free(result);
    free(unset);
  }
  return 0;
}
