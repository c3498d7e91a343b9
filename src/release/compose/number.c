#include "release/compose/number.h"
#include "base/alloc.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text less underscores, which only numbers may hold; NULL: it cannot be a number. */
static char *digits_of(const char *text) {
  if (!isdigit((unsigned char)*text) && !strchr("+-.", *text)) return NULL;
  if (!*text || strlen(text) > 64) return NULL;
  char *plain = xstrdup(text), *to = plain;
  for (const char *from = text; *from; from++)
    if (*from != '_') *to++ = *from;
  *to = '\0';
  return plain;
}

/* strconv.ParseInt(s, 0, 64): 0x, 0o, 0b and a leading 0 say the base. */
static char *whole(const char *s) {
  const char *digits = s + (*s == '-' || *s == '+');
  int base = 10;
  if (*digits == '0' && digits[1]) {
    char letter = (char)tolower((unsigned char)digits[1]);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    digits += letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1;
  }
  if (!isxdigit((unsigned char)*digits)) return NULL;
  char *end;
  errno = 0;
  unsigned long long n = strtoull(digits, &end, base);
  if (*end || errno) return NULL;
  if (*s == '-' && n > 1ULL << 63) return NULL;
  return xprintf("%s%llu", *s == '-' && n ? "-" : "", n);
}

/* [-+]? ( \.[0-9]+ | [0-9]+ (\.[0-9]*)? ) ( [eE] [-+]? [0-9]+ )? */
static int is_decimal(const char *s) {
  s += *s == '-' || *s == '+';
  size_t before = strspn(s, "0123456789"), after = 0;
  s += before;
  if (*s == '.') {
    after = strspn(++s, "0123456789");
    s += after;
  }
  if (!before && !after) return 0;
  if (tolower((unsigned char)*s) == 'e') {
    s++;
    s += *s == '-' || *s == '+';
    if (!isdigit((unsigned char)*s)) return 0;
    s += strspn(s, "0123456789");
  }
  return !*s;
}

/* Go's %v of a float64: the fewest digits that read back the same; an exponent below -4 and from 6 on. */
static char *decimal(double value) {
  char text[64];
  int precision = 0;
  do snprintf(text, sizeof(text), "%.*e", precision, value);
  while (strtod(text, NULL) != value && ++precision < 17);
  char *e = strchr(text, 'e');
  if (!e) return NULL;
  int exponent = atoi(e + 1);
  if (exponent >= -4 && exponent < 6)
    return xprintf("%.*f", precision > exponent ? precision - exponent : 0, value);
  *e = '\0';
  return xprintf("%se%c%02d", text, exponent < 0 ? '-' : '+', abs(exponent));
}

/* A day is a time to YAML 1.1, and this is how Go writes it. */
static char *day(const char *text) {
  static const char form[] = "dddd-dd-dd";
  if (strlen(text) != sizeof(form) - 1) return NULL;
  for (size_t i = 0; form[i]; i++)
    if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i]) return NULL;
  int month = atoi(text + 5), of_month = atoi(text + 8);
  if (month < 1 || month > 12 || of_month < 1 || of_month > 31) return NULL;
  return xprintf("%s 00:00:00 +0000 UTC", text);
}

char *number_text(const char *text) {
  CLEANUP_FREE char *plain = digits_of(text);
  if (!plain) return NULL;
  char *number = whole(plain);
  if (!number) number = day(text);
  if (number || !is_decimal(plain)) return number;
  double value = strtod(plain, NULL);
  if (value != value || value > 1.7e308 || value < -1.7e308) return NULL;
  return decimal(value);
}
