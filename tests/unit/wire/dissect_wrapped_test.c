/* SPDX-License-Identifier: Apache-2.0
 * What capturing systems put in front of frames, each in front of the same packet. */
#include "link_scene.h"

static void test_in_front_of_a_packet(void **state) {
    (void)state;
    static const struct link_frame good[] = {
        {EG_LINK_ENC, "02000000 00000001 00000000" UDP4, 0},
        {EG_LINK_ENC, "00000002 00000001 00000000" UDP4, 0},
        {EG_LINK_PFLOG,
         "3d 02 00 00 6c6f3000000000000000000000000000 00000000000000000000000000000000 00000000 "
         "00000000 00000000 00000000 00000000 00000000 00000000" UDP4,
         0},
        {EG_LINK_IPNET, "0102 0000 00000054 00000002 00000000 ffffffff 00000000" UDP4, 0},
        {EG_LINK_NFLOG, "02000014 0800 0100 08000127 0500 0a00 00000000 2100 0900" UDP4, 0},
        {EG_LINK_NFLOG, "02000014 0021 0009" UDP4, 0},
        {EG_LINK_PPI, "0000 1000 01000000 0102030405060708" MACS "0800" UDP4, 0},
        {EG_LINK_PPI,
         "0000 0800 69000000 0800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc 1000 "
         "aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_PPI, "0000 0800 c0000000 0000 0800 0c000000" UDP4, 0},
        {EG_LINK_PKTAP, "14000000 01000000 01000000 656e3000 00000000" MACS "0800" UDP4, 0},
        {EG_LINK_PKTAP_USER, "0c000000 01000000 65000000" UDP4, 0},
        {EG_LINK_JUNIPER_ETHER, "4d4743 01" MACS "0800" UDP4, 0},
        {EG_LINK_JUNIPER_ETHER, "4d4743 81 0004 01020304" MACS "0800" UDP4, 0},
        {EG_LINK_JUNIPER_ETHER, "4d4743 83 0004 01020304 00000800" UDP4, 0},
        {EG_LINK_JUNIPER_PPP, "4d4743 01 0021" UDP4, 0},
        {EG_LINK_JUNIPER_FRAME_RELAY, "4d4743 01 1861 0800" UDP4, 0},
        {EG_LINK_JUNIPER_HDLC, "4d4743 01 0f00 0800" UDP4, 0},
    };
    assert_packet_behind(LINK_FRAMES(good));
}

static void test_frames_without_ip(void **state) {
    (void)state;
    static const struct link_frame none[] = {
        {EG_LINK_ENC, "07000000 00000001 00000000" UDP4, 0},
        {EG_LINK_NFLOG, "02000014 0800 0100 08000127", 0},
        {EG_LINK_NFLOG, "02000014 0300 0100 08000127 0000", EG_REMARK_HEADER_BAD},
        {EG_LINK_NFLOG, "07000014 2100 0900" UDP4, 0},
        {EG_LINK_PPI, "0000 0800 ff0f0000" UDP4, EG_REMARK_LINK_TYPE_UNSUPPORTED},
        {EG_LINK_PPI, "0000 0700 01000000" UDP4, EG_REMARK_HEADER_BAD},
        {EG_LINK_PPI, "0100 0800 01000000" UDP4, EG_REMARK_HEADER_BAD},
        {EG_LINK_PKTAP, "0c000000 02000000 01000000" UDP4, 0},
        {EG_LINK_PKTAP, "0b000000 01000000 01000000" UDP4, EG_REMARK_HEADER_BAD},
        {EG_LINK_JUNIPER_ETHER, "4d4744 01" MACS "0800" UDP4, EG_REMARK_HEADER_BAD},
        {EG_LINK_PFLOG, "00 02 00 00" UDP4, EG_REMARK_HEADER_BAD},
    };
    assert_no_packet_behind(LINK_FRAMES(none));
}

/* B42: what holds a frame may hold what holds a frame, and so on. */
static void test_wrapped_and_wrapped_again(void **state) {
    (void)state;
    char frame[4000] = "";
    for (int i = 0; i < 200; i++) strcat(frame, "0000 0800 c0000000");
    struct eg_layers got = whole_and_cut(EG_LINK_PPI, frame);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_front_of_a_packet),
        cmocka_unit_test(test_frames_without_ip),
        cmocka_unit_test(test_wrapped_and_wrapped_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
