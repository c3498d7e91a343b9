/* What was taken for a reference, put together again, must be taken again and mean the same. */
#include "base/alloc.h"
#include "runtime/docker/imageref.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CLEANUP_FREE char *text = xstrndup((const char *)data, size);
  struct image_ref r, again;
  struct error err = ERROR_INIT;
  if (image_ref_parse(text, &r, &err) < 0) {
    if (err.kind != ERR_IMAGE || !*err.text) abort();
    return 0;
  }
  CLEANUP_FREE char *full = xprintf("%s/%s%s%s%s%s", r.host, r.repo, r.tag ? ":" : "", r.tag ? r.tag : "",
                                    r.digest ? "@" : "", r.digest ? r.digest : "");
  if (image_ref_parse(full, &again, &err) < 0) {
    if (strlen(full) < 255) abort(); /* "library/" may make a name too long */
  } else {
    if (strcmp(r.host, again.host) != 0 || strcmp(r.repo, again.repo) != 0 || strcmp(r.name, again.name) != 0)
      abort();
    if (!r.tag != !again.tag || (r.tag && strcmp(r.tag, again.tag) != 0)) abort();
    image_ref_done(&again);
  }
  image_ref_done(&r);
  return 0;
}
