/* A release file as anybody might write it: loaded, its first task chosen, its settings laid over. Files that
 * it names are not there; ${} sees the environment of the fuzzer. */
#include "base/fd.h"
#include "release/keys.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* release_load() reads files only: a file in memory, behind a name under /proc. The folder of that name holds
 * descriptors, nothing else. */
static int memory_file(const uint8_t *data, size_t size) {
  static int fd = -1;
  if (fd < 0) fd = memfd_create("release.yaml", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET) || fd_write_all(fd, data, size)) abort();
  return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  struct error err = ERROR_INIT;
  struct release *r = NULL;
  const struct task *t = NULL;
  struct settings s;
  char *note = NULL;
  snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_file(data, size));
  if (release_load(path, &r, &note, &err)) {
    if (!*err.text) abort(); /* every refusal says why */
    return 0;
  }
  settings_init(&s);
  if (r->n_tasks && release_task(r, r->tasks[0].name, &t, &err)) t = NULL;
  if (release_settings(r, t, &s, &err) && !*err.text) abort();
  settings_done(&s);
  release_free(r);
  free(note);
  return 0;
}
