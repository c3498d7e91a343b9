/* Runs a fuzz target over files: the arguments, and every file of those that are folders. Stands in for
 * libFuzzer's main where the seeds are only replayed, so that any compiler and sanitizer will do. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(const char *path, size_t size) {
  FILE *f = fopen(path, "rb");
  uint8_t *data = malloc(size); /* exact, so that a read past the end is seen; NULL for none is fine */
  if (!f || (size > 0 && (!data || fread(data, 1, size, f) != size))) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
  }
  fclose(f);
  LLVMFuzzerTestOneInput(data, size);
  free(data);
}

static int replay(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
  }
  if (!S_ISDIR(st.st_mode)) {
    one(path, (size_t)st.st_size);
    return 1;
  }
  int n = 0;
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    char child[4096];
    if (e->d_name[0] == '.') continue;
    snprintf(child, sizeof child, "%s/%s", path, e->d_name);
    n += replay(child);
  }
  if (dir) closedir(dir);
  return n;
}

int main(int argc, char **argv) {
  int n = 0;
  LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
  for (int i = 1; i < argc; i++) n += replay(argv[i]);
  const char *name = strrchr(argv[0], '/');
  printf("replay %s: %d inputs\n", name ? name + 1 : argv[0], n);
  return 0;
}
