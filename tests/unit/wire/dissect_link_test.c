/* SPDX-License-Identifier: Apache-2.0
 * Link headers, each in front of the same packet; frames without IP. */
#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "frames_cut.h"

static void test_other_links(void **state) {
    (void)state;
    static const struct {
        uint32_t link_type;
        const char *frame;
    } good[] = {
        {EG_LINK_NULL, "02000000" UDP4},
        {EG_LINK_NULL, "00000002" UDP4},
        {EG_LINK_NULL, "0f000800" UDP4}, /* an EtherType behind something */
        {EG_LINK_LOOP, "00000002" UDP4},
        {EG_LINK_RAW, UDP4},
        {EG_LINK_RAW_BSD, UDP4},
        {EG_LINK_RAW_OPENBSD, UDP4},
        {EG_LINK_IPV4, UDP4},
        {EG_LINK_PPP, "ff03 0021" UDP4},
        {EG_LINK_PPP, "ff03 21" UDP4},
        {EG_LINK_PPP, "0021" UDP4},
        {EG_LINK_PPP, "21" UDP4},
        {EG_LINK_PPP, "0f00 0800" UDP4},
        {EG_LINK_PPP_HDLC, "ff03 0021" UDP4},
        {EG_LINK_PPP_HDLC, "8f00 0800" UDP4},
        {EG_LINK_PPP_HDLC, "ff03 0281 00010140" UDP4},
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 0800" UDP4},
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 8100 0064 0800" UDP4},
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 0004 aaaa03 000000 0800" UDP4},
        {EG_LINK_SLL2, "0800 0000 00000003 0001 00 06 0102030405060000" UDP4},
        {EG_LINK_ETHERNET, MACS "0025 aaaa03 000000 0800" UDP4},
        {EG_LINK_ETHERNET, MACS "0020 060603" UDP4},
        {EG_LINK_ETHERNET, MACS "8100 0064 0025 aaaa03 0000f8 0800" UDP4},
        {EG_LINK_MPLS, "00064040 000c8140" UDP4},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(eg_link_supported(good[i].link_type));
        struct eg_layers got = whole_and_cut(good[i].link_type, good[i].frame);
        assert_udp4(&got);
    }
    struct eg_layers got = layers_of(EG_LINK_SLL, good[16].frame, 0);
    assert_true(got.src_mac == 0x010203040506 && !(got.has & EG_HAS_DST_MAC));
    got = layers_of(EG_LINK_SLL2, good[19].frame, 0);
    assert_true(got.src_mac == 0x010203040506);

    static const char *const families[] = {"1c000000", "1e000000", "18000000", "0000000a"};
    for (size_t i = 0; i < 4; i++) {
        char frame[300];
        snprintf(frame, sizeof frame, "%s%s", families[i], IP6("0008", "11") UDP("0008"));
        got = layers_of(EG_LINK_NULL, frame, 0);
        assert_int_equal(got.ip_version, 6);
        assert_int_equal(got.dst_port, 53);
    }
    got = layers_of(EG_LINK_IPV6, IP6("0008", "11") UDP("0008"), 0);
    assert_int_equal(got.ip_version, 6);
}

static void test_frames_without_ip_are_no_trouble(void **state) {
    (void)state;
    static const struct {
        uint32_t link_type;
        const char *frame;
    } other[] = {
        {EG_LINK_NULL, "07000000 4500"},                             /* another family */
        {EG_LINK_PPP, "ff03 c021 0100"},                             /* LCP */
        {EG_LINK_SLL, "0004 0338 0000 0000000000000000 0800 4500"},  /* netlink */
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 0001 ffff"}, /* raw 802.3 */
        {EG_LINK_ETHERNET, MACS "0003 424203"},                      /* spanning tree */
        {EG_LINK_ETHERNET, MACS "0008 aaaa03 00000c 2000"},          /* somebody's SNAP */
        {EG_LINK_ETHERNET, MACS "05ee 4500"},                        /* not length, not type */
        {EG_LINK_ETHERNET, MACS "8847 00010140 00"},                 /* no IP in the labels */
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct eg_layers got = layers_of(other[i].link_type, other[i].frame, 0);
        assert_int_equal(got.remarks, 0);
        assert_false(got.has & (EG_HAS_IP_VERSION | EG_HAS_SRC | EG_HAS_PROTO));
    }
}

static void test_link_type_that_is_not_taken_apart(void **state) {
    (void)state;
    static const uint32_t links[] = {140, 195, 253, 4711, UINT32_MAX};
    for (size_t i = 0; i < 5; i++) {
        assert_false(eg_link_supported(links[i]));
        struct eg_layers got = layers_of(links[i], MACS "0800" UDP4, 0);
        assert_int_equal(got.remarks, EG_REMARK_LINK_TYPE_UNSUPPORTED);
        assert_int_equal(got.has, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_links),
        cmocka_unit_test(test_frames_without_ip_are_no_trouble),
        cmocka_unit_test(test_link_type_that_is_not_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
