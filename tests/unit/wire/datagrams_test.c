/* SPDX-License-Identifier: Apache-2.0
 * Datagrams out of raw rows: whole ones, fragments in any order, cut ones, other packets, rows that
 * are datagrams already. */
#include "wire/datagrams.h"

#include "table/address.h"
#include "torture.h"
#include "wire/datagram_frame.h"
#include "wire/dissect.h"
#include "wire/exports_make.h"

#include <string.h>

#define TIME_NS INT64_C(1767355200000000000)

static struct eg_builder *rows;
static struct eg_datagrams *datagrams;

static int setup(void **state) {
    (void)state;
    datagrams = eg_datagrams_new();
    return eg_builder_new(&rows, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 16, EG_COLUMNS_ALL,
                          NULL);
}
static int teardown(void **state) {
    (void)state;
    eg_datagrams_free(datagrams);
    eg_builder_free(rows);
    return 0;
}

/* What is found in one frame. */
static enum eg_datagram_found frame_found(struct eg_span frame, size_t length,
                                          struct eg_datagram *out) {
    struct eg_batch *batch;
    eg_put_int(rows, EG_COL(RAW, time_ns), TIME_NS);
    eg_put_int(rows, EG_COL(RAW, link_type), EG_LINK_RAW);
    eg_put_int(rows, EG_COL(RAW, length), (int64_t)length);
    eg_put_view(rows, EG_COL(RAW, payload), frame);
    eg_builder_row(rows, 1);
    assert_int_equal(eg_builder_seal(rows, &batch, NULL), EG_OK);
    enum eg_datagram_found found = eg_datagrams_take(datagrams, batch, 0, out);
    eg_batch_unref(batch);
    return found;
}

static struct eg_strbuf packet_of(const char *from, size_t size) {
    static uint8_t payload[4000];
    struct eg_udp_ends ends = {.src_port = 50000, .dst_port = 2055};
    struct eg_strbuf to = {0};
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 7);
    assert_true(eg_addr_parse(&ends.src, from, strlen(from)));
    ends.dst = ends.src;
    assert_true(eg_datagram_frame(&to, &ends, eg_span(payload, size)));
    return to;
}

static void is_the_datagram(const struct eg_datagram *d, const char *from, size_t size) {
    char text[EG_ADDR_TEXT];
    eg_addr_text(&d->exporter, text);
    assert_string_equal(text, from);
    assert_int_equal(d->exporter_port, 50000);
    assert_int_equal(d->local_port, 2055);
    assert_int_equal(d->transport, 17);
    assert_int_equal(d->time_us, TIME_NS / 1000);
    assert_int_equal(d->length, size);
    assert_int_equal(d->payload.size, size);
    for (size_t i = 0; i < size; i++) assert_int_equal(eg_u8(d->payload, i), (uint8_t)(i * 7));
}

static void whole_ones(void **state) {
    (void)state;
    const char *from[] = {"192.0.2.1", "2001:db8::1"};
    for (int i = 0; i < 2; i++) {
        struct eg_strbuf packet = packet_of(from[i], 100);
        struct eg_datagram d;
        assert_int_equal(frame_found(eg_span(packet.text, packet.size), packet.size, &d),
                         EG_DATAGRAM_WHOLE);
        is_the_datagram(&d, from[i], 100);
        assert_int_equal(frame_found(eg_span(packet.text, packet.size - 1), packet.size, &d),
                         EG_DATAGRAM_CUT);
        eg_strbuf_reset(&packet);
    }
}

/* Cuts an IPv4 packet into three fragments (their checksums are nobody's business here). */
static void fragments(void **state) {
    (void)state;
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
    struct eg_strbuf packet = packet_of("192.0.2.1", 2000);
    for (int o = 0; o < 3; o++) {
        struct eg_datagram d;
        for (int k = 0; k < 3; k++) {
            uint8_t piece[1000];
            size_t i = (size_t)orders[o][k], at = i * 800;
            size_t size = packet.size - 20 - at < 800 ? packet.size - 20 - at : 800;
            memcpy(piece, packet.text, 20);
            memcpy(piece + 20, packet.text + 20 + at, size);
            piece[2] = (uint8_t)((20 + size) >> 8), piece[3] = (uint8_t)(20 + size);
            piece[5] = (uint8_t)o; /* its identification */
            piece[6] = (uint8_t)((i < 2 ? 0x20 : 0) | (at / 8) >> 8), piece[7] = (uint8_t)(at / 8);
            enum eg_datagram_found found = frame_found(eg_span(piece, 20 + size), 20 + size, &d);
            assert_int_equal(found, k < 2 ? EG_DATAGRAM_WAIT : EG_DATAGRAM_WHOLE);
        }
        is_the_datagram(&d, "192.0.2.1", 2000);
    }
    assert_int_equal(eg_datagrams_lost(datagrams), 0);
    uint8_t lonely[828];
    struct eg_datagram d;
    memcpy(lonely, packet.text, sizeof lonely);
    lonely[2] = 828 >> 8, lonely[3] = 828 & 255, lonely[6] = 0x20;
    assert_int_equal(frame_found(eg_span(lonely, 828), 828, &d), EG_DATAGRAM_WAIT);
    assert_int_equal(eg_datagrams_lost(datagrams), 1);
    eg_strbuf_reset(&packet);
}

static void other_packets(void **state) {
    (void)state;
    struct eg_strbuf packet = packet_of("192.0.2.1", 100);
    struct eg_datagram d;
    packet.text[9] = 6; /* TCP */
    assert_int_equal(frame_found(eg_span(packet.text, packet.size), packet.size, &d),
                     EG_DATAGRAM_NONE);
    packet.text[9] = 1;
    packet.text[6] = 0x20; /* a fragment of something else */
    assert_int_equal(frame_found(eg_span(packet.text, packet.size), packet.size, &d),
                     EG_DATAGRAM_NONE);
    assert_int_equal(frame_found(eg_span("", 0), 0, &d), EG_DATAGRAM_NONE);
    for (size_t size = 0; size < packet.size; size++) /* cut anywhere: nothing is made up */
        (void)frame_found(eg_span(packet.text, size), packet.size, &d);
    eg_strbuf_reset(&packet);
}

static void rows_that_are_datagrams(void **state) {
    (void)state;
    struct eg_addr peer = eg_addr_v4(0xc0000207);
    struct eg_batch *batch;
    struct eg_datagram d;
    eg_put_int(rows, EG_COL(RAW, length), 5);
    eg_put_view(rows, EG_COL(RAW, payload), eg_span("bytes", 5));
    eg_put_addr(rows, EG_COL(RAW, peer), &peer);
    eg_put_int(rows, EG_COL(RAW, peer_port), 1234);
    eg_put_int(rows, EG_COL(RAW, local_port), 2055);
    eg_builder_row(rows, 1);
    eg_put_int(rows, EG_COL(RAW, length), 50);
    eg_put_view(rows, EG_COL(RAW, payload), eg_span("bytes", 5));
    eg_put_addr(rows, EG_COL(RAW, peer), &peer);
    eg_put_int(rows, EG_COL(RAW, transport), 0);
    eg_builder_row(rows, 1);
    eg_put_int(rows, EG_COL(RAW, length), 5);
    eg_put_view(rows, EG_COL(RAW, payload), eg_span("bytes", 5));
    eg_builder_row(rows, 1); /* neither a frame nor from anybody */
    assert_int_equal(eg_builder_seal(rows, &batch, NULL), EG_OK);
    assert_int_equal(eg_datagrams_take(datagrams, batch, 0, &d), EG_DATAGRAM_WHOLE);
    assert_int_equal(d.time_us, INT64_MIN);
    assert_memory_equal(&d.exporter, &peer, sizeof peer);
    assert_true(d.exporter_port == 1234 && d.local_port == 2055 && d.payload.size == 5);
    assert_int_equal(eg_datagrams_take(datagrams, batch, 1, &d), EG_DATAGRAM_CUT);
    assert_int_equal(d.transport, 0);
    assert_int_equal(eg_datagrams_take(datagrams, batch, 2, &d), EG_DATAGRAM_NONE);
    eg_batch_unref(batch);
}

static void without_memory(void **state) {
    (void)state;
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        struct eg_datagrams *none = eg_datagrams_new();
        assert_true(torture_off());
        assert_null(none);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(whole_ones),     TEST(fragments), TEST(other_packets), TEST(rows_that_are_datagrams),
        TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
