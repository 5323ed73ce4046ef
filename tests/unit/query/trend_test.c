/* SPDX-License-Identifier: Apache-2.0
 * Traffic over time: spreading adds up, idle intervals are zero, in and out of a host, per value, of
 * packets. */
#include "few_packets.h"
#include "little_scene.h"

static void ask(int64_t by_us, const char *host, bool spread, const char *filter,
                const char *answer) {
    struct eg_filter *parsed;
    struct eg_trend_request request = {.origin = little_origin(paths, &parsed, filter),
                                       .host = host,
                                       .by_us = by_us,
                                       .spread = spread};
    struct eg_strbuf sql = {0};
    struct eg_error err;
    if (eg_sql_trend(&request, &sql, &err) < 0) fail_msg("%s", err.message);
    little_expect(&sql, answer);
    eg_filter_free(parsed);
}

#define MINUTE INT64_C(60000000)

static void a_long_flow_is_spread(void **state) {
    (void)state;
    /* 120 bytes over 3599 s, in quarters of an hour: floors of 30.008, 60.017, 90.025, 120 */
    ask(15 * MINUTE, NULL, true, "src port 7",
        "time\tbytes\tpackets\tflows\n2026-01-01T00:00:00.000000Z\t30\t0\t1\n"
        "2026-01-01T00:15:00.000000Z\t30\t1\t0\n2026-01-01T00:30:00.000000Z\t30\t0\t0\n"
        "2026-01-01T00:45:00.000000Z\t30\t1\t0\n");
    ask(15 * MINUTE, NULL, false, "src port 7",
        "time\tbytes\tpackets\tflows\n2026-01-01T00:45:00.000000Z\t120\t2\t1\n");
}

static void idle_intervals_are_zero(void **state) {
    (void)state;
    ask(1000000, NULL, false, "port 53 or dst port 80",
        "time\tbytes\tpackets\tflows\n2026-01-01T00:59:50.000000Z\t1000\t10\t1\n"
        "2026-01-01T00:59:51.000000Z\t0\t0\t0\n2026-01-01T00:59:52.000000Z\t0\t0\t0\n"
        "2026-01-01T00:59:53.000000Z\t0\t0\t0\n2026-01-01T00:59:54.000000Z\t0\t0\t0\n"
        "2026-01-01T00:59:55.000000Z\t60\t1\t1\n");
}

static void in_and_out_of_a_host(void **state) {
    (void)state;
    const char *head = "time\tin_bytes\tin_packets\tout_bytes\tout_packets\tflows\n";
    char answer[200];
    snprintf(answer, sizeof answer, "%s2026-01-01T00:00:00.000000Z\t4000\t8\t1000\t10\t2\n", head);
    ask(60 * MINUTE, "10.0.0.1", true, NULL, answer);
    snprintf(answer, sizeof answer, "%s2026-01-01T00:00:00.000000Z\t60\t1\t0\t0\t1\n", head);
    ask(60 * MINUTE, "192.168.0.0/16", true, NULL, answer);
}

/* The answer without its header, of a stretch of intervals (0, 0: of all). */
static void lines(int64_t by_us, bool spread, const char *host, int64_t first_us, int64_t before_us,
                  struct eg_strbuf *to) {
    struct eg_filter *none;
    struct eg_trend_request request = {.origin = little_origin(paths, &none, NULL),
                                       .host = host,
                                       .by_us = by_us,
                                       .spread = spread,
                                       .part = before_us != 0,
                                       .first_us = first_us,
                                       .before_us = before_us};
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_sql_trend(&request, &sql, NULL), EG_OK);
    char *got = little_ask(sql.text);
    eg_strbuf_text(to, strchr(got, '\n') + 1);
    free(got);
    eg_strbuf_reset(&sql);
}

/* Whatever the cuts, the stretches put together are the whole. */
static void stretches_make_the_whole(void **state) {
    (void)state;
    const int64_t begin = INT64_C(1767225600000000), by = 7 * MINUTE + 30000000;
    for (int kind = 0; kind < 4; kind++)
        for (int64_t cut = 1; cut < 7; cut += 2) {
            const char *host = kind & 2 ? "10.0.0.0/8" : NULL;
            struct eg_strbuf whole = {0}, parts = {0};
            lines(by, kind & 1, host, 0, 0, &whole);
            int64_t middle = begin + cut * by;
            lines(by, kind & 1, host, INT64_MIN, middle, &parts);
            /* where nothing came before, the next one looks for the beginning itself */
            lines(by, kind & 1, host, parts.size ? middle : INT64_MIN, middle + by, &parts);
            lines(by, kind & 1, host, parts.size ? middle + by : INT64_MIN, begin + 8 * by, &parts);
            assert_string_equal(parts.text, whole.text);
            eg_strbuf_reset(&whole);
            eg_strbuf_reset(&parts);
        }
}

/* Each value has all intervals; of the long flow (port 7) some in both. */
static void per_value(void **state) {
    (void)state;
    struct eg_filter *none;
    struct eg_trend_request request = {.origin = little_origin(paths, &none, NULL),
                                       .by_us = 30 * MINUTE,
                                       .spread = true,
                                       .per = "protocol",
                                       .rates = true};
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_sql_trend(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\tprotocol\tbytes\tpackets\tflows\tpackets_per_s\tbits_per_s\n"
                        "2026-01-01T00:00:00.000000Z\ttcp\t0\t0\t0\t0\t0\n"
                        "2026-01-01T00:00:00.000000Z\tudp\t60\t1\t1\t0.0005555555555555556\t"
                        "0.26666666666666666\n"
                        "2026-01-01T00:30:00.000000Z\ttcp\t5000\t18\t2\t0.01\t"
                        "22.22222222222222\n"
                        "2026-01-01T00:30:00.000000Z\tudp\t120\t2\t1\t0.0011111111111111111\t"
                        "0.5333333333333333\n");
    /* each row is wanted once: the engine keeps none of them */
    assert_int_equal(eg_sql_trend(&request, &sql, NULL), EG_OK);
    assert_null(strstr(strstr(sql.text, "FROM g ") + 1, "FROM g"));
    eg_strbuf_reset(&sql);
    request.rates = false;
    request.values = 1;
    request.host = "10.0.0.1";
    assert_int_equal(eg_sql_trend(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\tprotocol\tin_bytes\tin_packets\tout_bytes\tout_packets\tflows\n"
                        "2026-01-01T00:30:00.000000Z\ttcp\t4000\t8\t1000\t10\t2\n");
    request.host = NULL;
    assert_int_equal(eg_sql_trend_cost(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "earliest\tlatest\tparts\theld\n"
                        "1767225600000000\t1767229199000000\t1\t2\n");
}

/* Packets count where they came, not where their flow was; a packet outside the time does not. */
static void packets_where_they_came(void **state) {
    (void)state;
    static const struct few_packet few[] = {
        {1000000, 1, 2, 1000, 53, 1, 0, 10},
        {1001999, 2, 1, 53, 1000, 2, 0, 20},
        {1002000, 1, 3, 1000, 80, 3, 0, 30},
        {9000000, 1, 3, 1000, 80, 3, 0, 30},
    };
    char capture[] = "/tmp/eg-trend-XXXXXX";
    few_capture(capture, few, sizeof few / sizeof *few);
    const char *const one[] = {capture};
    struct eg_filter *none;
    struct eg_trend_request request = {
        .origin = little_origin(one, &none, NULL), .by_us = 1000, .spread = true};
    struct eg_strbuf sql = {0};
    request.origin.table = EG_TABLE_PACKETS;
    request.origin.to_us = INT64_C(1000000) * FEW_START + 1002999;
    assert_int_equal(eg_sql_trend(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\tbytes\tpackets\n2026-01-01T01:00:01.000000Z\t52\t1\n"
                        "2026-01-01T01:00:01.001000Z\t62\t1\n"
                        "2026-01-01T01:00:01.002000Z\t72\t1\n");
    request.by_us = MINUTE;
    request.per = "offset";
    request.values = 1;
    assert_int_equal(eg_sql_trend(&request, &sql, NULL), EG_OK);
    little_expect(&sql, "time\toffset\tbytes\tpackets\n2026-01-01T01:00:00.000000Z\t170\t72\t1\n");
    unlink(capture);
}

static void bad_requests_are_told(void **state) {
    (void)state;
    struct eg_trend_request request = {
        .origin = {.captures = paths, .capture_count = 1}, .by_us = 1, .spread = true};
    struct eg_strbuf sql = {0};
    struct eg_error err;
    assert_int_equal(eg_sql_trend(&request, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "1ms"));
    request.by_us = MINUTE;
    request.host = "ten";
    assert_int_equal(eg_sql_trend(&request, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "ten"));
    request.host = NULL;
    request.per = "ttl";
    assert_int_equal(eg_sql_trend(&request, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "packets have it (--packets"));
    request.per = "bytes";
    assert_int_equal(eg_sql_trend(&request, &sql, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "--per takes another field"));
    eg_strbuf_reset(&sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_flow_is_spread),
        cmocka_unit_test(idle_intervals_are_zero),
        cmocka_unit_test(in_and_out_of_a_host),
        cmocka_unit_test(stretches_make_the_whole),
        cmocka_unit_test(per_value),
        cmocka_unit_test(packets_where_they_came),
        cmocka_unit_test(bad_requests_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
