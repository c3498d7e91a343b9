/* A kubeconfig as anybody might write it. Files that it names are not there. */
#include "base/fd.h"
#include "runtime/kubernetes.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* kubernetes_choose() reads files only: a file in memory, behind a name under /proc. */
static int memory_file(const uint8_t *data, size_t size) {
  static int fd = -1;
  if (fd < 0) fd = memfd_create("kubeconfig", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET) || fd_write_all(fd, data, size)) abort();
  return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  struct error err = ERROR_INIT;
  struct endpoint ep;
  struct kubernetes_choice c = {.kubeconfig = path};
  snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_file(data, size));
  if (kubernetes_choose(&c, &ep, &err) < 0) {
    if (!*err.text || err.kind != ERR_CONFIG) abort(); /* every refusal says why */
    return 0;
  }
  if (!ep.host || !*ep.host || !ep.text || !ep.why || !json_object_get(ep.context, "namespace")) abort();
  endpoint_done(&ep);
  return 0;
}
