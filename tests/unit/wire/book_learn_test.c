/* SPDX-License-Identifier: Apache-2.0
 * Learning: what is the same again, what changes, what is forgotten. */
#include "wire/book.h"

#include "book_scene.h"

static void the_same_again_changes_nothing(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment a = next(&s, 1), b = next(&s, 1);
    eg_book_define(s.book, &a, made(256, 1, 4));
    const struct eg_book_version *v = find(s.book, &a.key, EG_FACT_TEMPLATE, 256, a.place);
    eg_book_define(s.book, &b, made(256, 1, 4));
    assert_true(eg_book_holds(v, b.place));
    assert_ptr_equal(find(s.book, &a.key, EG_FACT_TEMPLATE, 256, b.place), v);
    assert_int_equal(counted(&s, EG_CAUSE_template_changed), 0);
    scene_end(&s);
}

static void what_nobody_used_is_not_kept(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_stay stay;
    eg_book_enter(s.book, &stay);
    for (uint16_t i = 0; i < 10000; i++) {
        struct eg_book_moment m = next(&s, 1);
        eg_book_define(s.book, &m, made(256, 1, i % 2 ? 4 : 8));
    }
    assert_int_equal(eg_book_usage(s.book).retired_bytes, 0);
    assert_int_equal(counted(&s, EG_CAUSE_template_changed), 9999);
    eg_book_leave(s.book, &stay);
    scene_end(&s);
}

static void all_of_a_kind_are_forgotten_at_once(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment m = next(&s, 1);
    for (uint16_t id = 256; id < 266; id++) eg_book_define(s.book, &m, made(id, 1, 4));
    struct eg_book_moment other = next(&s, 2);
    eg_book_define(s.book, &other, made(256, 1, 4));
    assert_int_equal(eg_book_forget_all(s.book, &m, true), 0);
    assert_int_equal(eg_book_forget_all(s.book, &m, false), 10);
    assert_int_equal(eg_book_forget_all(s.book, &m, false), 0);
    assert_non_null(eg_book_use(s.book, &other, 256));
    assert_int_equal(eg_book_usage(s.book).exporters, 1);
    scene_end(&s);
}

static void facts_have_versions_too(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book_moment a = next(&s, 1);
    assert_false(eg_book_has(s.book, EG_FACT_RATE));
    uint64_t changes = eg_book_changes(s.book);
    eg_book_learn(s.book, &a, EG_FACT_RATE, 0, (struct eg_fact){.number = 100});
    assert_true(eg_book_has(s.book, EG_FACT_RATE));
    assert_int_equal(eg_book_changes(s.book), changes + 1);
    struct eg_book_moment b = next(&s, 1);
    eg_book_learn(s.book, &b, EG_FACT_RATE, 0, (struct eg_fact){.number = 100});
    assert_int_equal(eg_book_changes(s.book), changes + 1);
    eg_book_learn(s.book, &b, EG_FACT_RATE, 0, (struct eg_fact){.number = 200});
    const struct eg_book_version *v = find(s.book, &a.key, EG_FACT_RATE, 0, a.place);
    assert_int_equal(eg_book_fact(v).number, 100);
    v = find(s.book, &a.key, EG_FACT_RATE, 0, b.place);
    assert_int_equal(eg_book_fact(v).number, 200);
    scene_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_again_changes_nothing),
        cmocka_unit_test(what_nobody_used_is_not_kept),
        cmocka_unit_test(all_of_a_kind_are_forgotten_at_once),
        cmocka_unit_test(facts_have_versions_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
