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

/* Dates of the Gregorian calendar, counted in days since 1970. Not by gmtime(3) and timegm(3): they read the
 * machine's time zone first. A year begins in March here, so that the leap day is its last; 400 of them are
 * an era. (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".) */
#define ERA_DAYS 146097
#define ERA_TO_1970 719468 /* from 1 March of the year 0 */

static int64_t days_of(int64_t year, int month, int day) {
  if (month <= 2) year--;
  int64_t era = (year >= 0 ? year : year - 399) / 400, in_era = year - era * 400;
  int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * ERA_DAYS + in_era * 365 + in_era / 4 - in_era / 100 + in_year - ERA_TO_1970;
}

static void date_of(int64_t days, int *ret_year, int *ret_month, int *ret_day) {
  days += ERA_TO_1970;
  int64_t era = (days >= 0 ? days : days - ERA_DAYS + 1) / ERA_DAYS, in_era = days - era * ERA_DAYS;
  int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;
  *ret_day = (int)(in_year - (153 * month + 2) / 5 + 1);
  *ret_month = (int)(month < 10 ? month + 3 : month - 9);
  *ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

char *clock_rfc3339(int64_t wall_ns) {
  int64_t fraction = wall_ns % NS;
  if (fraction < 0) fraction += NS;
  int64_t seconds = (wall_ns - fraction) / NS, of_day = seconds % 86400;
  if (of_day < 0) of_day += 86400;
  int year, month, day, s = (int)of_day;
  date_of((seconds - of_day) / 86400, &year, &month, &day);
  return xprintf("%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", year, month, day, s / 3600, s / 60 % 60, s % 60,
                 (int)fraction);
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
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month == 2 && day == 29 && !leap) return -1;
  return days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
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
