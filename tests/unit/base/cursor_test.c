/* SPDX-License-Identifier: Apache-2.0
 * The same field of records that follow each other: all are inside, or none is read. Numbers of any
 * number of bytes; the order of spans. */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(struct eg_span s, size_t offset, size_t count) {
    bool inside = offset + 8 + 10 * (count - 1) <= s.size;
    struct eg_stride f = eg_stride(s, offset, 8, 10, count);
    for (size_t k = 0; k < count; k++) {
        size_t at = offset + 10 * k;
        assert_int_equal(eg_stride_u8(f, k), inside ? eg_u8(s, at) : 0);
        assert_int_equal(eg_stride_be16(f, k), inside ? eg_be16(s, at) : 0);
        assert_int_equal(eg_stride_be32(f, k), inside ? eg_be32(s, at) : 0);
        assert_int_equal(eg_stride_be64(f, k), inside ? eg_be64(s, at) : 0);
    }
}

static void fields_of_records(void **state) {
    (void)state;
    for (size_t size = 0; size <= 40; size++) {
        uint8_t *bytes = reallocarray(NULL, size ? size : 1, 1); /* a sanitizer sees its end */
        for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i + 1);
        struct eg_span s = eg_span(bytes, size);
        for (size_t offset = 0; offset < 12; offset++)
            for (size_t count = 1; count <= 4; count++) check(s, offset, count);
        assert_int_equal(eg_stride_be64(eg_stride(s, 0, 8, 1, 0), 0), 0);
        assert_int_equal(eg_stride_be64(eg_stride(s, 0, 9, 1, 1), 0), 0);
        assert_int_equal(eg_stride_be64(eg_stride(s, 1, 8, SIZE_MAX, 3), 2), 0);
        free(bytes);
    }
}

static void numbers_of_any_size(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[12];
        size_t size, left;
        uint64_t value;
        bool cut;
    } cases[] = {
        {{0}, 1, 0, 0, false},
        {{0x7f, 9}, 2, 1, 127, false},
        {{0x80, 0x01}, 2, 0, 128, false},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 10, 0, UINT64_MAX, false},
        {{0x80, 0x80}, 2, 0, 0, true}, /* it has no end */
        {{0}, 0, 0, 0, true},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, 12, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_cursor c = eg_cursor(cases[i].bytes, cases[i].size);
        assert_int_equal(eg_take_varint(&c), cases[i].value);
        assert_int_equal(c.cut, cases[i].cut);
        assert_int_equal(eg_cursor_left(&c), cases[i].left);
    }
}

static void order_of_spans(void **state) {
    (void)state;
    static const char *const ordered[] = {"", "A", "a", "ab", "b", "\xff"};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++) {
            int order = eg_span_order(eg_span(ordered[i], strlen(ordered[i])),
                                      eg_span(ordered[k], strlen(ordered[k])));
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    assert_int_equal(eg_span_order(eg_span(NULL, 0), eg_span(NULL, 0)), 0);
}

static void words(void **state) {
    (void)state;
    assert_true(eg_span_is(eg_span("abc", 2), "ab"));
    assert_false(eg_span_is(eg_span("abc", 2), "abc"));
    assert_false(eg_span_is(eg_span("abc", 3), "ab"));
    assert_false(eg_span_is(eg_span("abd", 3), "abc"));
    assert_true(eg_span_is(eg_span(NULL, 0), ""));
    for (int c = -128; c < 256; c++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *found = c > 0 ? strchr(digits, c) : NULL;
        assert_int_equal(eg_hex_value(c), found ? (found - digits) % 16 : -1);
    }
    assert_true(eg_be48(eg_span("\1\2\3\4\5\6\7", 7), 1) == 0x020304050607);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_records),
        cmocka_unit_test(numbers_of_any_size),
        cmocka_unit_test(order_of_spans),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
