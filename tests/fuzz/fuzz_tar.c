/* Reads anything; what was read as a plain file must survive being written and read once more. */
#include "runtime/docker/tar.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compare(void *data, const struct tar_entry *e, struct error *err) {
  const struct tar_entry *was = data;
  (void)err;
  if (strcmp(e->name, was->name) != 0 || e->size != was->size || e->mode != was->mode || e->uid != was->uid ||
      e->gid != was->gid || e->mtime != was->mtime)
    abort();
  if (e->size && memcmp(e->data, was->data, e->size) != 0) abort();
  return 0;
}

static int again(void *data, const struct tar_entry *e, struct error *err) {
  struct buf tar;
  struct tar_entry plain = *e;
  (void)data, (void)err;
  size_t n = strlen(e->name);
  if (e->type != '0' || n == 0 || (n > 1 && e->name[n - 1] == '/')) return 0;
  plain.link = NULL;
  buf_init(&tar, 1u << 20);
  if (tar_add(&tar, &plain, NULL) == 0 && tar_end(&tar, NULL) == 0 &&
      tar_each(tar.data, tar.len, compare, &plain, NULL) < 0)
    abort();
  buf_done(&tar);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)tar_each(data, size, again, NULL, NULL);
  return 0;
}
