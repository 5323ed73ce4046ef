/* SPDX-License-Identifier: Apache-2.0
 * Frames without their addresses: each kind of place, checksums, the cut, and frames cut at every
 * byte. tests/system/test_anonymize.py asks tshark about whole captures. */
#include "wire/anonymize.h"

#include "frames.h"
#include "table/address.h"
#include "wire/capture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HOSTS "0a0b0c0d0e0f 020304050607 " /* of hosts, both */

struct scene {
    struct eg_address_map *map;
    struct eg_anonymizer by;
    struct eg_tally tally;
};

static int scene_up(void **state) {
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {3, 1, 4, 1, 5};
    struct scene *s = calloc(1, sizeof *s);
    s->map = eg_address_map_new(key, false);
    s->by = (struct eg_anonymizer){.map = s->map, .keep_payload = true,
                                   .before = malloc(EG_FRAME_BYTES_MAX)};
    *state = s;
    return 0;
}

static int scene_down(void **state) {
    struct scene *s = *state;
    eg_address_map_free(s->map);
    eg_tally_reset(&s->tally);
    free(s->by.before);
    free(s);
    return 0;
}

/* The frame after it, of which `left` bytes are left. The caller frees it. */
static uint8_t *after(struct scene *s, uint32_t link_type, struct eg_span frame, uint32_t *left) {
    uint8_t *bytes = malloc(frame.size ? frame.size : 1);
    memcpy(bytes, frame.at, frame.size);
    *left = eg_anonymize(&s->by, link_type, bytes, (uint32_t)frame.size, (uint32_t)frame.size,
                         &s->tally);
    assert_true(*left <= frame.size);
    return bytes;
}

/* Only these places may have changed, and all of them must have. */
static void assert_changed(struct scene *s, uint32_t link_type, const char *hex,
                           const uint32_t (*places)[2], size_t count, uint32_t want_left) {
    struct eg_span frame = frame_of(hex);
    uint32_t left;
    uint8_t *bytes = after(s, link_type, frame, &left);
    assert_int_equal(left, want_left);
    uint8_t *want = malloc(frame.size);
    memcpy(want, frame.at, frame.size);
    for (size_t i = 0; i < count; i++) {
        assert_memory_not_equal(bytes + places[i][0], frame.at + places[i][0], places[i][1]);
        memcpy(want + places[i][0], bytes + places[i][0], places[i][1]);
    }
    assert_memory_equal(bytes, want, left);
    free(want);
    free(bytes);
    frame_free(frame);
}

#define CHANGED(s, link, hex, left, ...)                                                           \
    assert_changed(s, link, hex, (const uint32_t[][2])__VA_ARGS__,                                 \
                   sizeof((const uint32_t[][2])__VA_ARGS__) / 8, left)

static void test_addresses_and_checksums_of_tcp(void **state) {
    CHANGED(*state, EG_LINK_ETHERNET, HOSTS "0800" IP4("002c", "06") TCP "41424344", 58,
            {{0, 6}, {6, 6}, {24, 2}, {26, 4}, {30, 4}, {50, 2}});
}

static void test_a_right_checksum_stays_right(void **state) {
    /* 10.0.0.1:8080 > 10.0.0.2:53, header and datagram sums computed by hand */
    struct eg_span frame = frame_of(IP4("001e", "11") "1f90 0035 000a 0000 4142");
    uint8_t *right = malloc(frame.size);
    memcpy(right, frame.at, frame.size);
    for (int field = 0; field < 2; field++) {
        uint32_t sum = 0, from = field ? 12 : 0, to = field ? 30 : 20;
        for (uint32_t i = from; i < to; i += 2) sum += (uint32_t)right[i] << 8 | right[i + 1];
        if (field) sum += 17 + 10;
        while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
        right[field ? 26 : 10] = (uint8_t)(~sum >> 8);
        right[field ? 27 : 11] = (uint8_t)~sum;
    }
    uint32_t left;
    uint8_t *bytes = after(*state, EG_LINK_RAW, eg_span(right, frame.size), &left);
    for (int field = 0; field < 2; field++) {
        uint32_t sum = 0, from = field ? 12 : 0, to = field ? 30 : 20;
        for (uint32_t i = from; i < to; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
        if (field) sum += 17 + 10;
        while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
        assert_int_equal(sum, 0xffff);
    }
    free(bytes);
    free(right);
    frame_free(frame);
}

static void test_a_datagram_without_a_checksum_gets_none(void **state) {
    CHANGED(*state, EG_LINK_RAW, IP4("001e", "11") UDP("000a") "4142", 30,
            {{10, 2}, {12, 4}, {16, 4}});
}

static void test_arp(void **state) {
    CHANGED(*state, EG_LINK_ETHERNET,
            HOSTS "0806 0001 0800 06 04 0001 020304050607 0a000001 000000000000 0a000002", 42,
            {{0, 6}, {6, 6}, {22, 6}, {28, 4}, {38, 4}});
}

static void test_a_quoted_packet(void **state) {
    struct scene *s = *state;
    const char *hex = IP4("0038", "01") "0301 abcd 00000000"
                      "4500 0030 0001 0000 4011 0000 0a000002 0a000001 1f90 0035 001c 1111";
    CHANGED(s, EG_LINK_RAW, hex, 56,
            {{10, 2}, {12, 4}, {16, 4}, {22, 2}, {38, 2}, {40, 4}, {44, 4}, {54, 2}});
    struct eg_span frame = frame_of(hex);
    uint32_t left;
    uint8_t *bytes = after(s, EG_LINK_RAW, frame, &left);
    assert_memory_equal(bytes + 12, bytes + 44, 4); /* the same host inside and outside */
    assert_memory_equal(bytes + 16, bytes + 40, 4);
    free(bytes);
    frame_free(frame);
}

static void test_neighbour_discovery(void **state) {
    struct scene *s = *state;
    const char *hex = IP6("0020", "3a") "8700 1234 00000000 20010db8000000000000000000000002"
                                        "0101 020304050607";
    struct eg_span frame = frame_of(hex);
    uint32_t left;
    uint8_t *bytes = after(s, EG_LINK_RAW, frame, &left);
    assert_int_equal(left, frame.size);
    assert_memory_equal(bytes + 24, bytes + 48, 16); /* the target is the destination here */
    assert_memory_not_equal(bytes + 48, frame.at + 48, 16);
    assert_memory_not_equal(bytes + 66, frame.at + 66, 6);
    free(bytes);
    frame_free(frame);
}

static void test_an_answer_of_dns(void **state) {
    CHANGED(*state, EG_LINK_RAW,
            IP4("0042", "11") "0035 1f90 002e 0000"
            "1234 8180 0001 0001 0000 0000 0161 02646500 0001 0001"
            "c00c 0001 0001 00000001 0004 0a000002", 66,
            {{10, 2}, {12, 4}, {16, 4}, {62, 4}});
}

static void test_tunnelled_packets(void **state) {
    CHANGED(*state, EG_LINK_RAW,
            "4500 0032 1234 0000 4004 0000 0a000001 0a000002" IP4("001e", "11") UDP("000a") "4142",
            50, {{10, 2}, {12, 4}, {16, 4}, {30, 2}, {32, 4}, {36, 4}});
}

static void test_payload_is_cut(void **state) {
    struct scene *s = *state;
    s->by.keep_payload = false;
    CHANGED(s, EG_LINK_RAW, IP4("001e", "11") UDP("000a") "4142", 28,
            {{10, 2}, {12, 4}, {16, 4}});
    CHANGED(s, EG_LINK_RAW, IP4("0020", "01") "0800 1234 00010001 41424344", 28,
            {{10, 2}, {12, 4}, {16, 4}});
}

static void test_what_is_not_understood_is_cut_even_so(void **state) {
    CHANGED(*state, EG_LINK_ETHERNET, HOSTS "88cc 0207040102030405", 14, {{0, 6}, {6, 6}});
    CHANGED(*state, EG_LINK_RAW, IP4("001c", "59") "0201002c 0a000001", 20,
            {{10, 2}, {12, 4}, {16, 4}}); /* OSPF */
}

static void test_an_unknown_link_layer_leaves_nothing(void **state) {
    struct scene *s = *state;
    struct eg_span frame = frame_of("0203040506070708");
    uint32_t left;
    uint8_t *bytes = after(s, 195, frame, &left);
    assert_int_equal(left, 0);
    assert_int_equal(eg_tally_sum(&s->tally, EG_CAUSE_link_type_unsupported).packets, 1);
    free(bytes);
    frame_free(frame);
}

/* No address may show, wherever a frame was cut. */
static void test_cut_at_every_byte(void **state) {
    struct scene *s = *state;
    static const uint8_t host[4] = {10, 0, 0, 1};
    const char *const frames[] = {
        HOSTS "0800" IP4("002c", "06") TCP "41424344",
        HOSTS "0806 0001 0800 06 04 0001 020304050607 0a000001 000000000000 0a000001",
        HOSTS "0800" IP4("0038", "01")
            "0301 abcd 00000000 4500 0030 0001 0000 4011 0000 0a000002 0a000001 1f90 0035 001c 1111",
        HOSTS "0800 4700 0024 1234 4000 4011 0000 0a000001 0a000001 07 07 04 0a000001 00" UDP("0008"),
    };
    for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
        struct eg_span whole = frame_of(frames[k]);
        for (size_t size = 0; size <= whole.size; size++) {
            uint32_t left;
            uint8_t *bytes = after(s, EG_LINK_ETHERNET, eg_span(whole.at, size), &left);
            for (uint32_t i = 0; i + 4 <= left; i++)
                assert_memory_not_equal(bytes + i, host, 4);
            free(bytes);
        }
        frame_free(whole);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_up, scene_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_addresses_and_checksums_of_tcp),
        TEST(test_a_right_checksum_stays_right),
        TEST(test_a_datagram_without_a_checksum_gets_none),
        TEST(test_arp),
        TEST(test_a_quoted_packet),
        TEST(test_neighbour_discovery),
        TEST(test_an_answer_of_dns),
        TEST(test_tunnelled_packets),
        TEST(test_payload_is_cut),
        TEST(test_what_is_not_understood_is_cut_even_so),
        TEST(test_an_unknown_link_layer_leaves_nothing),
        TEST(test_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
