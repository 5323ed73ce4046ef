/* SPDX-License-Identifier: Apache-2.0
 * The evaluator on batches: each kind of column, nulls, absent columns, any number of rows. (10,000
 * random filters against SQL: tests/system/test_filter_agree.py.) */
#include "filter/step.h"

#include "filter_make.h"

#define COLUMN(table, name, ...)                                                                   \
    test_column(table, name, (const char *const[]){__VA_ARGS__},                                   \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void whole_numbers(void **state) {
    (void)state;
    struct eg_batch *b = COLUMN(EG_TABLE_FLOWS, "src_port", "80", NULL, "0", "65535", "443");
    selects("src_port = 80", b, "0");
    selects("src_port != 80", b, "2 3 4");
    selects("not src_port = 80", b, "2 3 4");
    selects("src_port < 443", b, "0 2");
    selects("src_port <= 443", b, "0 2 4");
    selects("src_port > 443", b, "3");
    selects("src_port >= 0", b, "0 2 3 4");
    selects("src_port in (0, 443..1000)", b, "2 4");
    selects("src_port not in (0, 443..1000)", b, "0 3");
    selects("src_port in (1, 3, 5, 7, 80, 90, 443)", b, "0 4");
    selects("not src_port in (1, 3, 5, 7, 80, 90, 443)", b, "2 3");
    selects("src_port is null", b, "1");
    selects("src_port is not null", b, "0 2 3 4");
    selects("any", b, "0 1 2 3 4");
    selects("not any", b, "");
    selects("port 80", b, "0"); /* dst_port is absent: null everywhere */
    selects("dst_port = 80", b, "");
    selects("dst_port != 80", b, "");
    selects("dst_port is null", b, "0 1 2 3 4");
    selects("port != 80", b, "");
    selects("src_port = src_port", b, "0 2 3 4");
    eg_batch_unref(b);
    b = COLUMN(EG_TABLE_FLOWS, "bytes", "-9223372036854775808", "9223372036854775807", "-1", NULL);
    selects("bytes < 0", b, "0 2");
    selects("bytes > 9223372036854775806", b, "1");
    selects("bytes > 9223372036854775807", b, "");
    selects("not bytes > 9223372036854775807", b, "0 1 2");
    selects("bytes & 0xff = 255", b, "1 2");
    eg_batch_unref(b);
    b = COLUMN(EG_TABLE_FLOWS, "tos", "-32768", "32767", "255", NULL);
    selects("tos > 255", b, "1");
    selects("tos <= 255", b, "0 2");
    eg_batch_unref(b);
    b = COLUMN(EG_TABLE_FLOWS, "tcp_flags", "2", "18", "16", NULL);
    selects("flags S", b, "0 1");
    selects("flags S and not flags A", b, "0");
    selects("tcp_flags = S", b, "0");
    eg_batch_unref(b);
}

static void addresses(void **state) {
    (void)state;
    struct eg_batch *b = COLUMN(EG_TABLE_FLOWS, "src_ip", "10.0.0.1", "10.255.0.1", NULL,
                                "2001:db8::1", "::1", "192.168.0.1", "::fffe:10.0.0.1");
    selects("host 10.0.0.1", b, "0");
    selects("src_ip != 10.0.0.1", b, "1 3 4 5 6");
    selects("src net 10", b, "0 1");
    selects("not src net 10", b, "3 4 5 6");
    selects("ip", b, "0 1 5");
    selects("ip6", b, "3 4 6");
    selects("src_ip in ::/0", b, "3 4 6");
    selects("src_ip in ::/8", b, "4 6");
    selects("src_ip not in ::/8", b, "0 1 3 5");
    selects("src_ip in (::1, 192.168.0.0/24)", b, "4 5");
    selects("src_ip in (1.1.1.1, 2.2.2.2, 3.3.3.3, ::/8, 10.0.0.1, 192.0.0.0/8)", b, "0 4 5 6");
    selects("not src_ip in (1.1.1.1, 2.2.2.2, 3.3.3.3, ::/8, 10.0.0.1)", b, "1 3 5");
    selects("src_ip = dst_ip", b, "");
    selects("src_ip = src_ip", b, "0 1 3 4 5 6");
    eg_batch_unref(b);
}

static void texts(void **state) {
    (void)state;
    static const char *const columns[] = {"application", "mpls_labels"}; /* NAME and TEXT */
    for (size_t i = 0; i < 2; i++) {
        struct eg_batch *b =
            COLUMN(EG_TABLE_FLOWS, columns[i], "http", "dns", NULL, "", "http", "https");
        static const char *const cases[][2] = {
            {"= http", "0 4"},
            {"!= http", "1 3 5"},
            {"< 'e'", "1 3"},
            {"in (dns, '')", "1 3"},
            {"not in (dns, '')", "0 4 5"},
            {"~ '^http'", "0 4 5"},
            {"!~ 's$'", "0 3 4"},
            {"is null", "2"},
            {">= 'http'", "0 4 5"},
            {"in (a, b, c, d, dns, e)", "1"},
        };
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            char text[80];
            snprintf(text, sizeof text, "%s %s", columns[i], cases[k][0]);
            selects(text, b, cases[k][1]);
        }
        eg_batch_unref(b);
    }
    struct eg_batch *b = COLUMN(EG_TABLE_FLOWS, "initiator", "1", "0", NULL);
    selects("initiator", b, "0");
    selects("not initiator", b, "1");
    selects("initiator in (true, false)", b, "0 1");
    eg_batch_unref(b);
    b = COLUMN(EG_TABLE_FLOWS, "src_mac", "00:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", NULL);
    selects("mac 00:00:00:00:00:01", b, "0");
    selects("src_mac != 00:00:00:00:00:01", b, "1");
    eg_batch_unref(b);
}

/* duration and what is made of it: null where it has no meaning. */
static void made(void **state) {
    (void)state;
    static const char *const rows[][4] = {
        /* start, end, packets, bytes */
        {"0", "1000000", "10", "1000"},
        {"0", "0", "1", "40"},
        {"5", "0", "1", "40"},
        {NULL, "0", "1", "40"},
        {"0", "2000000", NULL, "500"},
        {"0", "500000", "0", "0"},
        {"-9223372036854775808", "9223372036854775807", "1", "1"},
    };
    struct eg_builder *builder;
    struct eg_batch *b;
    assert_int_equal(eg_builder_new(&builder, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, 7,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (size_t i = 0; i < 7; i++) {
        test_put(builder, "start_time", rows[i][0]);
        test_put(builder, "end_time", rows[i][1]);
        test_put(builder, "packets", rows[i][2]);
        test_put(builder, "bytes", rows[i][3]);
        eg_builder_row(builder, 1);
    }
    assert_int_equal(eg_builder_seal(builder, &b, NULL), EG_OK);
    eg_builder_free(builder);
    selects("duration = 1s", b, "0");
    selects("duration >= 0", b, "0 1 4 5");
    selects("duration < 0", b, "2");
    selects("duration is null", b, "3 6");
    selects("duration in (500ms, 2s..3s)", b, "4 5");
    selects("bps = 8000", b, "0");
    selects("bps <= 2000", b, "4 5");
    selects("not bps <= 2000", b, "0");
    selects("bps is null", b, "1 2 3 6");
    selects("pps = 10", b, "0");
    selects("pps is null", b, "1 2 3 4 6");
    selects("bpp = 40", b, "1 2 3");
    selects("bpp is null", b, "4 5");
    selects("bpp in (1, 39..41)", b, "1 2 3 6");
    selects("bytes > bpp", b, "0");
    selects("packets < duration", b, "0 5");
    selects("start_time < end_time", b, "0 4 5 6");
    eg_batch_unref(b);
}

/* Each number of rows around the sizes of words and blocks; a row in seven is null. */
static void any_size(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 7, 63, 64, 65, 127, 128, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct eg_builder *builder;
        struct eg_batch *b;
        assert_int_equal(eg_builder_new(&builder, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS,
                                        sizes[i], EG_COLUMNS_ALL, NULL),
                         EG_OK);
        for (uint32_t row = 0; row < sizes[i]; row++) {
            struct eg_addr addr = eg_addr_v4(row);
            if (row % 7) eg_put_int(builder, EG_COL(FLOWS, dst_port), row % 100);
            if (row % 7) eg_put_addr(builder, EG_COL(FLOWS, dst_ip), &addr);
            eg_builder_row(builder, 1);
        }
        assert_int_equal(eg_builder_seal(builder, &b, NULL), EG_OK);
        struct eg_filter *filter =
            test_filter("not port 5 and (dst_port < 50 or dst_ip in 0.0.0.0/24)", EG_TABLE_FLOWS);
        uint32_t *rows = calloc(sizes[i], sizeof *rows);
        uint32_t count = eg_filter_predicate(filter)->select(eg_filter_predicate(filter), b, rows);
        assert_int_equal(count, 0); /* src_port is null everywhere: "not port 5" is unknown */
        eg_filter_free(filter);
        filter = test_filter("dst_port != 5 and (dst_port < 50 or dst_ip in 0.0.0.0/24)",
                             EG_TABLE_FLOWS);
        count = eg_filter_predicate(filter)->select(eg_filter_predicate(filter), b, rows);
        uint32_t expected = 0;
        for (uint32_t row = 0; row < sizes[i]; row++) {
            if (row % 7 == 0 || row % 100 == 5 || !(row % 100 < 50 || row < 256)) continue;
            assert_true(expected < count);
            assert_int_equal(rows[expected], row);
            expected++;
        }
        assert_int_equal(count, expected);
        free(rows);
        eg_filter_free(filter);
        eg_batch_unref(b);
        eg_builder_free(builder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_numbers), cmocka_unit_test(addresses),
                                       cmocka_unit_test(texts), cmocka_unit_test(made),
                                       cmocka_unit_test(any_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
