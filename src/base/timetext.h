/* SPDX-License-Identifier: Apache-2.0
 * Times as text and back. Inside, a time is int64 microseconds since 1970-01-01T00:00:00Z. */
#ifndef EG_BASE_TIMETEXT_H
#define EG_BASE_TIMETEXT_H

#include "base/status.h"

#include <time.h>

#define EG_SECOND_NS INT64_C(1000000000)
#define EG_SECOND_US INT64_C(1000000)
#define EG_HOUR_US (3600 * EG_SECOND_US)
#define EG_DAY_US (24 * EG_HOUR_US)

/* A time before 1990-01-01, or from 2100-01-01 on, was no clock's: no row of it is in an answer of a
 * dataset. */
#define EG_TIME_FIRST_US (INT64_C(631152000) * EG_SECOND_US)
#define EG_TIME_BEYOND_US (INT64_C(4102444800) * EG_SECOND_US)
static inline bool eg_time_possible(int64_t time_us) {
    return time_us >= EG_TIME_FIRST_US && time_us < EG_TIME_BEYOND_US;
}

static inline int64_t eg_timespec_ns(struct timespec t) {
    return (int64_t)t.tv_sec * EG_SECOND_NS + t.tv_nsec;
}

struct eg_civil {
    int64_t year;
    int month, day, hour, minute, second, micros; /* month and day count from 1 */
};

/* Proleptic Gregorian, UTC. Source: the days-from-civil arithmetic of ISO 8601 calendars. */
struct eg_civil eg_time_civil(int64_t time_us);
int64_t eg_time_from_civil(const struct eg_civil *);

/* RFC 3339 in UTC: "2026-01-02T13:00:00.000123Z"; the fraction has 6 digits. `text` needs 40. */
size_t eg_time_text(int64_t time_us, char text[40]);

/* Reads RFC 3339, "2026-01-02 13:00[:05[.123]]" and "2026-01-02" (UTC), yyyyMMddHHmmss and
 * yyyy-MM-dd-HH:mm:ss, epoch seconds, milliseconds or microseconds (told by magnitude; a fraction
 * is allowed on seconds), "now", "now-6h", "now/d" (rounded down), "now-1d/d", "-15m".
 * Errors: EG_E_USAGE with a text that shows what would be right. */
EG_MUST_CHECK enum eg_status eg_time_parse(int64_t *out, const char *text, int64_t now_us,
                                           struct eg_error *err);

/* Reads "500ms", "10s", "1.5h", "2d", "1w", also "10" as seconds; the result is µs.
 * Errors: EG_E_USAGE. */
EG_MUST_CHECK enum eg_status eg_duration_parse(int64_t *out, const char *text,
                                               struct eg_error *err);

/* "1.5s", "20ms", "2h": the shortest exact form with one unit. `text` needs 40. */
size_t eg_duration_text(int64_t duration_us, char text[40]);

#endif
