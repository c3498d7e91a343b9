/* A Compose file as anybody might write it, resolved for its service web. Files that it names are not there;
 * ${} sees the environment of the fuzzer. */
#include "base/fd.h"
#include "release/release.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory, behind a name under /proc. The folder of that name holds descriptors, nothing else. */
static int memory_file(const uint8_t *data, size_t size) {
  static int fd = -1;
  if (fd < 0) fd = memfd_create("compose.yaml", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET) || fd_write_all(fd, data, size)) abort();
  return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char source[64];
  struct error err = ERROR_INIT;
  struct settings s;
  settings_init(&s);
  snprintf(source, sizeof(source), "file:/proc/self/fd/%d#web", memory_file(data, size));
  if (source_parse(source, &s.source, &err)) abort();
  if (compose_settings(&s, &err) && !*err.text) abort(); /* every refusal says why */
  settings_done(&s);
  return 0;
}
