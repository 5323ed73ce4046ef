/* SPDX-License-Identifier: Apache-2.0
 * Transport headers: fields, lengths that contradict, headers that are cut. */
#include "wire/dissect.h"

#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* An IPv4 packet of that protocol around `data`; `left_out` bytes of it were not captured. */
static struct eg_layers carry(uint8_t proto, const char *data, unsigned left_out) {
    struct eg_span bytes = frame_of(data);
    char frame[600];
    snprintf(frame, sizeof frame, "4500%04x1234400040%02x0000 0a000001 0a000002 %s",
             (unsigned)bytes.size + 20 + left_out, proto, data);
    uint32_t wire = (uint32_t)bytes.size + 20 + left_out;
    frame_free(bytes);
    return layers_of(EG_LINK_RAW, frame, wire);
}

static void test_tcp(void **state) {
    (void)state;
    struct eg_layers got = carry(6, "1f90 0050 00000001 fffffffe 5f12 0400 0000 0000 aabb", 0);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.src_port, 8080);
    assert_int_equal(got.dst_port, 80);
    assert_true(got.tcp_seq == 1 && got.tcp_ack == 0xfffffffe);
    assert_int_equal(got.tcp_flags, 0xf12); /* twelve bits */
    assert_int_equal(got.tcp_window, 1024);
    assert_int_equal(got.payload_length, 2);
    assert_int_equal(got.payload.size, 2);
    got = carry(6, "1f90 0050 00000001 00000002 6012 0400 0000 0000 02040590", 0);
    assert_int_equal(got.payload_length, 0);
}

static void test_tcp_header_that_lies(void **state) {
    (void)state;
    struct eg_layers got = carry(6, "1f90 0050 00000001 00000002 4012 0400 0000 0000 aabb", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_int_equal(got.src_port, 8080);
    assert_false(got.has & EG_HAS_PAYLOAD);
    got = carry(6, "1f90 0050 00000001 00000002 f012 0400 0000 0000 aabb", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_false(got.has & EG_HAS_PAYLOAD);
    got = carry(6, "1f90 0050 00000001", 0); /* the IP packet ends there */
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_true(got.has & EG_HAS_PORTS && got.has & EG_HAS_TCP_SEQ);
    assert_false(got.has & EG_HAS_TCP_ACK);
}

static void test_tcp_cut(void **state) {
    (void)state;
    static const struct {
        const char *data;
        uint32_t has;
    } cuts[] = {
        {"1f9000", 0},
        {"1f900050", EG_HAS_PORTS},
        {"1f900050 00000001", EG_HAS_PORTS | EG_HAS_TCP_SEQ},
        {"1f900050 00000001 00000002", EG_HAS_PORTS | EG_HAS_TCP_SEQ | EG_HAS_TCP_ACK},
        {"1f900050 00000001 00000002 50",
         EG_HAS_PORTS | EG_HAS_TCP_SEQ | EG_HAS_TCP_ACK | EG_HAS_PAYLOAD},
        {"1f900050 00000001 00000002 5012 0400", EG_HAS_PORTS | EG_HAS_TCP_SEQ | EG_HAS_TCP_ACK |
                                                     EG_HAS_TCP_FLAGS | EG_HAS_TCP_WINDOW |
                                                     EG_HAS_PAYLOAD},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct eg_layers got = carry(6, cuts[i].data, 100);
        assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
        assert_int_equal(got.has & ~(EG_HAS_PORTS - 1u), cuts[i].has);
        assert_int_equal(got.payload.size, 0);
    }
    struct eg_layers got = carry(6, cuts[5].data, 100);
    assert_int_equal(got.payload_length, 96); /* by the IP length, captured or not */
}

static void test_udp(void **state) {
    (void)state;
    struct eg_layers got = carry(17, UDP("000a") "aabb", 0);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 2);
    assert_int_equal(got.datagram_length, 2);
    got = carry(17, UDP("000a") "aabbccdd", 0); /* something behind the datagram */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 4);
    assert_int_equal(got.datagram_length, 2);
    assert_int_equal(got.payload.size, 2);
    got = carry(17, UDP("ffff") "aabb", 0);
    assert_int_equal(got.datagram_length, 2);
    got = carry(17, UDP("0000") "aabb", 0);
    assert_int_equal(got.datagram_length, 2);
    got = carry(17, UDP("0007") "aabb", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_true(got.has & EG_HAS_PORTS && !(got.has & EG_HAS_PAYLOAD));
    got = carry(17, UDP("0102") "aabb", 248); /* captured in part */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.datagram_length, 250);
    assert_int_equal(got.payload.size, 2);
    got = carry(17, "1f90 0035 00", 30);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_true(got.has & EG_HAS_PORTS && !(got.has & EG_HAS_PAYLOAD));
    got = carry(17, "1f90 0035", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    got = carry(136, UDP("0007") "aabb", 0); /* UDP-Lite: how much the checksum covers */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.payload_length, 2);
}

static void test_icmp(void **state) {
    (void)state;
    struct eg_layers got = carry(1, "0304 0000 00000000 45000000", 0);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.icmp_type, 3);
    assert_int_equal(got.icmp_code, 4);
    assert_int_equal(got.payload_length, 4);
    assert_false(got.has & EG_HAS_PORTS); /* not those of the packet that is quoted */
    got = carry(58, "8000 0000 00010001 aa", 0);
    assert_true(got.has & EG_HAS_ICMP && got.icmp_type == 128 && got.payload_length == 1);
    got = carry(1, "08", 20);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_false(got.has & EG_HAS_ICMP);
    got = carry(1, "0800 00", 20);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.payload_length, 15);
    got = carry(1, "0800", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    assert_true(got.has & EG_HAS_ICMP && !(got.has & EG_HAS_PAYLOAD));
}

static void test_sctp_and_dccp(void **state) {
    (void)state;
    struct eg_layers got = carry(132, "1f90 0050 00000001 00000002 aabbcc", 0);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.dst_port, 80);
    assert_int_equal(got.payload_length, 3);
    got = carry(132, "1f90 0050 00000001", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
    got = carry(132, "1f90", 40);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    got = carry(33, "1f90 0050 04 00 0000 04000000 00000000 aa", 0);
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.dst_port, 80);
    assert_int_equal(got.payload_length, 1);
    got = carry(33, "1f90 0050 02 00 0000 04000000 00000000 aa", 0);
    assert_int_equal(got.remarks, EG_REMARK_HEADER_BAD);
}

static void test_everything_else_is_a_number(void **state) {
    (void)state;
    for (unsigned proto = 0; proto < 256; proto++) {
        switch (proto) {
        case 1:
        case 4: /* a tunnel, as some below */
        case 6:
        case 17:
        case 33:
        case 41:
        case 47:
        case 51: /* there is something behind it */
        case 58:
        case 97:
        case 115:
        case 132:
        case 136:
        case 137:
        case 143: continue;
        }
        struct eg_layers got = carry((uint8_t)proto, "1f90 0050 00000001 00000002", 0);
        assert_int_equal(got.remarks, 0);
        assert_int_equal(got.proto, proto);
        assert_false(got.has & (EG_HAS_PORTS | EG_HAS_PAYLOAD | EG_HAS_ICMP));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tcp_header_that_lies),
        cmocka_unit_test(test_tcp_cut),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_sctp_and_dccp),
        cmocka_unit_test(test_everything_else_is_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
