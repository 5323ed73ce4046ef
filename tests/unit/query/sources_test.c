/* SPDX-License-Identifier: Apache-2.0
 * Whose flows a dataset holds, and which of them then count. */
#include "query/analysis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "empty_dataset.h"

static struct empty_dataset place;

/* An hour of flows of this source, as somebody else might have put them there. */
static void put(int hour, const char *source, int flows) {
    char directory[256], path[320], sql[512];
    struct eg_parquet_stats stats;
    snprintf(directory, sizeof directory, "%s/flows/date=2026-01-02/hour=%02d", place.root, hour);
    snprintf(path, sizeof path, "%s/%s.parquet", directory, source);
    snprintf(sql, sizeof sql,
             "SELECT TIMESTAMPTZ '2026-01-02 %02d:10:00Z' AS start_time, "
             "TIMESTAMPTZ '2026-01-02 %02d:11:00Z' AS end_time, '%s' AS source, "
             "CAST(100 AS BIGINT) AS bytes FROM range(%d)",
             hour, hour, source, flows);
    assert_int_equal(eg_dir_make(directory, NULL), EG_OK);
    assert_int_equal(eg_parquet_rewrite(place.engine, sql, path, EG_TABLE_FLOWS, "", &stats, NULL),
                     EG_OK);
}

static void numbers_are(struct eg_strbuf *sql, int64_t one, int64_t two) {
    struct eg_result *result;
    struct eg_batch *batch;
    struct eg_error err;
    enum eg_status status = eg_engine_query(place.engine, sql->text, &result, &err);
    if (status < 0) fail_msg("%s", err.message);
    assert_int_equal(eg_result_next(result, &batch, NULL), EG_OK);
    assert_int_equal(eg_col_int(&batch->columns[0], 0), one);
    assert_int_equal(eg_col_int(&batch->columns[1], 0), two);
    eg_batch_unref(batch);
    eg_result_free(result);
    eg_strbuf_reset(sql);
}

static const int64_t noon_us = INT64_C(1767355200000000), hour_us = INT64_C(3600000000);

static void whose_flows(void **state) {
    (void)state;
    put(12, "netflow5", 3);
    put(12, "packet", 5);
    put(13, "packet", 7);
    put(14, "sflow", 2);
    static const struct {
        int from, to;
        int64_t exports, metered;
    } cases[] = {{12, 15, 5, 12}, {12, 13, 3, 5}, {13, 14, 0, 7}, {14, 15, 2, 0}, {16, 17, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int any = 0; any < 2; any++) {
            struct eg_strbuf sql = {0};
            struct eg_origin origin = {.dataset = place.dataset,
                                       .from_us = noon_us + (cases[i].from - 12) * hour_us,
                                       .to_us = noon_us + (cases[i].to - 12) * hour_us - 1};
            int64_t exports = cases[i].exports, metered = cases[i].metered;
            assert_int_equal(eg_sql_sources(&origin, any, &sql, NULL), EG_OK);
            numbers_are(&sql, any ? exports > 0 : exports, any ? metered > 0 : metered);
        }
    static const int64_t counted[][2] = {[EG_COUNT_ALL] = {17, 1700},
                                         [EG_COUNT_EXPORTS] = {5, 500},
                                         [EG_COUNT_METERED] = {12, 1200}};
    for (int count = EG_COUNT_ALL; count <= EG_COUNT_METERED; count++) {
        struct eg_strbuf sql = {0};
        struct eg_origin origin = {.dataset = place.dataset,
                                   .from_us = INT64_MIN,
                                   .to_us = INT64_MAX,
                                   .count = (enum eg_count)count};
        eg_strbuf_text(&sql, "SELECT count(*), CAST(sum(bytes) AS BIGINT) FROM ");
        assert_int_equal(eg_sql_rows(&origin, &sql, NULL), EG_OK);
        eg_strbuf_text(&sql, " AS r");
        numbers_are(&sql, counted[count][0], counted[count][1]);
    }
}

static int setup(void **state) {
    (void)state;
    return !(empty_dataset_make(&place) && empty_dataset_open(&place, 1));
}

static int teardown(void **state) {
    (void)state;
    return empty_dataset_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whose_flows)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
