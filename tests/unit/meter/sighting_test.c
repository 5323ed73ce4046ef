/* SPDX-License-Identifier: Apache-2.0
 * Sightings: what they take from layers, lists over many chunks, extras, merging by number. */
#include "meter/sighting.h"

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
    struct eg_frame frame = {1, 1514, 55};
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
        cmocka_unit_test(test_extras),
        cmocka_unit_test(test_merging_is_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
