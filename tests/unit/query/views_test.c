/* SPDX-License-Identifier: Apache-2.0
 * The tables as views, with their derived columns. */
#include "little_capture.h"

static void views_over_a_capture(void **state) {
    (void)state;
    char path[] = "/tmp/eg-views-XXXXXX";
    little_capture(path, 10);
    const char *const paths[] = {path};
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    struct eg_strbuf sql = {0};
    eg_strbuf_text(&sql, EG_SQL_MACROS);
    assert_int_equal(eg_sql_capture_views(&origin, &sql, NULL), EG_OK);
    struct eg_engine *engine;
    struct eg_engine_options options = {0};
    struct eg_error err;
    assert_int_equal(eg_engine_open(&engine, &eg_env_plain, &options, &err), EG_OK);
    if (eg_engine_run(engine, sql.text, &err) < 0) fail_msg("%s", err.message);
    static const char *const questions[] = {("SELECT protocol, duration_us, scaled_bytes, "
                                             "scaled_packets FROM flows WHERE src_port = 1000"),
                                            "SELECT protocol, length FROM packets",
                                            "SELECT cause FROM losses"};
    for (size_t i = 0; i < 3; i++) {
        struct eg_result *result;
        struct eg_batch *batch = NULL;
        if (eg_engine_query(engine, questions[i], &result, &err) < 0) fail_msg("%s", err.message);
        enum eg_status status = eg_result_next(result, &batch, &err);
        assert_int_equal(status, i == 2 ? EG_END : EG_OK);
        if (i == 0) {
            assert_int_equal(eg_col_int(&batch->columns[1], 0), 10000000);
            assert_int_equal(eg_col_int(&batch->columns[2], 0), 1000);
            assert_int_equal(eg_col_int(&batch->columns[3], 0), 100);
        }
        eg_batch_unref(batch);
        eg_result_free(result);
    }
    eg_engine_close(engine);
    eg_strbuf_reset(&sql);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(views_over_a_capture)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
