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

/* Who a Teredo server has a packet from stands in front of it, inverted; who it is, before that. */
static void test_the_origin_of_teredo(void **state) {
    struct scene *s = *state;
    const char *hex = IP4("005e", "11") "c000 0dd8 004a 0000"
                      "0001 02 03 4142 515253 0102030405060708 00"
                      "0000 1234 f5fffffe"
                      "60000000 0000 3b40 20010000000000000000000000000001 20010000000000000000000000000002";
    struct eg_span frame = frame_of(hex);
    uint32_t left;
    uint8_t *bytes = after(s, EG_LINK_RAW, frame, &left);
    assert_int_equal(left, frame.size);
    struct eg_addr client = {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
    client = eg_address_map_ip(s->map, client);
    const uint32_t authentication = 28, origin = authentication + 18;
    static const uint8_t nothing[14] = {0};
    assert_memory_equal(bytes + authentication, frame.at + authentication, 4);
    assert_memory_equal(bytes + authentication + 4, nothing, 14);
    assert_memory_equal(bytes + origin, frame.at + origin, 4); /* the port stays */
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(bytes[origin + 4 + i], client.bytes[12 + i] ^ 0xff);
    free(bytes);
    frame_free(frame);
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

/* ---- every place of an address ---- */

#define HOST4 "c6336411 "
#define HOST6 "20010db8a1b2c3d4e5f61728394a5b6c "
#define FROM4(total, proto) "4500" total "1234 4000 40" proto "0000" HOST4 HOST4
#define FROM6(length, next) "60000000" length next "40" HOST6 HOST6

static const char *const places[] = {
    /* multicast listeners: a query with two sources, a report of two records (the first with data of
     * its own) */
    FROM6("003c", "3a") "8200 0000 00000000" HOST6 "00000002" HOST6 HOST6,
    FROM6("0054", "3a") "8f00 0000 00000002 01010001" HOST6 HOST6 "00000000 02000001" HOST6 HOST6,
    FROM6("0018", "3a") "8300 0000 00000000" HOST6,
    /* a router: its MAC address, a prefix, two name servers; a redirect that quotes a packet */
    FROM6("0060", "3a") "8600 0000 40000708 0000000000000000 0101 020304050607"
        "030440c0 0000000100000001 00000000" HOST6 "19050000 00000e10" HOST6 HOST6,
    FROM6("0060", "3a") "8900 0000 00000000" HOST6 HOST6 "0407 000000000000"
        FROM6("0008", "11") "1f90 0035 0008 1234",
    /* packet too big */
    FROM6("0038", "3a") "0200 0000 00000500" FROM6("0008", "11") "1f90 0035 0008 1234",
    /* routing headers: of type 0, and segments; a home address */
    FROM6("0030", "2b") "1104 0002 00000000" HOST6 HOST6 "1f90 0035 0008 1234",
    FROM6("0030", "2b") "1104 0401 01000000" HOST6 HOST6 "1f90 0035 0008 1234",
    FROM6("0020", "3c") "1102 01020000 c910" HOST6 "1f90 0035 0008 1234",
    /* ICMP: a redirect, a router */
    FROM4("0038", "01") "0501 0000" HOST4 FROM4("001c", "11") "1f90 0035 0008 1234",
    FROM4("002c", "01") "0900 0000 02020708" HOST4 "00000000" HOST4 "00000000",
    /* an error that quotes no packet */
    FROM4("0030", "01") "0301 0000 00000000 f0f0f0f0" HOST4 HOST4 "f0f0f0f0 f0f0f0f0",
    /* options: a route that is recorded, time stamps with addresses */
    "4700 0024 1234 4000 4011 0000" HOST4 HOST4 "07070c" HOST4 "00 1f90 0035 0008 1234",
    "4b00 0034 1234 4000 4011 0000" HOST4 HOST4 "44140501" HOST4 "00000001" HOST4 "00000002 00000000"
        "1f90 0035 0008 1234",
    /* DNS: A and AAAA, the latter among what is additional, and the network of a client */
    FROM4("0066", "11") "0035 1f90 0052 1234 1234 8180 0001 0001 0000 0002 0161 00 0001 0001"
        "c00c 0001 0001 00000001 0004" HOST4 "c00c 001c 0001 00000001 0010" HOST6
        "00 0029 1000 00000000 000b 0008 0007 0001 1800 c63364",
};

/* Nothing of an address shows, not three bytes in a row, wherever a frame was cut. */
static void test_every_place(void **state) {
    struct scene *s = *state;
    struct eg_span v4 = frame_of(HOST4), v6 = frame_of(HOST6);
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        struct eg_span whole = frame_of(places[k]);
        for (size_t size = 0; size <= whole.size; size++) {
            uint32_t left;
            uint8_t *bytes = after(s, EG_LINK_RAW, eg_span(whole.at, size), &left);
            for (uint32_t i = 0; i + 3 <= left; i++) {
                bool shows = memcmp(bytes + i, v4.at, 3) == 0;
                for (size_t j = 0; j + 3 <= v6.size; j++)
                    shows = shows || memcmp(bytes + i, v6.at + j, 3) == 0;
                if (shows) fail_msg("frame %zu cut at %zu: an address at byte %u", k, size, i);
            }
            free(bytes);
        }
        frame_free(whole);
    }
    frame_free(v4);
    frame_free(v6);
}

/* ---- checksums ---- */

/* Where a checksum stands, and what it is of. */
struct summed {
    const char *hex;
    uint32_t ip, at, field, size; /* the IP header; what is summed */
    uint32_t destination;         /* 0: that of the header */
    uint8_t proto;                /* 0: addresses are not summed */
};

static uint32_t sum_of(const uint8_t *bytes, uint32_t size) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1 < size; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    return sum;
}

static uint16_t checksum(const uint8_t *frame, const struct summed *t) {
    uint32_t sum = sum_of(frame + t->at, t->size);
    bool v4 = frame[t->ip] >> 4 == 4;
    if (t->proto && v4)
        sum += sum_of(frame + t->ip + 12, 8) + t->proto + t->size;
    else if (t->proto)
        sum += sum_of(frame + t->ip + 8, 16) + t->proto + t->size +
               sum_of(frame + (t->destination ? t->destination : t->ip + 24), 16);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void checksum_put(uint8_t *frame, const struct summed *t) {
    uint8_t *field = frame + t->at + t->field;
    field[0] = field[1] = 0;
    uint16_t sum = checksum(frame, t);
    field[0] = (uint8_t)(sum >> 8);
    field[1] = (uint8_t)sum;
}

/* Inner ones first, since outer ones cover them. */
static void stay_right(struct scene *s, const struct summed *sums, size_t count) {
    struct eg_span frame = frame_of(sums[0].hex);
    uint8_t *right = malloc(frame.size);
    memcpy(right, frame.at, frame.size);
    for (size_t i = 0; i < count; i++) checksum_put(right, &sums[i]);
    uint32_t left;
    uint8_t *bytes = after(s, EG_LINK_RAW, eg_span(right, frame.size), &left);
    assert_int_equal(left, frame.size);
    assert_memory_not_equal(bytes, right, frame.size);
    for (size_t i = 0; i < count; i++)
        if (checksum(bytes, &sums[i])) fail_msg("%s: checksum %zu is wrong", sums[i].hex, i);
    free(bytes);
    free(right);
    frame_free(frame);
}

static void test_checksums_of_messages(void **state) {
    for (size_t k = 0; k < 4; k++) { /* of ICMPv6 */
        struct eg_span frame = frame_of(places[k]);
        struct summed sum = {places[k], 0, 40, 2, (uint32_t)frame.size - 40, 0, 58};
        stay_right(*state, &sum, 1);
        frame_free(frame);
    }
}

/* What an error quotes has checksums of its own, which those around it cover. */
static void test_checksums_of_quotes(void **state) {
    struct summed redirect[] = {{places[4], 88, 128, 6, 8, 0, 17}, {places[4], 0, 40, 2, 96, 0, 58}};
    struct summed too_big[] = {{places[5], 48, 88, 6, 8, 0, 17}, {places[5], 0, 40, 2, 56, 0, 58}};
    struct summed v4[] = {{places[9], 28, 48, 6, 8, 0, 17},
                          {places[9], 28, 28, 10, 20, 0, 0},
                          {places[9], 0, 20, 2, 36, 0, 0},
                          {places[9], 0, 0, 10, 20, 0, 0}};
    stay_right(*state, redirect, 2);
    stay_right(*state, too_big, 2);
    stay_right(*state, v4, 4);
}

/* A quote in a quote in a quote is none. */
static void test_quotes_of_quotes(void **state) {
    struct eg_span frame =
        frame_of(FROM4("0070", "01") "0301 0000 00000000" FROM4("0054", "01") "0301 0000 00000000"
                 FROM4("0038", "01") "0301 0000 00000000" FROM4("001c", "11") "1f90 0036 0008 1234");
    static const uint8_t none[28];
    uint32_t left;
    uint8_t *bytes = after(*state, EG_LINK_RAW, frame, &left);
    assert_int_equal(left, 112);
    assert_memory_not_equal(bytes + 56, none, 20);
    assert_memory_equal(bytes + 84, none, 28);
    free(bytes);
    frame_free(frame);
}

/* The payload of a packet that is quoted is kept where payload is, else it is blank. */
static void test_payload_of_quotes(void **state) {
    struct scene *s = *state;
    const char *hex = FROM4("0040", "01") "0301 0000 00000000" FROM4("0024", "11")
                      "1f90 0036 0010 1234 4142434445464748";
    struct eg_span frame = frame_of(hex);
    static const uint8_t none[8];
    for (int keeps = 0; keeps < 2; keeps++) {
        uint32_t left;
        s->by.keep_payload = keeps;
        uint8_t *bytes = after(s, EG_LINK_RAW, frame, &left);
        assert_int_equal(left, 64);
        assert_memory_equal(bytes + 48, frame.at + 48, 6); /* ports, length */
        assert_memory_equal(bytes + 56, keeps ? (const void *)"ABCDEFGH" : none, 8);
        free(bytes);
    }
    s->by.keep_payload = false;
    const struct summed sums[] = {{hex, 28, 48, 6, 16, 0, 17}, {hex, 28, 28, 10, 20, 0, 0},
                                  {hex, 0, 20, 2, 44, 0, 0}};
    stay_right(s, sums, 3);
    frame_free(frame);
}

/* That of GRE covers all of what it carries. */
static void test_checksums_of_tunnels(void **state) {
    static const char hex[] =
        FROM4("0038", "2f") "8000 0800 0000 0000" FROM4("001c", "11") "1f90 0036 0008 1234";
    const struct summed sums[] = {
        {hex, 28, 48, 6, 8, 0, 17}, {hex, 28, 28, 10, 20, 0, 0}, {hex, 0, 20, 4, 36, 0, 0}};
    stay_right(*state, sums, 3);
}

/* The destination that counts is the last one: of type 0 the last address, of segments the first;
 * behind the last hop it is that of the header. */
static void test_checksums_behind_routing_headers(void **state) {
    static const char over[] =
        FROM6("0030", "2b") "1104 0000 00000000" HOST6 "20010db8 00000000 00000000 00000077"
                            "1f90 0035 0008 1234";
    static const char route[] = FROM6("0030", "2b") "1104 0002 00000000" HOST6
        "20010db8 00000000 00000000 00000077 1f90 0035 0008 1234";
    static const char segments[] = FROM6("0030", "2b") "1104 0401 01000000"
        "20010db8 00000000 00000000 00000077" HOST6 "1f90 0035 0008 1234";
    struct summed sums[] = {{over, 0, 80, 6, 8, 24, 17},
                            {route, 0, 80, 6, 8, 64, 17},
                            {segments, 0, 80, 6, 8, 48, 17}};
    for (size_t i = 0; i < 3; i++) stay_right(*state, &sums[i], 1);
}

/* A checksum that comes out as 0 is written as its other form: 0 would say that there is none. */
static void test_a_checksum_that_is_zero(void **state) {
    struct scene *s = *state;
    struct summed sum = {FROM4("001e", "11") "1f90 0035 000a 0000 4142", 0, 20, 6, 10, 0, 17};
    struct eg_span frame = frame_of(sum.hex);
    uint8_t *right = malloc(frame.size);
    uint32_t full = 0;
    for (uint32_t payload = 0; payload < 65536; payload++) {
        memcpy(right, frame.at, frame.size);
        right[28] = (uint8_t)(payload >> 8);
        right[29] = (uint8_t)payload;
        checksum_put(right, &sum);
        if (!right[26] && !right[27]) continue;
        uint32_t left;
        uint8_t *bytes = after(s, EG_LINK_RAW, eg_span(right, frame.size), &left);
        assert_true(bytes[26] || bytes[27]);
        assert_int_equal(checksum(bytes, &sum), 0);
        full += bytes[26] == 0xff && bytes[27] == 0xff;
        free(bytes);
    }
    assert_int_equal(full, 1);
    free(right);
    frame_free(frame);
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
        TEST(test_the_origin_of_teredo),
        TEST(test_payload_is_cut),
        TEST(test_what_is_not_understood_is_cut_even_so),
        TEST(test_an_unknown_link_layer_leaves_nothing),
        TEST(test_cut_at_every_byte),
        TEST(test_every_place),
        TEST(test_checksums_of_messages),
        TEST(test_checksums_of_quotes),
        TEST(test_quotes_of_quotes),
        TEST(test_payload_of_quotes),
        TEST(test_checksums_of_tunnels),
        TEST(test_checksums_behind_routing_headers),
        TEST(test_a_checksum_that_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
