#include "job/ledger.h"
#include "base/trace.h"
#include <stdlib.h>
#include <sys/mman.h>

struct ledger *ledger_new(void) {
  void *p = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) abort();
  return p; /* zeroed; only touched pages cost */
}

void ledger_free(struct ledger *l) {
  if (l) munmap(l, sizeof *l);
}

void ledger_word(struct ledger *l, enum word w) {
  static const char *const names[] = {"NOTHING",  "INTENT",  "CREATE",   "CREATED",
                                      "STARTING", "STARTED", "RECORDED", "DONE"};
  trace(TRACE_JOB, "word %s", names[w]);
  atomic_store(&l->word, (int)w);
}
