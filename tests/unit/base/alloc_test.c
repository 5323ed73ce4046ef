/* SPDX-License-Identifier: Apache-2.0
 * Heap memory: alignment, zeroes, sizes that would wrap, requests that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "torture.h"

static void memory_is_aligned_and_zeroed(void **state) {
    (void)state;
    for (size_t size = 0; size < 300; size += 7) {
        uint8_t *memory = eg_aligned(size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % EG_ALIGN, 0);
        for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
        eg_free(memory);
    }
}

static void sizes_that_wrap_are_refused(void **state) {
    (void)state;
    assert_null(eg_calloc(SIZE_MAX / 2, 3));
    assert_null(eg_realloc(NULL, SIZE_MAX / 2, 3));
    assert_null(eg_aligned(SIZE_MAX - 3));
}

static void a_failed_growth_keeps_what_was(void **state) {
    (void)state;
    char *text = eg_strdup("kept");
    torture_fail_after(0);
    assert_null(eg_realloc(text, 1000, 1));
    assert_true(torture_off());
    assert_string_equal(text, "kept");
    eg_free(text);
    torture_fail_after(0);
    assert_null(eg_strndup("abc", 2));
    assert_true(torture_off());
}

static void texts_are_copied(void **state) {
    (void)state;
    char *text = eg_strndup("abcdef", 3);
    assert_string_equal(text, "abc");
    eg_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_zeroed),
        cmocka_unit_test(sizes_that_wrap_are_refused),
        cmocka_unit_test(a_failed_growth_keeps_what_was),
        cmocka_unit_test(texts_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
