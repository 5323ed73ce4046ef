/* SPDX-License-Identifier: Apache-2.0
 * sFlow flow samples: every record in its columns, and what of a damaged sample is kept. */
#include "sflow_make.h"
#include "torture.h"

/* A datagram of one flow sample whose records `put` writes. */
static struct bytes sample_of(uint32_t records, void (*put)(struct bytes *)) {
    struct bytes b = begin(1);
    uint32_t sample = flow(&b, records);
    put(&b);
    block_end(&b, sample);
    return b;
}

static void check(uint32_t records, void (*put)(struct bytes *), const char *expected) {
    struct bytes b = sample_of(records, put);
    char *row = one_row(&b, 0);
    assert_string_equal(row, expected);
    free(row);
}

static void put_record(struct bytes *b, uint32_t format, uint32_t words, const uint32_t *values) {
    uint32_t record = block(b, format);
    for (uint32_t i = 0; i < words; i++) put_be(b, values[i], 4);
    block_end(b, record);
}
#define RECORD(b, format, ...)                                                                     \
    put_record(b, format, sizeof((const uint32_t[]){__VA_ARGS__}) / 4,                             \
               (const uint32_t[]){__VA_ARGS__})

static void ethernet(struct bytes *b) {
    RECORD(b, 2, 1000, 0x02000000, 0x00010000, 0x02000000, 0x00020000, 0x0806);
}
static void reading4(struct bytes *b) {
    RECORD(b, 3, 500, 6, 0x0a000003, 0x0a000004, 80, 4000, 0x12, 0x20);
}
static void reading6(struct bytes *b) {
    RECORD(b, 4, 600, 58, 0x20010db8, 0, 0, 1, 0x20010db8, 0, 0, 2, 80, 4000, 0x12, 0x20);
}
static void header(struct bytes *b) { put_header(b, 28, 28); }

#define PORTS "in_if=3 out_if=4 direction=0 "
#define MACS "src_mac=2199023255553 dst_mac=2199023255554 "

static void readings(struct bytes *b) {
    ethernet(b);
    reading4(b);
}
static void all_readings(struct bytes *b) {
    readings(b);
    header(b);
}

static void what_the_agent_read(void **state) {
    (void)state;
    check(1, ethernet, TIMES "packets=1 bytes=982 sampling_rate=1000 " MACS PORTS FROM);
    check(2, readings,
          TIMES "src_ip=" V4("0a000003") " dst_ip=" V4(
              "0a000004") " src_port=80 dst_port=4000 "
                          "proto=6 packets=1 bytes=500 sampling_rate=1000 tcp_flags=18 tos=32 " MACS
                              PORTS FROM);
    check(1, reading6,
          TIMES "src_ip=20010db8000000000000000000000001 dst_ip=20010db8000000000000000000000002 "
                "proto=58 packets=1 bytes=600 sampling_rate=1000 tos=32 " PORTS FROM);
    /* the packet itself is believed more; its flags were not seen */
    struct bytes b = sample_of(3, all_readings);
    char *row = one_row(&b, 0);
    assert_non_null(strstr(row, "dst_ip=" V4("0a000002") " src_port=1024 dst_port=53 proto=17 "));
    assert_non_null(strstr(row, "bytes=100 "));
    assert_non_null(strstr(row, MACS));
    free(row);
}

/* ---- the sampled header ---- */

static uint32_t header_fields[3]; /* protocol, frame length, stripped */
static uint8_t header_bytes[64];
static uint32_t header_size;
static void any_header(struct bytes *b) {
    uint32_t record = block(b, 1);
    put_words(b, 4, header_fields[0], header_fields[1], header_fields[2], header_size);
    for (uint32_t i = 0; i < header_size; i++) put_be(b, header_bytes[i], 1);
    while (b->size & 3) put_be(b, 0, 1);
    block_end(b, record);
}
static void header_is(uint32_t protocol, uint32_t frame, uint32_t stripped, const uint8_t *bytes,
                      uint32_t size) {
    header_fields[0] = protocol, header_fields[1] = frame, header_fields[2] = stripped;
    memcpy(header_bytes, bytes, size);
    header_size = size;
}
static int64_t bytes_of(void) {
    struct bytes b = sample_of(1, any_header);
    struct eg_datagram d = datagram(&b);
    struct result r;
    decode_into(&d, 1, EG_SET(FLOWS, bytes), &r, NULL, NULL);
    assert_int_equal(r.row_count, 1);
    int64_t size = strncmp(r.rows[0], "bytes=", 6) == 0 ? atoll(r.rows[0] + 6) : -1;
    result_reset(&r);
    return size;
}

static void bytes_are_from_the_ip_header_on(void **state) {
    (void)state;
    const uint8_t arp[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0};
    header_is(1, 64, 4, arp, sizeof arp);
    assert_int_equal(bytes_of(), 46);
    const uint8_t tagged[] = {2, 0,    0,    0, 0, 2,    2,    0, 0, 0, 0,
                              1, 0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 2, 8, 6};
    header_is(1, 68, 4, tagged, sizeof tagged);
    assert_int_equal(bytes_of(), 68 - 22 - 4);
    header_is(1, 1400, 1300, arp, sizeof arp); /* what was not sampled is not what was stripped */
    assert_int_equal(bytes_of(), 1400 - 14);
    header_is(1, 10, 4, arp, sizeof arp); /* no such frame */
    assert_int_equal(bytes_of(), -1);
    uint8_t ip[28] = {0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    header_is(11, 1504, 4, ip, sizeof ip);
    assert_int_equal(bytes_of(), 1500);
    ip[2] = ip[3] = 0; /* left to the network card */
    header_is(11, 1504, 4, ip, sizeof ip);
    assert_int_equal(bytes_of(), 1500);
    const uint8_t ip6[40] = {0x60, 0, 0, 0, 0, 100, 59, 64};
    header_is(12, 144, 4, ip6, sizeof ip6);
    assert_int_equal(bytes_of(), 140);
}

static void header_protocols(void **state) {
    (void)state;
    uint8_t packet[48] = {0xff, 0x03, 0x00, 0x21, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 99};
    header_is(7, 44, 0, packet, 24); /* PPP */
    assert_int_equal(bytes_of(), 40);
    header_is(14, 44, 0, packet, 24);
    assert_int_equal(bytes_of(), 40);
    packet[0] = 0, packet[1] = 0, packet[2] = 0x71, packet[3] = 64; /* MPLS: label 7, the last */
    header_is(13, 44, 0, packet, 24);
    struct bytes b = sample_of(1, any_header);
    char *row = one_row(&b, 0);
    assert_non_null(strstr(row, "bytes=40 "));
    assert_non_null(strstr(row, "mpls_labels=7 "));
    free(row);
    header_is(15, 44, 0, packet, 24); /* 802.11 */
    b = sample_of(1, any_header);
    struct result r = decode(&b);
    assert_string_equal(r.rows[0], TIMES "packets=1 sampling_rate=1000 " PORTS FROM);
    assert_int_equal(packets_of(&r, EG_CAUSE_link_type_unsupported), 1);
    assert_int_equal(r.tally.count, 1);
    result_reset(&r);
}

static void headers_cut_anywhere(void **state) {
    (void)state;
    for (uint32_t size = 1; size <= 28; size++) {
        struct bytes b = begin(1);
        uint32_t sample = flow(&b, 1);
        put_header(&b, size, size);
        while (b.size & 3) put_be(&b, 0, 1);
        block_end(&b, sample);
        struct result r = decode(&b);
        assert_int_equal(r.row_count, 1);
        assert_int_equal(r.tally.count, size < 28);
        assert_int_equal(packets_of(&r, EG_CAUSE_frame_cut), size < 28);
        assert_int_equal(!!strstr(r.rows[0], "dst_ip="), size >= 20);
        assert_int_equal(!!strstr(r.rows[0], "dst_port=53"), size >= 24);
        result_reset(&r);
    }
}

/* ---- records around the packet ---- */

static void around(struct bytes *b) {
    header(b);
    RECORD(b, 1001, 30, 0, 40, 5);
    RECORD(b, 1002, 1, 0x0a0000fe, 24, 16);
    RECORD(b, 1003, 1, 0x0a0000fd, 64500, 0, 64501, 2, 2, 2, 64502, 64503, 1, 2, 64504, 64505, 2,
           100, 200, 50);
    RECORD(b, 1007, 1, 0xc0000201, 2, 0x20010db8, 0, 0, 9);
    RECORD(b, 1020, 2000, 53);
}
static void gateway_alone(struct bytes *b) {
    header(b);
    RECORD(b, 1003, 2, 0x20010db8, 0, 0, 5, 64500, 64600, 64501, 0, 0, 0);
}
static void silent_router(struct bytes *b) {
    header(b);
    RECORD(b, 1002, 1, 0, 0xffffffff, 129);
    RECORD(b, 1001, 4095, 0xffffffff, 0, 0);
    RECORD(b, 1007, 0, 0);
}

static void what_the_agent_knows(void **state) {
    (void)state;
    check(6, around,
          TIMES "src_ip=" V4("0a000001") " dst_ip=" V4(
              "0a000002") " src_port=1024 dst_port=53 "
                          "proto=17 packets=1 bytes=100 sampling_rate=1000 tos=16 min_ttl=64 "
                          "max_ttl=64 "
                          "vlan=30 next_hop=" V4(
                              "0a0000fe") " src_as=64500 dst_as=64505 src_mask=24 "
                                          "dst_mask=16 " PORTS "nat_src_ip=" V4(
                                              "c0000201") " "
                                                          "nat_dst_ip="
                                                          "20010db8000000000000000000000009 "
                                                          "nat_src_port=2000 nat_dst_port=53 " FROM
                                                          "extra={\"dst_vlan\":40,\"dst_priority\":"
                                                          "5,\"bgp_next_hop\":\"10.0.0.253\","
                                                          "\"as\":64500,\"src_peer_as\":64501,\"as_"
                                                          "path\":[64502,64503,[64504,64505]],"
                                                          "\"communities\":[100,200],\"local_"
                                                          "pref\":50} ");
    struct bytes b = sample_of(2, gateway_alone);
    char *row = one_row(&b, 0);
    assert_non_null(strstr(row, "next_hop=20010db8000000000000000000000005 src_as=64600 "
                                "dst_as=64500 "));
    assert_non_null(strstr(row, "extra={\"as\":64500,\"src_peer_as\":64501} "));
    free(row);
    check(4, silent_router, HEADER_ROW);
}

static void mpls(struct bytes *b) {
    header(b);
    RECORD(b, 1006, 1, 0x0a0000fc, 2, 100 << 12, 200 << 12 | 0x1ff, 1, 300 << 12 | 0x1ff);
    RECORD(b, 1012, 2, 0x8100000a, 0x8100000b);
}
static void tunnel4(struct bytes *b) {
    header(b);
    RECORD(b, 1023, 150, 17, 0x0b000001, 0x0b000002, 5000, 4789, 0, 0);
    RECORD(b, 1029, 5000);
}
static void tunnel6(struct bytes *b) {
    header(b);
    RECORD(b, 1023, 150, 17, 0x0b000001, 0x0b000002, 5000, 4789, 0, 0);
    RECORD(b, 1026, 150, 47, 0x20010db8, 0, 0, 1, 0x20010db8, 0, 0, 2, 0, 0, 0, 0);
}
static void vni(struct bytes *b) {
    header(b);
    RECORD(b, 1030, 16777215);
}

static void tunnels(void **state) {
    (void)state;
    static const struct {
        uint32_t records;
        void (*put)(struct bytes *);
        const char *has;
    } cases[] = {
        {3, mpls, "vlan=10 mpls_labels=100,200 "},
        {3, mpls,
         "extra={\"mpls_next_hop\":\"10.0.0.252\",\"mpls_out_labels\":[300],"
         "\"vlan_stack\":[2164260874,2164260875]} "},
        {3, tunnel4,
         "tunnel=vxlan tunnel_id=5000 outer_src_ip=" V4("0b000001") " outer_dst_ip=" V4(
             "0b000002") " "},
        {3, tunnel6,
         "tunnel=gre outer_src_ip=20010db8000000000000000000000001 "
         "outer_dst_ip=20010db8000000000000000000000002 "},
        {2, vni, "tunnel=vxlan tunnel_id=16777215 exporter="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b = sample_of(cases[i].records, cases[i].put);
        char *row = one_row(&b, 0);
        assert_non_null(strstr(row, cases[i].has));
        free(row);
    }
}

static uint32_t inner_offset;
static void inner(struct bytes *b) {
    any_header(b);
    RECORD(b, 1028, inner_offset);
}

static void the_packet_inside(void **state) {
    (void)state;
    uint8_t ipip[] = {0x45, 0, 0, 48, 0,    1, 0, 0,  64, 4, 0, 0,  11, 0,  0, 1,
                      11,   0, 0, 2,  0x45, 0, 0, 28, 0,  2, 0, 0,  9,  17, 0, 0,
                      10,   0, 0, 1,  10,   0, 0, 2,  4,  0, 0, 53, 0,  8,  0, 0};
    header_is(11, sizeof ipip, 0, ipip, sizeof ipip);
    inner_offset = 20;
    struct bytes b = sample_of(2, inner);
    char *row = one_row(&b, 0);
    assert_non_null(
        strstr(row, "src_ip=" V4("0a000001") " dst_ip=" V4(
                        "0a000002") " src_port=1024 dst_port=53 proto=17 packets=1 bytes=28 "));
    assert_non_null(strstr(row, "min_ttl=9 "));
    assert_non_null(strstr(
        row, "tunnel=ipip outer_src_ip=" V4("0b000001") " outer_dst_ip=" V4("0b000002") " "));
    inner_offset = sizeof ipip; /* nothing there: it is found without the agent, too */
    b = sample_of(2, inner);
    char *same = one_row(&b, 0);
    assert_string_equal(row, same);
    free(same);
    free(row);

    ipip[9] = 99; /* a tunnel that only the agent knows */
    header_is(11, sizeof ipip, 0, ipip, sizeof ipip);
    inner_offset = 20;
    b = sample_of(2, inner);
    row = one_row(&b, 0);
    assert_non_null(strstr(row, "src_port=1024 dst_port=53 proto=17 packets=1 bytes=28 "));
    assert_non_null(strstr(row, " outer_src_ip=" V4("0b000001") " "));
    assert_null(strstr(row, "tunnel="));
    free(row);
    for (inner_offset = sizeof ipip; inner_offset; inner_offset *= 2) { /* none that is there */
        b = sample_of(2, inner);
        row = one_row(&b, 0);
        assert_non_null(strstr(row, "proto=99 packets=1 bytes=48 "));
        assert_null(strstr(row, "outer"));
        free(row);
    }
}

/* ---- interfaces ---- */

static char *interfaces(bool expanded, uint32_t source, uint32_t in, uint32_t out_format,
                        uint32_t out) {
    struct bytes b = begin(1);
    uint32_t sample = block(&b, expanded ? 3 : 1);
    put_be(&b, 11, 4);
    if (expanded)
        put_words(&b, 2, source >> 24, source & 0xffffff);
    else
        put_be(&b, source, 4);
    put_words(&b, 3, 0, 5000, 0);
    if (expanded)
        put_words(&b, 4, 0, in, out_format, out);
    else
        put_words(&b, 2, in, out_format << 30 | out);
    put_be(&b, 1, 4);
    put_header(&b, 28, 28);
    block_end(&b, sample);
    struct eg_datagram d = datagram(&b);
    struct result r;
    decode_into(&d, 1,
                EG_SET(FLOWS, sampling_rate) | EG_SET(FLOWS, in_if) | EG_SET(FLOWS, out_if) |
                    EG_SET(FLOWS, direction) | EG_SET(FLOWS, proto) | EG_SET(FLOWS, extra),
                &r, NULL, NULL);
    assert_int_equal(r.row_count, 1);
    assert_int_equal(r.tally.count, 0);
    char *text = strdup(r.rows[0]);
    result_reset(&r);
    return text;
}

static void interfaces_and_what_is_none(void **state) {
    (void)state;
    static const struct {
        uint32_t source, in, out_format, out;
        const char *row; /* a rate of 0 is unknown */
    } cases[] = {
        {7, 7, 0, 8, "proto=17 in_if=7 out_if=8 direction=0 "},
        {8, 7, 0, 8, "proto=17 in_if=7 out_if=8 direction=1 "},
        {7, 7, 0, 7, "proto=17 in_if=7 out_if=7 "},
        {9, 7, 0, 8, "proto=17 in_if=7 out_if=8 "},
        {0x01000007, 7, 0, 8, "proto=17 in_if=7 out_if=8 "}, /* a VLAN */
        {7, 0, 0, 7, "proto=17 out_if=7 direction=1 "},
        {7, 0x3fffffff, 0, 7, "proto=17 out_if=7 direction=1 "}, /* of the device itself */
        {7, 7, 0, 0x3fffffff, "proto=17 in_if=7 direction=0 "},
        {7, 7, 1, 258, "proto=17 in_if=7 direction=0 extra={\"discarded\":258} "},
        {7, 7, 2, 12, "proto=17 in_if=7 direction=0 extra={\"out_interfaces\":12} "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int expanded = 0; expanded < 2; expanded++) {
            char *row = interfaces(expanded, cases[i].source, cases[i].in, cases[i].out_format,
                                   cases[i].out);
            assert_string_equal(row, cases[i].row);
            free(row);
        }
    char *row = interfaces(true, 7, 0x40000001, 0, 0x80000002); /* beyond 30 bits */
    assert_string_equal(row, "proto=17 in_if=1073741825 out_if=2147483650 ");
    free(row);
}

/* ---- damage ---- */

static void expect(const struct bytes *b, uint32_t rows, enum eg_cause cause, int64_t records) {
    struct result r = decode(b);
    assert_int_equal(r.row_count, rows);
    assert_int_equal(r.tally.count, 1);
    assert_int_equal(records_of(&r, cause), records);
    assert_true(packets_of(&r, cause) >= 1);
    result_reset(&r);
}

static void records_that_lie(void **state) {
    (void)state;
    struct bytes b =
        begin(1); /* the header's record ends beyond the sample: nothing of the packet */
    uint32_t sample = flow(&b, 1), record = b.size + 8;
    header(&b);
    length_set(&b, record, 0xffffffff);
    block_end(&b, sample);
    expect(&b, 0, EG_CAUSE_record_cut, 1);
    b = begin(1); /* the record behind it: the packet stands */
    sample = flow(&b, 2);
    header(&b);
    record = b.size + 8;
    RECORD(&b, 1001, 30, 0, 40, 5);
    length_set(&b, record, 20);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_record_cut, 1);
    b = begin(1); /* too short for what it is */
    sample = flow(&b, 2);
    header(&b);
    RECORD(&b, 1001, 30, 0, 40);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_record_cut, 1);
    b = begin(1); /* longer than it is */
    sample = flow(&b, 2);
    header(&b);
    RECORD(&b, 1001, 0, 0, 0, 0, 9, 9);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_trailing_bytes, 0);
    b = begin(1); /* a header that claims more than its record has */
    sample = flow(&b, 1);
    put_header(&b, 0xffffffff, 28);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_record_cut, 1);
    b = begin(1); /* more, or fewer, records than are there */
    sample = flow(&b, 0xffffffff);
    header(&b);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_count_mismatch, 0);
    b = begin(1);
    sample = flow(&b, 1);
    header(&b);
    RECORD(&b, 1001, 0, 0, 0, 0);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_trailing_bytes, 0);
    b = begin(1); /* kinds that are not decoded; a second one of a kind */
    sample = flow(&b, 4);
    RECORD(&b, 0x00800001, 1);
    header(&b);
    RECORD(&b, 9999, 1, 2, 3);
    header(&b);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_sample_unknown, 3);
    b = begin(1); /* nothing of a packet, but nothing damaged */
    sample = flow(&b, 0);
    block_end(&b, sample);
    char *row = one_row(&b, 0);
    assert_string_equal(row, TIMES "packets=1 sampling_rate=1000 " PORTS FROM);
    free(row);
}

static void gateways_that_lie(void **state) {
    (void)state;
    static const uint32_t counts[] = {0x40000000, 0x7fffffff, 0x80000000, 0xffffffff, 3};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct bytes b = begin(1); /* numbers of a segment */
        uint32_t sample = flow(&b, 2);
        header(&b);
        RECORD(&b, 1003, 1, 0x0a0000fd, 64500, 64501, 0, 1, 2, counts[i], 64502, 64503);
        block_end(&b, sample);
        expect(&b, 1, EG_CAUSE_record_cut, 1);
        b = begin(1); /* segments */
        sample = flow(&b, 2);
        header(&b);
        RECORD(&b, 1003, 1, 0x0a0000fd, 64500, 64501, 0, counts[i], 2, 1, 64502);
        block_end(&b, sample);
        expect(&b, 1, EG_CAUSE_record_cut, 1);
        b = begin(1); /* communities */
        sample = flow(&b, 2);
        header(&b);
        RECORD(&b, 1003, 1, 0x0a0000fd, 64500, 64501, 0, 0, counts[i], 1, 2);
        block_end(&b, sample);
        expect(&b, 1, EG_CAUSE_record_cut, 1);
    }
    struct bytes b = begin(1); /* an address of no family */
    uint32_t sample = flow(&b, 2);
    header(&b);
    RECORD(&b, 1002, 3, 0, 24, 16);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_record_cut, 1);
}

static void nothing_is_left_of_the_sample_before(void **state) {
    (void)state;
    struct bytes b = begin(2);
    uint32_t sample = flow(&b, 6);
    around(&b);
    block_end(&b, sample);
    sample = flow(&b, 1);
    header(&b);
    block_end(&b, sample);
    struct result r = decode(&b);
    assert_int_equal(r.row_count, 2);
    assert_string_equal(r.rows[1], HEADER_ROW);
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_agent_read),
        cmocka_unit_test(bytes_are_from_the_ip_header_on),
        cmocka_unit_test(header_protocols),
        cmocka_unit_test(headers_cut_anywhere),
        cmocka_unit_test(what_the_agent_knows),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(the_packet_inside),
        cmocka_unit_test(interfaces_and_what_is_none),
        cmocka_unit_test(records_that_lie),
        cmocka_unit_test(gateways_that_lie),
        cmocka_unit_test(nothing_is_left_of_the_sample_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
