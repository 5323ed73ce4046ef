/* SPDX-License-Identifier: Apache-2.0
 * Quotas: nobody can make another exporter's templates go. */
#include "book_scene.h"

static void the_least_recently_used_one_goes(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment m = next(&s, 1);
    for (uint16_t i = 0; i < 512; i++) {
        eg_book_define(s.book, &m, made((uint16_t)(256 + i), 1, 4));
        m = next(&s, 1);
        eg_book_use(s.book, &m, 256);
    }
    assert_int_equal(counted(&s, EG_CAUSE_template_refused), 0);
    eg_book_define(s.book, &m, made(2000, 1, 4));
    assert_int_equal(counted(&s, EG_CAUSE_template_refused), 1);
    assert_non_null(eg_book_use(s.book, &m, 256));
    assert_null(eg_book_use(s.book, &m, 257));
    assert_non_null(eg_book_use(s.book, &m, 258));
    assert_int_equal(eg_book_usage(s.book).templates, 512);
    scene_end(&s);
}

static void bytes_count_too(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.exporter_template_bytes = 4096;
    limits.exporter_fact_bytes = 4096;
    eg_book_limit(s.book, &limits);
    struct eg_book_moment m = next(&s, 1);
    for (uint16_t i = 0; i < 100; i++) eg_book_define(s.book, &m, made((uint16_t)(256 + i), 1, 4));
    uint32_t kept = eg_book_usage(s.book).templates;
    assert_true(kept > 2 && kept < 30);
    for (uint64_t i = 0; i < 100; i++)
        eg_book_learn(s.book, &m, EG_FACT_VRF, i, (struct eg_fact){0, eg_span("a name", 6)});
    assert_int_equal(eg_book_usage(s.book).templates, kept); /* names cost no templates */
    assert_true(eg_book_usage(s.book).unknown_bytes < 8192 + 1000);
    assert_null(find(s.book, &m.key, EG_FACT_VRF, 0, m.place));
    assert_non_null(find(s.book, &m.key, EG_FACT_VRF, 99, m.place));
    scene_end(&s);
}

static void a_flood_of_strangers_drowns_only_strangers(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_stay stay;
    for (uint32_t known = 1; known <= 50; known++) {
        struct eg_book_moment m = next(&s, known);
        eg_book_define(s.book, &m, made(256, 1, 4));
        assert_non_null(eg_book_use(s.book, &m, 256));
    }
    assert_int_equal(eg_book_usage(s.book).known_exporters, 50);
    uint64_t most = 0;
    for (uint32_t i = 0; i < 1000000; i++) {
        if (i % 10000 == 0) eg_book_enter(s.book, &stay);
        struct eg_book_moment m = next(&s, 1000 + i % 100000);
        eg_book_define(s.book, &m, made((uint16_t)(256 + i / 100000), (uint16_t)(1 + i % 400), 4));
        if (i % 10000 == 9999) {
            eg_book_leave(s.book, &stay);
            struct eg_book_usage u = eg_book_usage(s.book);
            uint64_t now = u.unknown_bytes + u.known_bytes + u.retired_bytes + u.held_bytes;
            if (now > most) most = now;
        }
        eg_tally_reset(&s.tally);
    }
    assert_true(most <= eg_book_limits_usual.unknown_bytes + (1 << 20));
    for (uint32_t known = 1; known <= 50; known++) {
        struct eg_book_moment m = next(&s, known);
        assert_non_null(eg_book_use(s.book, &m, 256));
    }
    scene_end(&s);
}

static void only_so_many_become_known(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.known_bytes = 10000;
    limits.unknown_bytes = 10000;
    eg_book_limit(s.book, &limits);
    for (uint32_t i = 0; i < 1000; i++) {
        struct eg_book_moment m = next(&s, i);
        eg_book_define(s.book, &m, made(256, 1, 4));
        assert_non_null(eg_book_use(s.book, &m, 256));
    }
    struct eg_book_usage u = eg_book_usage(s.book);
    assert_true(u.known_bytes <= 10000 && u.known_exporters > 5);
    struct eg_book_moment m = next(&s, 0);
    assert_non_null(eg_book_use(s.book, &m, 256)); /* the first ones stay */
    scene_end(&s);
}

/* One that was silent for too long goes, quietly; one that was heard stays, and so does what is still
 * asked for. */
static void the_long_silent_are_forgotten(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.silent_us = 1000000;
    eg_book_limit(s.book, &limits);
    struct eg_book_stay stay;
    eg_book_enter(s.book, &stay);
    struct eg_book_moment m = next(&s, 1);
    uint64_t first = m.place;
    struct eg_book_key silent = m.key;
    for (uint32_t x = 1; x <= 3; x++) {
        m = next(&s, x);
        eg_book_define(s.book, &m, made(256, 1, 4));
        assert_non_null(eg_book_use(s.book, &m, 256));
    }
    eg_book_learn(s.book, &m, EG_FACT_RATE, 0, (struct eg_fact){.number = 10});
    assert_int_equal(eg_book_usage(s.book).known_exporters, 3);
    s.datagram.time_us += 600000;
    m = next(&s, 2);
    assert_non_null(eg_book_use(s.book, &m, 256));
    s.datagram.time_us += 600000;
    m = next(&s, 4);
    eg_book_define(s.book, &m, made(256, 1, 4));
    assert_int_equal(eg_book_usage(s.book).known_exporters, 1);
    assert_int_equal(eg_book_usage(s.book).templates, 2);
    assert_non_null(find(s.book, &silent, EG_FACT_TEMPLATE, 256, first + (UINT64_C(1) << 16)));
    m = next(&s, 1);
    assert_null(eg_book_use(s.book, &m, 256));
    eg_book_leave(s.book, &stay);
    assert_int_equal(eg_book_usage(s.book).exporters, 2);
    eg_book_define(s.book, &m, made(256, 1, 4)); /* it comes again */
    assert_non_null(eg_book_use(s.book, &m, 256));
    assert_int_equal(eg_book_usage(s.book).known_exporters, 2);
    assert_int_equal(counted(&s, EG_CAUSE_template_refused), 0);
    scene_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_long_silent_are_forgotten),
        cmocka_unit_test(the_least_recently_used_one_goes),
        cmocka_unit_test(bytes_count_too),
        cmocka_unit_test(a_flood_of_strangers_drowns_only_strangers),
        cmocka_unit_test(only_so_many_become_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
