/* A program of a test's own in the place of a real one: first in PATH, in a folder that goes with the test.
 */
#ifndef TEST_FALSE_PROGRAM_H
#define TEST_FALSE_PROGRAM_H
#include "base/alloc.h"
#include "descriptors.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/run-once-unit-XXXXXX";

static inline int setup_group(void **state) {
  if (!mkdtemp(top) || setenv("XDG_RUNTIME_DIR", top, 1) || chmod(top, 0700)) return -1;
  CLEANUP_FREE char *path = xprintf("%s/bin:%s", top, getenv("PATH"));
  CLEANUP_FREE char *bin = xprintf("%s/bin", top);
  if (mkdir(bin, 0700) || setenv("PATH", path, 1)) return -1;
  return count_descriptors(state);
}

static inline int teardown_group(void **state) {
  CLEANUP_FREE char *rm = xprintf("rm -rf %s", top);
  return system(rm) | compare_descriptors(state);
}

static inline void false_program(const char *name, const char *body) {
  CLEANUP_FREE char *path = xprintf("%s/bin/%s", top, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "#!/bin/sh\n%s\n", body);
  fclose(f);
  chmod(path, 0755);
}
#endif
