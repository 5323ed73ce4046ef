/* SPDX-License-Identifier: Apache-2.0
 * The functions on numbers at their edges. */
#include "stellar_make.h"

static void rows(void **state) {
    (void)state;
    static const char *const rows[][2] = {

        {"TO_INTEGER('-5')", "-5"},
        {"TO_INTEGER('+5')", "5"},
        {"TO_INTEGER(' 5')", "null"},
        {"TO_INTEGER('"
         "5 ')",
         "null"},
        {"TO_INTEGER('"
         "5.5')",
         "null"},
        {"TO_INTEGER('"
         "0x10')",
         "null"},
        {"TO_INTEGER('')", "null"},
        {"TO_INTEGER('"
         "99999999999999999999')",
         "null"},
        {"TO_INTEGER(1e300)", "9223372036854775807"},
        {"TO_INTEGER(-1e300)", "-9223372036854775808"},
        {"TO_INTEGER(NaN)", "0"},
        {"TO_INTEGER([1])", "!TO_INTEGER of a list"},
        {"TO_INTEGER(true)", "!TO_INTEGER of true or false"},
        {"TO_DOUBLE('"
         "1e3')",
         "1000.0"},
        {"TO_DOUBLE('nan')", "null"},
        {"TO_DOUBLE('-inf')", "null"},
        {"TO_DOUBLE('"
         "0x1p3')",
         "null"},
        {"TO_DOUBLE({})", "!TO_DOUBLE of a map"},
        {"TO_DOUBLE(null)", "null"},
        {"IS_INTEGER(5.0)", "false"},
        {"IS_INTEGER('-7')", "true"},
        {"ABS(-9223372036854775807 - 1)", "9.223372036854776E18"},
        {"ABS(null)", "null"},
        {"CEILING(2)", "2.0"},
        {"CEILING(null)", "null"},
        {"FLOOR('"
         "a')",
         "!a number"},
        {"ROUND(0.5)", "1"},
        {"ROUND(-0.5)", "0"},
        {"ROUND(2.4)", "2"},
        {"ROUND(1e300)", "9223372036854775807"},
        {"ROUND(null)", "null"},
        {"SQRT(-1)", "NaN"},
        {"LN(0)", "-Infinity"},
        {"MAX([null, 1, null])", "1"},
        {"MAX(['"
         "a', '"
         "b'])",
         "'"
         "b'"},
        {"MIN([2, 1.0, 1])", "1.0"},
        {"MIN(null)", "null"},
        {"MAX(5)", "!wants a list"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) value_is(rows[i][0], rows[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
