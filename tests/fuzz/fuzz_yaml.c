/* Any bytes: no crash, limits hold, complaints name file and line, and the tree is as yaml.h says. */
#include "base/limits.h"
#include "data/yaml.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct yaml *y, int depth) {
  if (depth > LIMIT_YAML_DEPTH || y->line < 1) abort();
  bool scalar = y->kind != YAML_LIST && y->kind != YAML_MAP;
  if (scalar ? !y->text || y->n : y->text != NULL) abort();
  if (y->kind == YAML_NULL && *y->text) abort();
  for (size_t i = 0; i < y->n; i++) {
    const struct yaml *child = y->kind == YAML_MAP ? y->pairs[i].value : y->items[i];
    if (y->kind == YAML_MAP && y->n < 1000 && yaml_get(y, y->pairs[i].key) != child)
      abort(); /* no key twice */
    check(child, depth + 1);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err = ERROR_INIT;
  struct yaml *y = yaml_parse("f", (const char *)data, size, &err);
  if (y)
    check(y, 1);
  else if (err.kind != ERR_CONFIG || strncmp(err.text, "f:", 2) != 0 || atoi(err.text + 2) < 1)
    abort();
  yaml_tree_free(y);
  return 0;
}
