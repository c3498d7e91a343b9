/* Words of people: durations, sizes, numbers. All return -1 and touch nothing on garbage or overflow. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H
#include <stdbool.h>
#include <stdint.h>

int parse_duration(const char *s, int64_t *ret_ms); /* 90, 90s, 30m, 1h30m, 7d, 500ms; 0 = none */
int parse_size(const char *s,
               int64_t *ret_bytes);               /* 100, 64k, 100MiB, 1.5g: docker's units, powers of 1024 */
int parse_cpus(const char *s, int64_t *ret_nano); /* 1.5 -> 1500000000 */
int parse_bool(const char *s, bool *ret);         /* true/false/1/0/yes/no/on/off */
int parse_int(const char *s, int64_t min, int64_t max, int64_t *ret);
/* The known word nearest to `word` (edit distance at most 3 and less than half its length), or NULL. */
const char *nearest_word(const char *word, const char *const *known, int n);
#endif
