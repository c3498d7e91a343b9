/* Any bytes through both dialects: no crash, names are names, complaints name file and line. */
#include "data/envfile.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int last_line;

static int check(void *data, const char *name, const char *value, int line, struct error *err) {
  (void)data;
  (void)value;
  (void)err;
  if (!*name || strpbrk(name, "= \t\n") || line < last_line) abort();
  last_line = line;
  return 0;
}

static const char *lookup(void *data, const char *name) {
  (void)data;
  return *name == 'A' ? "value" : NULL;
}

static void check_result(int result, const struct error *err) {
  if (!result) return;
  if (err->kind != ERR_CONFIG || strncmp(err->text, "f:", 2) != 0 || atoi(err->text + 2) < 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err = ERROR_INIT;
  const char *text = (const char *)data;
  last_line = 1;
  check_result(envfile_docker_text("f", text, size, check, NULL, &err), &err);
  last_line = 1;
  check_result(envfile_compose_text("f", text, size, lookup, NULL, check, NULL, &err), &err);
  return 0;
}
