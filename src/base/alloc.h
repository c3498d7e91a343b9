/* Memory that is there or the program ends. A launcher that cannot get a few KiB cannot keep any promise
 * itself; its guardian (or the next run) settles the job. So: no caller checks for NULL, sizes of anything a
 * peer controls are capped by base/limits.h before they get here. All functions return memory for free(). */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H
#include <stddef.h>

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s); /* NULL stays NULL */
char *xstrndup(const char *s, size_t n);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Scope-bound cleanup: CLEANUP_FREE char *s = xprintf(...);  return TAKE(s); hands it on. */
static inline void free_pointer(void *p) {
  extern void free(void *);
  free(*(void **)p);
}
#define CLEANUP_FREE __attribute__((cleanup(free_pointer)))
#define TAKE(p)                                                                                              \
  __extension__({                                                                                            \
    __typeof__(p) taken_ = (p);                                                                              \
    (p) = NULL;                                                                                              \
    taken_;                                                                                                  \
  })
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#endif
