/* SPDX-License-Identifier: Apache-2.0
 * Values of every abstract type, at every length: which fit, and what JSON they are. */
#include "torture.h"
#include "wire/element_value.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The bytes that the hex digits name. */
static struct eg_span bytes_of(const char *hex, uint8_t room[128]) {
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        room[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return eg_span(room, size);
}

/* The value alone on the heap, so that a sanitizer sees a read past it. */
static char *json(enum eg_element_type type, const char *hex) {
    uint8_t room[128];
    struct eg_span value = bytes_of(hex, room);
    uint8_t *alone = malloc(value.size ? value.size : 1);
    assert_non_null(alone);
    memcpy(alone, room, value.size);
    struct eg_element e = {.type = (uint8_t)type, .name = "x"};
    struct eg_strbuf out = {0};
    eg_element_json(&e, eg_span(alone, value.size), &out);
    free(alone);
    return eg_strbuf_take(&out);
}

#define EXPECT(type, hex, text)                                                                    \
    do {                                                                                           \
        char *got = json(EG_ELEMENT_##type, hex);                                                  \
        assert_string_equal(got, text);                                                            \
        free(got);                                                                                 \
    } while (0)

static void unsigned_of_all_lengths(void **state) {
    (void)state;
    static const enum eg_element_type types[] = {EG_ELEMENT_unsigned8, EG_ELEMENT_unsigned16,
                                                 EG_ELEMENT_unsigned32, EG_ELEMENT_unsigned64,
                                                 EG_ELEMENT_unsigned256};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        uint64_t number = 0;
        char hex[32] = "", text[32];
        for (int size = 1; size <= 8; size++) {
            number = number << 8 | (uint64_t)(0xf0 + size);
            snprintf(hex + strlen(hex), 4, "%02x", (unsigned)(0xf0 + size));
            snprintf(text, sizeof text, "%" PRIu64, number);
            char *got = json(types[t], hex);
            assert_string_equal(got, text);
            free(got);
        }
    }
    EXPECT(unsigned64, "0020000000000001", "9007199254740993"); /* 2^53 + 1 */
    EXPECT(unsigned64, "ffffffffffffffff", "18446744073709551615");
    EXPECT(unsigned64, "7fffffffffffffff", "9223372036854775807");
    EXPECT(unsigned32, "", "null");
    EXPECT(unsigned32, "000000000000000001", "\"000000000000000001\"");
}

static void signed_of_all_lengths(void **state) {
    (void)state;
    EXPECT(signed8, "ff", "-1");
    EXPECT(signed8, "80", "-128");
    EXPECT(signed16, "ff", "-1");
    EXPECT(signed16, "8000", "-32768");
    EXPECT(signed32, "ff0000", "-65536");
    EXPECT(signed32, "7fffffff", "2147483647");
    EXPECT(signed64, "fffffffffe", "-2");
    EXPECT(signed64, "800000000000", "-140737488355328");
    EXPECT(signed64, "ffffffffffffff", "-1");
    EXPECT(signed64, "8000000000000000", "-9223372036854775808");
    EXPECT(signed64, "", "null");
    EXPECT(signed64, "010203040506070809", "\"010203040506070809\"");
}

static void unsigned256_is_a_number_while_it_fits(void **state) {
    (void)state;
    EXPECT(unsigned256, "0000000000000000000000000000000000000000000000000000000000000003", "3");
    EXPECT(unsigned256, "01ffffffffffffffff", "\"01ffffffffffffffff\"");
    EXPECT(unsigned256, "000000000000000000000000000000000000000000000000000000000000000003",
           "\"000000000000000000000000000000000000000000000000000000000000000003\"");
}

static void floats(void **state) {
    (void)state;
    EXPECT(float32, "3fc00000", "1.5");
    EXPECT(float64, "3fc00000", "1.5"); /* reduced size */
    EXPECT(float64, "3fb999999999999a", "0.1");
    EXPECT(float64, "bff0000000000000", "-1");
    EXPECT(float64, "7ff8000000000000", "null");
    EXPECT(float64, "7ff0000000000000", "null");
    EXPECT(float32, "ff800000", "null");
    EXPECT(float32, "3fb999999999999a", "\"3fb999999999999a\"");
    EXPECT(float32, "3fc0", "\"3fc0\"");
    EXPECT(float64, "3fc000", "\"3fc000\"");
}

static void booleans(void **state) {
    (void)state;
    EXPECT(boolean, "01", "true");
    EXPECT(boolean, "02", "false");
    EXPECT(boolean, "00", "\"00\"");
    EXPECT(boolean, "03", "\"03\"");
    EXPECT(boolean, "0001", "\"0001\"");
}

static void addresses(void **state) {
    (void)state;
    EXPECT(ipv4Address, "c0a80001", "\"192.168.0.1\"");
    EXPECT(ipv6Address, "20010db8000000000000000000000001", "\"2001:db8::1\"");
    EXPECT(ipv6Address, "00000000000000000000ffffc0a80001", "\"192.168.0.1\"");
    EXPECT(macAddress, "001b21abcdef", "\"00:1b:21:ab:cd:ef\"");
    EXPECT(ipv4Address, "c0a8000100", "\"c0a8000100\"");
    EXPECT(ipv4Address, "c0a800", "\"c0a800\"");
    EXPECT(ipv6Address, "c0a80001", "\"c0a80001\"");
    EXPECT(macAddress, "001b21abcd", "\"001b21abcd\"");
    EXPECT(macAddress, "", "null");
}

static void times(void **state) {
    (void)state;
    EXPECT(dateTimeSeconds, "6553f100", "\"2023-11-14T22:13:20.000000Z\"");
    EXPECT(dateTimeSeconds, "ffffffff", "\"2106-02-07T06:28:15.000000Z\"");
    EXPECT(dateTimeMilliseconds, "0000018bcfe5687b", "\"2023-11-14T22:13:20.123000Z\"");
    EXPECT(dateTimeMicroseconds, "e8fe6f8000000000", "\"2023-11-14T22:13:20.000000Z\"");
    EXPECT(dateTimeMicroseconds, "e8fe6f80c0000000", "\"2023-11-14T22:13:20.750000Z\"");
    EXPECT(dateTimeNanoseconds, "e8fe6f80c0000000", "\"2023-11-14T22:13:20.750000Z\"");
    EXPECT(dateTimeMicroseconds, "e8fe6f80ffffffff", "\"2023-11-14T22:13:21.000000Z\"");
    EXPECT(dateTimeNanoseconds, "e8fe6f80ffffffff", "\"2023-11-14T22:13:21.000000Z\"");
    /* 127.77 us, and 127.3 without the bits that mean nothing; rounded to the nearest */
    EXPECT(dateTimeMicroseconds, "e8fe6f8000085f98", "\"2023-11-14T22:13:20.000127Z\"");
    EXPECT(dateTimeNanoseconds, "e8fe6f8000085f98", "\"2023-11-14T22:13:20.000127Z\"");
    EXPECT(dateTimeMicroseconds, "0000000000000000", "\"1900-01-01T00:00:00.000000Z\"");
    EXPECT(dateTimeMilliseconds, "ffffffffffffffff", "\"ffffffffffffffff\"");
    EXPECT(dateTimeMilliseconds, "0000e677d21fdc00", "\"0000e677d21fdc00\""); /* year 10000 */
    EXPECT(dateTimeMilliseconds, "0000e677d21fdbff", "\"9999-12-31T23:59:59.999000Z\"");
    EXPECT(dateTimeSeconds, "0000018bcfe5687b", "\"0000018bcfe5687b\"");
    EXPECT(dateTimeMilliseconds, "6553f100", "\"6553f100\"");
    EXPECT(dateTimeNanoseconds, "", "null");
}

static void microseconds_come_back_exactly(void **state) {
    (void)state;
    for (uint64_t us = 0; us < 1000000; us += 7) {
        uint64_t fraction = (us << 32) / 1000000;    /* cut off, as exporters do */
        uint8_t stamp[8] = {0x83, 0xaa, 0x7e, 0x80}; /* 1970 */
        for (int i = 0; i < 4; i++) stamp[4 + i] = (uint8_t)(fraction >> (24 - 8 * i));
        struct eg_span value = eg_span(stamp, 8);
        assert_int_equal(eg_element_time_us(EG_ELEMENT_dateTimeNanoseconds, value), us);
        assert_int_equal(eg_element_time_us(EG_ELEMENT_dateTimeMicroseconds, value), us);
        stamp[6] &= 0xf8; /* the low 11 bits of microseconds mean nothing */
        stamp[7] = 0;
        assert_int_equal(eg_element_time_us(EG_ELEMENT_dateTimeMicroseconds, value), us);
    }
}

static void strings_and_bytes(void **state) {
    (void)state;
    EXPECT(string, "4769302f31", "\"Gi0/1\"");
    EXPECT(string, "4769302f310000", "\"Gi0/1\"");
    EXPECT(string, "6100620000", "\"a\\u0000b\"");
    EXPECT(string, "225c0ac3a4ff", "\"\\\"\\\\\\n\xc3\xa4\xef\xbf\xbd\"");
    EXPECT(string, "", "\"\"");
    EXPECT(string, "0000", "\"\"");
    EXPECT(octetArray, "00ABcd", "\"00abcd\"");
    EXPECT(octetArray, "", "\"\"");
    EXPECT(basicList, "ff0001", "\"ff0001\"");
    EXPECT(subTemplateList, "ff0100", "\"ff0100\"");
    EXPECT(subTemplateMultiList, "ff", "\"ff\"");
    EXPECT(TYPE_COUNT, "ff", "\"ff\""); /* a type that RFC 5610 options made up */
}

/* Which lengths fit, for every type: 1 where it does. */
static void lengths(void **state) {
    (void)state;
    static const char *const fits[EG_ELEMENT_TYPE_COUNT] = {
        [EG_ELEMENT_octetArray] = "11111111111111111",
        [EG_ELEMENT_unsigned8] = "01111111100000000",
        [EG_ELEMENT_unsigned16] = "01111111100000000",
        [EG_ELEMENT_unsigned32] = "01111111100000000",
        [EG_ELEMENT_unsigned64] = "01111111100000000",
        [EG_ELEMENT_signed8] = "01111111100000000",
        [EG_ELEMENT_signed16] = "01111111100000000",
        [EG_ELEMENT_signed32] = "01111111100000000",
        [EG_ELEMENT_signed64] = "01111111100000000",
        [EG_ELEMENT_float32] = "00001000000000000",
        [EG_ELEMENT_float64] = "00001000100000000",
        [EG_ELEMENT_boolean] = "01000000000000000",
        [EG_ELEMENT_macAddress] = "00000010000000000",
        [EG_ELEMENT_string] = "11111111111111111",
        [EG_ELEMENT_dateTimeSeconds] = "00001000000000000",
        [EG_ELEMENT_dateTimeMilliseconds] = "00000000100000000",
        [EG_ELEMENT_dateTimeMicroseconds] = "00000000100000000",
        [EG_ELEMENT_dateTimeNanoseconds] = "00000000100000000",
        [EG_ELEMENT_ipv4Address] = "00001000000000000",
        [EG_ELEMENT_ipv6Address] = "00000000000000001",
        [EG_ELEMENT_basicList] = "11111111111111111",
        [EG_ELEMENT_subTemplateList] = "11111111111111111",
        [EG_ELEMENT_subTemplateMultiList] = "11111111111111111",
        [EG_ELEMENT_unsigned256] = "01111111111111111",
    };
    for (int type = 0; type < EG_ELEMENT_TYPE_COUNT; type++)
        for (size_t size = 0; size <= 16; size++)
            if (eg_element_fits((enum eg_element_type)type, size) != (fits[type][size] == '1'))
                fail_msg("%s of %zu bytes", eg_element_type_name((enum eg_element_type)type), size);
    assert_true(eg_element_fits(EG_ELEMENT_unsigned256, 32));
    assert_false(eg_element_fits(EG_ELEMENT_unsigned256, 33));
}

/* What does not fit reads as 0, and never past its end. */
static void readers_want_what_fits(void **state) {
    (void)state;
    uint8_t room[128];
    struct eg_span nine = bytes_of("010101010101010101", room), none = eg_span(room, 0);
    assert_int_equal(eg_element_unsigned(nine), 0);
    assert_int_equal(eg_element_signed(nine), 0);
    assert_int_equal(eg_element_unsigned(none), 0);
    assert_int_equal(eg_element_signed(none), 0);
    assert_int_equal(eg_element_time_us(EG_ELEMENT_dateTimeSeconds, nine), 0);
    assert_int_equal(eg_element_time_us(EG_ELEMENT_unsigned64, nine), 0);
    assert_int_equal(eg_element_time_us(EG_ELEMENT_unsigned64, eg_span_sub(nine, 0, 8)), 0);
}

static void without_memory(void **state) {
    (void)state;
    for (int type = 0; type <= EG_ELEMENT_TYPE_COUNT; type++) {
        struct eg_element e = {.type = (uint8_t)type, .name = "x"};
        static const uint8_t zeros[16];
        for (size_t size = 0; size <= 16; size++) {
            struct eg_strbuf out = {0};
            torture_fail_after(0);
            eg_element_json(&e, eg_span(zeros, size), &out);
            assert_true(torture_off());
            assert_true(out.failed);
            eg_strbuf_reset(&out);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_of_all_lengths),
        cmocka_unit_test(signed_of_all_lengths),
        cmocka_unit_test(unsigned256_is_a_number_while_it_fits),
        cmocka_unit_test(floats),
        cmocka_unit_test(booleans),
        cmocka_unit_test(addresses),
        cmocka_unit_test(times),
        cmocka_unit_test(microseconds_come_back_exactly),
        cmocka_unit_test(strings_and_bytes),
        cmocka_unit_test(lengths),
        cmocka_unit_test(readers_want_what_fits),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("element_value", tests, NULL, NULL);
}
