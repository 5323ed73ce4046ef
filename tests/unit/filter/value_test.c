/* SPDX-License-Identifier: Apache-2.0
 * Values: every type read, written and read again; what does not fit is refused. */
#include "filter/value.h"

#include "filter/words.h"
#include "filter_make.h"

static enum eg_status parse(struct eg_item *out, const char *field, const char *text,
                            struct eg_arena *arena, struct eg_error *err) {
    struct eg_field of;
    assert_true(eg_field_named(&of, EG_TABLE_FLOWS, field));
    struct eg_lexer lexer = {text, strlen(text), 0};
    struct eg_token token = eg_lex(&lexer);
    return eg_value_parse(out, &of, &token, false, TEST_NOW, arena, err);
}

/* As the language writes what it read. */
static void reads(const char *field, const char *text, const char *expected) {
    struct eg_arena arena = {0};
    struct eg_item item;
    struct eg_error err = {0};
    struct eg_field of;
    if (parse(&item, field, text, &arena, &err) != EG_OK) fail_msg("%s: %s", text, err.message);
    assert_true(eg_field_named(&of, EG_TABLE_FLOWS, field));
    struct eg_strbuf got = {0};
    eg_item_text(&of, &item, &got);
    assert_string_equal(got.text, expected);
    eg_strbuf_reset(&got);
    eg_arena_reset(&arena);
}

static void refuses(const char *field, const char *text) {
    struct eg_arena arena = {0};
    struct eg_item item;
    struct eg_error err = {0};
    if (parse(&item, field, text, &arena, &err) != EG_E_USAGE) fail_msg("%s %s", field, text);
    assert_true(strlen(err.message) > 10);
    eg_arena_reset(&arena);
}

static void good(void **state) {
    (void)state;
    reads("bytes", "0", "0");
    reads("bytes", "-5", "-5");
    reads("bytes", "1.5k", "1500");
    reads("bytes", "0xfF", "255");
    reads("bytes", "9223372036854775807", "9223372036854775807");
    reads("bytes", "1-5", "1..5");
    reads("src_port", "http-443", "80..443");
    reads("src_port", "netbios-ns", "137");
    reads("src_port", "ftp-data-ssh", "20..22");
    reads("proto", "ipv6-icmp", "58");
    reads("proto", "TCP", "6");
    reads("proto", "icmp-udp", "1..17");
    reads("tcp_flags", "sa", "18");
    reads("tcp_flags", "FSRPAUECN", "511");
    reads("tcp_flags", "4095", "4095");
    reads("duration", "1500ms", "1.5s");
    reads("duration", "0", "0s");
    reads("duration", "1s-5s", "1s..5s");
    reads("rtt_us", "2ms", "2000");
    reads("bps", "1.25", "1.25");
    reads("bps", "-0", "0");
    reads("bps", "1e3", "1000");
    reads("bps", "1e-3", "0.001");
    reads("bps", "0.1", "0.1");
    reads("bps", "123456789.123", "123456789.123");
    reads("src_ip", "1.2.3.4", "1.2.3.4");
    reads("src_ip", "'1.2.3.4/24'", "1.2.3.0/24");
    reads("src_ip", "::ffff:1.2.3.0/120", "1.2.3.0/24");
    reads("src_ip", "::/0", "::/0");
    reads("src_mac", "AA:bb:CC:dd:EE:ff", "aa:bb:cc:dd:ee:ff");
    reads("initiator", "TRUE", "true");
    reads("initiator", "0", "false");
    reads("start_time", "now", "'2026-01-01T00:00:00.000000Z'");
    reads("start_time", "'2026-01-01 00:00:00.5'", "'2026-01-01T00:00:00.500000Z'");
    reads("start_time", "9999-12-31T23:59:59.999999Z", "'9999-12-31T23:59:59.999999Z'");
    reads("application", "http", "'http'");
    reads("application", "\"say \"\"hi\"\"\"", "'say \"hi\"'");
    reads("application", "'it''s'", "'it''s'");
}

static void bad(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"bytes", "1.5"},
        {"bytes", "''"},
        {"bytes", "k"},
        {"bytes", "1kk"},
        {"bytes", "5-"},
        {"bytes", "0x"},
        {"bytes", "0xfffffffffffffffff"},
        {"bytes", "9223372036854775808"},
        {"bytes", "5-1"},
        {"src_port", "65536"},
        {"src_port", "-1"},
        {"src_port", "80-70000"},
        {"proto", "256"},
        {"proto", "tcpp"},
        {"tos", "-1"},
        {"vlan", "4096"},
        {"src_mask", "129"},
        {"src_as", "4294967296"},
        {"tcp_flags", "SZ"},
        {"tcp_flags", "4096"},
        {"duration", "5"},
        {"duration", "'s'"},
        {"rtt_us", "5parsecs"},
        {"bps", "nan"},
        {"bps", "inf"},
        {"bps", "0x10p3"},
        {"bps", "1e999"},
        {"bps", "1.5x"},
        {"bps", "''"},
        {"src_ip", "1.2.3"},
        {"src_ip", "1.2.3.4/33"},
        {"src_ip", "::1/129"},
        {"src_ip", "''"},
        {"src_mac", "00:11"},
        {"initiator", "yes"},
        {"start_time", "''"},
        {"start_time", "0000-01-01"},
        {"start_time", "2026-02-30"},
        {"application", "'\xff'"},
        {"application", "'\xed\xa0\x80'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) refuses(cases[i][0], cases[i][1]);
    char text[400];
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = 0;
    refuses("bytes", text);
}

/* "net 10.1": what lacks is zero. */
static void by_net(void **state) {
    (void)state;
    struct eg_field field;
    struct eg_item item;
    struct eg_arena arena = {0};
    static const char *const good_ones[][2] = {
        {"10", "10.0.0.0/8"},           {"10.1", "10.1.0.0/16"},  {"10.1.2", "10.1.2.0/24"},
        {"172.16/12", "172.16.0.0/12"}, {"10.1/8", "10.0.0.0/8"}, {"10.1.2.3", "10.1.2.3"}};
    static const char *const bad_ones[] = {"256",   "10.", ".10", "10.1/33",
                                           "10..1", "/8",  "10/", "x"};
    assert_true(eg_field_named(&field, EG_TABLE_FLOWS, "src_ip"));
    for (size_t i = 0; i < 6; i++) {
        struct eg_token token = {EG_TOKEN_WORD, good_ones[i][0], strlen(good_ones[i][0]), 0, 0,
                                 NULL};
        struct eg_strbuf got = {0};
        assert_int_equal(eg_value_parse(&item, &field, &token, true, 0, &arena, NULL), EG_OK);
        eg_item_text(&field, &item, &got);
        assert_string_equal(got.text, good_ones[i][1]);
        eg_strbuf_reset(&got);
    }
    for (size_t i = 0; i < 8; i++) {
        struct eg_token token = {EG_TOKEN_WORD, bad_ones[i], strlen(bad_ones[i]), 0, 0, NULL};
        assert_int_equal(eg_value_parse(&item, &field, &token, true, 0, &arena, NULL), EG_E_USAGE);
    }
    eg_arena_reset(&arena);
}

static void reals(void **state) {
    (void)state;
    static const double values[] = {0.1, 1e300, 1.0 / 3, 123456789.0, 5e-324, 2.5};
    for (size_t i = 0; i < 6; i++) {
        struct eg_strbuf got = {0};
        eg_real_text(values[i], &got);
        assert_true(strtod(got.text, NULL) == values[i]);
        assert_non_null(strchr(got.text, 'e'));
        eg_strbuf_reset(&got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad),
                                       cmocka_unit_test(by_net), cmocka_unit_test(reals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
