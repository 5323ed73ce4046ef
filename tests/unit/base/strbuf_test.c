/* SPDX-License-Identifier: Apache-2.0
 * Growing texts: content, numbers, failure that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "torture.h"

static void texts_grow(void **state) {
    (void)state;
    struct eg_strbuf buf = {0};
    size_t size = 0;
    for (int i = 0; i < 1000; i++) {
        eg_strbuf_char(&buf, 'a');
        eg_strbuf_text(&buf, "bc");
        eg_strbuf_printf(&buf, "%d", i % 10);
        size += 4;
        assert_int_equal(buf.size, size);
        assert_int_equal(buf.text[buf.size], 0);
    }
    assert_memory_equal(buf.text + 36, "abc9", 4);
    char *text = eg_strbuf_take(&buf);
    assert_int_equal(strlen(text), size);
    assert_null(buf.text);
    eg_free(text);
}

static void numbers_are_exact(void **state) {
    (void)state;
    static const int64_t values[] = {
        0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, 1234567890123456789};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct eg_strbuf buf = {0};
        char want[32];
        snprintf(want, sizeof want, "%" PRId64, values[i]);
        eg_strbuf_i64(&buf, values[i]);
        assert_string_equal(buf.text, want);
        eg_strbuf_reset(&buf);
    }
}

/* The signs of small numbers alternate: 0, -1, 1, -2, … */
static void numbers_of_any_length(void **state) {
    (void)state;
    static const struct {
        int64_t value;
        const char *bytes;
        size_t size;
    } cases[] = {{0, "\0", 1},
                 {-1, "\1", 1},
                 {1, "\2", 1},
                 {-64, "\x7f", 1},
                 {64, "\x80\1", 2},
                 {INT64_C(1) << 20, "\x80\x80\x80\1", 4},
                 {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_strbuf to = {0};
        eg_strbuf_zigzag(&to, cases[i].value);
        assert_int_equal(to.size, cases[i].size);
        assert_memory_equal(to.text, cases[i].bytes, to.size);
        eg_strbuf_reset(&to);
    }
}

static void an_empty_text_is_a_text(void **state) {
    (void)state;
    struct eg_strbuf buf = {0};
    char *text = eg_strbuf_take(&buf);
    assert_string_equal(text, "");
    eg_free(text);
    eg_strbuf_add(&buf, "", 0);
    assert_string_equal(buf.text, "");
    eg_strbuf_reset(&buf);
}

static void failure_sticks(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct eg_strbuf buf = {0};
        torture_fail_after(n);
        for (int i = 0; i < 100; i++) eg_strbuf_text(&buf, "0123456789");
        bool failed = torture_off();
        assert_int_equal(buf.failed, failed);
        char *text = eg_strbuf_take(&buf);
        if (failed)
            assert_null(text);
        else
            assert_int_equal(strlen(text), 1000);
        eg_free(text);
        eg_strbuf_reset(&buf);
        if (!failed) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_grow),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(numbers_of_any_length),
        cmocka_unit_test(an_empty_text_is_a_text),
        cmocka_unit_test(failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
