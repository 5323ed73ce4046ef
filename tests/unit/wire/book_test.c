/* SPDX-License-Identifier: Apache-2.0
 * The book: versions in force from place to place, facts, and what is freed when. */
#include "wire/book.h"

#include "book_scene.h"
#include "torture.h"

static uint16_t length_at(struct scene *s, const struct eg_book_moment *m, uint64_t place) {
    const struct eg_book_version *v = find(s->book, &m->key, EG_FACT_TEMPLATE, 256, place);
    return v ? eg_book_template(v)->fields[0].length : 0;
}

static void places_follow_each_other(void **state) {
    (void)state;
    struct eg_book *book;
    struct eg_released piece;
    assert_int_equal(eg_book_new(&book, NULL), EG_OK);
    assert_int_equal(eg_book_next(book), 1);
    assert_int_equal(eg_book_next(book), 2);
    assert_false(eg_book_release(book, &piece));
    eg_book_free(book);
}

static void each_version_is_in_force_until_the_next(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment a = next(&s, 1);
    eg_book_define(s.book, &a, made(256, 1, 4));
    eg_book_use(s.book, &a, 256);
    struct eg_book_moment b = next(&s, 1);
    eg_book_define(s.book, &b, made(256, 1, 8));
    eg_book_use(s.book, &b, 256);
    struct eg_book_moment c = next(&s, 1);
    assert_true(eg_book_forget(s.book, &c, 256));
    assert_int_equal(length_at(&s, &a, a.place - 1), 0);
    assert_int_equal(length_at(&s, &a, a.place), 4);
    assert_int_equal(length_at(&s, &a, b.place - 1), 4);
    assert_int_equal(length_at(&s, &a, b.place), 8);
    assert_int_equal(length_at(&s, &a, c.place), 0);
    assert_false(eg_book_forget(s.book, &c, 256));
    assert_int_equal(counted(&s, EG_CAUSE_template_changed), 1);
    scene_end(&s);
}

static void versions_live_while_somebody_may_ask(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_stay first, second;
    eg_book_enter(s.book, &first);
    struct eg_book_moment a = next(&s, 1);
    eg_book_define(s.book, &a, made(256, 1, 4));
    eg_book_use(s.book, &a, 256);
    eg_book_enter(s.book, &second);
    struct eg_book_moment b = next(&s, 1);
    eg_book_define(s.book, &b, made(256, 1, 8));
    assert_true(eg_book_usage(s.book).retired_bytes > 0);
    eg_book_leave(s.book, &second);
    assert_int_equal(length_at(&s, &a, a.place), 4);
    eg_book_leave(s.book, &first);
    assert_int_equal(eg_book_usage(s.book).retired_bytes, 0);
    assert_int_equal(length_at(&s, &a, b.place), 8);
    scene_end(&s);
}

static void one_exporter_is_not_another(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment a = next(&s, 1), b = next(&s, 2);
    eg_book_define(s.book, &a, made(256, 1, 4));
    assert_null(eg_book_use(s.book, &b, 256));
    struct eg_book_moment c = next(&s, 1);
    c.key.domain++;
    assert_null(eg_book_use(s.book, &c, 256));
    c = next(&s, 1);
    c.key.version--;
    assert_null(eg_book_use(s.book, &c, 256));
    s.datagram.exporter_port = 9;
    c = next(&s, 1);
    assert_non_null(eg_book_use(s.book, &c, 256)); /* by UDP ports are not told apart */
    s.datagram.transport = 6;
    c = next(&s, 1);
    assert_null(eg_book_use(s.book, &c, 256));
    scene_end(&s);
}

static void rules_count_from_the_first_that_fits(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment m = next(&s, 1), other = next(&s, 2);
    const struct eg_book_rule rules[] = {
        {m.key.exporter, 5, 50}, {m.key.exporter, -1, 60}, {{{0}}, 9, 70}};
    assert_false(eg_book_has_rules(s.book));
    assert_int_equal(eg_book_rules(s.book, rules, 3, NULL), EG_OK);
    assert_int_equal(eg_book_rule_rate(s.book, &m.key.exporter, 5), 50);
    assert_int_equal(eg_book_rule_rate(s.book, &m.key.exporter, 9), 60);
    assert_int_equal(eg_book_rule_rate(s.book, &other.key.exporter, 9), 70);
    assert_int_equal(eg_book_rule_rate(s.book, &other.key.exporter, 5), 0);
    scene_end(&s);
}

static bool see(void *to, const struct eg_book_line *line) {
    uint32_t *seen = to;
    assert_int_equal(line->template->id, 256 + *seen);
    assert_int_equal(line->first_us, BASE_US);
    ++*seen;
    return *seen < 3;
}

static void templates_are_listed_in_order(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment m = next(&s, 1);
    for (uint16_t id = 259; id >= 256; id--) eg_book_define(s.book, &m, made(id, 1, 4));
    uint32_t seen = 0;
    assert_int_equal(eg_book_list(s.book, see, &seen, NULL), EG_OK);
    assert_int_equal(seen, 3);
    scene_end(&s);
}

static void memory_may_run_out(void **state) {
    (void)state;
    for (long n = 0; n < 40; n++) {
        struct scene s = scene_new();
        struct eg_book_moment m = next(&s, 1);
        struct eg_template *t[] = {made(256, 1, 4), made(256, 1, 8), made(257, 1, 8)};
        torture_fail_after(n);
        for (int i = 0; i < 3; i++) eg_book_define(s.book, &m, t[i]);
        eg_book_learn(s.book, &m, EG_FACT_VRF, 1, (struct eg_fact){0, eg_span("red", 3)});
        eg_book_hold(s.book, &m, 300, eg_span("0123456789abcdef", 16), eg_span("set", 3));
        torture_off();
        eg_book_drain(s.book, &s.tally);
        scene_end(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_follow_each_other),
        cmocka_unit_test(each_version_is_in_force_until_the_next),
        cmocka_unit_test(versions_live_while_somebody_may_ask),
        cmocka_unit_test(one_exporter_is_not_another),
        cmocka_unit_test(rules_count_from_the_first_that_fits),
        cmocka_unit_test(templates_are_listed_in_order),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
