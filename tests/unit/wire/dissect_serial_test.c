/* SPDX-License-Identifier: Apache-2.0
 * Link headers of serial lines, each in front of the same packet. */
#include "link_scene.h"

static void test_in_front_of_a_packet(void **state) {
    (void)state;
    static const struct link_frame good[] = {
        {EG_LINK_CISCO_HDLC, "0f00 0800" UDP4, 0},
        {EG_LINK_CISCO_HDLC, "8f00 8847 00010140" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "1861 0800" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "1861 03 cc" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "1861 03 00 cc" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "186003 03 cc" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "18606003 03 cc" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "1861 03 00 80 000000 0800" UDP4, 0},
        {EG_LINK_FRAME_RELAY, "1861 03 00 80 0080c2 0007" MACS "0800" UDP4, 0},
        {EG_LINK_FRAME_RELAY_WITH_DIRECTION, "01 1861 03 cc" UDP4, 0},
        {EG_LINK_MFR, "c001 1861 03 cc" UDP4, 0},
        {EG_LINK_MFR, "8001 1861 03 cc" UDP4, 0},
        {EG_LINK_SLIP, "00 45 0000000000000000000000000000" UDP4, 0},
        {EG_LINK_PPP_WITH_DIRECTION, "00 ff03 0021" UDP4, 0},
        {EG_LINK_PPP_PPPD, "0003 0021" UDP4, 0},
        {EG_LINK_HDLC_WITH_DIRECTION, "00 0f00 0800" UDP4, 0},
        {EG_LINK_PPP_ETHER, "1100 0001 001f 0021" UDP4, 0},
    };
    assert_packet_behind(LINK_FRAMES(good));
}

static void test_frames_without_ip(void **state) {
    (void)state;
    static const struct link_frame none[] = {
        {EG_LINK_CISCO_HDLC, "0f00 8035 0001", 0},
        {EG_LINK_CISCO_HDLC, "0f00 0010 4500", 0},
        {EG_LINK_FRAME_RELAY, "1861 03 83 4500", 0},
        {EG_LINK_FRAME_RELAY, "1861 0000 4500", 0},
        {EG_LINK_MFR, "4001 1861 03 cc" UDP4, 0},
        {EG_LINK_MFR, "e001 1861 03 cc" UDP4, 0},
        {EG_LINK_SLIP, "00 83 0000000000000000000000000000" UDP4, 0},
        {EG_LINK_SLIP, "00 45 0000000000000000000000000000 e0", EG_REMARK_HEADER_BAD},
        {EG_LINK_PPP_ETHER, "1109 0001 001f 0021" UDP4, 0},
    };
    assert_no_packet_behind(LINK_FRAMES(none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_front_of_a_packet),
        cmocka_unit_test(test_frames_without_ip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
