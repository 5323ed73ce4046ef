/* SPDX-License-Identifier: Apache-2.0
 * Packets as rows and as places: the filter, both directions, times, fields, order, limits. */
#include "few_packets.h"

static const struct few_packet few[] = {
    {3000000, 1, 2, 1000, 53, 1, 0, 10},
    {1000000, 2, 1, 53, 1000, 2, 0, 20},
    {2000000, 1, 3, 1000, 80, 3, 0, 30},
    {4000000, 3, 3, 7, 7, 4, 0, 40},
};
static char path[] = "/tmp/earlgrey-packets-XXXXXX";
static const char *const paths[] = {path};

static int setup(void **state) {
    (void)state;
    memcpy(path, "/tmp/earlgrey-packets-XXXXXX", sizeof path);
    few_capture(path, few, sizeof few / sizeof *few);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

static void rows(const char *filter_text, bool both, const char *fields, int64_t limit,
                 const char *answer) {
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 1, &filter, filter_text);
    struct eg_strbuf sql = {0};
    struct eg_error err;
    request.both = both;
    request.limit = limit;
    if (eg_sql_packets(&request, fields, &sql, &err) < 0) fail_msg("%s", err.message);
    little_expect(&sql, answer);
    eg_filter_free(filter);
}

static void as_rows(void **state) {
    (void)state;
    rows(NULL, false, "src_ip,offset", 0,
         "src_ip\toffset\n10.0.0.2\t92\n10.0.0.1\t170\n10.0.0.1\t24\n10.0.0.3\t258\n");
    rows("src port 1000", false, "offset", 0, "offset\n170\n24\n");
    rows("src port 1000", true, "src_ip,offset", 0,
         "src_ip\toffset\n10.0.0.2\t92\n10.0.0.1\t170\n10.0.0.1\t24\n");
    rows("src port 7", true, "offset", 0, "offset\n258\n"); /* its own other direction: once */
    rows("host 10.0.0.3", false, "protocol,length", 1, "protocol\tlength\nudp\t72\n");
}

static void as_places(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 1, &filter, "dst port 53");
    struct eg_strbuf sql = {0}, whole = {0};
    struct eg_error err;
    request.both = true;
    request.origin.from_us = INT64_C(1000000) * FEW_START + 1000000;
    request.origin.to_us = INT64_C(1000000) * FEW_START + 2999999;
    assert_int_equal(eg_sql_packet_places(&request, &sql, &err), EG_OK);
    eg_strbuf_printf(&whole, "SELECT \"offset\", captured, interface FROM (%s) AS w", sql.text);
    little_expect(&whole, "offset\tcaptured\tinterface\n92\t62\t\n");
    eg_strbuf_reset(&sql);
    request.both = false;
    request.condition = "length < 70";
    request.origin.from_us = INT64_MIN;
    request.origin.to_us = INT64_MAX;
    assert_int_equal(eg_sql_packet_places(&request, &sql, &err), EG_OK);
    eg_strbuf_printf(&whole, "SELECT \"offset\" FROM (%s) AS w", sql.text);
    little_expect(&whole, "offset\n24\n");
    eg_strbuf_reset(&sql);
    eg_filter_free(filter);
}

static void of_given_places(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 1, &filter, "dst port 53");
    struct eg_strbuf sql = {0}, places = {0};
    struct eg_error err;
    eg_strbuf_printf(&places, "(SELECT '%s' AS file, CAST(258 AS BIGINT) AS \"offset\")", path);
    request.places = places.text;
    assert_int_equal(eg_sql_packets(&request, "offset,src_port", &sql, &err), EG_OK);
    little_expect(&sql, "offset\tsrc_port\n258\t7\n");
    eg_strbuf_reset(&places);
    eg_filter_free(filter);
}

static void unknown_fields(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 1, &filter, NULL);
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(eg_sql_packets(&request, "time,src_prt", &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "unknown field 'src_prt' (did you mean 'src_port'?)"));
    assert_int_equal(eg_sql_packets(&request, "bytes", &sql, &err), EG_E_USAGE);
    assert_int_equal(eg_sql_packets(&request, "xyzzyxyzzyx", &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "earlgrey fields packets"));
    eg_strbuf_reset(&sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(as_places, setup, teardown),
        cmocka_unit_test_setup_teardown(of_given_places, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_fields, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
