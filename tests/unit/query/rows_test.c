/* SPDX-License-Identifier: Apache-2.0
 * Where rows come from: exports, packets, times, sources. */
#include "little_scene.h"

static void count(const struct eg_origin *origin, const char *answer) {
    struct eg_strbuf sql = {0};
    eg_strbuf_text(&sql, "SELECT count(*) AS n, CAST(sum(bytes) AS BIGINT) AS b FROM ");
    assert_int_equal(eg_sql_rows(origin, &sql, NULL), EG_OK);
    eg_strbuf_text(&sql, " AS r");
    little_expect(&sql, answer);
}

static void exports_or_packets(void **state) {
    (void)state;
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    count(&origin, "n\tb\n4\t5180\n");
    origin.from_packets = true;
    count(&origin, "n\tb\n1\t258\n"); /* the datagram itself: 42 + 24 + 4 * 48 bytes */
    origin.from_packets = false;
    origin.source = "netflow5";
    count(&origin, "n\tb\n4\t5180\n");
    origin.source = "sflow";
    count(&origin, "n\tb\n0\t\n");
    origin.source = "packet"; /* metered */
    count(&origin, "n\tb\n1\t258\n");
    origin.source = NULL;
    origin.count = EG_COUNT_METERED;
    count(&origin, "n\tb\n1\t258\n");
    origin.count = EG_COUNT_EXPORTS;
    count(&origin, "n\tb\n4\t5180\n");
}

static void times_match_as_asked(void **state) {
    (void)state;
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    int64_t end = (int64_t)LITTLE_EXPORT_S * 1000000;
    origin.from_us = end - 12000000;
    origin.to_us = end - 8000000;
    count(&origin, "n\tb\n3\t5120\n"); /* all but the one five seconds before the end */
    origin.match = "end";
    count(&origin, "n\tb\n2\t5000\n");
    origin.match = "start";
    count(&origin, "n\tb\n0\t\n");
    origin.from_us = end - 20000000;
    count(&origin, "n\tb\n2\t5000\n");
    origin.match = "inside";
    count(&origin, "n\tb\n2\t5000\n");
}

/* What is asked of the meter reaches it; what is as usual is not said. */
static void metering_is_passed_on(void **state) {
    (void)state;
    struct eg_filter *none;
    const struct eg_metering how = {.idle_us = 5000000,
                                    .active_us = 60000000,
                                    .one_way = true,
                                    .vlan_key = true,
                                    .tunnel_key = true,
                                    .outermost = true,
                                    .payload_bytes = 8,
                                    .memory_max = 1 << 20};
    const struct eg_metering usual = {.idle_us = 0};
    struct eg_origin origin = little_origin(paths, &none, NULL);
    origin.source = "packet";
    origin.metering = &how;
    count(&origin, "n\tb\n1\t258\n");
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_sql_rows(&origin, &sql, NULL), EG_OK);
    assert_non_null(strstr(sql.text,
                           "source := 'packet', idle_us := 5000000, active_us := 60000000, "
                           "one_way := true, outermost := true, payload := 8, "
                           "flow_memory := 1048576, flow_key := 'vlan,tunnel')"));
    eg_strbuf_clear(&sql);
    origin.metering = &usual;
    assert_int_equal(eg_sql_rows(&origin, &sql, NULL), EG_OK);
    assert_non_null(strstr(sql.text, "source := 'packet')"));
    eg_strbuf_reset(&sql);
}

static void a_known_port_is_passed_on(void **state) {
    (void)state;
    struct eg_filter *none;
    static const uint16_t ports[] = {2055, 9995};
    struct eg_origin origin = little_origin(paths, &none, NULL);
    origin.netflow_ports = ports;
    origin.netflow_port_count = 2;
    count(&origin, "n\tb\n4\t5180\n");
}

static void filters_reach_packets_too(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_origin origin = little_origin(paths, &filter, "dst port 2055 and proto udp");
    origin.from_packets = true;
    count(&origin, "n\tb\n1\t258\n");
    eg_filter_free(filter);
}

/* The little capture's one frame, as it is. */
static void packets_as_they_are(void **state) {
    (void)state;
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    struct eg_strbuf sql = {0};
    origin.table = EG_TABLE_PACKETS;
    origin.from_us = INT64_C(1767229200000000); /* its time, to the microsecond */
    origin.to_us = origin.from_us;
    for (int late = 0; late < 2; late++, origin.from_us++, origin.to_us++) {
        eg_strbuf_text(&sql, "SELECT ttl, length FROM ");
        assert_int_equal(eg_sql_rows(&origin, &sql, NULL), EG_OK);
        eg_strbuf_text(&sql, " AS r");
        little_expect(&sql, late ? "ttl\tlength\n" : "ttl\tlength\n64\t258\n");
    }
    assert_string_equal(eg_counted_get(EG_TABLE_PACKETS)->start, "time");
    assert_null(eg_counted_get(EG_TABLE_PACKETS)->flows);
    assert_string_equal(eg_counted_get(EG_TABLE_FLOWS)->start, "start_time");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_or_packets),        cmocka_unit_test(times_match_as_asked),
        cmocka_unit_test(metering_is_passed_on),     cmocka_unit_test(a_known_port_is_passed_on),
        cmocka_unit_test(filters_reach_packets_too), cmocka_unit_test(packets_as_they_are),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
