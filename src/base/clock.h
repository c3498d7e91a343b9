/* Time. Durations count real time, suspend included: CLOCK_BOOTTIME. All int64_t are milliseconds unless the
 * name says ns. Wall-clock texts are RFC 3339 in UTC ("2026-11-29T15:04:05.123456789Z"), as the engine writes
 * them. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

int64_t clock_ms(void);               /* boot time */
int64_t clock_wall_ns(void);          /* since 1970 */
char *clock_rfc3339(int64_t wall_ns); /* for free() */
int64_t
clock_parse_rfc3339(const char *s); /* ns since 1970; 0 for the engine's zero time or garbage; any offset */
int64_t clock_parse_http_date(const char *s); /* "Sun, 29 Nov 2026 15:04:05 GMT" -> ns; 0 for garbage */
#endif
