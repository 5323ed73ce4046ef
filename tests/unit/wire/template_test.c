/* SPDX-License-Identifier: Apache-2.0
 * Templates: what can be one, what cannot, and where its fields stand. */
#include "wire/template.h"

#include "messages_make.h"
#include "torture.h"

static enum eg_template_found take(const struct bytes *b, enum eg_dialect dialect, bool options,
                                   uint16_t *id, struct eg_template **t) {
    struct eg_cursor c = eg_cursor(b->at, b->size);
    *t = NULL;
    return eg_template_take(&c, dialect, options, id, t);
}

static struct bytes of(const uint16_t *words, uint32_t count) {
    struct bytes b = {.size = 0};
    for (uint32_t i = 0; i < count; i++) put_be(&b, words[i], 2);
    return b;
}
#define WORDS(...) of((const uint16_t[]){__VA_ARGS__}, COUNT(((const uint16_t[]){__VA_ARGS__})))

static void fields_have_offsets(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 3, 8, 4, 7, 2, 1, 8);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(take(&b, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_DEFINED);
    assert_int_equal(id, 256);
    assert_int_equal(t->field_count, 3);
    assert_int_equal(t->record_size, 14);
    assert_int_equal(t->fields[1].offset, 4);
    assert_int_equal(t->fields[2].offset, 6);
    assert_false(t->variable);
    assert_non_null(t->plan);
    size_t rest;
    assert_int_equal(eg_template_records(t, eg_span(b.at, 16), &rest), 1);
    assert_int_equal(rest, 2);
    eg_template_free(t);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    struct eg_template *t;
    uint16_t id;
    struct {
        struct bytes bytes;
        enum eg_dialect dialect;
        bool options;
    } bad[] = {
        {WORDS(255, 1, 8, 4), EG_DIALECT_NETFLOW9, false},            /* the id of no data set */
        {WORDS(256, 0), EG_DIALECT_NETFLOW9, false},                  /* no fields */
        {WORDS(256, 2, 8, 4), EG_DIALECT_NETFLOW9, false},            /* cut */
        {WORDS(256, 1, 8, 0), EG_DIALECT_NETFLOW9, false},            /* records of nothing */
        {WORDS(256, 1, 8, 65535), EG_DIALECT_NETFLOW9, false},        /* variable: no address is */
        {WORDS(256, 1, 999, 65535), EG_DIALECT_NETFLOW9, false},      /* and nobody knows this */
        {WORDS(256, 2, 96, 65000, 95, 600), EG_DIALECT_IPFIX, false}, /* no set is so long */
        {WORDS(256, 1, 0x8008, 4), EG_DIALECT_IPFIX, false},       /* the enterprise is cut off */
        {WORDS(256, 2, 8, 1, 4, 8, 4), EG_DIALECT_NETFLOW9, true}, /* scopes of 2 bytes */
        {WORDS(256, 4, 6, 1, 4, 34, 4), EG_DIALECT_NETFLOW9, true},
        {WORDS(256, 1, 0, 34, 4), EG_DIALECT_IPFIX, true},            /* no scope */
        {WORDS(256, 1, 2, 34, 4), EG_DIALECT_IPFIX, true},            /* more scopes than fields */
        {WORDS(256, 4, 400, 1, 4, 34, 4), EG_DIALECT_NETFLOW9, true}, /* beyond the set */
    };
    for (uint32_t i = 0; i < COUNT(bad); i++) {
        enum eg_template_found found = take(&bad[i].bytes, bad[i].dialect, bad[i].options, &id, &t);
        if (found != EG_TEMPLATE_BAD) fail_msg("case %u: %d", i, found);
        assert_null(t);
    }
}

/* H3C's NetStream sends names of variable length; all else has one in NetFlow v9. */
static void names_have_any_length_in_v9_too(void **state) {
    (void)state;
    struct eg_template *t;
    uint16_t id;
    struct bytes names = WORDS(256, 2, 236, 65535, 1, 4), strange = WORDS(256, 1, 999, 65535);
    assert_int_equal(take(&names, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_DEFINED);
    assert_true(t->variable);
    assert_int_equal(t->record_size, 5);
    eg_template_free(t);
    assert_int_equal(take(&strange, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_BAD);
}

static void padding_ends_a_set(void **state) {
    (void)state;
    struct eg_template *t;
    uint16_t id;
    struct bytes zeros = WORDS(0, 0, 0, 0), short_one = WORDS(256);
    assert_int_equal(take(&zeros, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_PADDING);
    assert_int_equal(take(&zeros, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_PADDING);
    assert_int_equal(take(&zeros, EG_DIALECT_NETFLOW9, true, &id, &t), EG_TEMPLATE_PADDING);
    assert_int_equal(take(&short_one, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_PADDING);
}

static void no_fields_withdraw_in_ipfix(void **state) {
    (void)state;
    struct eg_template *t;
    uint16_t id;
    struct bytes one = WORDS(300, 0), all = WORDS(2, 0);
    assert_int_equal(take(&one, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_WITHDRAWN);
    assert_int_equal(id, 300);
    assert_int_equal(take(&all, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_WITHDRAWN);
    assert_int_equal(id, 2);
}

static void one_bad_template_does_not_hide_the_next(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 1, 8, 0, 257, 1, 8, 4);
    struct eg_cursor c = eg_cursor(b.at, b.size);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(eg_template_take(&c, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_BAD);
    assert_int_equal(eg_template_take(&c, EG_DIALECT_NETFLOW9, false, &id, &t),
                     EG_TEMPLATE_DEFINED);
    assert_int_equal(id, 257);
    eg_template_free(t);
}

static void a_member_may_have_no_length(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 2, 8, 0, 7, 2);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(take(&b, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_DEFINED);
    assert_int_equal(t->record_size, 2);
    assert_int_equal(t->opaque_count, 0);
    eg_template_free(t);
}

static void lengths_that_a_type_cannot_have_are_opaque(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 4, 8, 50, 1, 3, 1, 5, 1, 9);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(take(&b, EG_DIALECT_NETFLOW9, false, &id, &t), EG_TEMPLATE_DEFINED);
    assert_int_equal(t->opaque_count, 2);
    assert_true(t->fields[0].opaque && t->fields[3].opaque);
    eg_template_free(t);
}

static void scopes_of_v9_are_elements(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 4, 4, 2, 4, 34, 4);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(take(&b, EG_DIALECT_NETFLOW9, true, &id, &t), EG_TEMPLATE_DEFINED);
    assert_int_equal(t->scope_count, 1);
    assert_int_equal(t->fields[0].element->role, EG_ROLE_in_if);
    assert_null(t->plan);
    eg_template_free(t);
}

static void variable_fields_are_located(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 3, 7, 2, 96, 65535, 11, 2);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(take(&b, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_DEFINED);
    assert_true(t->variable);
    assert_int_equal(t->record_size, 5);
    const uint8_t record[] = {0, 1, 3, 'a', 'b', 'c', 0, 2};
    struct eg_span at[3];
    assert_int_equal(eg_template_locate(t, eg_span(record, 8), at), 8);
    assert_int_equal(at[1].size, 3);
    assert_int_equal(eg_be16(at[2], 0), 2);
    for (size_t cut = 0; cut < 8; cut++) {
        assert_int_equal(eg_template_locate(t, eg_span(record, cut), at), 0);
        assert_int_equal(eg_template_measure(t, eg_span(record, cut)), 0);
    }
    const uint8_t escaped[] = {0, 1, 255, 0, 1, 'x', 0, 2}, beyond[] = {0, 1, 255, 1, 0, 'x', 0, 2};
    assert_int_equal(eg_template_locate(t, eg_span(escaped, 8), at), 8);
    assert_int_equal(at[1].size, 1);
    assert_int_equal(eg_template_locate(t, eg_span(beyond, 8), at), 0);
    eg_template_free(t);
}

static void any_difference_makes_another(void **state) {
    (void)state;
    struct bytes a = WORDS(256, 2, 8, 4, 7, 2), b = WORDS(256, 2, 8, 4, 11, 2),
                 c = WORDS(256, 2, 8, 4, 7, 4);
    struct eg_template *t[4];
    uint16_t id;
    take(&a, EG_DIALECT_IPFIX, false, &id, &t[0]);
    take(&a, EG_DIALECT_IPFIX, false, &id, &t[1]);
    take(&b, EG_DIALECT_IPFIX, false, &id, &t[2]);
    take(&c, EG_DIALECT_IPFIX, false, &id, &t[3]);
    assert_true(eg_template_same(t[0], t[1]));
    assert_false(eg_template_same(t[0], t[2]));
    assert_false(eg_template_same(t[0], t[3]));
    for (int i = 0; i < 4; i++) eg_template_free(t[i]);
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct bytes b = WORDS(256, 3, 8, 4, 231, 4, 232, 4);
    for (long n = 0; n < 6; n++) {
        struct eg_template *t;
        uint16_t id;
        torture_fail_after(n);
        enum eg_template_found found = take(&b, EG_DIALECT_IPFIX, false, &id, &t);
        bool failed = torture_off();
        assert_true(found == EG_TEMPLATE_DEFINED ||
                    (failed && found == EG_TEMPLATE_SHORT_OF_MEMORY));
        eg_template_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_have_offsets),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(names_have_any_length_in_v9_too),
        cmocka_unit_test(padding_ends_a_set),
        cmocka_unit_test(no_fields_withdraw_in_ipfix),
        cmocka_unit_test(one_bad_template_does_not_hide_the_next),
        cmocka_unit_test(a_member_may_have_no_length),
        cmocka_unit_test(lengths_that_a_type_cannot_have_are_opaque),
        cmocka_unit_test(scopes_of_v9_are_elements),
        cmocka_unit_test(variable_fields_are_located),
        cmocka_unit_test(any_difference_makes_another),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
