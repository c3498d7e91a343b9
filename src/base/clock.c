#include "base/clock.h"
#include "base/alloc.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS 1000000000LL
#ifndef CLOCK_BOOTTIME /* only Linux has it */
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif

int64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

char *clock_rfc3339(int64_t wall_ns) {
  int64_t fraction = wall_ns % NS;
  if (fraction < 0) fraction += NS;
  time_t seconds = (time_t)((wall_ns - fraction) / NS);
  struct tm tm;
  gmtime_r(&seconds, &tm);
  return xprintf("%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                 tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
}

/* Exactly n digits at *s, which moves behind them; -1 otherwise. */
static int digits(const char **s, int n) {
  int value = 0;
  for (; n; n--, (*s)++) {
    if (!isdigit((unsigned char)**s)) return -1;
    value = value * 10 + (**s - '0');
  }
  return value;
}

static bool skip(const char **s, const char *any) {
  if (!**s || !strchr(any, **s)) return false;
  (*s)++;
  return true;
}

/* Seconds since 1970 of a date that exists, between 1970 and 2261 (int64_t nanoseconds end in 2262); else -1.
 */
static int64_t utc(int year, int month, int day, int hour, int minute, int second) {
  static const int length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > length[month - 1]) return -1;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return -1;
  struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
  int64_t midnight = (int64_t)timegm(&tm);
  if (tm.tm_mday != day) return -1; /* 29 February of a common year */
  return midnight + hour * 3600 + minute * 60 + second;
}

/* ".123" to nanoseconds, further digits dropped; 0 without a fraction, -1 for a lone dot. */
static int64_t fraction_ns(const char **s) {
  if (!skip(s, ".")) return 0;
  if (!isdigit((unsigned char)**s)) return -1;
  int64_t ns = 0, unit = NS / 10;
  for (; isdigit((unsigned char)**s); (*s)++, unit /= 10) ns += (**s - '0') * unit;
  return ns;
}

/* "Z" or "+02:00" to seconds east of UTC. */
static bool offset(const char **s, int *ret) {
  *ret = 0;
  if (skip(s, "Zz")) return true;
  int sign = **s == '-' ? -1 : 1;
  if (!skip(s, "+-")) return false;
  int hours = digits(s, 2);
  bool colon = skip(s, ":");
  int minutes = digits(s, 2);
  *ret = sign * (hours * 3600 + minutes * 60);
  return hours >= 0 && hours <= 23 && colon && minutes >= 0 && minutes <= 59;
}

int64_t clock_parse_rfc3339(const char *s) {
  if (!s) return 0;
  int year = digits(&s, 4);
  if (year < 0 || !skip(&s, "-")) return 0;
  int month = digits(&s, 2);
  if (month < 0 || !skip(&s, "-")) return 0;
  int day = digits(&s, 2);
  if (day < 0 || !skip(&s, "Tt ")) return 0;
  int hour = digits(&s, 2);
  if (hour < 0 || !skip(&s, ":")) return 0;
  int minute = digits(&s, 2);
  if (minute < 0 || !skip(&s, ":")) return 0;
  int second = digits(&s, 2);
  int64_t ns = second < 0 ? -1 : fraction_ns(&s), seconds = utc(year, month, day, hour, minute, second);
  int east;
  if (ns < 0 || seconds < 0 || !offset(&s, &east) || *s || seconds < east) return 0;
  return (seconds - east) * NS + ns;
}

static int month_number(const char **s) {
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int i = 0; i < 12; i++)
    if (strncmp(*s, names + 3 * i, 3) == 0) {
      *s += 3;
      return i + 1;
    }
  return -1;
}

/* Only the form that RFC 9110 lets a server write: "Sun, 29 Nov 2026 15:04:05 GMT". */
int64_t clock_parse_http_date(const char *s) {
  const char *comma = s ? strchr(s, ',') : NULL;
  if (!comma || comma - s != 3) return 0;
  s = comma + 1;
  if (!skip(&s, " ")) return 0;
  int day = digits(&s, 2);
  if (day < 0 || !skip(&s, " ")) return 0;
  int month = month_number(&s);
  if (month < 0 || !skip(&s, " ")) return 0;
  int year = digits(&s, 4);
  if (year < 0 || !skip(&s, " ")) return 0;
  int hour = digits(&s, 2);
  if (hour < 0 || !skip(&s, ":")) return 0;
  int minute = digits(&s, 2);
  if (minute < 0 || !skip(&s, ":")) return 0;
  int second = digits(&s, 2);
  int64_t seconds = utc(year, month, day, hour, minute, second);
  return seconds < 0 || strcmp(s, " GMT") != 0 ? 0 : seconds * NS;
}
