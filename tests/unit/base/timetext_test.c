/* SPDX-License-Identifier: Apache-2.0
 * Times and durations as text, held against the C library's calendar. */
#include "base/timetext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "numbers.h"

static uint64_t seed = 20260102;
static uint64_t next_random(void) { return xorshift_next(&seed); }

static void calendar_is_that_of_libc(void **state) {
    (void)state;
    for (int round = 0; round < 200000; round++) {
        int64_t second = (int64_t)(next_random() % 315537897600u) - 62135596800;
        int64_t micros = (int64_t)(next_random() % 1000000);
        int64_t time_us = second * EG_SECOND_US + micros;
        struct eg_civil c = eg_time_civil(time_us);
        time_t at = second;
        struct tm tm;
        gmtime_r(&at, &tm);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour * 3600 + c.minute * 60 + c.second,
                         tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
        assert_int_equal(c.micros, micros);
        assert_int_equal(eg_time_from_civil(&c), time_us);
        char text[40], expected[64];
        assert_int_equal(eg_time_text(time_us, text), 27);
        size_t used = strftime(expected, sizeof expected, "-%m-%dT%H:%M:%S", &tm);
        snprintf(expected + used, sizeof expected - used, ".%06dZ", (int)micros);
        assert_string_equal(text + 4, expected);
        assert_int_equal(atoi(text), tm.tm_year + 1900);
        int64_t back;
        assert_int_equal(eg_time_parse(&back, text, 0, NULL), EG_OK);
        assert_int_equal(back, time_us);
    }
}

static void edges(void **state) {
    (void)state;
    char text[40];
    eg_time_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    eg_time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    eg_time_text(INT64_C(951782400000123), text);
    assert_string_equal(text, "2000-02-29T00:00:00.000123Z");
    size_t size = eg_time_text(INT64_MAX, text);
    assert_int_equal(size, strlen(text));
    assert_string_equal(text, "+294247-01-10T04:00:54.775807Z");
    size = eg_time_text(INT64_MIN, text);
    assert_int_equal(size, strlen(text));
    assert_string_equal(text, "-290308-12-21T19:59:05.224192Z");
}

/* 2026-01-07T13:14:15.5Z, a Wednesday */
#define NOW (INT64_C(1767791655) * EG_SECOND_US + 500000)

static void times_read(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } good[] = {
        {"2026-01-02T13:00:00.000123Z", "2026-01-02T13:00:00.000123Z"},
        {"2026-01-02t13:00:00z", "2026-01-02T13:00:00.000000Z"},
        {"2026-01-02T13:00:00+02:00", "2026-01-02T11:00:00.000000Z"},
        {"2026-01-02T13:00:00-0530", "2026-01-02T18:30:00.000000Z"},
        {"2026-01-02T13:00:00", "2026-01-02T13:00:00.000000Z"},
        {"2026-01-02 13:00", "2026-01-02T13:00:00.000000Z"},
        {"2026-01-02 13:00:05", "2026-01-02T13:00:05.000000Z"},
        {"2026-01-02 13:00:05.123", "2026-01-02T13:00:05.123000Z"},
        {"2026-01-02 13:00:05.1234567899", "2026-01-02T13:00:05.123456Z"},
        {"2026-01-02", "2026-01-02T00:00:00.000000Z"},
        {"2026-01-02-13:00:05", "2026-01-02T13:00:05.000000Z"},
        {"20260102130005", "2026-01-02T13:00:05.000000Z"},
        {"2024-02-29", "2024-02-29T00:00:00.000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"0", "1970-01-01T00:00:00.000000Z"},
        {"1767791655", "2026-01-07T13:14:15.000000Z"},
        {"1767791655.25", "2026-01-07T13:14:15.250000Z"},
        {"1767791655.123456789", "2026-01-07T13:14:15.123456Z"},
        {"1767791655500", "2026-01-07T13:14:15.500000Z"},
        {"1767791655500001", "2026-01-07T13:14:15.500001Z"},
        {"now", "2026-01-07T13:14:15.500000Z"},
        {"now-6h", "2026-01-07T07:14:15.500000Z"},
        {"now+90s", "2026-01-07T13:15:45.500000Z"},
        {"now-1.5h", "2026-01-07T11:44:15.500000Z"},
        {"now/d", "2026-01-07T00:00:00.000000Z"},
        {"now-1d/d", "2026-01-06T00:00:00.000000Z"},
        {"now/d+6h", "2026-01-07T06:00:00.000000Z"},
        {"now/h", "2026-01-07T13:00:00.000000Z"},
        {"now/s", "2026-01-07T13:14:15.000000Z"},
        {"now/w", "2026-01-05T00:00:00.000000Z"},
        {"now/M", "2026-01-01T00:00:00.000000Z"},
        {"now-1M", "2025-12-07T13:14:15.500000Z"},
        {"now-2y/y", "2024-01-01T00:00:00.000000Z"},
        {"now/M-1d-1M", "2025-11-30T00:00:00.000000Z"}, /* 31 December less a month */
        {"-15m", "2026-01-07T12:59:15.500000Z"},
        {"-1w", "2025-12-31T13:14:15.500000Z"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t time_us;
        struct eg_error err;
        char text[40];
        if (eg_time_parse(&time_us, good[i].text, NOW, &err) != EG_OK) fail_msg("%s", err.message);
        eg_time_text(time_us, text);
        if (strcmp(text, good[i].expected) != 0) fail_msg("%s gave %s", good[i].text, text);
    }
}

static void times_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "yesterday",
        "2026",
        "2026-1-2",
        "2026-13-01",
        "2026-00-01",
        "2026-02-29",
        "2026-02-30",
        "2026-01-02T24:00:00Z",
        "2026-01-02T13:60:00Z",
        "2026-01-02T13:00:61Z",
        "2026-01-02T13:30:60Z",
        "2026-01-02T13",
        "2026-01-02T13:00:00.Z",
        "2026-01-02T13:00:00+2",
        "2026-01-02T13:00:00+24:00",
        "2026-01-02T13:00:00Zjunk",
        "0000-01-01",
        "20261302130000",
        "123456789012345678",
        "1767791655500.5",
        "12x",
        "now-",
        "now-6",
        "now-h",
        "now/",
        "now/x",
        "now6h",
        "now-6h/",
        "nowish",
        "-",
        "-15",
        "--15m",
        "now-99999y",
        "now+99999y",
        "now-1Mo",
        "now-99999999999999999999s",
        "2026-01-02 13:00:05,123",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t time_us = 42;
        struct eg_error err;
        enum eg_status status = eg_time_parse(&time_us, bad[i], NOW, &err);
        if (strcmp(bad[i], "2026") == 0) { /* a number: 2026 seconds */
            assert_int_equal(status, EG_OK);
            continue;
        }
        if (status != EG_E_USAGE) fail_msg("taken: %s", bad[i]);
        assert_int_equal(time_us, 42);
        assert_non_null(strstr(err.message, bad[i]));
        assert_non_null(strstr(err.message, "write 2026-01-02T13:00:00Z"));
    }
}

static void durations(void **state) {
    (void)state;
    static const struct {
        const char *text, *written;
        int64_t us;
    } good[] = {
        {"500ms", "500ms", 500000},
        {"10s", "10s", 10000000},
        {"1.5h", "90m", INT64_C(5400000000)},
        {"2d", "2d", 2 * EG_DAY_US},
        {"1w", "1w", 7 * EG_DAY_US},
        {"10", "10s", 10000000},
        {"0", "0s", 0},
        {"0.5", "500ms", 500000},
        {"7us", "7us", 7},
        {"7µs", "7us", 7},
        {"1h30m", "90m", INT64_C(5400000000)},
        {"20ms", "20ms", 20000},
        {"5min", "5m", 300000000},
        {"36h", "36h", 36 * EG_HOUR_US},
        {"1.5s", "1.5s", 1500000},
        {"0.000001s", "1us", 1},
        {"1m1s", "61s", 61000000},
        {"3days", "3d", 3 * EG_DAY_US},
    };
    static const char *const bad[] = {
        "",
        " ",
        "s",
        "1x",
        "1 s",
        "-1s",
        "+1s",
        "1.s",
        ".5s",
        "1h30",
        "1hm",
        "1H",
        "1e3s",
        "99999999999999999s",
        "9999999999999999w",
        "1\xc2",
        "1\xb5s",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t us;
        struct eg_error err;
        if (eg_duration_parse(&us, good[i].text, &err) != EG_OK) fail_msg("%s", err.message);
        if (us != good[i].us) fail_msg("%s gave %lld", good[i].text, (long long)us);
        char text[40];
        size_t size = eg_duration_text(us, text);
        assert_int_equal(size, strlen(text));
        assert_string_equal(text, good[i].written);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t us = 42;
        struct eg_error err;
        if (eg_duration_parse(&us, bad[i], &err) != EG_E_USAGE) fail_msg("taken: %s", bad[i]);
        assert_int_equal(us, 42);
        assert_non_null(strstr(err.message, "is not a duration; write"));
    }
}

static void durations_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 100000; round++) {
        int64_t us = (int64_t)(next_random() >> (12 + next_random() % 50)), back;
        if (round % 3 == 0) us = us / 1000 * 1000;
        char text[40];
        eg_duration_text(us, text);
        assert_int_equal(eg_duration_parse(&back, text, NULL), EG_OK);
        if (back != us) fail_msg("%lld was written %s", (long long)us, text);
    }
    char text[40];
    eg_duration_text(-1500000, text);
    assert_string_equal(text, "-1.5s");
    assert_true(eg_duration_text(INT64_MIN, text) < 40);
}

static void random_texts(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "now", "-", "+", "/",  "6",   "h",  "d", "M",     "y",  "w",         "2026", "-01",
        "-02", "T", " ", "13", ":00", ".5", "Z", "99999", "ms", "\xc2\xb5s", "1",    "0"};
    int taken = 0;
    for (int round = 0; round < 200000; round++) {
        char text[64] = "";
        size_t size = 0;
        for (uint64_t n = next_random() % 9; n > 0; n--) {
            const char *piece = pieces[next_random() % (sizeof pieces / sizeof *pieces)];
            memcpy(text + size, piece, strlen(piece) + 1);
            size += strlen(piece);
        }
        char *exact = malloc(size + 1); /* so that a read behind the end is seen */
        memcpy(exact, text, size + 1);
        int64_t value = 0;
        struct eg_error err;
        if (eg_time_parse(&value, exact, NOW, &err) == EG_OK) {
            taken++;
            struct eg_civil c = eg_time_civil(value);
            if (c.year < 0 || c.year > 10000) fail_msg("%s gave the year %d", text, (int)c.year);
        }
        (void)!eg_duration_parse(&value, exact, &err);
        free(exact);
    }
    assert_true(taken > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_is_that_of_libc),
        cmocka_unit_test(edges),
        cmocka_unit_test(times_read),
        cmocka_unit_test(times_refused),
        cmocka_unit_test(durations),
        cmocka_unit_test(durations_come_back),
        cmocka_unit_test(random_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
