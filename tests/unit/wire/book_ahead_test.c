/* SPDX-License-Identifier: Apache-2.0
 * What was put aside, against a book that knows what comes: by rows, by kinds, and counted. */
#include "book_scene.h"

static void define(struct scene *s, struct eg_book *book, uint64_t row, uint16_t id,
                   uint16_t element, bool options) {
    struct eg_book_moment m = next(s, 1);
    s->datagram.row = row;
    s->datagram.at = eg_book_row(book, row);
    m.place = eg_book_place(&s->datagram, 16);
    eg_book_define(book, &m, made_as(options, id, element, 4));
}

/* A set of the row, which finds no room. */
static void put_aside(struct scene *s, uint64_t row, uint16_t id) {
    struct eg_book_moment m = next(s, 1);
    s->datagram.row = row;
    eg_book_hold(s->book, &m, id, eg_span("0123456789abcdef", 16), eg_span("set", 3));
}

static struct eg_book *survey_of(struct scene *s) {
    struct eg_book *ahead;
    assert_int_equal(eg_book_new(&ahead, NULL), EG_OK);
    assert_int_equal(eg_book_survey(ahead, s->book, true, NULL), EG_OK);
    assert_true(eg_book_surveys(ahead));
    return ahead;
}

static struct scene full_scene(void) {
    struct scene s = scene_new();
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.held_bytes = 0;
    eg_book_limit(s.book, &limits);
    return s;
}

static void what_comes_next_gives_it_back(void **state) {
    (void)state;
    struct scene s = full_scene();
    struct eg_book *ahead = survey_of(&s);
    define(&s, ahead, 7, 256, 1, false);
    define(&s, ahead, 9, 256, 2, false);
    define(&s, ahead, 9, 257, 1, false);
    eg_book_look_ahead(s.book, true, NULL);
    put_aside(&s, 3, 256); /* before all */
    put_aside(&s, 8, 256); /* between the two */
    put_aside(&s, 9, 256); /* behind */
    put_aside(&s, 3, 300); /* never */
    assert_true(eg_book_spilled(s.book));
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 0);
    eg_book_look_ahead(s.book, true, ahead);
    eg_book_spilled_settle(s.book, &s.tally);
    assert_false(eg_book_spilled(s.book));
    struct eg_released piece;
    const uint16_t elements[] = {1, 2};
    for (int i = 0; i < 2; i++) {
        assert_true(eg_book_release(s.book, &piece));
        assert_true(piece.ahead);
        struct eg_book_key key = eg_book_key(ahead, &piece.datagram, 10, 7);
        uint64_t until;
        const struct eg_book_version *v = eg_book_find(ahead, &key, EG_FACT_TEMPLATE, 256,
                                                       eg_book_place(&piece.datagram, 16), &until);
        assert_non_null(v);
        assert_int_equal(eg_book_template(v)->fields[0].id, elements[i]);
        eg_book_decoded(v, 5);
        eg_free(piece.memory);
    }
    assert_false(eg_book_release(s.book, &piece));
    assert_int_equal(counted(&s, EG_CAUSE_template_awaited), 2);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 2);
    eg_book_free(ahead);
    scene_end(&s);
}

static uint64_t records;
static bool see(void *of, const struct eg_book_line *line) {
    (void)of;
    records += line->records;
    return true;
}

static void what_it_gave_is_counted_in_the_book(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book *ahead = survey_of(&s);
    define(&s, ahead, 7, 256, 1, false);
    struct eg_book_moment m = next(&s, 1);
    eg_book_define(s.book, &m, made(256, 1, 4));
    uint64_t until;
    eg_book_decoded(eg_book_find(ahead, &m.key, EG_FACT_TEMPLATE, 256, UINT64_C(8) << 32, &until),
                    5);
    eg_book_credit(s.book, ahead);
    eg_book_credit(s.book, ahead); /* once only */
    records = 0;
    assert_int_equal(eg_book_list(s.book, see, NULL, NULL), EG_OK);
    assert_int_equal(records, 5);
    eg_book_free(ahead);
    scene_end(&s);
}

/* Options wait, since they are learned from where their template comes; once only. */
static void options_wait_once_more(void **state) {
    (void)state;
    struct scene s = scene_new();
    struct eg_book *ahead = survey_of(&s);
    define(&s, ahead, 7, 256, 1, true);
    eg_book_look_ahead(s.book, true, ahead);
    put_aside(&s, 3, 256);
    assert_true(eg_book_usage(s.book).held_bytes > 0);
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.exporter_held_bytes = eg_book_usage(s.book).held_bytes;
    eg_book_limit(s.book, &limits);
    put_aside(&s, 4, 256);
    assert_true(eg_book_spilled(s.book));
    eg_book_spilled_settle(s.book, &s.tally);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 1);
    assert_int_equal(eg_book_usage(s.book).held_bytes, limits.exporter_held_bytes);
    eg_book_free(ahead);
    scene_end(&s);
}

/* What a full survey could not keep must not be taken for what comes next. */
static void a_full_survey_knows_no_more(void **state) {
    (void)state;
    struct scene s = full_scene();
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.held_bytes = 0;
    limits.retired_bytes = 2000;
    eg_book_limit(s.book, &limits);
    struct eg_book *ahead = survey_of(&s);
    for (uint16_t i = 0; i < 40; i++) define(&s, ahead, 10u + i, 256, 1 + i, false);
    define(&s, ahead, 100, 257, 1, false);
    eg_book_look_ahead(s.book, true, ahead);
    put_aside(&s, 3, 256);
    put_aside(&s, 45, 256);
    put_aside(&s, 3, 257);
    eg_book_spilled_settle(s.book, &s.tally);
    assert_int_equal(counted(&s, EG_CAUSE_template_awaited), 1);
    assert_int_equal(counted(&s, EG_CAUSE_template_missing), 2);
    eg_book_free(ahead);
    scene_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_next_gives_it_back),
        cmocka_unit_test(what_it_gave_is_counted_in_the_book),
        cmocka_unit_test(options_wait_once_more),
        cmocka_unit_test(a_full_survey_knows_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
