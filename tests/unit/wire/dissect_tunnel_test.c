/* SPDX-License-Identifier: Apache-2.0
 * Each tunnel around the same packet; headers that are none. */
#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "frames.h"

#define INNER IP4("001d", "11") UDP("0009") "55"
#define OUTER(total, proto) "4500" total "0001 0000 40" proto "0000 0b000001 0b000002 "
#define PORTS_TO(port) "c000" port "0000 0000 "

static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, 11, 0, 0, 1};

static void assert_inside(const struct eg_layers *got, enum eg_tunnel tunnel, int64_t id) {
    assert_udp4(got);
    assert_true(got->has & EG_HAS_TUNNEL);
    assert_int_equal(got->tunnel, tunnel);
    assert_int_equal(!!(got->has & EG_HAS_TUNNEL_ID), id >= 0);
    if (id >= 0) assert_int_equal(got->tunnel_id, id);
    assert_true(got->has & EG_HAS_OUTER);
    assert_memory_equal(got->outer_src.bytes, v4, 16);
    assert_int_equal(got->outer_dst.bytes[15], 2);
}

static void test_each_tunnel(void **state) {
    (void)state;
    static const struct {
        const char *frame;
        enum eg_tunnel tunnel;
        int64_t id;
    } good[] = {
        {OUTER("0031", "04") INNER, EG_TUNNEL_IPIP, -1},
        {OUTER("0035", "2f") "0000 0800" INNER, EG_TUNNEL_GRE, -1},
        {OUTER("0039", "2f") "2000 0800 00010203" INNER, EG_TUNNEL_GRE, 0x10203},
        {OUTER("004f", "2f") "b000 6558 00000000 00000007 00000001" MACS "0800" INNER,
         EG_TUNNEL_GRE, 7},
        {OUTER("004f", "11") PORTS_TO("12b5") "08000000 00002a00" MACS "0800" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("004f", "11") PORTS_TO("17c1") "00006558 00002a00" MACS "0800" INNER,
         EG_TUNNEL_GENEVE, 42},
        {OUTER("0045", "11") PORTS_TO("17c1") "01000800 00002a00 01020304" INNER, EG_TUNNEL_GENEVE,
         42},
        {OUTER("0041", "11") PORTS_TO("0868") "30ff001d 00000009" INNER, EG_TUNNEL_GTP, 9},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct eg_layers got = layers_of(EG_LINK_RAW, good[i].frame, 0);
        assert_inside(&got, good[i].tunnel, good[i].id);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tunnel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
