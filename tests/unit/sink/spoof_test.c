/* SPDX-License-Identifier: Apache-2.0
 * Headers by hand, byte for byte, and checksums verified the receiver's way. */
#include "sink/spoof.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct eg_addr address(const char *text) {
    struct eg_addr a;
    assert_true(eg_addr_parse(&a, text, strlen(text)));
    return a;
}

/* The one's complement sum over pseudo header, header and payload: all ones when it is right. */
static uint16_t verify(const uint8_t *packet, size_t header, bool v4, const char *payload,
                       size_t size) {
    uint8_t all[400] = {0};
    size_t at = 0, addresses = v4 ? 8 : 32;
    memcpy(all, packet + (v4 ? 12 : 8), addresses);
    at = addresses;
    all[at + 1] = 17;
    all[at + 2] = (uint8_t)((8 + size) >> 8);
    all[at + 3] = (uint8_t)(8 + size);
    at += 4;
    memcpy(all + at, packet + header - 8, 8);
    memcpy(all + at + 8, payload, size);
    at += 8 + size;
    uint32_t sum = 0;
    for (size_t i = 0; i < at; i += 2) sum += (uint32_t)(all[i] << 8 | all[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void ipv4(void **state) {
    (void)state;
    struct eg_addr from = address("192.0.2.7"), to = address("198.51.100.9");
    uint8_t h[EG_SPOOF_HEADER];
    assert_int_equal(eg_spoof_header(h, &from, 50000, &to, 2055, eg_span("hello", 5)), 28);
    static const uint8_t wanted[28] = {0x45, 0, 0, 33,  0,  0,   0, 0,    64,   17,   0,    0, 192,
                                       0,    2, 7, 198, 51, 100, 9, 0xc3, 0x50, 0x08, 0x07, 0, 13};
    assert_memory_equal(h, wanted, 26);
    for (size_t size = 0; size < 12; size++) {
        eg_spoof_header(h, &from, (uint16_t)(40000 + size), &to, 2055,
                        eg_span("hello, world", size));
        assert_int_equal(verify(h, 28, true, "hello, world", size), 0xffff);
    }
}

static void ipv6(void **state) {
    (void)state;
    struct eg_addr from = address("2001:db8::1"), to = address("2001:db8::2");
    uint8_t h[EG_SPOOF_HEADER];
    assert_int_equal(eg_spoof_header(h, &from, 1, &to, 2, eg_span("odd", 3)), 48);
    static const uint8_t wanted[8] = {0x60, 0, 0, 0, 0, 11, 17, 64};
    assert_memory_equal(h, wanted, 8);
    assert_memory_equal(h + 8, from.bytes, 16);
    assert_memory_equal(h + 24, to.bytes, 16);
    assert_int_equal(verify(h, 48, false, "odd", 3), 0xffff);
}

static void a_checksum_of_zero_is_written_as_ones(void **state) {
    (void)state;
    struct eg_addr from = address("192.0.2.7"), to = address("198.51.100.9");
    uint8_t h[EG_SPOOF_HEADER], payload[2] = {0};
    bool seen = false;
    for (unsigned value = 0; value < 65536; value++) {
        payload[0] = (uint8_t)(value >> 8);
        payload[1] = (uint8_t)value;
        eg_spoof_header(h, &from, 1, &to, 2, eg_span(payload, 2));
        assert_false(h[26] == 0 && h[27] == 0);
        seen = seen || (h[26] == 0xff && h[27] == 0xff);
    }
    assert_true(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(a_checksum_of_zero_is_written_as_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
