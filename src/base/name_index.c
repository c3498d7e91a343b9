#include "base/name_index.h"
#include "base/alloc.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct name_slot {
  const char *name; /* NULL: free */
  size_t value;
};

/* FNV-1a, 64 bits. The names are the administrator's own, so nobody floods this table. */
static size_t hash_name(const char *s) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (; *s; s++) h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
  return (size_t)(h ^ (h >> 32));
}

/* The slot that has the name, or the free one where it belongs. size is a power of two and never full. */
static struct name_slot *slot_of(const struct name_index *x, const char *name) {
  size_t i = hash_name(name) & (x->size - 1);
  while (x->slots[i].name && strcmp(x->slots[i].name, name) != 0) i = (i + 1) & (x->size - 1);
  return &x->slots[i];
}

static void grow(struct name_index *x) {
  struct name_index bigger = {.size = x->size ? 2 * x->size : 64, .used = x->used};
  bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
  for (size_t i = 0; i < x->size; i++)
    if (x->slots[i].name) *slot_of(&bigger, x->slots[i].name) = x->slots[i];
  free(x->slots);
  *x = bigger;
}

bool name_index_get(const struct name_index *x, const char *name, size_t *ret) {
  if (!x->used) return false;
  const struct name_slot *slot = slot_of(x, name);
  if (!slot->name) return false;
  *ret = slot->value;
  return true;
}

void name_index_put(struct name_index *x, const char *name, size_t value) {
  if (2 * (x->used + 1) > x->size) grow(x);
  struct name_slot *slot = slot_of(x, name);
  if (!slot->name) x->used++;
  *slot = (struct name_slot){name, value};
}

void name_index_done(struct name_index *x) {
  free(x->slots);
  *x = (struct name_index){0};
}
