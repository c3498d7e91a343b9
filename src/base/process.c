#include "base/process.h"
#include "base/alloc.h"
#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static char *title_begin, *title_end;

/* A descriptor 0 to 2 that the caller closed would be given to the next thing opened, and the command's
 * output written into that. */
static void hold_standard(void) {
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= 2);
  if (fd > 2) close(fd);
}

void process_init(int argc, char **argv) {
  hold_standard();
  if (argc < 1) return;
  title_begin = argv[0];
  title_end = argv[argc - 1] + strlen(argv[argc - 1]);
}

void process_title(const char *text) {
  if (!title_begin) return;
  size_t room = (size_t)(title_end - title_begin), n = strlen(text);
  memset(title_begin, 0, room);
  memcpy(title_begin, text, n < room ? n : room);
  prctl(PR_SET_NAME, "run-once", 0, 0, 0);
}

static const char *const way_to_engine[] = {
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR", /* ssh */
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY", /* the way to the engine */
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "TMPDIR",
    "DBUS_SESSION_BUS_ADDRESS", /* podman */
};

static bool on_the_way(const char *variable) {
  size_t n = strcspn(variable, "=");
  for (size_t i = 0; i < ARRAY_LEN(way_to_engine); i++)
    if (!strncmp(way_to_engine[i], variable, n) && !way_to_engine[i][n]) return true;
  return false;
}

/* In place: the functions of libc that set variables touch three times as many pages of it. */
void process_forget_environment(void) {
  char **kept = environ;
  for (char **e = environ; e && *e; e++) {
    char *copy = on_the_way(*e) ? xstrdup(*e) : NULL;
    explicit_bzero(*e, strlen(*e));
    if (copy) *kept++ = copy;
  }
  if (kept) *kept = NULL;
}

/* Only segments that were never writable: of others, relocated pages would come back without their
 * relocations. The table of segments lies in one of them: reading it again behind the drop would bring that
 * back, so last first. */
static int drop_segments(struct dl_phdr_info *object, size_t size, void *data) {
  (void)size, (void)data;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = object->dlpi_phnum; i-- > 0;) {
    const ElfW(Phdr) *s = &object->dlpi_phdr[i];
    if (s->p_type != PT_LOAD || s->p_flags & PF_W) continue;
    uintptr_t from = (object->dlpi_addr + s->p_vaddr) / page * page;
    bool first = s->p_offset == 0;
    madvise((void *)from, object->dlpi_addr + s->p_vaddr + s->p_memsz - from, MADV_DONTNEED);
    if (first) break;
  }
  return 0;
}

void process_drop_code(void) {
  dl_iterate_phdr(drop_segments, NULL);
}

#define STACK_PAGES 8 /* as deep as a run goes */
#define HEAP_MAX                                                                                             \
  (1u << 20) /* what malloc() has left of its last step is a part of that; else it is not the heap */

void process_expect_memory(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  CLEANUP_FREE char *last = xmalloc(1);
  uintptr_t heap = (uintptr_t)last / page * page, heap_end = (uintptr_t)sbrk(0);
  uintptr_t stack = (uintptr_t)__builtin_frame_address(0) / page * page;
  int saved = errno; /* an older kernel knows no such thing */
  if (heap < heap_end && heap_end - heap <= HEAP_MAX)
    madvise((void *)heap, heap_end - heap, MADV_POPULATE_WRITE);
  madvise((void *)(stack - STACK_PAGES * page), STACK_PAGES * page, MADV_POPULATE_WRITE);
  errno = saved;
}

bool process_stands_still(pid_t pid) {
  char path[32], stat[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
  if (n <= 0) return false;
  stat[n] = '\0';
  const char *name_end = strrchr(stat, ')'); /* a name may hold anything */
  return name_end && (name_end[1] == ' ') && (name_end[2] == 'T' || name_end[2] == 't');
}

void process_end_with_parent(void) {
  prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
}
