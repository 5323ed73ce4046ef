/* SPDX-License-Identifier: Apache-2.0
 * Tags, labels, LLC, PPP and what else stands between a link header and IP. */
#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "frames_cut.h"

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

static void test_in_front_of_a_packet(void **state) {
    (void)state;
    static const char *const good[] = {
        "8864 1100 0001 001f 0021" UDP4,                      /* PPPoE */
        "8864 1100 0001 001e 21" UDP4,                        /* compressed */
        "88e7 00012345" MACS "0800" UDP4,                     /* 802.1ah */
        "88a8 0007 88e7 00012345" MACS "8100 0008 0800" UDP4, /* with tags */
        "8926 00000064 0800" UDP4,                            /* VN-Tag */
        "8926 00000064 8100 0064 0800" UDP4,                  /* and a tag */
        "88e5 001f 00000001 0800" UDP4 "0102030405060708090a0b0c0d0e0f10",
        "88e5 2000 00000001 0102030405060708 0800" UDP4 "0102030405060708090a0b0c0d0e0f10",
        "894f 0fc6 0101 00000103 01020304050607080910111213141516" UDP4,
        "894f 0fc2 0203 00000103" MACS "0800" UDP4,        /* NSH with a frame */
        "894f 0fc2 0204 00000103 0fc2 0201 00000103" UDP4, /* NSH in NSH */
        "894f 0fc2 0205 00000103 00010140" UDP4,           /* labels */
        "d28b 0001 0010 0102030405060708 0800" UDP4,       /* Arista */
        "d28b 0001 0120 010203040506 0800" UDP4,           /* and 48 bits */
        "8909 0101 00010000 0800" UDP4,                    /* Cisco MetaData */
        "8847 00010140 00000000" MACS "0800" UDP4,         /* a pseudowire */
        "8847 00010140" MACS "0800" UDP4,                  /* without control word */
        "0033 aaaa03 0080c2 0007" MACS "0800" UDP4,        /* bridged */
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char frame[400];
        snprintf(frame, sizeof frame, MACS "%s", good[i]);
        struct eg_layers got = whole_and_cut(EG_LINK_ETHERNET, frame);
        assert_udp4(&got);
        assert_true(got.dst_mac == 0x0a0b0c0d0e0f && got.src_mac == 0x010203040506);
        assert_false(got.has & (EG_HAS_TUNNEL | EG_HAS_OUTER));
    }
    struct eg_layers got = whole_and_cut(EG_LINK_PPP, "0031 0001" MACS "0800" UDP4);
    assert_udp4(&got);
    got = whole_and_cut(EG_LINK_PPP, "0031 2001 00000007" MACS "0800" UDP4);
    assert_udp4(&got);
}

/* The frame's own addresses and tags stand, not those of the frame in it. */
static void test_frames_in_frames(void **state) {
    (void)state;
    struct eg_layers got =
        layers_of(EG_LINK_ETHERNET,
                  MACS "88a8 0007 88e7 00012345 111111111111 222222222222 8100 0008 0800" UDP4, 0);
    assert_true(got.dst_mac == 0x0a0b0c0d0e0f && got.src_mac == 0x010203040506);
    assert_int_equal(got.vlan, 7);
    got = layers_of(EG_LINK_ETHERNET,
                    MACS "8847 00010140 111111111111 222222222222 8100 0008 0800" UDP4, 0);
    assert_udp4(&got);
    assert_true(got.src_mac == 0x010203040506);
    assert_int_equal(got.mpls_count, 1);
    assert_int_equal(got.vlan, 8); /* there is none in front */
}

static void test_what_is_left_alone(void **state) {
    (void)state;
    static const struct {
        const char *frame;
        uint32_t remarks;
    } none[] = {
        {"8864 2100 0001 001f 0021" UDP4, 0},        /* another version */
        {"8864 1100 0001 001f c021" UDP4, 0},        /* LCP */
        {"88e5 0800 00000001 0800" UDP4, 0},         /* encrypted */
        {"894f 4fc2 0201 00000103" UDP4, 0},         /* another version */
        {"894f 0fc2 0207 00000103" UDP4, 0},         /* another protocol */
        {"894f 0fc1 0201 00000103" UDP4, 0},         /* too short a header */
        {"d28b 0002 0010 0102030405060708 0800", 0}, /* another kind */
        {"8847 00010140 10000000" UDP4, 0},          /* a channel of the pseudowire's own */
        {"8847 00010140 00000000" MACS "4242", 0},   /* a frame of nobody knows what */
        {"88e5 001f 00000001", EG_REMARK_HEADER_BAD}, {"8926 00000064", EG_REMARK_HEADER_BAD},
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char frame[400];
        snprintf(frame, sizeof frame, MACS "%s", none[i].frame);
        struct eg_layers got = whole_and_cut(EG_LINK_ETHERNET, frame);
        assert_int_equal(got.remarks, none[i].remarks);
        assert_false(got.has & (EG_HAS_IP_VERSION | EG_HAS_SRC));
    }
}

/* What is behind the length that a header says is not part of the packet. */
static void test_lengths(void **state) {
    (void)state;
    struct eg_layers got = layers_of(
        EG_LINK_ETHERNET, MACS "8864 1100 0001 0016 0021" IP4("001d", "11") UDP("0009") "55", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD); /* the UDP header does not fit */
    assert_true(got.has & EG_HAS_DST && !(got.has & EG_HAS_PORTS));
    assert_int_equal(got.ip_length, 20);
    got = layers_of(EG_LINK_ETHERNET,
                    MACS "88e5 0016 00000001 0800" IP4("001d", "11") UDP("0009") "55", 0);
    assert_int_equal(got.ip_length, 20);
}

static void test_headers_without_end(void **state) {
    (void)state;
    char frame[8000] = MACS "894f";
    for (int i = 0; i < 200; i++) strcat(frame, "0fc2 0204 00000103");
    struct eg_layers got = whole_and_cut(EG_LINK_ETHERNET, frame);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
    assert_false(got.has & EG_HAS_IP_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vlan_tags),
        cmocka_unit_test(test_mpls_labels),
        cmocka_unit_test(test_in_front_of_a_packet),
        cmocka_unit_test(test_frames_in_frames),
        cmocka_unit_test(test_what_is_left_alone),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_headers_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
