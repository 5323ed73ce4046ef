/* SPDX-License-Identifier: Apache-2.0
 * Quotas: nobody can make another exporter's templates go. */
#include "messages_make.h"

static struct eg_template *made(uint16_t id, uint16_t element, uint16_t length) {
    struct bytes b = {.size = 0};
    put_be(&b, id, 2), put_be(&b, 1, 2), put_be(&b, element, 2), put_be(&b, length, 2);
    struct eg_cursor c = eg_cursor(b.at, b.size);
    struct eg_template *t;
    assert_int_equal(eg_template_take(&c, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_DEFINED);
    return t;
}

static const struct eg_book_version *find(struct eg_book *book, const struct eg_book_key *key,
                                          enum eg_fact_kind kind, uint64_t of, uint64_t place) {
    uint64_t until;
    return eg_book_find(book, key, kind, of, place, &until);
}

struct scene {
    struct eg_book *book;
    struct eg_datagram datagram;
    struct eg_tally tally;
};
static struct scene scene_new(void) {
    struct scene s = {.datagram = {.time_us = BASE_US, .transport = 17}};
    assert_int_equal(eg_book_new(&s.book, NULL), EG_OK);
    return s;
}
/* The next moment, of that exporter. */
static struct eg_book_moment next(struct scene *s, uint32_t exporter) {
    s->datagram.at = eg_book_next(s->book);
    s->datagram.exporter = (struct eg_addr){{[10] = 0xff,
                                             0xff,
                                             (uint8_t)(exporter >> 24),
                                             (uint8_t)(exporter >> 16),
                                             (uint8_t)(exporter >> 8),
                                             (uint8_t)exporter}};
    return (struct eg_book_moment){eg_book_key(s->book, &s->datagram, 10, 7), "ipfix",
                                   eg_book_place(&s->datagram, 16), &s->datagram, &s->tally};
}
static int64_t counted(const struct scene *s, enum eg_cause cause) {
    return eg_tally_sum(&s->tally, cause).records;
}
static void scene_end(struct scene *s) {
    eg_book_free(s->book);
    eg_tally_reset(&s->tally);
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_recently_used_one_goes),
        cmocka_unit_test(bytes_count_too),
        cmocka_unit_test(a_flood_of_strangers_drowns_only_strangers),
        cmocka_unit_test(only_so_many_become_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
