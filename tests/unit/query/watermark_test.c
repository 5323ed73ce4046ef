/* SPDX-License-Identifier: Apache-2.0
 * When windows are closed, and the questions that tell how far time has come. */
#include "query/watermark.h"

#include "little_capture.h"

static int64_t close_at(int64_t closed, int64_t seen, int64_t now, int64_t late) {
    struct eg_watermark mark = eg_watermark_none;
    mark.closed_us = closed;
    return eg_watermark_close(&mark, seen, now, 10, late);
}

static void windows_close(void **state) {
    (void)state;
    assert_int_equal(close_at(INT64_MIN, INT64_MIN, 1000, 0), INT64_MIN); /* nothing seen */
    assert_int_equal(close_at(INT64_MIN, 100, 1000, 0), 100);             /* [90, 100) is over */
    assert_int_equal(close_at(INT64_MIN, 109, 1000, 0), 100);
    assert_int_equal(close_at(INT64_MIN, 109, 1000, 9), 100);
    assert_int_equal(close_at(INT64_MIN, 109, 1000, 10), 90);
    assert_int_equal(close_at(INT64_MIN, 5000, 107, 0), 100); /* the future counts as now */
    assert_int_equal(close_at(200, 109, 1000, 0), 200);       /* never back */
    assert_int_equal(close_at(INT64_MIN, -1, 1000, 0), -10);
    assert_int_equal(close_at(INT64_MIN, -10, 1000, 0), -10);
    assert_int_equal(close_at(70, INT64_MIN + 5, 1000, 10), 70); /* no overflow */
}

static void what_is_kept_counts(void **state) {
    (void)state;
    struct eg_watermark mark = {.seen_us = 55, .closed_us = INT64_MIN};
    assert_int_equal(eg_watermark_close(&mark, 20, 1000, 10, 5), 50);
}

/* Times 1, 5 and 9 µs, and one that is not known. */
#define ROWS                                                                                       \
    "(SELECT timestamp_micros(n) AS t FROM (VALUES (CAST(5 AS BIGINT)), (1), (NULL), (9)) AS "     \
    "v(n))"

static void questions(void **state) {
    (void)state;
    struct eg_strbuf sql = {0};
    eg_sql_seen(ROWS, "t", INT64_MIN, &sql);
    little_expect(&sql, "seen\tbehind\n9\t0\n");
    eg_sql_seen(ROWS, "t", 6, &sql);
    little_expect(&sql, "seen\tbehind\n9\t2\n");
    eg_sql_seen("(SELECT * FROM " ROWS " AS r WHERE FALSE)", "t", 6, &sql);
    little_expect(&sql, "seen\tbehind\n\t0\n");
    eg_sql_between(ROWS, "t", INT64_MIN, 9, &sql);
    little_expect(&sql, "n\n2\n");
    eg_sql_between(ROWS, "t", 5, 10, &sql);
    little_expect(&sql, "n\n2\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_close),
        cmocka_unit_test(what_is_kept_counts),
        cmocka_unit_test(questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
