/* SPDX-License-Identifier: Apache-2.0
 * The same field of records that follow each other: all are inside, or none is read. */
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(fields_of_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
