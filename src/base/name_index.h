/* From names to numbers, in constant time: an index beside an array of named things (10,000 variables must
 * not cost 10,000 searches). Names are borrowed: they live as long as the thing they name. Zeroed memory is
 * an empty index. */
#ifndef BASE_NAME_INDEX_H
#define BASE_NAME_INDEX_H
#include <stdbool.h>
#include <stddef.h>

struct name_index {
  struct name_slot *slots;
  size_t size, used;
};
bool name_index_get(const struct name_index *x, const char *name, size_t *ret);
void name_index_put(struct name_index *x, const char *name, size_t value); /* a known name: value replaced */
void name_index_done(struct name_index *x);
#endif
