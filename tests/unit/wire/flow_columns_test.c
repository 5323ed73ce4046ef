/* SPDX-License-Identifier: Apache-2.0
 * Columns of records: numbers of any length, addresses of both families, ICMP. */
#include "flow_scene.h"

static void numbers_have_any_length(void **state) {
    (void)state;
    for (uint16_t length = 1; length <= 8; length++) {
        struct result r = IPFIX({{1, length, 0}, 200}, {{2, length, 0}, 7}, {{10, length, 0}, 9});
        ASSERT_ROW(r.rows[0], "bytes=200", "packets=7", "in_if=9");
        result_reset(&r);
    }
    struct result r = IPFIX({{1, 8, 0}, UINT64_MAX}, {{5, 4, 0}, 70000}, {{58, 4, 0}, 1});
    ASSERT_ROW(r.rows[0], "bytes=9223372036854775807", "tos=32767", "vlan=1");
    result_reset(&r);
}

static void lengths_that_cannot_be_are_kept_as_bytes(void **state) {
    (void)state;
    struct result r = IPFIX({{1, 9, 0}, 1}, {{8, 3, 0}, 5}, {{2, 4, 0}, 1});
    ASSERT_ROW(
        r.rows[0], "packets=1",
        "extra={\"octetDeltaCount\":\"000000000000000001\",\"sourceIPv4Address\":\"000005\"}");
    assert_lacks(r.rows[0], "bytes");
    assert_int_equal(records_of(&r, EG_CAUSE_field_opaque), 2);
    result_reset(&r);
}

static void tunnels_have_kinds(void **state) {
    (void)state;
    static const struct {
        uint64_t proto;
        const char *tunnel;
    } cases[] = {{4, "tunnel=ipip"}, {41, "tunnel=ipip"}, {47, "tunnel=gre"}, {50, NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct result r =
            IPFIX({{8, 4, 0}, 0x0b000001}, {{12, 4, 0}, 0x0b000002}, {{4, 1, 0}, cases[i].proto},
                  {{8, 4, 0}, 0x0a000001}, {{12, 4, 0}, 0x0a000002}, {{4, 1, 0}, 1});
        ASSERT_ROW(r.rows[0], "src_ip=00000000000000000000ffff0a000001",
                   "dst_ip=00000000000000000000ffff0a000002", "proto=1",
                   "outer_src_ip=00000000000000000000ffff0b000001",
                   "outer_dst_ip=00000000000000000000ffff0b000002");
        if (cases[i].tunnel)
            assert_non_null(strstr(r.rows[0], cases[i].tunnel));
        else
            assert_lacks(r.rows[0], "tunnel");
        result_reset(&r);
    }
}

static void ports_belong_to_protocols(void **state) {
    (void)state;
    struct result r = IPFIX({{4, 1, 0}, 47}, {{7, 2, 0}, 5}, {{11, 2, 0}, 6}, {{6, 1, 0}, 2});
    ASSERT_ROW(r.rows[0], "proto=47");
    assert_lacks(r.rows[0], "src_port");
    assert_lacks(r.rows[0], "tcp_flags");
    result_reset(&r);
    r = IPFIX({{7, 2, 0}, 5}, {{6, 2, 0}, 0x112});
    ASSERT_ROW(r.rows[0], "src_port=5", "tcp_flags=274");
    result_reset(&r);
}

static void icmp_stands_in_several_places(void **state) {
    (void)state;
    struct result r = IPFIX({{4, 1, 0}, 1}, {{11, 2, 0}, 0x0301});
    ASSERT_ROW(r.rows[0], "icmp_type=3", "icmp_code=1");
    result_reset(&r);
    r = IPFIX({{4, 1, 0}, 58}, {{11, 2, 0}, 0}, {{139, 2, 0}, 0x8000});
    ASSERT_ROW(r.rows[0], "icmp_type=128", "icmp_code=0");
    result_reset(&r);
    r = IPFIX({{4, 1, 0}, 58}, {{176, 1, 0}, 9}, {{177, 1, 0}, 9}, {{178, 1, 0}, 135},
              {{179, 1, 0}, 1});
    ASSERT_ROW(r.rows[0], "icmp_type=135", "icmp_code=1");
    result_reset(&r);
    r = IPFIX({{4, 1, 0}, 6}, {{32, 2, 0}, 0x0301}, {{11, 2, 0}, 80});
    assert_lacks(r.rows[0], "icmp_type");
    result_reset(&r);
}

static void of_two_families_the_one_that_is(void **state) {
    (void)state;
    struct result r = IPFIX({{8, 4, 0}, 0}, {{27, 16, 0}, 1}, {{12, 4, 0}, 0}, {{28, 16, 0}, 2},
                            {{9, 1, 0}, 24}, {{29, 1, 0}, 64});
    ASSERT_ROW(r.rows[0], "src_ip=00000000000000000000000000000001", "src_mask=64");
    result_reset(&r);
    r = IPFIX({{27, 16, 0}, 0}, {{8, 4, 0}, 0x0a000001}, {{9, 1, 0}, 24}, {{29, 1, 0}, 64});
    ASSERT_ROW(r.rows[0], "src_ip=" V4("0a000001"), "src_mask=24");
    result_reset(&r);
    r = IPFIX({{60, 1, 0}, 6}, {{8, 4, 0}, 0x0a000001}, {{27, 16, 0}, 0});
    ASSERT_ROW(r.rows[0], "src_ip=00000000000000000000000000000000");
    result_reset(&r);
    r = IPFIX({{60, 1, 0}, 4}, {{8, 4, 0}, 0}, {{27, 16, 0}, 7});
    ASSERT_ROW(r.rows[0], "src_ip=" V4("00000000"));
    result_reset(&r);
}

static void the_zero_hop_is_none(void **state) {
    (void)state;
    struct result r = IPFIX({{18, 4, 0}, 0x0a000009}, {{15, 4, 0}, 0}, {{225, 4, 0}, 0});
    ASSERT_ROW(r.rows[0], "next_hop=" V4("0a000009"));
    assert_lacks(r.rows[0], "nat_src_ip");
    result_reset(&r);
    r = IPFIX({{18, 4, 0}, 0x0a000009}, {{15, 4, 0}, 0x0a000008});
    ASSERT_ROW(r.rows[0], "next_hop=" V4("0a000008"));
    result_reset(&r);
}

static void records_may_name_another_exporter(void **state) {
    (void)state;
    struct result r = IPFIX({{130, 4, 0}, 0x0a000007}, {{149, 4, 0}, 99}, {{1, 4, 0}, 5});
    ASSERT_ROW(r.rows[0], "exporter=" V4("0a000007"), "domain=99");
    result_reset(&r);
    r = IPFIX({{130, 4, 0}, 0}, {{1, 4, 0}, 5});
    ASSERT_ROW(r.rows[0], "exporter=" V4("c0000201"), "domain=5");
    result_reset(&r);
}

static void the_rest(void **state) {
    (void)state;
    struct result r =
        V9({{56, 6, 0}, 0x0200c0ffee01}, {{58, 2, 0}, 0}, {{61, 1, 0}, 1}, {{136, 1, 0}, 3},
           {{351, 8, 0}, UINT64_C(0x0100000000001234)}, {{192, 1, 0}, 64}, {{2, 4, 0}, 0});
    ASSERT_ROW(r.rows[0], "src_mac=2202261253633", "direction=1", "end_reason=3", "tunnel=vxlan",
               "tunnel_id=4660", "min_ttl=64", "max_ttl=64");
    assert_lacks(r.rows[0], "vlan");
    assert_int_equal(records_of(&r, EG_CAUSE_record_empty), 1);
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_any_length),
        cmocka_unit_test(lengths_that_cannot_be_are_kept_as_bytes),
        cmocka_unit_test(tunnels_have_kinds),
        cmocka_unit_test(ports_belong_to_protocols),
        cmocka_unit_test(icmp_stands_in_several_places),
        cmocka_unit_test(of_two_families_the_one_that_is),
        cmocka_unit_test(the_zero_hop_is_none),
        cmocka_unit_test(records_may_name_another_exporter),
        cmocka_unit_test(the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
