/* SPDX-License-Identifier: Apache-2.0
 * 802.11 and what stands in front of it, each in front of the same packet. */
#include "link_scene.h"

static void test_in_front_of_a_packet(void **state) {
    (void)state;
    static const struct link_frame good[] = {
        {EG_LINK_WIRELESS,
         "0800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc 1000 aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_WIRELESS,
         "0801 0000 cccccccccccc 010203040506 0a0b0c0d0e0f 1000 aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_WIRELESS,
         "0802 0000 0a0b0c0d0e0f cccccccccccc 010203040506 1000 aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_WIRELESS,
         "0803 0000 cccccccccccc dddddddddddd 0a0b0c0d0e0f 1000 010203040506 "
         "aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_WIRELESS,
         "8801 0000 cccccccccccc 010203040506 0a0b0c0d0e0f 1000 0000 aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_WIRELESS,
         "8881 0000 cccccccccccc 010203040506 0a0b0c0d0e0f 1000 0000 00000000 "
         "aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_WIRELESS,
         "8801 0000 cccccccccccc 010203040506 0a0b0c0d0e0f 1000 8000 "
         "0a0b0c0d0e0f 010203040506 0025 aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_RADIOTAP,
         "0000 0800 00000000 0800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc "
         "1000 aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_RADIOTAP,
         "0000 0900 02000000 20 8800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc "
         "1000 0000 0000 aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_RADIOTAP,
         "0000 1900 03000080 00000000 00000000 0102030405060708 20 8800 0000 0a0b0c0d0e0f "
         "010203040506 cccccccccccc 1000 0000 0000 aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_PRISM,
         "44000000 0a000000 0000 0800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc "
         "1000 aaaa03 000000 0800" UDP4,
         0},
        {EG_LINK_AVS,
         "80211001 0000000a 0000 0800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc "
         "1000 aaaa03 000000 0800" UDP4,
         0},
    };
    assert_packet_behind(LINK_FRAMES(good));
}

static void test_frames_without_ip(void **state) {
    (void)state;
    static const struct link_frame none[] = {
        {EG_LINK_WIRELESS, "8000 0000 ffffffffffff 010203040506 010203040506 1000 0000", 0},
        {EG_LINK_WIRELESS, "4800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc 1000", 0},
        {EG_LINK_WIRELESS,
         "0840 0000 0a0b0c0d0e0f 010203040506 cccccccccccc 1000 aaaa03 000000 0800" UDP4, 0},
        {EG_LINK_WIRELESS, "d400 0000 0a0b0c0d0e0f", 0},
        {EG_LINK_WIRELESS, "0900 0000 0a0b0c0d0e0f", 0},
        {EG_LINK_RADIOTAP, "0000 0700 00000000", EG_REMARK_HEADER_BAD},
        {EG_LINK_RADIOTAP, "0100 0800 00000000", EG_REMARK_HEADER_BAD},
        {EG_LINK_AVS, "80211001 00000000", EG_REMARK_HEADER_BAD},
    };
    assert_no_packet_behind(LINK_FRAMES(none));
}

static void test_the_ends_addresses(void **state) {
    (void)state;
    static const char *const frames[] = {
        "0800 0000 0a0b0c0d0e0f 010203040506 cccccccccccc 1000",
        "0801 0000 cccccccccccc 010203040506 0a0b0c0d0e0f 1000",
        "0802 0000 0a0b0c0d0e0f cccccccccccc 010203040506 1000",
        "0803 0000 cccccccccccc dddddddddddd 0a0b0c0d0e0f 1000 010203040506",
        "8000 0000 0a0b0c0d0e0f 010203040506 cccccccccccc 1000",
        "8801 0000 cccccccccccc eeeeeeeeeeee ffffffffffff 1000 8000 0a0b0c0d0e0f 010203040506 0000",
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct eg_layers got = layers_of(EG_LINK_WIRELESS, frames[i], 0);
        assert_true(got.dst_mac == 0x0a0b0c0d0e0f && got.src_mac == 0x010203040506);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_front_of_a_packet),
        cmocka_unit_test(test_frames_without_ip),
        cmocka_unit_test(test_the_ends_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
