/* Group fixtures of every unit test: a test that leaves a descriptor open fails. */
#ifndef TESTS_DESCRIPTORS_H
#define TESTS_DESCRIPTORS_H
/* cmocka.h wants these four before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

static int open_descriptors(void) {
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return 0;
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

static int descriptors_before;

static int count_descriptors(void **state) {
  (void)state;
  descriptors_before = open_descriptors();
  return 0;
}

static int compare_descriptors(void **state) {
  (void)state;
  int now = open_descriptors();
  if (now != descriptors_before) print_error("%d descriptors before, %d after\n", descriptors_before, now);
  return now != descriptors_before;
}

#define RUN_TESTS(tests) cmocka_run_group_tests((tests), count_descriptors, compare_descriptors)
#endif
