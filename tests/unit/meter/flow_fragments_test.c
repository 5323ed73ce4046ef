/* SPDX-License-Identifier: Apache-2.0
 * Fragments find the flow of their first one, whichever comes first; those that wait in vain are
 * given back as they were; and what waits is bounded. */
#include "meter/flow_fragments.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sightings.h"

struct taken {
    uint32_t count, with_ports, undated;
    uint32_t numbers[8]; /* of the first eight */
    uint16_t ports[8];
    uint8_t ways[8];
};

static void take(void *to, const struct eg_flow_piece *piece) {
    struct taken *taken = to;
    bool ports = piece->sighting.key.kind & EG_KEY_PORTS;
    if (taken->count < 8) {
        taken->numbers[taken->count] = piece->sighting.number;
        taken->ports[taken->count] = piece->sighting.key.low_port;
        taken->ways[taken->count] = piece->sighting.way;
    }
    taken->with_ports += ports;
    taken->undated += !!(piece->sighting.key.kind & EG_KEY_UNDATED);
    taken->count++;
    assert_int_equal(piece->sighting.hash, eg_flow_hash(&secret, &piece->sighting.key));
}

static struct eg_flow_piece piece(bool first, uint32_t id, uint32_t number, int64_t us) {
    struct eg_flow_piece p = {
        .sighting = seen(17, 1, 1000, 2, 53, us), .first = first, .id = id, .proto = 17};
    p.sighting.number = number;
    if (first) return p;
    p.sighting.key.kind &= (uint8_t)~EG_KEY_PORTS;
    p.sighting.key.low_port = p.sighting.key.high_port = 0;
    p.sighting.hash = eg_flow_hash(&secret, &p.sighting.key);
    return p;
}

static void add(struct eg_flow_fragments *f, struct eg_flow_piece p) {
    eg_flow_fragments_add(f, &p);
}

static void test_in_order_and_reversed(void **state) {
    (void)state;
    struct taken taken = {0};
    struct eg_flow_fragments *f = eg_flow_fragments_new(&secret, take, &taken);
    add(f, piece(true, 7, 0, 0));
    add(f, piece(false, 7, 1, 1));
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.numbers[0], 1);
    assert_int_equal(taken.ports[0], 1000);
    add(f, piece(false, 8, 2, 2)); /* waits */
    add(f, piece(false, 8, 3, 3));
    assert_int_equal(taken.count, 1);
    add(f, piece(true, 8, 9, 4));
    assert_int_equal(taken.count, 3);
    assert_int_equal(taken.numbers[1], 9); /* behind the one that told */
    assert_int_equal(taken.numbers[2], 9);
    add(f, piece(false, 8, 10, 5));
    assert_int_equal(taken.with_ports, 4);
    eg_flow_fragments_drain(f);
    assert_int_equal(taken.count, 4);
    eg_flow_fragments_free(f);
}

/* One without a possible time goes to such a flow, though its datagram's first one has a time. */
static void test_undated(void **state) {
    (void)state;
    struct taken taken = {0};
    struct eg_flow_fragments *f = eg_flow_fragments_new(&secret, take, &taken);
    struct eg_flow_piece late = piece(false, 7, 1, -T0);
    assert_true(late.sighting.key.kind & EG_KEY_UNDATED);
    add(f, piece(true, 7, 0, 0));
    add(f, late);
    add(f, piece(false, 7, 2, 1));
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.with_ports, 2);
    assert_int_equal(taken.undated, 1);
    eg_flow_fragments_free(f);
}

/* Of a host that talks to itself only the ports tell the directions, and a later fragment has none. */
static void test_direction(void **state) {
    (void)state;
    struct taken taken = {0};
    struct eg_flow_fragments *f = eg_flow_fragments_new(&secret, take, &taken);
    struct eg_flow_piece first = piece(true, 7, 0, 0), later = piece(false, 7, 1, 1);
    first.sighting = seen(17, 1, 1000, 1, 53, 0);
    assert_int_equal(first.sighting.way, EG_WAY_DOWN);
    later.sighting.key.high = later.sighting.key.low;
    later.sighting.way = EG_WAY_UP;
    add(f, later); /* waits */
    add(f, first);
    add(f, later);
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.with_ports, 2);
    assert_int_equal(taken.ways[0], EG_WAY_DOWN);
    assert_int_equal(taken.ways[1], EG_WAY_DOWN);
    eg_flow_fragments_free(f);
}

/* Two hosts may use one number at the same time: a datagram goes from one address to another. */
static void test_both_directions(void **state) {
    (void)state;
    struct taken taken = {0};
    struct eg_flow_fragments *f = eg_flow_fragments_new(&secret, take, &taken);
    struct eg_flow_piece back = piece(false, 7, 1, 1);
    back.sighting.way = EG_WAY_DOWN;
    add(f, piece(true, 7, 0, 0));
    add(f, back); /* waits */
    assert_int_equal(taken.count, 0);
    back = piece(true, 7, 2, 2);
    back.sighting = seen(17, 2, 53, 1, 1000, 2);
    assert_int_equal(back.sighting.way, EG_WAY_DOWN);
    add(f, back);
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.ways[0], EG_WAY_DOWN);
    eg_flow_fragments_free(f);
}

static void test_in_vain(void **state) {
    (void)state;
    struct taken taken = {0};
    struct eg_flow_fragments *f = eg_flow_fragments_new(&secret, take, &taken);
    add(f, piece(false, 1, 0, 0));
    add(f, piece(true, 2, 1, EG_FLOW_PIECES_US));
    assert_int_equal(taken.count, 0);
    add(f, piece(true, 3, 2, EG_FLOW_PIECES_US + 1)); /* too late for the first */
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.with_ports, 0);
    assert_int_equal(taken.numbers[0], 2);
    add(f, piece(false, 2, 3, 2 * EG_FLOW_PIECES_US + 1)); /* its datagram is forgotten */
    assert_int_equal(taken.count, 1);
    eg_flow_fragments_drain(f);
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.with_ports, 0);
    eg_flow_fragments_free(f);
}

static void test_bounds(void **state) {
    (void)state;
    struct taken taken = {0};
    struct eg_flow_fragments *f = eg_flow_fragments_new(&secret, take, &taken);
    for (uint32_t i = 0; i < EG_FLOW_PIECES_MAX + 10; i++) add(f, piece(false, i, i, 0));
    assert_int_equal(taken.count, 10);
    for (uint32_t i = 0; i < 3 * EG_FLOW_DATAGRAMS_MAX; i++) add(f, piece(true, i, i, 0));
    assert_int_equal(taken.with_ports, EG_FLOW_PIECES_MAX);
    add(f, piece(false, 1, 0, 0)); /* the oldest were forgotten, the newest not */
    assert_int_equal(taken.with_ports, EG_FLOW_PIECES_MAX);
    add(f, piece(false, 3 * EG_FLOW_DATAGRAMS_MAX - 1, 0, 0));
    assert_int_equal(taken.with_ports, EG_FLOW_PIECES_MAX + 1);
    eg_flow_fragments_free(f); /* one still waits */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_and_reversed),
        cmocka_unit_test(test_undated),
        cmocka_unit_test(test_direction),
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_in_vain),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
