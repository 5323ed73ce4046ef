/* SPDX-License-Identifier: Apache-2.0
 * Places of two bytes: every place of every length around that of a vector, kinds of bytes, ends. */
#include "base/find.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void kinds(void **state) {
    (void)state;
    struct eg_byte_kind all = {0, 0, 0}, none = {0, 1, 0}, letter = {0xdf, 'A', 0};
    struct eg_byte_kind range = {0xff, 0x20, 0x5f}, round = {0xff, 0xf0, 0x1f};
    for (unsigned b = 0; b < 256; b++) {
        assert_true(eg_byte_is(all, (uint8_t)b));
        assert_false(eg_byte_is(none, (uint8_t)b));
        assert_int_equal(eg_byte_is(letter, (uint8_t)b), b == 'a' || b == 'A');
        assert_int_equal(eg_byte_is(range, (uint8_t)b), b >= 0x20 && b <= 0x7f);
        assert_int_equal(eg_byte_is(round, (uint8_t)b), b >= 0xf0 || b <= 0x0f);
    }
}

static void places(void **state) {
    (void)state;
    struct eg_byte_pair pair = {{0xff, 'x', 0}, {0xdf, 'Y', 0}, 3, 1};
    for (size_t size = 4; size < 80; size++) {
        uint8_t *in = eg_malloc(size);
        size_t end = size - 3;
        for (size_t at = 0; at < end; at++) {
            memset(in, 'x', size);
            assert_int_equal(eg_find_pair(&pair, eg_span(in, size), 0, end), end);
            in[at + 1] = at % 2 ? 'y' : 'Y';
            for (size_t from = 0; from <= end; from++)
                assert_int_equal(eg_find_pair(&pair, eg_span(in, size), from, end),
                                 from <= at ? at : end);
            in[at + 3] = 'z';
            assert_int_equal(eg_find_pair(&pair, eg_span(in, size), 0, end), end);
        }
        eg_free(in);
    }
}

/* The second of two is found from behind the first; what would reach too far is not looked at. */
static void ends(void **state) {
    (void)state;
    uint8_t in[64] = {0};
    struct eg_byte_pair pair = {{0xff, 1, 0}, {0xff, 1, 0}, 0, 0};
    in[5] = in[40] = 1;
    struct eg_span all = eg_span(in, sizeof in);
    assert_int_equal(eg_find_pair(&pair, all, 0, 64), 5);
    assert_int_equal(eg_find_pair(&pair, all, 6, 64), 40);
    assert_int_equal(eg_find_pair(&pair, all, 41, 64), 64);
    assert_int_equal(eg_find_pair(&pair, all, 64, 64), 64);
    assert_int_equal(eg_find_pair(&pair, all, 0, 65), 65);
    assert_int_equal(eg_find_pair(&pair, all, 9, 5), 5);
    pair.second_at = 1;
    assert_int_equal(eg_find_pair(&pair, all, 0, 64), 64);
    assert_int_equal(eg_find_pair(&pair, eg_span(NULL, 0), 0, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(places),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
