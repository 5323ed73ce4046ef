/* SPDX-License-Identifier: Apache-2.0
 * The functions on lists and maps, and lambdas in them, at their edges. */
#include "stellar_make.h"

static void rows(void **state) {
    (void)state;
    static const char *const rows[][2] = {

        {"GET([1], -1)", "null"},
        {"GET([1], '"
         "0')",
         "!whole number"},
        {"GET(null, 0)", "null"},
        {"GET('"
         "a', 0)",
         "!wants a list"},
        {"GET_FIRST([null, 1])", "null"},
        {"GET_LAST([])", "null"},
        {"LIST_ADD(null, 1)", "null"},
        {"LIST_ADD([1], [2])", "[1, [2]]"},
        {"LENGTH(LIST_ADD([1], null))", "2"},
        {"IS_EMPTY({})", "true"},
        {"IS_EMPTY(0)", "!LENGTH"},
        {"IS_EMPTY(packet)", "false"},
        {"MAP_GET(1, {1.0 : '"
         "a'})",
         "'"
         "a'"},
        {"MAP_GET(null, {null : 1})", "1"},
        {"MAP_GET(1, [1])", "!wants a map"},
        {"MAP_GET('"
         "a', {'"
         "a' : 1, '"
         "a' : 2})",
         "2"},
        {"MAP_EXISTS('"
         "a')",
         "false"},
        {"MAP_PUT('"
         "a', 1, null)",
         "{'"
         "a' : 1}"},
        {"MAP_PUT('"
         "a', 1, 2)",
         "!wants a map"},
        {"REDUCE(null, (a, b) -> a, 0)", "null"},
        {"REDUCE([1], x -> x, 0)", "!of 2 arguments, not of 1"},
        {"REDUCE([1, 2, 3], (a, b) -> b, 0)", "3"},
        {"FILTER(null, x -> true)", "null"},
        {"FILTER([], 5)", "[]"},
        {"MAP([[1, 2], [3]], l -> REDUCE(l, (a, b) -> a + b, 0))", "[3, 3]"},
        {"MAP([1, 0], x -> 1 / x)", "!division by zero"},
        {"ZIP([1], [])", "[]"},
        {"ZIP([1, 2])", "[[1], [2]]"},
        {"ZIP(null)", "null"},
        {"ZIP([1], 2)", "!wants a list"},
        {"ZIP_LONGEST([], [1])", "[[null, 1]]"},
        {"LENGTH([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])", "10"},
        {"ZIP([1], [2], [3], [4], [5], [6], [7], [8], [9])", "[[1, 2, 3, 4, 5, 6, 7, 8, 9]]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) value_is(rows[i][0], rows[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
