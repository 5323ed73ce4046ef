/* SPDX-License-Identifier: Apache-2.0
 * Flow records: columns, order, limit, errors. */
#include "little_scene.h"

static enum eg_status make(const char *fields, int64_t limit, const char *order,
                           struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_filter *parsed;
    struct eg_origin origin = little_origin(paths, &parsed, NULL);
    return eg_sql_flows(&origin, fields, limit, order, false, sql, err);
}

static void columns_in_the_order_asked_for(void **state) {
    (void)state;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(make("dst_ip,protocol,bytes,duration_us", 0, "-bytes", &sql, &err), EG_OK);
    little_expect(&sql, "dst_ip\tprotocol\tbytes\tduration_us\n10.0.0.1\ttcp\t4000\t9000000\n"
                        "10.0.0.2\ttcp\t1000\t10000000\n10.0.0.3\tudp\t120\t3599000000\n"
                        "192.168.0.1\tudp\t60\t0\n");
}

static void sorted_by_start_and_cut_to_the_limit(void **state) {
    (void)state;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(make("start_time,src_port", 2, NULL, &sql, &err), EG_OK);
    little_expect(&sql, "start_time\tsrc_port\n2026-01-01T00:00:00.000000Z\t7\n"
                        "2026-01-01T00:59:40.000000Z\t1000\n");
}

static void all_is_every_column(void **state) {
    (void)state;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(make("all", 1, "none", &sql, &err), EG_OK);
    char *got = little_ask(sql.text);
    size_t tabs = 0;
    for (const char *at = got; *at && *at != '\n'; at++) tabs += *at == '\t';
    assert_int_equal(tabs + 1, eg_table_get(EG_TABLE_FLOWS)->count);
    free(got);
    eg_strbuf_reset(&sql);
}

static void what_is_unknown_is_named(void **state) {
    (void)state;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(make("src_ip,byts", 0, NULL, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "bytes"));
    assert_int_equal(make("src_ip", 0, "-nothing", &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "nothing"));
    eg_strbuf_reset(&sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_in_the_order_asked_for),
        cmocka_unit_test(sorted_by_start_and_cut_to_the_limit),
        cmocka_unit_test(all_is_every_column),
        cmocka_unit_test(what_is_unknown_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
