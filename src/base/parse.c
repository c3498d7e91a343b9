#include "base/parse.h"
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c) {
  return isdigit((unsigned char)c) != 0;
}

/* Digits at *s as *ret (at least one); -1 on overflow. Moves *s behind them. */
static int whole(const char **s, int64_t *ret) {
  int64_t value = 0;
  if (!is_digit(**s)) return -1;
  for (; is_digit(**s); (*s)++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **s - '0', &value))
      return -1;
  *ret = value;
  return 0;
}

/* ".25" as billionths; 0 without a dot. Digits behind the ninth are dropped, and *ret_exact says if they were
 * all zero. -1 for a dot without digits. */
static int fraction(const char **s, int64_t *ret, bool *ret_exact) {
  int64_t value = 0, unit = 100000000;
  *ret_exact = true;
  *ret = 0;
  if (**s != '.') return 0;
  (*s)++;
  if (!is_digit(**s)) return -1;
  for (; is_digit(**s); (*s)++, unit /= 10) {
    if (!unit && **s != '0') *ret_exact = false;
    value += (**s - '0') * unit;
  }
  *ret = value;
  return 0;
}

/* number.billionths times unit. The billionths of the largest unit (2^50) need more than 64 bits: in double,
 * like docker's. */
static int scale(int64_t number, int64_t billionths, int64_t unit, int64_t *ret) {
  int64_t value, rest = (int64_t)((double)billionths * (double)unit / 1e9);
  if (__builtin_mul_overflow(number, unit, &value) || __builtin_add_overflow(value, rest, &value)) return -1;
  *ret = value;
  return 0;
}

int parse_duration(const char *s, int64_t *ret_ms) {
  static const struct {
    const char *name;
    int64_t ms;
  } units[] = {{"ms", 1}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
  int64_t total = 0, last = INT64_MAX;
  const char *start = s;
  if (!*s) return -1;
  while (*s) {
    int64_t number, billionths, part;
    bool exact;
    const char *first = s;
    if (whole(&s, &number) || fraction(&s, &billionths, &exact)) return -1;
    int64_t unit = 0;
    if (!*s && first == start) unit = 1000; /* a bare number is seconds */
    for (size_t i = 0; !unit && i < sizeof units / sizeof *units; i++)
      if (strncmp(s, units[i].name, strlen(units[i].name)) == 0) {
        unit = units[i].ms;
        s += strlen(units[i].name);
      }
    if (!unit || unit >= last) return -1; /* 1h30m, not 30m1h and not 1h1h */
    last = unit;
    if (scale(number, billionths, unit, &part) || __builtin_add_overflow(total, part, &total)) return -1;
  }
  *ret_ms = total;
  return 0;
}

int parse_size(const char *s, int64_t *ret_bytes) {
  static const char units[] = "kmgtp";
  int64_t number, billionths, unit = 1;
  bool exact;
  if (whole(&s, &number) || fraction(&s, &billionths, &exact)) return -1;
  if (*s == ' ') s++;
  const char *found = *s ? strchr(units, tolower((unsigned char)*s)) : NULL;
  if (found) {
    unit <<= 10 * (found - units + 1);
    s++;
    if (*s == 'i' || *s == 'I') {
      s++;
      if (*s != 'b' && *s != 'B' && *s) return -1;
    }
  }
  if (*s == 'b' || *s == 'B') s++;
  if (*s) return -1;
  return scale(number, billionths, unit, ret_bytes);
}

int parse_cpus(const char *s, int64_t *ret_nano) {
  int64_t number = 0, billionths;
  bool exact;
  if (*s == '.' ? !is_digit(s[1]) : whole(&s, &number)) return -1; /* ".5" is what people write */
  if (fraction(&s, &billionths, &exact) || !exact || *s) return -1;
  int64_t value;
  if (__builtin_mul_overflow(number, INT64_C(1000000000), &value) ||
      __builtin_add_overflow(value, billionths, &value))
    return -1;
  *ret_nano = value;
  return 0;
}

int parse_bool(const char *s, bool *ret) {
  static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasecmp(s, words[i]) == 0) {
      *ret = i % 2;
      return 0;
    }
  return -1;
}

int parse_int(const char *s, int64_t min, int64_t max, int64_t *ret) {
  bool negative = *s == '-';
  int64_t value;
  if (negative) s++;
  if (whole(&s, &value) || *s) return -1;
  if (negative) value = -value;
  if (value < min || value > max) return -1;
  *ret = value;
  return 0;
}

#define WORD_MAX 64

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Edit distance with neighbours swapped as one step (Damerau's, restricted): "evn" is one away from "env". */
static int distance(const char *a, size_t n, const char *b, size_t m) {
  int rows[3][WORD_MAX + 1];
  int *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= m; j++) before[j] = last[j] = (int)j;
  for (size_t i = 1; i <= n; i++) {
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = least(row[j], before[j - 2] + 1);
    }
    int *free_row = before;
    before = last;
    last = row;
    row = free_row;
  }
  return last[m];
}

const char *nearest_word(const char *word, const char *const *known, int n) {
  const char *best = NULL;
  int best_distance = 4;
  size_t length = strlen(word);
  if (length > WORD_MAX) return NULL;
  for (int i = 0; i < n; i++) {
    size_t other = strlen(known[i]);
    if (other > WORD_MAX) continue;
    int d = distance(word, length, known[i], other);
    if (d < best_distance && (size_t)d * 2 < length) {
      best = known[i];
      best_distance = d;
    }
  }
  return best;
}
