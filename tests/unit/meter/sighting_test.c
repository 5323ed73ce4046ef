/* SPDX-License-Identifier: Apache-2.0
 * Sightings: what they take from layers, lists over many chunks, extras, merging by number. */
#include "meter/sighting.h"

#include "make_capture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sightings.h"

static void test_what_is_taken(void **state) {
    (void)state;
    struct eg_layers l = {.has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PROTO | EG_HAS_PORTS |
                                 EG_HAS_TCP_FLAGS | EG_HAS_TCP_WINDOW | EG_HAS_PAYLOAD |
                                 EG_HAS_VLAN | EG_HAS_SRC_MAC,
                          .proto = 6,
                          .tcp_flags = 0x112,
                          .tcp_seq = 7,
                          .tcp_ack = 8,
                          .tcp_window = 9,
                          .payload_length = 10,
                          .vlan = 11,
                          .src_mac = 0x010203040506};
    struct eg_frame frame = {.link_type = 1, .length = 1514, .time_us = 55};
    struct eg_sighting s;
    eg_sighting_of(&(struct eg_metering){0}, &secret, &frame, &l, &s);
    assert_int_equal(s.has, EG_SEEN_TCP | EG_SEEN_SEGMENT | EG_SEEN_VLAN | EG_SEEN_SRC_MAC);
    assert_int_equal(s.flags, 0x112);
    assert_int_equal(s.seq + s.ack + s.window + s.payload + s.vlan, 45);
    assert_int_equal(s.length, 1514);
    assert_int_equal(s.time_us, 55);
    assert_memory_equal(s.src_mac, ((uint8_t[]){1, 2, 3, 4, 5, 6}), 6);
    l.fragment = true; /* the first piece of a segment says nothing about all of it */
    eg_sighting_of(&(struct eg_metering){0}, &secret, &frame, &l, &s);
    assert_false(s.has & EG_SEEN_SEGMENT);
    l.has = EG_HAS_ICMP;
    l.icmp_type = 3;
    l.icmp_code = 4;
    eg_sighting_of(&(struct eg_metering){0}, &secret, &frame, &l, &s);
    assert_int_equal(s.has, EG_SEEN_ICMP);
    assert_int_equal(s.flags, 0x304);
}

/* What is told of a plain frame at a glance is what its layers tell. */
static void test_plain_frames_say_the_same(void **state) {
    (void)state;
    static const uint8_t protos[] = {1, 6, 17};
    uint64_t dice = 5;
    unsigned plain_frames = 0, down = 0;
    for (int i = 0; i < 30000; i++) {
        uint8_t bytes[90];
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)made_random(&dice);
        static const uint8_t head[] = {0x08, 0, 0x45};
        memcpy(bytes + 12, head, sizeof head);
        bytes[16] = 0;
        bytes[17] = 76;
        bytes[20] &= 0x40;
        bytes[21] = 0;
        bytes[23] = protos[i % 3];
        if (i & 4) memcpy(bytes + 30, bytes + 26, 4); /* to oneself */
        if (bytes[23] == 6) bytes[46] &= 0x7f;
        if (bytes[23] == 17) bytes[38] = 0;
        if (bytes[23] == 1) bytes[34] &= 0x1f;
        struct eg_span span = eg_span(bytes, sizeof bytes);
        struct eg_metering how = {.one_way = i & 8, .vlan_key = i & 16, .tunnel_key = i & 32};
        struct eg_frame frame = {.link_type = EG_LINK_ETHERNET, .length = 1500, .time_us = T0 + i};
        struct eg_plain plain;
        struct eg_flow_quick quick;
        struct eg_layers layers;
        if (!eg_plain_take(EG_LINK_ETHERNET, span, &plain)) continue;
        struct eg_sighting want, got;
        eg_dissect(EG_LINK_ETHERNET, span, frame.length, &layers);
        eg_sighting_of(&how, &secret, &frame, &layers, &want);
        eg_flow_quick_of(&how, &secret, &plain, bytes[34], bytes[35], &quick);
        eg_sighting_plain(&quick, &frame, span, &plain, &got);
        got.number = want.number = 0;
        assert_memory_equal(&got, &want, offsetof(struct eg_sighting, dst_mac) + 6);
        assert_int_equal(quick.shard, eg_flow_shard(&want.key));
        plain_frames++;
        down += got.way == EG_WAY_DOWN;
    }
    assert_true(plain_frames > 15000 && down > 4000 && down < plain_frames / 2);
}

static void test_extras(void **state) {
    (void)state;
    struct eg_metering how = {.payload_bytes = 4}, none = {0};
    struct eg_layers l = {.payload = eg_span("abcdef", 6)};
    struct eg_extras extras;
    assert_false(eg_extras_of(&none, &l, &extras));
    assert_true(eg_extras_of(&how, &l, &extras));
    assert_int_equal(extras.payload_size, 4);
    l.has = EG_HAS_MPLS;
    l.mpls_count = 2;
    l.mpls[1] = 17;
    assert_true(eg_extras_of(&none, &l, &extras));
    assert_int_equal(extras.mpls[1], 17);
    struct eg_sighting_stock stock;
    struct eg_sighting_list list = {0};
    eg_sighting_stock_init(&stock);
    struct eg_sighting s = seen(17, 1, 1, 2, 2, 0);
    extras.payload_size = 3;
    for (int i = 0; i < 200; i++) /* more than the first room for extras */
        assert_true(eg_sighting_add(&list, &stock, &s, i & 1 ? &extras : NULL, eg_span("xyz", 3)));
    for (int i = 0; i < 200; i++) {
        struct eg_extras back;
        struct eg_span payload;
        assert_int_equal(eg_sighting_extras(list.first, &list.first->items[i], &back, &payload),
                         i & 1);
        if (!(i & 1)) continue;
        assert_memory_equal(payload.at, "xyz", 3);
        assert_int_equal(back.mpls[1], 17);
    }
    eg_sighting_list_reset(&list, &stock);
    assert_non_null(stock.idle);
    eg_sighting_stock_reset(&stock);
}

static void test_merging_is_by_number(void **state) {
    (void)state;
    struct eg_sighting_stock stock;
    struct eg_sighting_list list = {0}, late = {0};
    uint64_t lost = 0;
    eg_sighting_stock_init(&stock);
    for (uint32_t i = 0; i < 1000; i++) {
        struct eg_sighting s = seen(17, 1, i, 2, 2, 0);
        s.number = i / 2 * 2;
        assert_true(eg_sighting_add(i & 1 ? &late : &list, &stock, &s, NULL, eg_span(NULL, 0)));
    }
    assert_true(eg_sighting_merge(&list, &late, &stock, &lost));
    assert_int_equal(lost, 0);
    assert_null(late.first);
    uint32_t i = 0;
    for (const struct eg_sightings *chunk = list.first; chunk; chunk = chunk->next)
        for (uint32_t k = 0; k < chunk->count; k++, i++) /* behind those of the same number */
            assert_int_equal(chunk->items[k].key.low_port, i);
    assert_int_equal(i, 1000);
    eg_sighting_list_reset(&list, &stock);
    eg_sighting_stock_reset(&stock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken),
        cmocka_unit_test(test_plain_frames_say_the_same),
        cmocka_unit_test(test_extras),
        cmocka_unit_test(test_merging_is_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
