/* SPDX-License-Identifier: Apache-2.0
 * Equality and order of values of every kind against every other, arithmetic at its bounds, and how values are written (the table beside this file has the rest). */
#include "stellar_make.h"

static void rows(void **state) {
    (void)state;
    static const char *const rows[][2] = {

        {"packet == packet", "true"},
        {"packet == 1", "false"},
        {"(x -> x) == (x -> x)", "false"},
        {"[1, [2, {1 : 2}]] == [1, [2, {1 : 2}]]", "true"},
        {"[null] == [null]", "true"},
        {"{} == []", "false"},
        {"[] == []", "true"},
        {"{1 : 2, 1 : 3} == {1 : 3}", "true"},
        {"LENGTH({1 : 2, 1.0 : 3})", "1"},
        {"packet < packet", "!no order"},
        {"-9223372036854775807 - 1", "-9223372036854775808"},
        {"-9223372036854775807 - 2", "!beyond 64 bits"},
        {"9223372036854775807 * 2", "!beyond 64 bits"},
        {"(-9223372036854775807 - 1) / -1", "!beyond 64 bits"},
        {"9223372036854775807 + 0.0", "9.223372036854776E18"},
        {"-1.0 / 0", "-Infinity"},
        {"0.0 / 0", "NaN"},
        {"1.0 / 3", "0.3333333333333333"},
        {"-0.0", "-0.0"},
        {"100.25", "100.25"},
        {"1e100", "1.0E100"},
        {"'\\'\\n\\t'", "'\\'\\n\\t'"},
        {"[(x -> x), packet]", "[<lambda>, <16 bytes>]"},
        {"'abc' in 'ab'", "false"},
        {"packet in 'ab'", "false"},
        {"1 in 1", "true"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) value_is(rows[i][0], rows[i][1]);
}

/* Each kind is equal to itself only, and has an order with itself only. */
static void kinds(void **state) {
    (void)state;
    static const char *const values[] = {"null", "true", "1", "'a'", "[1]", "{1 : 2}", "packet"};
    char text[200];
    for (size_t a = 0; a < COUNT(values); a++)
        for (size_t b = 0; b < COUNT(values); b++) {
            bool ordered = a == b && a >= 1 && a <= 3;
            snprintf(text, sizeof text, "%s == %s", values[a], values[b]);
            value_is(text, a == b ? "true" : "false");
            snprintf(text, sizeof text, "%s != %s", values[a], values[b]);
            value_is(text, a == b ? "false" : "true");
            snprintf(text, sizeof text, "%s <= %s", values[a], values[b]);
            value_is(text, a == 0 || b == 0 ? "false" : ordered ? "true" : "!no order");
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
