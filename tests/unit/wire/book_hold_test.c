/* SPDX-License-Identifier: Apache-2.0
 * Sets that wait for their template: released in order, bounded, and counted. */
#include "book_scene.h"

static void hold(struct scene *s, uint32_t exporter, uint16_t id, size_t size) {
    static const uint8_t zeros[100000];
    struct eg_book_moment m = next(s, exporter);
    eg_book_hold(s->book, &m, id, eg_span("0123456789abcdef", 16), eg_span(zeros, size));
}

static void they_come_back_when_it_comes(void **state) {
    (void)state;
    struct scene s = scene_new();
    hold(&s, 1, 256, 100);
    hold(&s, 1, 257, 50);
    hold(&s, 1, 256, 60);
    struct eg_book_moment m = next(&s, 1);
    struct eg_datagram d;
    struct eg_released piece;
    eg_book_define(s.book, &m, made(256, 1, 4));
    assert_true(eg_book_ripe(s.book, &d));
    assert_int_equal(d.payload.size, 116);
    assert_true(d.at > s.datagram.at);
    assert_true(eg_book_ripe(s.book, &d));
    assert_int_equal(d.payload.size, 76);
    assert_false(eg_book_ripe(s.book, &d));
    for (int i = 0; i < 2; i++) {
        assert_true(eg_book_release(s.book, &piece));
        assert_string_equal(piece.source, "ipfix");
        eg_free(piece.memory);
    }
    assert_false(eg_book_release(s.book, &piece));
    eg_book_drain(s.book, &s.tally);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 1);
    assert_int_equal(eg_tally_sum(&s.tally, EG_CAUSE_template_missing).bytes, 66);
    assert_int_equal(eg_book_usage(s.book).held_bytes, 0);
    scene_end(&s);
}

static void an_exporter_has_only_so_much(void **state) {
    (void)state;
    struct scene s = scene_new();
    for (int i = 0; i < 300; i++) hold(&s, 1, (uint16_t)(256 + i % 7), 8000);
    uint64_t kept = eg_book_usage(s.book).held_bytes;
    assert_true(kept <= eg_book_limits_usual.exporter_held_bytes);
    assert_true(kept > eg_book_limits_usual.exporter_held_bytes - 9000);
    uint64_t cost = 8016; /* and what it takes to hold it */
    while (kept % cost) cost++;
    assert_true(cost < 8600);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 300 - (int64_t)(kept / cost));
    hold(&s, 2, 256, 8000);
    assert_int_equal(eg_book_usage(s.book).held_bytes, kept + cost);
    scene_end(&s);
}

static void strangers_share_a_quarter(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.held_bytes = 400000;
    eg_book_limit(s.book, &limits);
    struct eg_book_moment m = next(&s, 1);
    eg_book_define(s.book, &m, made(256, 1, 4));
    eg_book_use(s.book, &m, 256);
    hold(&s, 1, 300, 90000);
    for (uint32_t i = 0; i < 100; i++) hold(&s, 100 + i, 256, 9000);
    uint64_t kept = eg_book_usage(s.book).held_bytes;
    assert_true(kept > 90000 + 80000 && kept <= 91000 + 100000);
    m = next(&s, 1);
    eg_book_define(s.book, &m, made(300, 1, 4)); /* what the known one waited for is still there */
    struct eg_datagram d;
    assert_true(eg_book_ripe(s.book, &d));
    assert_int_equal(d.payload.size, 90016);
    scene_end(&s);
}

static void they_do_not_wait_forever(void **state) {
    (void)state;
    struct scene s = scene_new();
    hold(&s, 1, 256, 10);
    s.datagram.time_us += eg_book_limits_usual.held_us;
    hold(&s, 1, 256, 10);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 0);
    s.datagram.time_us += 1;
    hold(&s, 1, 256, 10);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 1);
    scene_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_back_when_it_comes),
        cmocka_unit_test(an_exporter_has_only_so_much),
        cmocka_unit_test(strangers_share_a_quarter),
        cmocka_unit_test(they_do_not_wait_forever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
