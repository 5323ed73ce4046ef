/* SPDX-License-Identifier: Apache-2.0
 * Packets made around datagrams: taken apart again they say the same, and their checksums hold. */
#include "wire/datagram_frame.h"

#include "table/address.h"
#include "torture.h"
#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct eg_addr addr(const char *text) {
    struct eg_addr a;
    assert_true(eg_addr_parse(&a, text, strlen(text)));
    return a;
}

/* Plain RFC 1071, over any bytes. */
static uint32_t sum_plain(const uint8_t *at, size_t size, uint32_t sum) {
    for (size_t i = 0; i < size; i++) sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void one(const char *src, const char *dst, size_t size, uint8_t fill) {
    uint8_t payload[2000];
    memset(payload, fill, sizeof payload);
    struct eg_udp_ends ends = {addr(src), addr(dst), 50000, 2055};
    struct eg_strbuf to = {0};
    assert_true(eg_datagram_frame(&to, &ends, eg_span(payload, size)));
    struct eg_layers layers;
    eg_dissect(EG_LINK_RAW, eg_span(to.text, to.size), (uint32_t)to.size, &layers);
    assert_int_equal(layers.remarks, 0);
    assert_memory_equal(&layers.src, &ends.src, 16);
    assert_memory_equal(&layers.dst, &ends.dst, 16);
    assert_int_equal(layers.src_port, 50000);
    assert_int_equal(layers.dst_port, 2055);
    assert_int_equal(layers.payload.size, size);
    assert_memory_equal(layers.payload.at, payload, size);
    const uint8_t *ip = (const uint8_t *)to.text;
    bool v4 = eg_addr_is_v4(&ends.src);
    size_t head = v4 ? 20 : 40, udp = to.size - head;
    if (v4) assert_int_equal(sum_plain(ip, 20, 0), 0xffff);
    uint32_t pseudo = sum_plain(ip + (v4 ? 12 : 8), v4 ? 8 : 32, 17 + (uint32_t)udp);
    assert_int_equal(sum_plain(ip + head, udp, pseudo), 0xffff);
    assert_true(ip[head + 6] || ip[head + 7]);
    eg_strbuf_reset(&to);
}

static void packets_are_whole(void **state) {
    (void)state;
    for (size_t size = 0; size < 70; size++) {
        one("192.0.2.1", "127.0.0.1", size, (uint8_t)(size * 13));
        one("2001:db8::1", "::1", size, (uint8_t)(size * 29));
    }
    one("192.0.2.1", "127.0.0.1", 1400, 0xff);
    one("2001:db8::1", "::1", 1999, 0);
}

/* A checksum of 0 means none, so that one is written as ffff. */
static void a_sum_of_nothing(void **state) {
    (void)state;
    for (uint32_t value = 0; value < 65536; value++) {
        struct eg_udp_ends ends = {addr("10.0.0.1"), addr("10.0.0.2"), 1, 2};
        uint8_t payload[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        struct eg_strbuf to = {0};
        assert_true(eg_datagram_frame(&to, &ends, eg_span(payload, 2)));
        assert_true(eg_be16(eg_span(to.text, to.size), 26) != 0);
        eg_strbuf_reset(&to);
    }
}

static void too_large_for_a_packet(void **state) {
    (void)state;
    static const uint8_t payload[65536];
    struct eg_strbuf to = {0};
    struct eg_udp_ends v4 = {addr("10.0.0.1"), addr("10.0.0.2"), 1, 2};
    struct eg_udp_ends v6 = {addr("::2"), addr("::1"), 1, 2};
    assert_false(eg_datagram_frame(&to, &v4, eg_span(payload, 65508)));
    assert_false(eg_datagram_frame(&to, &v6, eg_span(payload, 65528)));
    assert_int_equal(to.size, 0);
    assert_true(eg_datagram_frame(&to, &v4, eg_span(payload, 65507)));
    assert_int_equal(to.size, 65535);
    eg_strbuf_clear(&to);
    assert_true(eg_datagram_frame(&to, &v6, eg_span(payload, 65527)));
    assert_int_equal(to.size, 65535 + 40);
    eg_strbuf_reset(&to);
}

static void without_memory(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    struct eg_udp_ends ends = {addr("10.0.0.1"), addr("10.0.0.2"), 1, 2};
    torture_fail_after(0);
    bool made = eg_datagram_frame(&to, &ends, eg_span("x", 1));
    assert_true(torture_off());
    assert_true(made && to.failed);
    eg_strbuf_reset(&to);
}

static void heads_byte_for_byte(void **state) {
    (void)state;
    struct eg_udp_ends ends4 = {addr("192.0.2.7"), addr("198.51.100.9"), 50000, 2055};
    struct eg_udp_ends ends6 = {addr("2001:db8::1"), addr("2001:db8::2"), 1, 2};
    uint8_t h[EG_DATAGRAM_HEAD];
    static const uint8_t wanted4[26] = {0x45, 0,    0,    33,   0,    0,    0, 0,   64,
                                        17,   0x8e, 0x9d, 192,  0,    2,    7, 198, 51,
                                        100,  9,    0xc3, 0x50, 0x08, 0x07, 0, 13};
    assert_int_equal(eg_datagram_head(h, &ends4, eg_span("hello", 5), true), 28);
    assert_int_equal(sum_plain(h, 20, 0), 0xffff);
    assert_memory_equal(h, wanted4, 10);
    assert_memory_equal(h + 12, wanted4 + 12, 14);
    assert_int_equal(eg_datagram_head(h, &ends4, eg_span("hello", 5), false), 28);
    assert_int_equal(h[6], 0x40); /* not to be cut into pieces */
    assert_int_equal(eg_datagram_head(h, &ends6, eg_span("odd", 3), true), 48);
    static const uint8_t wanted6[8] = {0x60, 0, 0, 0, 0, 11, 17, 64};
    assert_memory_equal(h, wanted6, 8);
    assert_memory_equal(h + 8, ends6.src.bytes, 16);
    assert_memory_equal(h + 24, ends6.dst.bytes, 16);
    static const uint8_t zeros[65536];
    assert_int_equal(eg_datagram_head(h, &ends4, eg_span(zeros, 65507), true), 28);
    assert_int_equal(eg_datagram_head(h, &ends4, eg_span(zeros, 65508), true), 0);
    assert_int_equal(eg_datagram_head(h, &ends6, eg_span(zeros, 65527), true), 48);
    assert_int_equal(eg_datagram_head(h, &ends6, eg_span(zeros, 65528), true), 0);
}

static void a_checksum_of_zero_is_written_as_ones(void **state) {
    (void)state;
    struct eg_udp_ends ends = {addr("192.0.2.7"), addr("198.51.100.9"), 1, 2};
    uint8_t h[EG_DATAGRAM_HEAD], payload[2] = {0};
    bool seen = false;
    for (unsigned value = 0; value < 65536; value++) {
        payload[0] = (uint8_t)(value >> 8);
        payload[1] = (uint8_t)value;
        assert_int_equal(eg_datagram_head(h, &ends, eg_span(payload, 2), true), 28);
        assert_false(h[26] == 0 && h[27] == 0);
        seen = seen || (h[26] == 0xff && h[27] == 0xff);
    }
    assert_true(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_whole),
        cmocka_unit_test(a_sum_of_nothing),
        cmocka_unit_test(too_large_for_a_packet),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(heads_byte_for_byte),
        cmocka_unit_test(a_checksum_of_zero_is_written_as_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
