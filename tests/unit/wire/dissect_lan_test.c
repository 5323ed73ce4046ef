/* SPDX-License-Identifier: Apache-2.0
 * Link headers of local networks and switches' tags, each in front of the same packet. */
#include "link_scene.h"

static void test_in_front_of_a_packet(void **state) {
    (void)state;
    static const struct link_frame good[] = {
        {EG_LINK_ARCNET_BSD, "be00 f0" UDP4, 0},
        {EG_LINK_ARCNET_BSD, "be00 d4 00 0001" UDP4, 0},
        {EG_LINK_ARCNET_LINUX, "be00 ed08 f0" UDP4, 0},
        {EG_LINK_ARCNET_LINUX, "be00 ed08 d4 00 0001" UDP4, 0},
        {EG_LINK_ARCNET_LINUX, "be00 ed08 d4 ffffff d4 00 0001" UDP4, 0},
        {EG_LINK_FDDI, "50" MACS "aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_TOKEN_RING, "1040" MACS "aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_TOKEN_RING,
         "1040 0a0b0c0d0e0f 810203040506 0630 0011 0022 aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_ATM_RFC1483, "aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_ATM_RFC1483, "aaaa03 0080c2 0007 0000" MACS "0800" UDP4, 0},
        {EG_LINK_FIREWIRE, "0102030405060708 1112131415161718 0800" UDP4, 0},
        {EG_LINK_IPOIB,
         "00000000000000000000000000000000 2fa3000a80000550 fe80000000000000 "
         "0010e000664ab451 0800 0000" UDP4,
         0},
        {EG_LINK_NETANALYZER, "01020304" MACS "0800" UDP4, 0},
        {EG_LINK_BRCM_PREPENDED, "01020304" MACS "0800" UDP4, 0},
        {EG_LINK_BRCM, "0a0b0c0d0e0f 010203040506 2c000080 0800" UDP4, 0},
        {EG_LINK_DSA, "0a0b0c0d0e0f 010203040506 c00a0000 0800" UDP4, 0},
        {EG_LINK_EDSA, "0a0b0c0d0e0f 010203040506 dada0000 c00a0000 0800" UDP4, 0},
    };
    assert_packet_behind(LINK_FRAMES(good));
}

static void test_frames_without_ip(void **state) {
    (void)state;
    static const struct link_frame none[] = {
        {EG_LINK_ARCNET_LINUX, "be00 ed08 d5 00 0001 0007 0800 0104 0001 04 0a508301 00 0a5083fe",
         0},
        {EG_LINK_ARCNET_LINUX, "be00 ed08 d4 02 0001" UDP4, 0},
        {EG_LINK_ARCNET_LINUX, "be00 ed08 cd 00 0001 e0e003", 0},
        {EG_LINK_FDDI, "c3" MACS "aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_TOKEN_RING, "1000" MACS "aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_IPOIB,
         "00000000000000000000000000000000 2fa3000a80000550 fe80000000000000 0010e000664ab451 0806 "
         "0000",
         0},
        {EG_LINK_BRCM, "0a0b0c0d0e0f 010203040506 2c000080 0026 424203", 0},
    };
    assert_no_packet_behind(LINK_FRAMES(none));
}

static void test_addresses_and_tags(void **state) {
    (void)state;
    struct eg_layers got =
        whole_and_cut(EG_LINK_DSA, "0a0b0c0d0e0f 010203040506 e00a6064 0800" UDP4);
    assert_udp4(&got);
    assert_true(got.dst_mac == 0x0a0b0c0d0e0f && got.src_mac == 0x010203040506);
    assert_int_equal(got.vlan, 100);
    got = whole_and_cut(EG_LINK_EDSA, "0a0b0c0d0e0f 010203040506 dada0000 600a0007 0800" UDP4);
    assert_int_equal(got.vlan, 7);
    got = whole_and_cut(EG_LINK_DSA, "0a0b0c0d0e0f 010203040506 c00a0064 0800" UDP4);
    assert_false(got.has & EG_HAS_VLAN);
    got = whole_and_cut(EG_LINK_TOKEN_RING,
                        "1040 0a0b0c0d0e0f 810203040506 0230 aaaa03 000000 0800" UDP4);
    assert_true(got.dst_mac == 0x0a0b0c0d0e0f && got.src_mac == 0x010203040506);
    got = whole_and_cut(EG_LINK_FDDI, "50" MACS "aaaa03 000000 0800" UDP4);
    assert_true(got.dst_mac == 0x0a0b0c0d0e0f && got.src_mac == 0x010203040506);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_front_of_a_packet),
        cmocka_unit_test(test_frames_without_ip),
        cmocka_unit_test(test_addresses_and_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
