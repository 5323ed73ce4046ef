/* SPDX-License-Identifier: Apache-2.0
 * Tags, labels, LLC, PPP and what else stands between a link header and IP. */
#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "frames.h"

static void test_vlan_tags(void **state) {
    (void)state;
    struct eg_layers got = layers_of(EG_LINK_ETHERNET, MACS "8100 e064 0800" UDP4, 0);
    assert_udp4(&got);
    assert_int_equal(got.vlan, 100); /* without priority */
    got = layers_of(EG_LINK_ETHERNET, MACS "88a8 00c8 8100 0064 0800" UDP4, 0);
    assert_udp4(&got);
    assert_int_equal(got.vlan, 200); /* the outermost */
    got = layers_of(EG_LINK_ETHERNET, MACS "9100 0001 9200 0002 9300 0003 0800" UDP4, 0);
    assert_udp4(&got);

    /* eight are followed, nine are not */
    const char *tag = "8100 0001 ";
    char frame[400] = MACS;
    for (int i = 0; i < 8; i++) strcat(frame, tag);
    size_t eight = strlen(frame);
    strcat(frame, "0800" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_udp4(&got);
    frame[eight] = 0;
    strcat(frame, tag);
    strcat(frame, "0800" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
    assert_int_equal(got.vlan, 1);
    assert_false(got.has & EG_HAS_IP_VERSION);

    got = layers_of(EG_LINK_ETHERNET, MACS "8100 0064", 64); /* cut in the tag */
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.vlan, 100);
}

static void test_mpls_labels(void **state) {
    (void)state;
    struct eg_layers got = layers_of(EG_LINK_ETHERNET, MACS "8847 00010040 fffff1ff" UDP4, 0);
    assert_udp4(&got);
    assert_int_equal(got.mpls_count, 2);
    assert_int_equal(got.mpls[0], 16);
    assert_int_equal(got.mpls[1], 0xfffff);
    got = layers_of(EG_LINK_ETHERNET, MACS "8848 00010140" IP6("0008", "11") UDP("0008"), 0);
    assert_int_equal(got.ip_version, 6);

    /* sixteen are followed, seventeen are not */
    char frame[600] = MACS "8847 ";
    for (int i = 0; i < 15; i++) strcat(frame, "00010040 ");
    size_t fifteen = strlen(frame);
    strcat(frame, "00011140" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_udp4(&got);
    assert_int_equal(got.mpls_count, 16);
    assert_int_equal(got.mpls[15], 17);
    frame[fifteen] = 0;
    strcat(frame, "00010040 00011140" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
    assert_int_equal(got.mpls_count, 16);
    assert_false(got.has & EG_HAS_IP_VERSION);

    got = layers_of(EG_LINK_ETHERNET, MACS "8847 00010040 0001", 100);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.mpls_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vlan_tags),
        cmocka_unit_test(test_mpls_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
