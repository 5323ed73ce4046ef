/* SPDX-License-Identifier: Apache-2.0
 * Link headers of every kind without what they say of hosts: which bytes change and which stay, and
 * nothing of an address wherever a frame is cut. */
#include "wire/anonymize.h"

#include "frames.h"
#include "wire/capture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What must not show: addresses, and a name. */
#define MAC "a0b2c3d4e5f6 "
#define HOST4 "c6336411 "
#define HOST6 "20010db8a1b2c3d4e5f61728394a5b6c "
#define NAME "736563726574 " /* "secret" */
#define PACKET "4500 001c 1234 4000 4011 0000" HOST4 HOST4 "1f90 0036 0008 0000"
#define FRAME MAC MAC "0800" PACKET

/* Under each frame what becomes of its bytes: = stays, m changes, 0 is zero; the rest is the packet's. */
static const struct {
    uint32_t link_type;
    const char *hex, *becomes;
} frames[] = {
    {EG_LINK_DSA, MAC MAC "c0180007 0800" PACKET, "mmmmmmmmmmmm======"},
    {EG_LINK_EDSA, MAC MAC "dada0000 c0180007 0800" PACKET, "mmmmmmmmmmmm=========="},
    {EG_LINK_BRCM, MAC MAC "12345678 0800" PACKET, "mmmmmmmmmmmm======"},
    {EG_LINK_BRCM_PREPENDED, "12345678" FRAME, "====mmmmmmmmmmmm=="},
    {EG_LINK_MFR, "c001 0441 03cc" PACKET, "======"},
    {EG_LINK_FRAME_RELAY, "1841 03cc" PACKET, "===="},
    {EG_LINK_PPP_WITH_DIRECTION, "01 ff030021" PACKET, "====="},
    /* hook, prefix, interface, sender, type, header, mark, user, and the packet with more behind it */
    {EG_LINK_NFLOG,
     "02000014 0800 0100 08000100 0b00 0a00" NAME "0055"
     "0800 0400 00000002 1000 0800 0006 7777" MAC "7777"
     "0600 0f00 0001 7777 1200 1000" MAC MAC "0800 7777 0800 0200 01020304 0800 0b00 01020304"
     "2000 0900" PACKET "0800 0e00" HOST4,
     "============"
     "====00000000"
     "========"
     "======00mmmmmm00"
     "======00"
     "====mmmmmmmmmmmm==00"
     "====0000"
     "====0000"
     "===="},
    {EG_LINK_NFLOG, "0a000014 000a 0008 0006" MAC "7777", ""},
    /* radio, processes, a field that lies */
    {EG_LINK_PPI,
     "00002400 01000000 0200 0400 01020304 0600 0600" NAME "0900 0600 010203040506" FRAME,
     "================"
     "====000000"
     "=========="
     "mmmmmmmmmmmm=="},
    {EG_LINK_PPI, "00001400 01000000 0200 0900 0102" NAME FRAME,
     "============"
     "00000000"
     "mmmmmmmmmmmm=="},
    {EG_LINK_PPI, "00000800 69000000 0803 0000" MAC MAC MAC "0000" MAC "aaaa03 000000 0800" PACKET,
     "============mmmmmmmmmmmmmmmmmm==mmmmmm========"},
    {EG_LINK_PKTAP,
     "72000000 01000000 01000000" NAME NAME NAME NAME
     "01020304 02000000 0e000000 00000000" NAME NAME NAME NAME
     "01020304 06000100" HOST4 NAME NAME NAME "01020304" HOST4 FRAME,
     "============"
     "000000000000000000000000"
     "================"
     "000000000000000000000000"
     "========"
     "000000000000000000000000000000"
     "mmmmmmmmmmmm=="},
    {EG_LINK_PFLOG,
     "64020001" NAME NAME HOST4 NAME NAME HOST4 "00000001 00000002" HOST4 HOST4 HOST4 HOST4
     "01000000" HOST6 HOST6 "1f90 0036" PACKET,
     "====00000000000000000000000000000000========0000000000000000="
     "000000000000000000000000000000000000000"},
    /* number of an interface, its name */
    {EG_LINK_JUNIPER_ETHER, "4d474381 000c 0102 0001 0206" NAME FRAME,
     "============000000"
     "mmmmmmmmmmmm=="},
    {EG_LINK_IPNET, "01020000 0000001c 00000002 00000000 00000001 00000000" PACKET,
     "========================"},
    {EG_LINK_ENC, "02000000 12345678 00000001" PACKET, "============"},
    {EG_LINK_SLIP, "0045" HOST4 HOST4 HOST4 "7777" PACKET, "==00000000000000"},
    {EG_LINK_ARCNET_LINUX, "a1b2 1234 f0" PACKET, "00==="},
    {EG_LINK_ARCNET_BSD, "a1b2 f0" PACKET, "00="},
    /* the receiver's queue and identifier; a routing header, to the group that asks for a host */
    {EG_LINK_IPOIB, HOST4 HOST4 HOST4 HOST4 HOST4 "80a1b2c3" HOST6 "08000000" PACKET,
     "00000000000000000000"
     "0000"
     "mmmmmmmmmmmmmmmm"
     "===="},
    {EG_LINK_IPOIB, "60000000 00001b40" HOST6 "ff12601b 80000000 00000001 ffa1b2c3 08000000" PACKET,
     "========mmmmmmmmmmmmmmmm"
     "=============000"
     "===="},
    {EG_LINK_SLL, "0000 0001 0006" MAC "7777 0800" PACKET, "======mmmmmm00=="},
    {EG_LINK_SLL, "0000 0300 0004" HOST4 "77777777 0800" PACKET, "======00000000=="},
    {EG_LINK_SLL2, "0800 0000 00000003 0001 00 06" MAC "7777" PACKET, "============mmmmmm00"},
    /* 802.11 between access points: four addresses; the same behind what the card says */
    {EG_LINK_WIRELESS, "0803 0000" MAC MAC MAC "0000" MAC "aaaa03 000000 0800" PACKET,
     "====mmmmmmmmmmmmmmmmmm==mmmmmm========"},
    {EG_LINK_RADIOTAP,
     "00000800 00000000 0803 0000" MAC MAC MAC "0000" MAC "aaaa03 000000 0800" PACKET,
     "============mmmmmmmmmmmmmmmmmm==mmmmmm========"},
    /* several frames in one: the second is not looked at */
    {EG_LINK_WIRELESS,
     "8802 0000" MAC MAC MAC "0000 8000" MAC MAC "0024 aaaa03 000000 0800" PACKET MAC MAC
     "0024" PACKET,
     "====mmmmmmmmmmmmmmmmmm===="
     "mmmmmmmmmmmm=="
     "========"},
    /* signed: the channel is named by its sender; a service's path, and what else it says */
    {EG_LINK_ETHERNET,
     MAC MAC "88e5 2000 00000001" MAC "0001 0800" PACKET "00000000 00000000 00000000 00000000",
     "mmmmmmmmmmmm=="
     "======mmmmmm=="
     "=="},
    {EG_LINK_ETHERNET, MAC MAC "894f 0006 0101 000001ff" HOST4 HOST4 HOST4 HOST4 PACKET,
     "mmmmmmmmmmmm=="
     "========"
     "0000000000000000"},
};

static const char *const never[] = {MAC, HOST4, HOST6, NAME};

static int scene_up(void **state) {
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {3, 1, 4, 1, 5};
    struct eg_anonymizer *by = calloc(1, sizeof *by);
    *by = (struct eg_anonymizer){.map = eg_address_map_new(key, false),
                                 .keep_payload = true,
                                 .before = malloc(EG_FRAME_BYTES_MAX)};
    *state = by;
    return 0;
}

static int scene_down(void **state) {
    struct eg_anonymizer *by = *state;
    eg_address_map_free(by->map);
    free(by->before);
    free(by);
    return 0;
}

/* The frame after it, in a block of exactly what was captured. The caller frees it. */
static uint8_t *after(struct eg_anonymizer *by, uint32_t link_type, struct eg_span frame,
                      size_t wire, uint32_t *left) {
    struct eg_tally tally = {0};
    uint8_t *bytes = malloc(frame.size ? frame.size : 1);
    memcpy(bytes, frame.at, frame.size);
    *left = eg_anonymize(by, link_type, bytes, (uint32_t)frame.size, (uint32_t)wire, &tally);
    assert_true(*left <= frame.size);
    eg_tally_reset(&tally);
    return bytes;
}

/* Of runs of changed bytes all may change, and the whole run must. */
static void becomes(size_t k, const uint8_t *was, const uint8_t *is, uint32_t left) {
    const char *pattern = frames[k].becomes;
    assert_true(strlen(pattern) <= left);
    for (size_t i = 0; pattern[i]; i++) {
        if (pattern[i] == '=' && was[i] != is[i]) fail_msg("frame %zu: byte %zu changed", k, i);
        if (pattern[i] == '0' && is[i]) fail_msg("frame %zu: byte %zu is not zero", k, i);
        if (pattern[i] != 'm') continue;
        size_t run = strspn(pattern + i, "m");
        for (size_t at = i; at < i + run; at += 4)
            if (!memcmp(was + at, is + at, i + run - at < 4 ? i + run - at : 4))
                if (was[at] != 0xff) fail_msg("frame %zu: byte %zu stayed", k, at);
        i += run - 1;
    }
}

static void test_what_becomes_of_link_headers(void **state) {
    for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
        struct eg_span frame = frame_of(frames[k].hex);
        uint32_t left;
        uint8_t *bytes = after(*state, frames[k].link_type, frame, frame.size, &left);
        if (!frames[k].becomes[0])
            assert_int_equal(left, 0);
        else
            assert_in_range(left, strlen(frames[k].becomes) + 28,
                            frame.size); /* the packet is whole */
        becomes(k, frame.at, bytes, left);
        free(bytes);
        frame_free(frame);
    }
}

/* Three bytes in a row of what must not show. */
static bool shows(const uint8_t *bytes, uint32_t left) {
    bool found = false;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        struct eg_span what = frame_of(never[i]);
        for (uint32_t at = 0; at + 3 <= left; at++)
            for (size_t j = 0; j + 3 <= what.size; j++)
                found = found || memcmp(bytes + at, what.at + j, 3) == 0;
        frame_free(what);
    }
    return found;
}

static void test_nothing_shows_wherever_a_frame_is_cut(void **state) {
    for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
        struct eg_span frame = frame_of(frames[k].hex);
        for (size_t size = 0; size <= frame.size; size++)
            for (unsigned told = 0; told < 2; told++) {
                uint32_t left;
                size_t wire = told ? frame.size : size;
                uint8_t *bytes =
                    after(*state, frames[k].link_type, eg_span(frame.at, size), wire, &left);
                if (shows(bytes, left)) fail_msg("frame %zu cut at %zu", k, size);
                free(bytes);
            }
        frame_free(frame);
    }
}

/* The same host is the same in an ARP packet as in front of it, whatever the kind of its address. */
static void test_arp_of_other_networks(void **state) {
    struct eg_span frame =
        frame_of(HOST4 HOST4 HOST4 HOST4 HOST4 "80a1b2c3" HOST6 "08060000"
                                               "0020 0800 14 04 0002 80a1b2c3" HOST6 HOST4
                                               "80a1b2c3" HOST6 HOST4);
    uint32_t left;
    uint8_t *bytes = after(*state, EG_LINK_IPOIB, frame, frame.size, &left);
    assert_int_equal(left, frame.size);
    assert_memory_equal(bytes + 20, bytes + 52, 20);
    assert_memory_equal(bytes + 20, bytes + 76, 20);
    assert_memory_equal(bytes + 72, bytes + 96, 4);
    assert_memory_not_equal(bytes + 72, frame.at + 72, 4);
    assert_false(shows(bytes, left));
    free(bytes);
    frame_free(frame);
    frame = frame_of("a1b2 1234 f1 0007 0800 01 04 0001 a1" HOST4 "b2" HOST4);
    bytes = after(*state, EG_LINK_ARCNET_LINUX, frame, frame.size, &left);
    assert_int_equal(left, frame.size);
    assert_int_equal(bytes[13] | bytes[18], 0);
    assert_memory_not_equal(bytes + 14, frame.at + 14, 4);
    assert_memory_equal(bytes + 14, bytes + 19, 4);
    free(bytes);
    frame_free(frame);
}

/* Where a length in front of it says how long a packet is, readers want all of it: zeros, and checksums
 * that are right. */
static void test_the_payload_of_netfilters_packets(void **state) {
    struct eg_anonymizer *by = *state;
    by->keep_payload = false;
    struct eg_span frame = frame_of("02000000 2200 0900 4500 001e 1234 4000 4011 f000" HOST4 HOST4
                                    "1f90 0036 000a 5b52 7365 7777");
    uint32_t left, sum = 17 + 10;
    uint8_t *bytes = after(by, EG_LINK_NFLOG, frame, frame.size, &left);
    assert_int_equal(left, frame.size);
    assert_memory_equal(bytes, frame.at, 12);
    assert_int_equal(bytes[36] | bytes[37] | bytes[38], 0);
    uint32_t before = 17 + 10;
    for (uint32_t i = 20; i < left - 2; i += 2) {
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
        before += (uint32_t)frame.at[i] << 8 | frame.at[i + 1];
    }
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    while (before >> 16) before = (before & 0xffff) + (before >> 16);
    assert_int_equal(sum, before);
    free(bytes);
    by->keep_payload = true; /* then only the padding behind it */
    bytes = after(by, EG_LINK_NFLOG, frame, frame.size, &left);
    assert_int_equal(left, frame.size);
    assert_memory_equal(bytes + 36, frame.at + 36, 2);
    assert_int_equal(bytes[38] | bytes[39], 0);
    free(bytes);
    frame_free(frame);
}

/* Of these nobody has said where they name hosts: nothing goes out, also where they are wrapped. */
static void test_headers_that_are_not_told(void **state) {
    static const uint32_t untold[] = {EG_LINK_TOKEN_RING, EG_LINK_FDDI, EG_LINK_FIREWIRE,
                                      EG_LINK_PRISM, EG_LINK_AVS};
    struct eg_span frame = frame_of("40020000 40000000" MAC MAC "0800 0800" PACKET PACKET PACKET);
    uint32_t left;
    for (size_t i = 0; i < sizeof untold / sizeof *untold; i++) {
        free(after(*state, untold[i], frame, frame.size, &left));
        assert_int_equal(left, 0);
    }
    frame_free(frame);
    frame = frame_of("00000800 0a000000 50" MAC MAC "aaaa03 000000 0800" PACKET);
    free(after(*state, EG_LINK_PPI, frame, frame.size, &left));
    assert_int_equal(left, 8);
    frame_free(frame);
}

/* CAPWAP: what it carries is 802.11, and its own header names the radio. */
static void test_wireless_frames_in_a_tunnel(void **state) {
    struct eg_span frame = frame_of(
        "4500 0064 1234 4000 4011 0000" HOST4 HOST4 "1f90 147f 0050 0000"
        "00 200310 00000000 06" MAC "00 0802 0000" MAC MAC MAC "0000 aaaa03 000000 0800" PACKET);
    uint32_t left;
    uint8_t *bytes = after(*state, EG_LINK_RAW, frame, frame.size, &left);
    assert_int_equal(left, frame.size);
    assert_false(shows(bytes, left));
    free(bytes);
    frame_free(frame);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_up, scene_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_becomes_of_link_headers), TEST(test_nothing_shows_wherever_a_frame_is_cut),
        TEST(test_arp_of_other_networks),        TEST(test_the_payload_of_netfilters_packets),
        TEST(test_headers_that_are_not_told),    TEST(test_wireless_frames_in_a_tunnel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
