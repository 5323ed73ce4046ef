/* SPDX-License-Identifier: Apache-2.0
 * Each tunnel around the same packet; headers that are none; tunnels in tunnels; trails. */
#include "frames_cut.h"

#include <stdio.h>

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
        {OUTER("0039", "2f") "2000 0800 00010203" INNER, EG_TUNNEL_GRE, 66051},
        {OUTER("004f", "2f") "b000 6558 00000000 00000007 00000001" MACS "0800" INNER,
         EG_TUNNEL_GRE, 7},
        {OUTER("0045", "2f") "4000 0800 00000000 0800 0004 0a000009 0000 0000" INNER, EG_TUNNEL_GRE,
         -1}, /* a route */
        {OUTER("0041", "2f") "3001 880b 0020 0005 00000001 ff03 0021" INNER, EG_TUNNEL_GRE,
         5}, /* PPTP */
        {OUTER("0043", "2f") "3081 880b 0020 0005 00000001 00000001 0021" INNER, EG_TUNNEL_GRE, 5},
        {OUTER("0039", "2f") "0000 8847 00010140" INNER, EG_TUNNEL_GRE, -1},
        {OUTER("0035", "2f") "0000 883e" INNER, EG_TUNNEL_GRE, -1},
        {OUTER("0039", "2f") "0000 883e 00000001" INNER, EG_TUNNEL_GRE, -1},
        {OUTER("003d", "2f") "0000 8909 0800 0101 00010000" INNER, EG_TUNNEL_GRE, -1},
        {OUTER("003d", "2f") "0000 894f 0fc2 0201 00000103" INNER, EG_TUNNEL_GRE, -1},
        {OUTER("0043", "2f") "0000 88be" MACS "0800" INNER, EG_TUNNEL_ERSPAN, -1},
        {OUTER("004f", "2f") "1000 88be 00000001 1064 0065 00000000" MACS "0800" INNER,
         EG_TUNNEL_ERSPAN, 101},
        {OUTER("0053", "2f") "1000 22eb 00000001 2064 0065 00000000 0000 0000" MACS "0800" INNER,
         EG_TUNNEL_ERSPAN, 101},
        {OUTER("005b", "2f") "1000 22eb 00000001 2064 0065 00000000 0000 0001 0102030405060708" MACS
                             "0800" INNER,
         EG_TUNNEL_ERSPAN, 101},
        {OUTER("0045", "2f") "1000 22eb 00000001 2064 0065 00000000 0000 0800" INNER,
         EG_TUNNEL_ERSPAN, 101}, /* a packet */
        {OUTER("004f", "11") PORTS_TO("12b5") "08000000 00002a00" MACS "0800" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("004f", "11") PORTS_TO("12b5") "88000001 00002a00" MACS "0800" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("004f", "11") PORTS_TO("2118") "08000000 00002a00" MACS "0800" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("004f", "11") PORTS_TO("12b6") "08000000 00002a00" MACS "0800" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("0041", "11") PORTS_TO("12b6") "0c000001 00002a00" INNER, EG_TUNNEL_VXLAN, 42},
        {OUTER("0041", "11") PORTS_TO("12b6") "04000001 00000000" INNER, EG_TUNNEL_VXLAN, -1},
        {OUTER("004f", "11") PORTS_TO("12b6") "0c000003 00002a00" MACS "0800" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("0049", "11") PORTS_TO("12b6") "0c000004 00002a00 0fc2 0201 00000103" INNER,
         EG_TUNNEL_VXLAN, 42},
        {OUTER("0045", "11") PORTS_TO("12b6") "0c000005 00002a00 00010140" INNER, EG_TUNNEL_VXLAN,
         42},
        {OUTER("004f", "11") PORTS_TO("17c1") "00006558 00002a00" MACS "0800" INNER,
         EG_TUNNEL_GENEVE, 42},
        {OUTER("0045", "11") PORTS_TO("17c1") "01000800 00002a00 01020304" INNER, EG_TUNNEL_GENEVE,
         42},
        {OUTER("0041", "11") PORTS_TO("0868") "30ff001d 00000009" INNER, EG_TUNNEL_GTP, 9},
        {OUTER("0045", "11") PORTS_TO("0868") "32ff0021 00000009 00010000" INNER, EG_TUNNEL_GTP, 9},
        {OUTER("0049", "11") PORTS_TO("0868") "34ff0025 00000009 00000085 01100900" INNER,
         EG_TUNNEL_GTP, 9}, /* an extension */
        {OUTER("0043", "11") PORTS_TO("06a5") "0002 0001 0002 ff03 0021" INNER, EG_TUNNEL_L2TP,
         65538},
        {OUTER("0047", "11") PORTS_TO("06a5") "4802 002b 0001 0002 0000 0000 0021" INNER,
         EG_TUNNEL_L2TP, 65538},
        {OUTER("0047", "11") PORTS_TO("06a5") "0202 0001 0002 0002 0000 ff03 0021" INNER,
         EG_TUNNEL_L2TP, 65538},
        {OUTER("003d", "11") PORTS_TO("19eb") "00010140" INNER, EG_TUNNEL_MPLS, -1},
        {OUTER("0035", "89") "00010140" INNER, EG_TUNNEL_MPLS, -1},
        {OUTER("004f", "11") PORTS_TO("147f") "00 100200 0000 0000" MACS "0800" INNER,
         EG_TUNNEL_CAPWAP, -1},
        {OUTER("0061", "11")
             PORTS_TO("147f") "00 100300 0000 0000 0800 0000 0a0b0c0d0e0f 010203040506 "
                              "cccccccccccc 1000 aaaa03 000000 0800" INNER,
         EG_TUNNEL_CAPWAP, -1},
        {OUTER("0069", "11")
             PORTS_TO("147f") "00 204320 0000 0000 01 04ed4d00 000000 0108 0000 cccccccccccc "
                              "010203040506 0a0b0c0d0e0f 1000 aaaa03 000000 0800" INNER,
         EG_TUNNEL_CAPWAP, -1},
        {OUTER("0041", "61") "3000" MACS "0800" INNER, EG_TUNNEL_ETHERIP, -1},
        {OUTER("003f", "8f") MACS "0800" INNER, EG_TUNNEL_ETHERIP, -1},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct eg_layers got = whole_and_cut(EG_LINK_RAW, good[i].frame);
        assert_inside(&got, good[i].tunnel, good[i].id);
    }
}

/* IPv6 in IPv4, through a relay or not, and IP in IPv6. */
static void test_the_other_versions(void **state) {
    (void)state;
    static const struct {
        uint32_t link_type;
        const char *frame;
        enum eg_tunnel tunnel;
        uint8_t inner, outer;
    } good[] = {
        {EG_LINK_IPV4, OUTER("0044", "29") IP6("0008", "11") UDP("0008"), EG_TUNNEL_IPIP, 6, 4},
        {EG_LINK_IPV6, IP6("001d", "04") INNER, EG_TUNNEL_IPIP, 4, 6},
        {EG_LINK_IPV6, IP6("0030", "29") IP6("0008", "11") UDP("0008"), EG_TUNNEL_IPIP, 6, 6},
        {EG_LINK_IPV6, /* behind a segment routing header */
         IP6("0035", "2b") "0402 0400 00000000 20010db8000000000000000000000009" INNER,
         EG_TUNNEL_IPIP, 4, 6},
        {EG_LINK_IPV6, IP6("002b", "8f") MACS "0800" INNER, EG_TUNNEL_ETHERIP, 4, 6},
        {EG_LINK_IPV4,
         OUTER("0049", "33") "0404 0000 00000001 00000001 010203040506070801020304" INNER,
         EG_TUNNEL_IPIP, 4, 4},
        {EG_LINK_IPV4, OUTER("004c", "11") PORTS_TO("0dd8") IP6("0008", "11") UDP("0008"),
         EG_TUNNEL_TEREDO, 6, 4},
        {EG_LINK_IPV4,
         OUTER("0054", "11") PORTS_TO("0dd8") "0000 1234 01020304" IP6("0008", "11") UDP("0008"),
         EG_TUNNEL_TEREDO, 6, 4},
        {EG_LINK_IPV4,
         OUTER("0061", "11") PORTS_TO("0dd8") "0001 0000 0102030405060708 00"
                                              "0000 1234 01020304" IP6("0008", "11") UDP("0008"),
         EG_TUNNEL_TEREDO, 6, 4},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct eg_layers got = whole_and_cut(good[i].link_type, good[i].frame);
        assert_int_equal(got.remarks, 0);
        assert_int_equal(got.ip_version, good[i].inner);
        assert_int_equal(got.tunnel, good[i].tunnel);
        assert_int_equal(got.dst_port, 53);
        assert_true(got.has & EG_HAS_OUTER);
        assert_int_equal(got.outer_src.bytes[0], good[i].outer == 6 ? 0x20 : 0);
        assert_int_equal(got.outer_dst.bytes[15], 2);
    }
}

/* The tunnel's own length ends the packet in it, whatever that says of itself. */
static void test_lengths_of_tunnels(void **state) {
    (void)state;
    struct eg_layers whole =
        whole_and_cut(EG_LINK_RAW, OUTER("0041", "11") PORTS_TO("0868") "30ff001d 00000009" INNER);
    struct eg_layers less =
        whole_and_cut(EG_LINK_RAW, OUTER("0041", "11") PORTS_TO("0868") "30ff0014 00000009" INNER);
    assert_int_equal(whole.remarks, 0);
    assert_true(whole.has & EG_HAS_PORTS);
    assert_int_equal(less.tunnel, EG_TUNNEL_GTP);
    assert_true(less.remarks & EG_REMARK_HEADER_BAD);
    assert_false(less.has & EG_HAS_PORTS);
}

/* A port is no proof, and a tunnel may carry something else than packets: the carrier is the row. */
static void test_what_is_not_entered(void **state) {
    (void)state;
    static const struct {
        const char *frame;
        enum eg_tunnel tunnel;
        uint32_t remarks;
    } rest[] = {
        {OUTER("0021", "11") PORTS_TO("12b5") "0800000000", EG_TUNNEL_NONE, 0},
        {OUTER("0024", "11") PORTS_TO("12b5") "00000000 00002a00", EG_TUNNEL_NONE, 0},
        {OUTER("0024", "11") PORTS_TO("2118") "08000001 00002a00", EG_TUNNEL_NONE, 0},
        {OUTER("0024", "11") PORTS_TO("17c1") "40006558 00002a00", EG_TUNNEL_NONE, 0},
        {OUTER("0024", "11") PORTS_TO("12b6") "38000001 00002a00", EG_TUNNEL_NONE, 0},
        {OUTER("0024", "11") PORTS_TO("0868") "32010004 00000000", EG_TUNNEL_NONE, 0}, /* an echo */
        {OUTER("0028", "11") PORTS_TO("0868") "34ff0004 00000009 00000085", EG_TUNNEL_NONE, 0},
        {OUTER("0028", "11") PORTS_TO("0868") "32ff0000 00000009 00010000", EG_TUNNEL_NONE, 0},
        {OUTER("0028", "11") PORTS_TO("06a5") "c802 000c 0001 0002 0000 0001", EG_TUNNEL_NONE, 0},
        {OUTER("0024", "11") PORTS_TO("147f") "01000000 00000000", EG_TUNNEL_NONE, 0}, /* DTLS */
        {OUTER("0024", "11") PORTS_TO("147f") "00100208 00000000", EG_TUNNEL_NONE, 0}, /* alive */
        {OUTER("0024", "11") PORTS_TO("147f") "00100280 00000008", EG_TUNNEL_NONE, 0}, /* a piece */
        {OUTER("0020", "11") PORTS_TO("0dd8") "45000000", EG_TUNNEL_NONE, 0},
        {OUTER("0018", "2f") "0002 0800", EG_TUNNEL_NONE, 0},
        {OUTER("0018", "2f") "0000 0000", EG_TUNNEL_GRE, 0},           /* a keepalive */
        {OUTER("001c", "2f") "2001 880b 0000 0005", EG_TUNNEL_GRE, 0}, /* an acknowledgement */
        {OUTER("0024", "2f") "1000 22eb 00000001 2064 0065 00000000", EG_TUNNEL_NONE,
         EG_REMARK_HEADER_BAD},
        {OUTER("002c", "2f") "1000 22eb 00000001 2064 0065 00000000 0000 1c00 01020304",
         EG_TUNNEL_ERSPAN, 0}, /* of no known kind */
        {OUTER("001c", "73") "00000007 00000000", EG_TUNNEL_L2TP, 0},
        {OUTER("001c", "73") "00000000 c8030014", EG_TUNNEL_NONE, 0},
        {OUTER("0032", "11") PORTS_TO("12b5") "08000000 00002a00" MACS "0806", EG_TUNNEL_VXLAN, 0},
        {OUTER("0018", "04") "4f000000", EG_TUNNEL_IPIP, EG_REMARK_HEADER_BAD},
        {OUTER("0014", "04"), EG_TUNNEL_IPIP, EG_REMARK_HEADER_BAD},
        {OUTER("0016", "61") "4000", EG_TUNNEL_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        struct eg_layers got = whole_and_cut(EG_LINK_RAW, rest[i].frame);
        assert_int_equal(got.remarks, rest[i].remarks);
        assert_int_equal(got.tunnel, rest[i].tunnel);
        assert_false(got.has & EG_HAS_OUTER);
        assert_memory_equal(got.src.bytes, v4, 16);
        assert_int_equal(!!(got.has & EG_HAS_TUNNEL), rest[i].tunnel != EG_TUNNEL_NONE);
    }
}

static void test_the_outer_view(void **state) {
    (void)state;
    struct eg_span frame = frame_of(MACS "8100 0007 0800" OUTER("004f", "11")
                                        PORTS_TO("12b5") "08000000 00002a00"
                                                         "111111111111 222222222222 0800" INNER);
    struct eg_layers got;
    eg_dissect_as(EG_VIEW_OUTERMOST, EG_LINK_ETHERNET, frame, (uint32_t)frame.size, NULL, &got);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.tunnel, EG_TUNNEL_VXLAN);
    assert_int_equal(got.tunnel_id, 42);
    assert_false(got.has & EG_HAS_OUTER);
    assert_memory_equal(got.src.bytes, v4, 16);
    assert_int_equal(got.dst_port, 4789);
    assert_int_equal(got.payload_length, 51);
    assert_int_equal(got.vlan, 7);
    assert_true(got.src_mac == 0x010203040506);

    /* and the inner one: the link layer is the one inside */
    eg_dissect(EG_LINK_ETHERNET, frame, (uint32_t)frame.size, &got);
    assert_inside(&got, EG_TUNNEL_VXLAN, 42);
    assert_true(got.src_mac == 0x222222222222 && got.dst_mac == 0x111111111111);
    assert_false(got.has & EG_HAS_VLAN);
    assert_int_equal(got.vlan, 0);
    frame_free(frame);

    /* where there is none inside, the one in front stays */
    got = layers_of(EG_LINK_ETHERNET, MACS "8847 00010140" OUTER("0031", "04") INNER, 0);
    assert_inside(&got, EG_TUNNEL_IPIP, -1);
    assert_true(got.src_mac == 0x010203040506);
    assert_int_equal(got.mpls_count, 1);
    got = layers_of(EG_LINK_ETHERNET,
                    MACS "8847 00010140 0800" OUTER("0039", "2f") "0000 8847 00020140" INNER, 0);
    got = layers_of(EG_LINK_ETHERNET,
                    MACS "8847 00010140" OUTER("0039", "2f") "0000 8847 00020140" INNER, 0);
    assert_udp4(&got);
    assert_int_equal(got.mpls_count, 1);
    assert_int_equal(got.mpls[0], 32);
}

/* The first piece of a packet that was too large for its way holds the packet inside. */
static void test_fragments_outside(void **state) {
    (void)state;
    struct eg_layers got =
        layers_of(EG_LINK_RAW,
                  "4500 0041 0001 2000 40 11 0000 0b000001 0b000002 c000 0868 0100 0000"
                  "30ff001d 00000009" INNER,
                  0);
    assert_inside(&got, EG_TUNNEL_GTP, 9);
    assert_false(got.fragment);
    got = layers_of(EG_LINK_RAW, "4500 0031 0001 00b9 40 11 0000 0b000001 0b000002" INNER, 0);
    assert_int_equal(got.remarks, 0);
    assert_true(got.fragment);
    assert_false(got.has & EG_HAS_TUNNEL);
}

/* ---- B42 ---- */

static struct eg_layers nested(const char *header, unsigned count, uint32_t link_type) {
    size_t one = strlen(header);
    char *frame = malloc(one * count + 200);
    for (unsigned i = 0; i < count; i++) memcpy(frame + one * i, header, one);
    snprintf(frame + one * count, 200, "%s", INNER);
    struct eg_layers got = layers_of(link_type, frame, 0);
    free(frame);
    return got;
}

static void test_four_are_entered(void **state) {
    (void)state;
    static const char *const headers[] = {
        OUTER("0000", "04"),
        OUTER("0000", "2f") "0000 0800",
        OUTER("0000", "11") "c000 12b5 0000 0000 08000000 00002a00" MACS "0800",
        OUTER("0000", "11") "c000 17c1 0000 0000 00000800 00002a00",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        for (unsigned count = 1; count <= 4; count++) {
            struct eg_layers got = nested(headers[i], count, EG_LINK_IPV4);
            assert_int_equal(got.remarks, 0);
            assert_int_equal(got.dst_port, 53);
            assert_memory_equal(got.outer_src.bytes, v4, 16);
        }
        static const unsigned deep[] = {5, 6, 200};
        for (size_t k = 0; k < 3; k++) {
            struct eg_layers got = nested(headers[i], deep[k], EG_LINK_IPV4);
            assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
            assert_memory_equal(got.src.bytes, v4, 16); /* the fifth packet */
            assert_true(got.has & EG_HAS_OUTER);
            assert_int_not_equal(got.dst_port, 53);
        }
    }
}

/* ---- the trail ---- */

static void test_a_trail(void **state) {
    (void)state;
    struct eg_span frame = frame_of(MACS "8100 0007 8100 0008 8847 00010040 00010140" OUTER(
        "004f", "11") PORTS_TO("12b5") "08000000 00002a00" MACS "0800" INNER "0000");
    static const struct {
        uint8_t header, detail;
        uint32_t offset, size;
    } want[] = {
        {EG_HEADER_ETHERNET, 0, 0, 14},
        {EG_HEADER_VLAN, 0, 14, 4},
        {EG_HEADER_VLAN, 0, 18, 4},
        {EG_HEADER_MPLS, 0, 22, 8},
        {EG_HEADER_IPV4, 0, 30, 20},
        {EG_HEADER_UDP, 0, 50, 8},
        {EG_HEADER_TUNNEL, EG_TUNNEL_VXLAN, 58, 8},
        {EG_HEADER_ETHERNET, 0, 66, 14},
        {EG_HEADER_IPV4, 0, 80, 20},
        {EG_HEADER_UDP, 0, 100, 8},
        {EG_HEADER_PAYLOAD, 0, 108, 1},
    };
    struct eg_trail trail;
    struct eg_layers got;
    eg_dissect_as(EG_VIEW_INNERMOST, EG_LINK_ETHERNET, frame, (uint32_t)frame.size, &trail, &got);
    assert_int_equal(trail.count, sizeof want / sizeof *want);
    for (uint32_t i = 0; i < trail.count; i++) {
        assert_int_equal(trail.at[i].header, want[i].header);
        assert_int_equal(trail.at[i].detail, want[i].detail);
        assert_int_equal(trail.at[i].offset, want[i].offset);
        assert_int_equal(trail.at[i].size, want[i].size);
    }
    eg_dissect_as(EG_VIEW_OUTERMOST, EG_LINK_ETHERNET, frame, (uint32_t)frame.size, &trail, &got);
    assert_int_equal(trail.count, 7);
    assert_int_equal(trail.at[6].header, EG_HEADER_PAYLOAD);
    assert_int_equal(trail.at[6].offset, 58);
    assert_int_equal(trail.at[6].size, 51);
    frame_free(frame);
}

static void test_names(void **state) {
    (void)state;
    for (int i = EG_TUNNEL_GRE; i < EG_TUNNEL_COUNT; i++)
        assert_true(strlen(eg_tunnel_name((enum eg_tunnel)i)) > 2);
    assert_string_equal(eg_tunnel_name(EG_TUNNEL_VXLAN), "vxlan");
    assert_string_equal(eg_tunnel_name(EG_TUNNEL_NONE), "");
    assert_string_equal(eg_tunnel_name(EG_TUNNEL_COUNT), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tunnel),
        cmocka_unit_test(test_the_other_versions),
        cmocka_unit_test(test_lengths_of_tunnels),
        cmocka_unit_test(test_what_is_not_entered),
        cmocka_unit_test(test_the_outer_view),
        cmocka_unit_test(test_fragments_outside),
        cmocka_unit_test(test_four_are_entered),
        cmocka_unit_test(test_a_trail),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
