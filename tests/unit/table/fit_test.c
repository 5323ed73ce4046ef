/* SPDX-License-Identifier: Apache-2.0
 * What is left out of a table that is too wide, and in which order. */
#include "table/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct eg_fit_column flows[] = {
    {"start_time", 10, false, false}, {"end_time", 10, false, false}, {"src_ip", 10, false, false},
    {"dst_ip", 10, false, false},     {"proto", 10, false, false},    {"bytes", 10, false, false},
    {"vlan", 10, true, false},        {"exporter", 10, false, false}};
#define COUNT (sizeof flows / sizeof *flows)

/* One letter a column: shown or not. */
static void is(size_t width, const char *shown) {
    struct eg_fit_column columns[COUNT];
    char got[COUNT + 1] = "";
    memcpy(columns, flows, sizeof flows);
    uint32_t left_out = eg_fit(columns, COUNT, width, 2), dots = 0;
    for (size_t i = 0; i < COUNT; i++) {
        got[i] = columns[i].shown ? 'x' : '.';
        dots += !columns[i].shown;
    }
    assert_string_equal(got, shown);
    assert_int_equal(left_out, dots);
}

static void in_this_order(void **state) {
    (void)state;
    is(1000, "xxxxxxxx");
    is(8 * 10 + 7 * 2, "xxxxxxxx");
    is(8 * 10 + 7 * 2 - 1, "xxxxxx.x"); /* the empty one first */
    is(7 * 10 + 6 * 2 - 1, "xxxxxx.."); /* then what is asked for least, from the right */
    is(60, "x.xxxx..");
    is(50, "..xxxx..");
    is(40, "..xx.x..");
    is(30, "..xx....");
    is(20, "..x.....");
    is(1, "..x....."); /* one stays, however wide */
}

static void nothing_to_fit(void **state) {
    (void)state;
    assert_int_equal(eg_fit(NULL, 0, 1, 2), 0);
    struct eg_fit_column one = {"x", 99, true, false};
    assert_int_equal(eg_fit(&one, 1, 1, 2), 0);
    assert_true(one.shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_this_order),
        cmocka_unit_test(nothing_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
