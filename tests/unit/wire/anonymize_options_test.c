/* SPDX-License-Identifier: Apache-2.0
 * Options: addresses are mapped, what is known stays, what is not known becomes zeros and is told. */
#include "wire/anonymize.h"

#include "frames.h"
#include "table/address.h"
#include "wire/capture.h"

#include <stdio.h>

/* Of 12 and 40 bytes, with any addresses and checksums. */
#define V4(words, total, proto) "4" words "00" total "1234 4000 40" proto "0000 0a000001 0a000002 "
#define V4_AFTER(words, total, proto) "4" words "00" total "1234 4000 40" proto ".... ........ ........ "
#define V6(length, next)                                                                           \
    "60000000" length next "40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define ANY16 "................................ "
#define V6_AFTER(length, next) "60000000" length next "40" ANY16 ANY16
#define TCP_40 "0050 1f90 00000001 00000002 a010 0400 0000 0000 " /* 20 bytes of options */
#define TCP_40_AFTER "0050 1f90 00000001 00000002 a010 0400 .... 0000 "
#define PORTS "1f90 0035 0008 0000"
#define INNER V4("5", "001c", "11") PORTS
#define INNER_AFTER V4_AFTER("5", "001c", "11") PORTS

static const struct {
    const char *hex, *after;        /* . is any digit */
    unsigned told;                  /* frames in which something became zeros */
    uint32_t mapped[3][2];          /* places of addresses, and how wide they are */
} rows[] = {
    /* IPv4: a route; router alert stays; a traceroute (82), which holds an address, does not */
    {V4("8", "0028", "11") "8307 04 c6336401 94040000 00" PORTS,
     V4_AFTER("8", "0028", "11") "8307 04 ........ 94040000 00" PORTS, 0, {{23, 4}}},
    {V4("8", "0028", "11") "520c 1234 0001 0002 c6336401" PORTS,
     V4_AFTER("8", "0028", "11") "520c 0000 0000 0000 00000000" PORTS, 1, {{0}}},
    {V4("6", "0020", "11") "520c c633" PORTS, V4_AFTER("6", "0020", "11") "0000 0000" PORTS, 1, {{0}}},
    {V4("6", "0020", "11") "00 c63364" PORTS, V4_AFTER("6", "0020", "11") "00 000000" PORTS, 1, {{0}}},
    /* what is unknown and empty is nothing to tell of */
    {V4("6", "0020", "11") "5204 0000" PORTS, V4_AFTER("6", "0020", "11") "5204 0000" PORTS, 0, {{0}}},
    /* TCP: times and multipath keys stay, a further address of a host is mapped, or zeros where its length is odd */
    {V4("5", "003c", "06") TCP_40 "01 01 080a 00000007 00000008 1e08 0005 11223344",
     V4_AFTER("5", "003c", "06") TCP_40_AFTER "01 01 080a 00000007 00000008 1e08 0005 11223344", 0, {{0}}},
    {V4("5", "003c", "06") TCP_40 "1e08 3405 c6336401 1e0a 3406 c6336402 0050 0101",
     V4_AFTER("5", "003c", "06") TCP_40_AFTER "1e08 3405 ........ 1e0a 3406 ........ 0050 0101", 0, {{44, 4}, {52, 4}}},
    {V4("5", "003c", "06") TCP_40 "1e14 3605 20010db8000000000000000000000077",
     V4_AFTER("5", "003c", "06") TCP_40_AFTER "1e14 3605" ANY16, 0, {{44, 16}}},
    {V4("5", "003c", "06") TCP_40 "1e09 3605 c633640102 fd0b c633640102030405 06",
     V4_AFTER("5", "003c", "06") TCP_40_AFTER "1e09 3605 0000000000 fd0b 0000000000000000 00", 1, {{0}}},
    /* IPv6: hop by hop an alert stays and a source of MPL (0x6d) does not; a home address; routes of other kinds */
    {V6("0018", "00") "1101 0502 0000 0104 00000000 0100 0100" PORTS,
     V6_AFTER("0018", "00") "1101 0502 0000 0104 00000000 0100 0100" PORTS, 0, {{0}}},
    {V6("0020", "00") "1102 6d14 8000 20010db8000000000000000000000077 0000" PORTS,
     V6_AFTER("0020", "00") "1102 6d14 0000 00000000000000000000000000000000 0000" PORTS, 1, {{0}}},
    {V6("0020", "3c") "1102 0102 0000 c910 20010db8000000000000000000000077" PORTS,
     V6_AFTER("0020", "3c") "1102 0102 0000 c910" ANY16 PORTS, 0, {{48, 16}}},
    /* one that is longer than its header touches nothing behind it */
    {V6("0010", "00") "1100 0000 0000 6d0a" PORTS, V6_AFTER("0010", "00") "1100 0000 0000 0000" PORTS, 1, {{0}}},
    {V6("0010", "3c") "1100 0000 0000 c910" PORTS, V6_AFTER("0010", "3c") "1100 0000 0000 0000" PORTS, 1, {{0}}},
    {V6("0010", "00") "1100 0000 0000 006d" PORTS, V6_AFTER("0010", "00") "1100 0000 0000 0000" PORTS, 1, {{0}}},
    {V6("0018", "2b") "1101 0301 88000000 0000000000000077" PORTS,
     V6_AFTER("0018", "2b") "1101 0301 88000000 0000000000000000" ".... .... .... ....", 1, {{0}}},
    /* mobility: the address of whoever moved */
    {V6("0018", "87") "3b02 0500 0000 0001 20010db8000000000000000000000077",
     V6_AFTER("0018", "87") "3b02 0500 0000 0001 00000000000000000000000000000000", 1, {{0}}},
    /* GENEVE: two options, of 4 and of 8 bytes; kinds and lengths stay */
    {V4("5", "0050", "11") "1f90 17c1 003c 0000 0500 0800 00007b00 01028001 c6336401 01020002 c6336402 00000000" INNER,
     V4_AFTER("5", "0050", "11") "1f90 17c1 003c 0000 0500 0800 00007b00 01028001 00000000 01020002 00000000 00000000"
     INNER_AFTER, 1, {{0}}},
    {V4("5", "0040", "11") "1f90 17c1 002c 0000 0100 0800 00007b00 0102801f" INNER,
     V4_AFTER("5", "0040", "11") "1f90 17c1 002c 0000 0100 0800 00007b00 0102801f" INNER_AFTER, 0, {{0}}},
    /* ICMP: the interface that an error came in by, then labels of MPLS */
    {V4("5", "0050", "01") "0b00 0000 0007 0000" INNER "2000 1234 000c 0205 c6336401 00000001 0008 0101 00012301",
     V4_AFTER("5", "0050", "01") "0b00 .... 0007 0000" INNER_AFTER "2000 .... 000c 0205 00000000 00000000 0008 0101 00012301",
     1, {{0}}},
    {V4("5", "0048", "01") "0b00 0000 0007 0000" INNER "3000 1234 000c 0205 00336401 00000001",
     V4_AFTER("5", "0048", "01") "0b00 0000 0007 0000" INNER_AFTER "3000 1234 000c 0205 00336401 00000001", 0, {{0}}},
    /* GRE: a route of IPv4 and one of something else, the key before them */
    {V4("5", "0050", "2f") "6000 0800 0000 0000 0000 0001 0800 0004 c6336401 fffe 0004 c6336402 0000 0000" INNER,
     V4_AFTER("5", "0050", "2f") "6000 0800 0000 0000 0000 0001 0800 0004 ........ fffe 0004 00000000 0000 0000" INNER_AFTER, 1, {{36, 4}}},
};

struct scene {
    struct eg_address_map *map;
    struct eg_anonymizer by;
    uint64_t told;
};

static int scene_up(void **state) {
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {2, 7, 1, 8};
    struct scene *s = calloc(1, sizeof *s);
    s->map = eg_address_map_new(key, false);
    s->by = (struct eg_anonymizer){.map = s->map,
                                   .keep_payload = true,
                                   .before = malloc(EG_FRAME_BYTES_MAX),
                                   .options_blanked = &s->told};
    *state = s;
    return 0;
}

static int scene_down(void **state) {
    struct scene *s = *state;
    eg_address_map_free(s->map);
    free(s->by.before);
    free(s);
    return 0;
}

static uint32_t become(struct scene *s, uint8_t *bytes, size_t size, size_t wire) {
    struct eg_tally tally = {0};
    uint32_t left = eg_anonymize(&s->by, EG_LINK_RAW, bytes, (uint32_t)size, (uint32_t)wire, &tally);
    eg_tally_reset(&tally);
    return left;
}

/* As the row has it, digit by digit. */
static void as_wanted(size_t row, const uint8_t *bytes, uint32_t left) {
    uint32_t digit = 0;
    for (const char *w = rows[row].after; *w; w++) {
        if (*w == ' ') continue;
        if (digit / 2 >= left) fail_msg("row %zu: %u bytes are left", row, left);
        uint8_t is = digit % 2 ? bytes[digit / 2] & 15 : bytes[digit / 2] >> 4;
        if (*w != '.' && frame_nibble(*w) != is)
            fail_msg("row %zu: digit %u is %x, not %c", row, digit, is, *w);
        digit++;
    }
    if (digit != 2 * left) fail_msg("row %zu: %u bytes are left of %u", row, left, digit / 2);
}

static void mapped_at(struct scene *s, const uint8_t *before, const uint8_t *after, uint32_t width) {
    struct eg_addr addr = {.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(addr.bytes + 16 - width, before, width);
    addr = eg_address_map_ip(s->map, addr);
    assert_memory_equal(after, addr.bytes + 16 - width, width);
}

static void test_options(void **state) {
    struct scene *s = *state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct eg_span frame = frame_of(rows[k].hex);
        uint8_t *bytes = malloc(frame.size);
        memcpy(bytes, frame.at, frame.size);
        s->told = 0;
        as_wanted(k, bytes, become(s, bytes, frame.size, frame.size));
        if (s->told != rows[k].told) fail_msg("row %zu: told %u", k, (unsigned)s->told);
        for (size_t i = 0; i < 3 && rows[k].mapped[i][1]; i++) {
            uint32_t at = rows[k].mapped[i][0];
            mapped_at(s, frame.at + at, bytes + at, rows[k].mapped[i][1]);
        }
        free(bytes);
        frame_free(frame);
    }
}

/* Wherever the capture ended: no option shows three bytes of the addresses above. */
static void test_cut_anywhere(void **state) {
    static const uint8_t host[][3] = {{0xc6, 0x33, 0x64}, {0x20, 0x01, 0x0d}};
    struct scene *s = *state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct eg_span frame = frame_of(rows[k].hex);
        for (size_t size = 0; size <= frame.size; size++) {
            uint8_t *bytes = malloc(size + 1);
            memcpy(bytes, frame.at, size);
            uint32_t left = become(s, bytes, size, frame.size);
            for (uint32_t i = 0; i + 3 <= left; i++)
                if (memcmp(bytes + i, host[0], 3) == 0 || memcmp(bytes + i, host[1], 3) == 0)
                    fail_msg("row %zu cut at %zu: an address at byte %u", k, size, i);
            free(bytes);
        }
        frame_free(frame);
    }
}

/* That of ICMP's objects is right before and after. */
static void test_checksum_of_objects(void **state) {
    struct scene *s = *state;
    struct eg_span frame = frame_of(V4("5", "0048", "01") "0b00 0000 0007 0000" INNER
                                    "2000 0000 000c 0205 c6336401 00000001");
    uint8_t *bytes = malloc(frame.size);
    memcpy(bytes, frame.at, frame.size);
    for (int again = 0; again < 2; again++) {
        uint32_t sum = 0;
        for (uint32_t i = 56; i < 72; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
        while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
        if (again) assert_int_equal(sum, 0xffff);
        if (again) break;
        bytes[58] = (uint8_t)(~sum >> 8);
        bytes[59] = (uint8_t)~sum;
        assert_int_equal(become(s, bytes, frame.size, frame.size), frame.size);
        assert_memory_equal(bytes + 64, "\0\0\0\0\0\0\0\0", 8);
    }
    free(bytes);
    frame_free(frame);
}

/* The sum that covers a datagram's options of a tunnel is right afterwards. */
static void test_checksum_around_options(void **state) {
    struct scene *s = *state;
    struct eg_span frame = frame_of(
        V4("5", "0050", "11") "1f90 17c1 003c 0000 0500 0800 00007b00 01028001 c6336401 01020002 "
                              "c6336402 00000000" INNER);
    uint8_t *bytes = malloc(frame.size);
    memcpy(bytes, frame.at, frame.size);
    for (int again = 0; again < 2; again++) {
        uint32_t sum = 17 + 60;
        for (uint32_t i = 12; i < frame.size; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
        while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
        if (again) assert_int_equal(sum, 0xffff);
        if (again) break;
        bytes[26] = (uint8_t)(~sum >> 8);
        bytes[27] = (uint8_t)~sum;
        assert_int_equal(become(s, bytes, frame.size, frame.size), frame.size);
        assert_memory_equal(bytes + 40, "\0\0\0\0", 4);
    }
    free(bytes);
    frame_free(frame);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_up, scene_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_options), TEST(test_cut_anywhere),
                                       TEST(test_checksum_of_objects),
                                       TEST(test_checksum_around_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
