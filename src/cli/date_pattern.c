/* SPDX-License-Identifier: Apache-2.0
 * Java date patterns. Numbers beside numbers (yyyyMMdd) are as wide as their letters; others take all
 * digits there are. */
#include "cli/date_pattern.h"

#include "base/timetext.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct reading {
    const char *pattern, *text; /* what is left of them */
    struct eg_civil civil;
    int hour12;     /* -1: none */
    int afternoon;  /* -1: not told */
    bool zoned;     /* the zone is told: */
    int64_t zone_s; /* east of UTC */
};

static const char *const months[] = {"january",   "february", "march",    "april",
                                     "may",       "june",     "july",     "august",
                                     "september", "october",  "november", "december"};
static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
                                   "friday", "saturday", "sunday"};

/* A name of at least three letters out of a list; -1: none. */
static int name_read(struct reading *r, const char *const *names, int count) {
    size_t size = 0;
    while (isalpha((unsigned char)r->text[size])) size++;
    for (int i = 0; i < count && size >= 3; i++)
        if (size <= strlen(names[i]) && strncasecmp(names[i], r->text, size) == 0) {
            r->text += size;
            return i;
        }
    return -1;
}

static bool number_read(struct reading *r, size_t width, int64_t *out, size_t *digits) {
    *out = 0;
    *digits = 0;
    while (isdigit((unsigned char)r->text[0]) && *digits < width && *digits < 18) {
        *out = *out * 10 + (r->text++[0] - '0');
        (*digits)++;
    }
    return *digits > 0;
}

/* "+0100", "+01:00", "-05", "Z", "UTC", "GMT". */
static bool zone_read(struct reading *r) {
    r->zoned = true;
    r->zone_s = 0;
    if (strncasecmp(r->text, "UTC", 3) == 0 || strncasecmp(r->text, "GMT", 3) == 0) {
        r->text += 3;
        if (*r->text != '+' && *r->text != '-') return true;
    } else if (*r->text == 'Z' || *r->text == 'z') {
        r->text++;
        return true;
    }
    int sign = *r->text == '-' ? -1 : 1;
    int64_t hours, minutes = 0;
    size_t digits;
    if (*r->text != '+' && *r->text != '-') return false;
    r->text++;
    if (!number_read(r, 2, &hours, &digits) || digits != 2) return false;
    if (*r->text == ':') r->text++;
    if (isdigit((unsigned char)*r->text) && (!number_read(r, 2, &minutes, &digits) || digits != 2))
        return false;
    r->zone_s = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

static bool half_read(struct reading *r) {
    r->afternoon = strncasecmp(r->text, "PM", 2) == 0;
    bool told = r->afternoon || strncasecmp(r->text, "AM", 2) == 0;
    if (told) r->text += 2;
    return told;
}

static bool within(int64_t value, int64_t least, int64_t most, int *out) {
    *out = (int)value;
    return value >= least && value <= most;
}

static bool year_set(struct reading *r, int64_t value, size_t letters, size_t digits) {
    bool short_one = letters == 2 && digits == 2; /* of this century or the last, as Java has it */
    r->civil.year = short_one ? value + (value < 70 ? 2000 : 1900) : value;
    return r->civil.year >= 1 && r->civil.year <= 9999;
}

/* One run of a letter; false: the text does not fit. */
static bool field_read(struct reading *r, char letter, size_t letters, size_t width) {
    int64_t value;
    size_t digits;
    int hour;
    if (letter == 'M' && letters >= 3)
        return within(name_read(r, months, 12) + 1, 1, 12, &r->civil.month);
    if (letter == 'E') return name_read(r, days, 7) >= 0;
    if (letter == 'a') return half_read(r);
    if (strchr("zZX", letter)) return zone_read(r);
    if (!number_read(r, width, &value, &digits)) return false;
    switch (letter) {
    case 'y': return year_set(r, value, letters, digits);
    case 'M': return within(value, 1, 12, &r->civil.month);
    case 'd': return within(value, 1, 31, &r->civil.day);
    case 'H': return within(value, 0, 23, &r->civil.hour);
    case 'k': return within(value, 1, 24, &hour) && within(value % 24, 0, 23, &r->civil.hour);
    case 'h': return within(value, 1, 12, &hour) && within(value % 12, 0, 11, &r->hour12);
    case 'K': return within(value, 0, 11, &r->hour12);
    case 'm': return within(value, 0, 59, &r->civil.minute);
    case 's': return within(value, 0, 59, &r->civil.second);
    default:
        return within(value, 0, 999, &hour) && within(value * 1000, 0, 999999, &r->civil.micros);
    }
}

/* 'quoted' in a pattern; '' is a quote. */
static bool quoted_read(struct reading *r) {
    r->pattern++;
    if (*r->pattern == '\'') {
        r->pattern++;
        return *r->text++ == '\'';
    }
    for (; *r->pattern && *r->pattern != '\''; r->pattern++)
        if (*r->text++ != *r->pattern) return false;
    if (*r->pattern) r->pattern++;
    return true;
}

static enum eg_status pattern_follow(struct reading *r, const char *pattern, const char *text,
                                     struct eg_error *err) {
    static const char numeric[] = "yMdHkhKmsS", known[] = "yMdHkhKmsSaEzZX";
    while (*r->pattern) {
        char letter = *r->pattern;
        bool fits;
        if (letter == '\'') {
            fits = quoted_read(r);
        } else if (isalpha((unsigned char)letter)) {
            size_t letters = strspn(r->pattern, (char[]){letter, 0});
            if (!strchr(known, letter))
                return eg_fail(err, EG_E_USAGE,
                               "the date pattern '%.60s' has a letter %c, which is "
                               "none of %s",
                               pattern, letter, known);
            r->pattern += letters;
            bool beside = *r->pattern && strchr(numeric, *r->pattern);
            fits = field_read(r, letter, letters, beside ? letters : 18);
        } else {
            fits = *r->text == letter;
            r->text += fits;
            r->pattern++;
        }
        if (!fits || (size_t)(r->text - text) > strlen(text))
            return eg_fail(err, EG_E_USAGE,
                           "the time '%.60s' is not as the date pattern '%.60s' says", text,
                           pattern);
    }
    if (*r->text)
        return eg_fail(err, EG_E_USAGE, "the time '%.60s' goes on behind the date pattern '%.60s'",
                       text, pattern);
    return EG_OK;
}

static int64_t local_us(const struct eg_civil *c) {
    struct tm tm = {.tm_year = (int)c->year - 1900,
                    .tm_mon = c->month - 1,
                    .tm_mday = c->day,
                    .tm_hour = c->hour,
                    .tm_min = c->minute,
                    .tm_sec = c->second,
                    .tm_isdst = -1};
    return (int64_t)mktime(&tm) * EG_SECOND_US + c->micros;
}

enum eg_status eg_date_pattern_read(int64_t *out_us, const char *pattern, const char *text,
                                    struct eg_error *err) {
    struct reading r = {.pattern = pattern,
                        .text = text,
                        .civil = {.year = 1970, .month = 1, .day = 1},
                        .hour12 = -1,
                        .afternoon = -1};
    EG_TRY(pattern_follow(&r, pattern, text, err));
    if (r.hour12 >= 0) r.civil.hour = r.hour12 + (r.afternoon == 1 ? 12 : 0);
    *out_us = r.zoned ? eg_time_from_civil(&r.civil) - r.zone_s * EG_SECOND_US : local_us(&r.civil);
    return EG_OK;
}
