/* SPDX-License-Identifier: Apache-2.0
 * IPv4 and IPv6: lengths that lie, fragments, extension headers. */
#include "wire/dissect.h"

#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define RAW(hex) layers_of(EG_LINK_RAW, hex, 0)

static void test_ipv4_fields(void **state) {
    (void)state;
    struct eg_layers got = RAW("45b8 001c 1234 4000 3f 11 0000 c0000201 c6336402" UDP("0008"));
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.tos, 0xb8);
    assert_int_equal(got.ip_id, 0x1234);
    assert_true(got.dont_fragment);
    assert_false(got.more_fragments);
    assert_false(got.fragment);
    assert_int_equal(got.ttl, 63);
    assert_int_equal(got.proto, 17);
    static const uint8_t src[16] = {[10] = 255, [11] = 255, 192, 0, 2, 1};
    assert_memory_equal(got.src.bytes, src, 16);
    assert_int_equal(got.ip_length, 28);
    assert_int_equal(got.ip_header_length, 20);
    assert_int_equal(got.ip.size, 28);
}

static void test_ipv4_options(void **state) {
    (void)state;
    struct eg_layers got =
        RAW("4600 0020 1234 0000 40 11 0000 0a000001 0a000002 94040000" UDP("0008"));
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.ip_header_length, 24);
    assert_int_equal(got.dst_port, 53);
    got = layers_of(EG_LINK_RAW, "4f00 0060 1234 0000 40 11 0000 0a000001 0a000002 94", 96);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT); /* in the options */
    assert_true(got.has & EG_HAS_DST && !(got.has & EG_HAS_PORTS));
}

/* B39 */
/* RFC 4302: what is behind it counts, as in IPv6. */
static void test_ipv4_authentication_header(void **state) {
    (void)state;
#define AH(next, length) next length "0000 00000001 00000001 0102030405060708090a0b0c "
    struct eg_layers got = RAW(IP4("0034", "33") AH("11", "04") UDP("0008"));
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.proto, 17);
    assert_int_equal(got.dst_port, 53);
    assert_int_equal(got.ip_header_length, 44);
    got = RAW(IP4("0034", "33") AH("11", "ff") UDP("0008"));
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_int_equal(got.proto, 51);
    got = layers_of(EG_LINK_RAW, IP4("0034", "33") AH("11", "04"), 52);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.proto, 17);
    got = RAW(IP4("001c", "33") "1104 0000 00000001");
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_int_equal(got.proto, 51);
}

static void test_ipv4_lengths_that_lie(void **state) {
    (void)state;
    struct eg_layers got = RAW(IP4("0000", "06") TCP "aabbcc"); /* left to the network card */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 3);
    assert_int_equal(got.ip_length, 43);

    got = layers_of(EG_LINK_RAW, IP4("0000", "06") TCP "aabbcc", 9000);
    assert_int_equal(got.payload_length, 8960); /* of the frame on the wire */
    assert_int_equal(got.payload.size, 3);

    got = RAW(IP4("0013", "06") TCP);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_int_equal(got.has, EG_HAS_IP_VERSION | EG_HAS_TOS);

    got = RAW(IP4("ffff", "06") TCP "aabbcc");
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 3);

    got = RAW("4400 0028 1234 4000 40 06 0000 0a000001 0a000002" TCP);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_int_equal(got.has, 0);

    got = RAW("4f00 0028 1234 4000 40 06 0000 0a000001 0a000002" TCP); /* header > total */
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_false(got.has & EG_HAS_PORTS);

    got = layers_of(EG_LINK_IPV4, IP6("0008", "11") UDP("0008"), 0); /* another version */
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_int_equal(got.has, 0);
    got = RAW("5500 0028");
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
}

static void test_padding_is_no_payload(void **state) {
    (void)state;
    struct eg_layers got =
        layers_of(EG_LINK_ETHERNET, MACS "0800" IP4("0028", "06") TCP "000000000000", 0);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 0);
    assert_int_equal(got.payload.size, 0);
    assert_int_equal(got.ip.size, 40);
    assert_true(got.has & EG_HAS_PAYLOAD);
}

static void test_ipv4_fragments(void **state) {
    (void)state;
    struct eg_layers got =
        RAW("4500 0024 1234 2000 40 11 0000 0a000001 0a000002" UDP("0040") "0102030405060708");
    assert_int_equal(got.remarks, 0);
    assert_true(got.fragment && got.more_fragments);
    assert_int_equal(got.fragment_offset, 0);
    assert_int_equal(got.dst_port, 53); /* the first has its ports */
    assert_int_equal(got.piece_length, 16);
    assert_int_equal(got.piece.size, 16);
    assert_int_equal(got.piece_proto, 17);

    got = RAW("4500 001c 1234 0002 40 11 0000 0a000001 0a000002 0102030405060708");
    assert_int_equal(got.remarks, 0);
    assert_true(got.fragment && !got.more_fragments);
    assert_int_equal(got.fragment_offset, 16);
    assert_int_equal(got.proto, 17);
    assert_false(got.has & (EG_HAS_PORTS | EG_HAS_PAYLOAD)); /* a later one has none */
    assert_int_equal(got.piece_length, 8);

    got = RAW("4500 0015 1234 1fff 40 06 0000 0a000001 0a000002 01");
    assert_int_equal(got.fragment_offset, 65528);

    /* a first fragment too small for its transport header is odd, not contradictory */
    got = RAW("4500 001c 1234 2000 40 06 0000 0a000001 0a000002 1f90005000000001");
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.src_port, 8080);
    assert_true(got.has & EG_HAS_TCP_SEQ && !(got.has & (EG_HAS_TCP_FLAGS | EG_HAS_PAYLOAD)));
}

static void test_ipv6_fields(void **state) {
    (void)state;
    struct eg_layers got = RAW("6b8fffff 0009 11 3f 20010db8000000000000000000000001"
                               "20010db8000000000000000000000002" UDP("0009") "aa");
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.ip_version, 6);
    assert_int_equal(got.tos, 0xb8);
    assert_int_equal(got.ttl, 63);
    assert_int_equal(got.proto, 17);
    assert_int_equal(got.src.bytes[0], 0x20);
    assert_int_equal(got.dst.bytes[15], 2);
    assert_int_equal(got.payload_length, 1);
    assert_int_equal(got.ip_header_length, 40);
    assert_false(got.has & (EG_HAS_FRAGMENT | EG_HAS_IP_ID | EG_HAS_DONT_FRAGMENT));
    got = layers_of(EG_LINK_IPV6, IP4("001d", "11") UDP("0009") "aa", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
}

/* B41: each kind of header has its own way to count its length. */
static void test_ipv6_extension_headers(void **state) {
    (void)state;
    static const struct {
        const char *headers;
        uint8_t first;
        uint8_t size;
    } chains[] = {
        {"11 00 050200000000 ", 0x00, 8},
        {"11 01 050200000000 0000000000000000 ", 0x3c, 16},
        {"11 02 0300 00000000 20010db8000000000000000000000009 ", 0x2b, 24},
        {"11 04 0000 00000001 00000001 0102030405060708090a0b0c ", 0x33, 24},
        {"11 00 00000000abcd ", 0x8c, 8},
        {"3c 00 050200000000 33 00 050200000000 11 01 0000 00000001 00000001 ", 0x00, 28},
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        char frame[400], next[3], length[5];
        snprintf(next, sizeof next, "%02x", chains[i].first);
        snprintf(length, sizeof length, "%04x", chains[i].size + 8);
        snprintf(frame, sizeof frame,
                 "60000000 %s %s 40 20010db8000000000000000000000001"
                 "20010db8000000000000000000000002 %s%s",
                 length, next, chains[i].headers, UDP("0008"));
        struct eg_layers got = RAW(frame);
        assert_int_equal(got.remarks, 0);
        assert_int_equal(got.proto, 17);
        assert_int_equal(got.dst_port, 53);
        assert_int_equal(got.ip_header_length, 40 + chains[i].size);
    }
    struct eg_layers got = RAW(IP6("0000", "3b")); /* no next header */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.proto, 59);
    got = RAW(IP6("0008", "87") "3b 00 010000000000"); /* a mobility message stands for itself */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.proto, 135);
    got = RAW(IP6("0010", "32") "00000001000000020102030405060708"); /* what ESP hides stays so */
    assert_int_equal(got.proto, 50);
    assert_false(got.has & EG_HAS_PAYLOAD);
}

static void test_ipv6_chains_that_are_too_long_or_cut(void **state) {
    (void)state;
    char frame[900] = "60000000 0090 3c 40 20010db8000000000000000000000001"
                      "20010db8000000000000000000000002 ";
    size_t start = strlen(frame);
    for (int i = 0; i < 15; i++) strcat(frame, "3c00050200000000 ");
    strcat(frame, "1100050200000000 " UDP("0008")); /* sixteen */
    struct eg_layers got = RAW(frame);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.proto, 17);
    frame[start] = 0;
    for (int i = 0; i < 16; i++) strcat(frame, "3c00050200000000 ");
    strcat(frame, "1100050200000000 " UDP("0008"));
    got = RAW(frame);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
    assert_false(got.has & (EG_HAS_PROTO | EG_HAS_PORTS));
    assert_true(got.has & EG_HAS_DST);

    got = layers_of(EG_LINK_RAW, IP6("0010", "00") "1100 0502", 56);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_false(got.has & EG_HAS_PROTO);
    got = RAW(IP6("0010", "3c") "11ff050200000000" UDP("0008")); /* longer than the packet */
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_false(got.has & EG_HAS_PROTO);
    got = RAW(IP6("0004", "3c") "1100050200000000" UDP("0008"));
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
}

static void test_ipv6_fragments(void **state) {
    (void)state;
    struct eg_layers got =
        RAW(IP6("0018", "2c") "1100 0001 deadbeef" UDP("0040") "0102030405060708");
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.ip_id, 0xdeadbeef);
    assert_true(got.fragment && got.more_fragments);
    assert_int_equal(got.dst_port, 53);
    assert_int_equal(got.piece_length, 16);

    got = RAW(IP6("0010", "2c") "1100 05a8 deadbeef 0102030405060708");
    assert_int_equal(got.fragment_offset, 1448);
    assert_int_equal(got.proto, 17);
    assert_true(got.fragment && !got.more_fragments);
    assert_false(got.has & EG_HAS_PORTS);
    assert_int_equal(got.piece_length, 8);
    assert_int_equal(got.piece_proto, 17);

    /* the header behind a later fragment's is data, whatever number it has */
    got = RAW(IP6("0010", "2c") "3c00 05a8 deadbeef ffffffffffffffff");
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.proto, 60);

    got = RAW(IP6("0010", "2c") "1100 0000 deadbeef" UDP("0008")); /* atomic: whole after all */
    assert_true(got.has & EG_HAS_FRAGMENT);
    assert_false(got.fragment);
    assert_int_equal(got.dst_port, 53);

    /* a fragment header's second byte is reserved, not a length */
    got = RAW(IP6("0010", "2c") "11ff 0000 deadbeef" UDP("0008"));
    assert_int_equal(got.dst_port, 53);
}

static void test_ipv6_lengths_that_lie(void **state) {
    (void)state;
    /* a jumbogram: hop-by-hop header with the option, 70,000 bytes of which few were captured */
    struct eg_layers got =
        layers_of(EG_LINK_RAW, IP6("0000", "00") "1100 c204 00011170" UDP("0000") "aa", 80000);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.ip_length, 70040);
    assert_int_equal(got.payload_length, 70000 - 16);
    assert_int_equal(got.datagram_length, 70000 - 16);
    assert_int_equal(got.payload.size, 1);
    got = layers_of(EG_LINK_RAW, IP6("0000", "00") "1100 c204 ffffffff" UDP("0000") "aa", 60);
    assert_int_equal(got.payload_length, 4); /* bounded by the frame */

    got = RAW(IP6("0000", "00") "1100 0502 00000000" UDP("0008")); /* no such option */
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_false(got.has & EG_HAS_PROTO);
    got = RAW(IP6("0000", "00") "1100 c203 00000000" UDP("0008")); /* of a wrong size */
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);

    got = RAW(IP6("0000", "06") TCP "aabbcc"); /* left to the network card */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 3);
    got = layers_of(EG_LINK_ETHERNET, MACS "86dd" IP6("0000", "06") "000000000000", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD); /* padding is no segment */
    assert_false(got.has & EG_HAS_PORTS);

    got = RAW(IP6("ffff", "11") UDP("0009") "aa");
    assert_int_equal(got.payload_length, 1);
    got = layers_of(EG_LINK_RAW, "60000000 0008 11", 48);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.has, EG_HAS_IP_VERSION | EG_HAS_TOS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4_fields),
        cmocka_unit_test(test_ipv4_options),
        cmocka_unit_test(test_ipv4_authentication_header),
        cmocka_unit_test(test_ipv4_lengths_that_lie),
        cmocka_unit_test(test_padding_is_no_payload),
        cmocka_unit_test(test_ipv4_fragments),
        cmocka_unit_test(test_ipv6_fields),
        cmocka_unit_test(test_ipv6_extension_headers),
        cmocka_unit_test(test_ipv6_chains_that_are_too_long_or_cut),
        cmocka_unit_test(test_ipv6_fragments),
        cmocka_unit_test(test_ipv6_lengths_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
