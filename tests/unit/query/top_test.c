/* SPDX-License-Identifier: Apache-2.0
 * Top talkers: groupings, metrics, both sides, scaling, packets, errors. */
#include "few_packets.h"
#include "little_scene.h"

static void ask(const char *by1, const char *by2, const char *metric, bool raw, const char *filter,
                const char *answer) {
    struct eg_filter *parsed;
    const char *by[] = {by1, by2};
    struct eg_top_request request = {.origin = little_origin(paths, &parsed, filter),
                                     .by = by,
                                     .by_count = by2 ? 2 : 1,
                                     .metric = metric,
                                     .limit = 10,
                                     .raw = raw};
    struct eg_strbuf sql = {0};
    struct eg_error err;
    if (eg_sql_top(&request, &sql, &err) < 0) fail_msg("%s", err.message);
    little_expect(&sql, answer);
    eg_filter_free(parsed);
}

static void pairs_merge_both_directions(void **state) {
    (void)state;
    ask("pair", NULL, "bytes", false, NULL,
        "ip_a\tip_b\tflows\tpackets\tbytes\n10.0.0.1\t10.0.0.2\t2\t18\t5000\n"
        "10.0.0.3\t10.0.0.3\t1\t2\t120\n10.0.0.3\t192.168.0.1\t1\t1\t60\n");
}

static void an_address_counts_for_both_sides_once(void **state) {
    (void)state;
    ask("ip", NULL, "bytes", false, NULL,
        "ip\tflows\tpackets\tbytes\n10.0.0.1\t2\t18\t5000\n10.0.0.2\t2\t18\t5000\n"
        "10.0.0.3\t2\t3\t180\n192.168.0.1\t1\t1\t60\n");
    ask("port", NULL, "flows", false, "proto udp",
        "port\tflows\tpackets\tbytes\n7\t1\t2\t120\n53\t1\t1\t60\n5353\t1\t1\t60\n");
}

static void columns_and_metrics(void **state) {
    (void)state;
    ask("proto", "dst_port", "packets", false, NULL,
        "proto\tdst_port\tflows\tpackets\tbytes\n6\t80\t1\t10\t1000\n6\t1000\t1\t8\t4000\n"
        "17\t7\t1\t2\t120\n17\t53\t1\t1\t60\n");
    ask("src_ip", NULL, "flows", false, "dst net 10.0.0.0/8",
        "src_ip\tflows\tpackets\tbytes\n10.0.0.1\t1\t10\t1000\n10.0.0.2\t1\t8\t4000\n10.0.0."
        "3\t1\t2\t120\n");
}

static void sampling_scales_unless_raw(void **state) {
    (void)state;
    char sampled[] = "/tmp/eg-top-XXXXXX";
    little_capture(sampled, 10);
    const char *const one[] = {sampled};
    static const char *const by[] = {"proto"};
    for (int raw = 0; raw < 2; raw++) {
        struct eg_filter *parsed;
        struct eg_top_request request = {.origin = little_origin(one, &parsed, "proto tcp"),
                                         .by = by,
                                         .by_count = 1,
                                         .metric = "bytes",
                                         .raw = raw != 0};
        struct eg_strbuf sql = {0};
        assert_int_equal(eg_sql_top(&request, &sql, NULL), EG_OK);
        little_expect(&sql, raw ? "proto\tflows\tpackets\tbytes\n6\t2\t18\t500\n"
                                : "proto\tflows\tpackets\tbytes\n6\t2\t180\t5000\n");
        eg_filter_free(parsed);
    }
    unlink(sampled);
}

/* The four flows begin at 00:59:40, :41, :55 and 00:00:00; the first of each window. */
static void windows_by_start(void **state) {
    (void)state;
    static const char *const by[] = {"proto"};
    struct eg_filter *none;
    struct eg_top_request request = {.origin = little_origin(paths, &none, NULL),
                                     .by = by,
                                     .by_count = 1,
                                     .metric = "bytes",
                                     .limit = 1,
                                     .window_us = 1800000000};
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_sql_top(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\tproto\tflows\tpackets\tbytes\n"
                        "2026-01-01T00:00:00.000000Z\t17\t1\t2\t120\n"
                        "2026-01-01T00:30:00.000000Z\t6\t2\t18\t5000\n");
    request.origin.bounded = true;
    request.origin.begin_us = INT64_C(1767225600000001);
    request.origin.before_us = INT64_MAX;
    request.origin.alive_us = INT64_MIN;
    request.limit = 0;
    assert_int_equal(eg_sql_top(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\tproto\tflows\tpackets\tbytes\n"
                        "2026-01-01T00:30:00.000000Z\t6\t2\t18\t5000\n"
                        "2026-01-01T00:30:00.000000Z\t17\t1\t1\t60\n");
}

static const struct few_packet few[] = {
    {3000000, 1, 2, 1000, 53, 1, 0, 10},
    {3500000, 2, 1, 53, 1000, 2, 0, 20},
    {4000000, 1, 3, 1000, 80, 3, 0, 30},
};

/* A row a packet: by a field that flows have not, both sides of an address, rates in windows. */
static void packets_are_counted(void **state) {
    (void)state;
    char capture[] = "/tmp/eg-top-XXXXXX";
    few_capture(capture, few, sizeof few / sizeof *few);
    const char *const one[] = {capture}, *by[] = {"payload_length"};
    struct eg_filter *none;
    struct eg_top_request request = {
        .origin = little_origin(one, &none, NULL), .by = by, .by_count = 1, .metric = "bytes"};
    struct eg_strbuf sql = {0};
    request.origin.table = EG_TABLE_PACKETS;
    assert_int_equal(eg_sql_top(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "payload_length\tpackets\tbytes\n30\t1\t72\n20\t1\t62\n10\t1\t52\n");
    by[0] = "ip";
    request.limit = 1;
    request.metric = "packets";
    assert_int_equal(eg_sql_top(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "ip\tpackets\tbytes\n10.0.0.1\t3\t186\n");
    by[0] = "ttl";
    request.window_us = 500000;
    request.rates = true;
    assert_int_equal(eg_sql_top(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\tttl\tpackets\tbytes\tpackets_per_s\tbits_per_s\n"
                        "2026-01-01T01:00:03.000000Z\t64\t1\t52\t2\t832\n"
                        "2026-01-01T01:00:03.500000Z\t64\t1\t62\t2\t992\n"
                        "2026-01-01T01:00:04.000000Z\t64\t1\t72\t2\t1152\n");
    unlink(capture);
}

/* What packets cannot be ranked or grouped by. */
static void packets_are_no_flows(void **state) {
    (void)state;
    static const struct {
        const char *by, *metric;
        int64_t window_us;
        bool rates;
        const char *told;
    } wrong[] = {
        {"ttl", "flows", 0, false, "packets are no flows"},
        {"ttl", "retransmissions", 0, false, "sent again"},
        {"as", "bytes", 0, false, "no field 'src_as'"},
        {"time", "bytes", 1000, false, "windows are of 'time'"},
        {"ttl", "bytes", 0, true, "--window"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct eg_top_request request = {.origin = {.table = EG_TABLE_PACKETS},
                                         .by = &wrong[i].by,
                                         .by_count = 1,
                                         .metric = wrong[i].metric,
                                         .window_us = wrong[i].window_us,
                                         .rates = wrong[i].rates};
        struct eg_strbuf sql = {0};
        struct eg_error err;
        assert_int_equal(eg_sql_top(&request, &sql, &err), EG_E_USAGE);
        assert_non_null(strstr(err.message, wrong[i].told));
        eg_strbuf_reset(&sql);
    }
}

static void what_is_unknown_is_named(void **state) {
    (void)state;
    static const char *const wrong[] = {"src_adr"}, *const mixed[] = {"pair", "proto"};
    struct eg_top_request request = {.origin = {.captures = paths, .capture_count = 1},
                                     .by = wrong,
                                     .by_count = 1,
                                     .metric = "bytes"};
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(eg_sql_top(&request, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "src_adr"));
    assert_non_null(strstr(err.message, "did you mean"));
    request.by = mixed;
    request.by_count = 2;
    assert_int_equal(eg_sql_top(&request, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "pair"));
    request.by_count = 1;
    request.metric = "stars";
    assert_int_equal(eg_sql_top(&request, &sql, &err), EG_E_USAGE);
    eg_strbuf_reset(&sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_merge_both_directions),
        cmocka_unit_test(an_address_counts_for_both_sides_once),
        cmocka_unit_test(columns_and_metrics),
        cmocka_unit_test(sampling_scales_unless_raw),
        cmocka_unit_test(windows_by_start),
        cmocka_unit_test(packets_are_counted),
        cmocka_unit_test(packets_are_no_flows),
        cmocka_unit_test(what_is_unknown_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
