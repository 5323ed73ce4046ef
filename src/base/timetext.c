/* SPDX-License-Identifier: Apache-2.0
 * Times and durations as text and back.
 * Source: RFC 3339; the day arithmetic counts from 1 March, so that leap days come last. */
#include "base/timetext.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */
#define ERA_DAYS 146097      /* 400 years */
/* What RFC 3339 can say: 0001-01-01 to 9999-12-31. */
#define TIME_MIN (INT64_C(-719162) * EG_DAY_US)
#define TIME_MAX (INT64_C(2932897) * EG_DAY_US - 1)

/* ---- calendar ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t days_from_civil(int64_t year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - DAYS_TO_EPOCH;
}

struct eg_civil eg_time_civil(int64_t time_us) {
    int64_t day = floor_div(time_us, EG_DAY_US);
    int64_t rest = time_us % EG_DAY_US;
    if (rest < 0) rest += EG_DAY_US;
    uint32_t second = (uint32_t)(rest / EG_SECOND_US);
    int64_t shifted = day + DAYS_TO_EPOCH;
    int64_t era = floor_div(shifted, ERA_DAYS);
    uint32_t of_era = (uint32_t)(shifted - era * ERA_DAYS);
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153; /* 0 is March */
    return (struct eg_civil){
        .year = (int64_t)year + era * 400 + (month >= 10),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(second / 3600),
        .minute = (int)(second / 60 % 60),
        .second = (int)(second % 60),
        .micros = (int)(rest % EG_SECOND_US),
    };
}

int64_t eg_time_from_civil(const struct eg_civil *c) {
    int64_t seconds = ((int64_t)c->hour * 60 + c->minute) * 60 + c->second;
    return days_from_civil(c->year, c->month, c->day) * EG_DAY_US + seconds * EG_SECOND_US +
           c->micros;
}

static int month_days(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* ---- out ---- */

static void put2(char *to, int value) {
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
}

size_t eg_time_text(int64_t time_us, char text[40]) {
    struct eg_civil c = eg_time_civil(time_us);
    char *at = text;
    if (c.year >= 0 && c.year <= 9999) {
        put2(at, (int)c.year / 100);
        put2(at + 2, (int)c.year % 100);
        at += 4;
    } else { /* beyond RFC 3339, but never a wrong year: ISO 8601's signed form */
        at += snprintf(at, 12, "%+05lld", (long long)c.year);
    }
    memcpy(at, "-00-00T00:00:00.000000Z", 24);
    put2(at + 1, c.month);
    put2(at + 4, c.day);
    put2(at + 7, c.hour);
    put2(at + 10, c.minute);
    put2(at + 13, c.second);
    put2(at + 16, c.micros / 10000);
    put2(at + 18, c.micros / 100 % 100);
    put2(at + 20, c.micros % 100);
    return (size_t)(at + 23 - text);
}

struct unit {
    const char *name;
    int64_t us;
};
/* From the largest, each name as it is written first; what is only read stands behind. */
static const struct unit units[] = {
    {"w", 7 * EG_DAY_US},       {"d", EG_DAY_US},      {"h", EG_HOUR_US},  {"m", 60 * EG_SECOND_US},
    {"s", EG_SECOND_US},        {"ms", 1000},          {"us", 1},          {"µs", 1},
    {"min", 60 * EG_SECOND_US}, {"sec", EG_SECOND_US}, {"day", EG_DAY_US}, {"days", EG_DAY_US},
};
#define UNITS_WRITTEN 7

/* `us` in one unit, exactly, with at most six decimals and no leading 0.; 0: it cannot be. */
static size_t in_unit(uint64_t us, const struct unit *unit, char text[40]) {
    uint64_t size = (uint64_t)unit->us, whole = us / size, rest = us % size;
    if (whole == 0) return 0;
    int used = snprintf(text, 24, "%llu", (unsigned long long)whole);
    if (rest) text[used++] = '.';
    for (int digits = 0; rest && digits < 6; digits++) {
        rest *= 10; /* below ten weeks of microseconds: far from the edge */
        text[used++] = (char)('0' + rest / size);
        rest %= size;
    }
    if (rest) return 0;
    return (size_t)used + (size_t)snprintf(text + used, 4, "%s", unit->name);
}

size_t eg_duration_text(int64_t duration_us, char text[40]) {
    bool negative = duration_us < 0;
    uint64_t us = negative ? 0 - (uint64_t)duration_us : (uint64_t)duration_us;
    if (us == 0) {
        memcpy(text, "0s", 3);
        return 2;
    }
    size_t best = 0;
    for (int i = 0; i < UNITS_WRITTEN; i++) {
        char form[40];
        size_t size = in_unit(us, &units[i], form);
        if (!size || (best && size >= best)) continue;
        best = size;
        memcpy(text + negative, form, size + 1);
    }
    if (negative) text[0] = '-';
    return best + negative;
}

/* ---- in: durations ---- */

/* A number at *at, as µs of a unit that follows it; moves *at behind both. */
static bool take_duration(const char **at, int64_t *out, bool unit_needed) {
    const char *p = *at;
    __int128 value = 0, scale = 1;
    if (!isdigit((unsigned char)*p)) return false;
    for (; isdigit((unsigned char)*p); p++) {
        value = value * 10 + (*p - '0');
        if (value > INT64_C(10000000000000000)) return false; /* no duration is that long */
    }
    if (*p == '.') {
        p++;
        if (!isdigit((unsigned char)*p)) return false;
        for (; isdigit((unsigned char)*p); p++) {
            if (scale >= 1000000000) continue; /* below a microsecond in any unit up to hours */
            value = value * 10 + (*p - '0');
            scale *= 10;
        }
    }
    size_t size = 0; /* letters of the unit; µ is two bytes, both above 0x7f */
    while (isalpha((unsigned char)p[size]) || (p[size] & 0x80)) size++;
    int64_t unit_us = size || unit_needed ? 0 : EG_SECOND_US;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == size && memcmp(units[i].name, p, size) == 0)
            unit_us = units[i].us;
    value = value * unit_us / scale;
    if (!unit_us || value > INT64_MAX) return false;
    *out = (int64_t)value;
    *at = p + size;
    return true;
}

enum eg_status eg_duration_parse(int64_t *out, const char *text, struct eg_error *err) {
    const char *at = text;
    int64_t sum = 0, part;
    bool good = take_duration(&at, &sum, false);
    while (good && *at) /* "1h30m" */
        good = take_duration(&at, &part, true) && !__builtin_add_overflow(sum, part, &sum);
    if (!good)
        return eg_fail(err, EG_E_USAGE,
                       "\"%.100s\" is not a duration; write 500ms, 10s, 1.5h, 2d or 1w", text);
    *out = sum;
    return EG_OK;
}

/* ---- in: times ---- */

static bool take_digits(const char **at, int count, int *out) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*at)[i])) return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += count;
    *out = value;
    return true;
}

static bool take_char(const char **at, const char *any_of) {
    if (!**at || !strchr(any_of, **at)) return false;
    ++*at;
    return true;
}

/* ".123" in microseconds; what is finer is cut off. */
static bool take_fraction(const char **at, int *micros) {
    if (!isdigit((unsigned char)**at)) return false;
    int unit = 100000;
    for (*micros = 0; isdigit((unsigned char)**at); ++*at) {
        *micros += (**at - '0') * unit;
        unit /= 10;
    }
    return true;
}

static bool civil_possible(const struct eg_civil *c) {
    return c->year >= 1 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= month_days(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
           (c->second <= 59 || (c->second == 60 && c->minute == 59)); /* a leap second */
}

/* "Z", "+02:00", "+0200", or nothing: UTC. */
static bool take_offset(const char **at, int64_t *offset_us) {
    *offset_us = 0;
    if (!**at || take_char(at, "Zz")) return true;
    bool west = **at == '-';
    int hours, minutes;
    if (!take_char(at, "+-") || !take_digits(at, 2, &hours)) return false;
    take_char(at, ":");
    if (!take_digits(at, 2, &minutes) || hours > 23 || minutes > 59) return false;
    *offset_us = (hours * 60 + minutes) * 60 * EG_SECOND_US;
    if (west) *offset_us = -*offset_us;
    return true;
}

/* RFC 3339 and its relatives: a blank or a dash for the T, seconds or all of the time left out. */
static bool parse_calendar(const char *text, int64_t *out) {
    struct eg_civil c = {0};
    const char *at = text;
    int year;
    int64_t offset_us = 0;
    if (!take_digits(&at, 4, &year) || !take_char(&at, "-") || !take_digits(&at, 2, &c.month) ||
        !take_char(&at, "-") || !take_digits(&at, 2, &c.day))
        return false;
    c.year = year;
    if (take_char(&at, "Tt -")) {
        if (!take_digits(&at, 2, &c.hour) || !take_char(&at, ":") ||
            !take_digits(&at, 2, &c.minute))
            return false;
        if (take_char(&at, ":")) {
            if (!take_digits(&at, 2, &c.second)) return false;
            if (take_char(&at, ".") && !take_fraction(&at, &c.micros)) return false;
        }
        if (!take_offset(&at, &offset_us)) return false;
    }
    if (*at || !civil_possible(&c)) return false;
    *out = eg_time_from_civil(&c) - offset_us;
    return true;
}

static bool parse_packed(const char *text, int64_t *out) { /* yyyyMMddHHmmss */
    struct eg_civil c = {0};
    int year;
    if (!take_digits(&text, 4, &year) || !take_digits(&text, 2, &c.month) ||
        !take_digits(&text, 2, &c.day) || !take_digits(&text, 2, &c.hour) ||
        !take_digits(&text, 2, &c.minute) || !take_digits(&text, 2, &c.second) || *text)
        return false;
    c.year = year;
    if (!civil_possible(&c)) return false;
    *out = eg_time_from_civil(&c);
    return true;
}

/* Up to 11 digits are seconds (to the year 5138), 12 and 13 milliseconds (from 1973 on), 14 a
 * packed date, 15 to 17 microseconds. */
static bool parse_number(const char *text, int64_t *out) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 17) return false;
    if (digits == 14) return parse_packed(text, out);
    int64_t value = 0;
    for (size_t i = 0; i < digits; i++) value = value * 10 + (text[i] - '0');
    const char *rest = text + digits;
    int micros = 0;
    if (digits <= 11 && take_char(&rest, ".") && !take_fraction(&rest, &micros)) return false;
    if (*rest) return false;
    int64_t factor = digits <= 11 ? EG_SECOND_US : digits <= 13 ? 1000 : 1;
    *out = value * factor + micros;
    return true;
}

static int64_t months_later(int64_t time_us, int64_t months) {
    struct eg_civil c = eg_time_civil(time_us);
    int64_t month = c.year * 12 + c.month - 1 + months;
    c.year = floor_div(month, 12);
    c.month = (int)(month - c.year * 12) + 1;
    if (c.day > month_days(c.year, c.month)) c.day = month_days(c.year, c.month);
    return eg_time_from_civil(&c);
}

/* Rounds down to the unit: s m h d, w (Monday), M, y. */
static bool round_down(int64_t *time_us, const char **at) {
    static const char names[] = "smhd";
    static const int64_t sizes[] = {EG_SECOND_US, 60 * EG_SECOND_US, EG_HOUR_US, EG_DAY_US};
    char unit = **at;
    if (!take_char(at, "smhdwMy")) return false;
    const char *fixed = strchr(names, unit);
    if (fixed) {
        *time_us = floor_div(*time_us, sizes[fixed - names]) * sizes[fixed - names];
    } else if (unit == 'w') {
        int64_t day = floor_div(*time_us, EG_DAY_US);
        int64_t weekday = (day + 3) - floor_div(day + 3, 7) * 7; /* 1970-01-01 was a Thursday */
        *time_us = (day - weekday) * EG_DAY_US;
    } else {
        struct eg_civil c = eg_time_civil(*time_us);
        *time_us = days_from_civil(c.year, unit == 'M' ? c.month : 1, 1) * EG_DAY_US;
    }
    return true;
}

/* "6h", "1M", "2y" behind a sign. */
static bool move(int64_t *time_us, const char **at, bool back) {
    const char *p = *at;
    int64_t amount = 0;
    size_t digits = strspn(p, "0123456789");
    char unit = p[digits];
    if (digits && digits < 6 && (unit == 'M' || unit == 'y') &&
        !isalpha((unsigned char)p[digits + 1])) {
        for (size_t i = 0; i < digits; i++) amount = amount * 10 + (p[i] - '0');
        if (unit == 'y') amount *= 12;
        *time_us = months_later(*time_us, back ? -amount : amount);
        *at = p + digits + 1;
        return true;
    }
    if (!take_duration(at, &amount, true)) return false;
    return !__builtin_add_overflow(*time_us, back ? -amount : amount, time_us);
}

/* What follows "now": any of "-6h", "+1h", "/d", in order. */
static bool parse_relative(const char *at, int64_t now_us, int64_t *out) {
    int64_t time_us = now_us;
    while (*at) {
        bool back = *at == '-';
        if (take_char(&at, "/")) {
            if (!round_down(&time_us, &at)) return false;
        } else if (!take_char(&at, "+-") || !move(&time_us, &at, back)) {
            return false;
        }
        if (time_us < TIME_MIN || time_us > TIME_MAX) return false;
    }
    *out = time_us;
    return true;
}

enum eg_status eg_time_parse(int64_t *out, const char *text, int64_t now_us, struct eg_error *err) {
    bool good;
    if (strncmp(text, "now", 3) == 0)
        good = parse_relative(text + 3, now_us, out);
    else if (*text == '-')
        good = parse_relative(text, now_us, out);
    else
        good = parse_calendar(text, out) || parse_number(text, out);
    if (good) return EG_OK;
    return eg_fail(err, EG_E_USAGE,
                   "\"%.100s\" is not a time; write 2026-01-02T13:00:00Z, \"2026-01-02 13:00\", "
                   "20260102130000, seconds since 1970, now-6h, now/d or -15m",
                   text);
}
