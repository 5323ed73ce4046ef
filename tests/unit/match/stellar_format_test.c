/* SPDX-License-Identifier: Apache-2.0
 * FORMAT: what is filled in how, and what is refused. */
#include "stellar_make.h"

static void rows(void **state) {
    (void)state;
    static const char *const rows[][2] = {

        {"FORMAT('%s', null)", "'null'"},
        {"FORMAT('%d', null)", "'null'"},
        {"FORMAT('%b %s', true, false)", "'true false'"},
        {"FORMAT('%c', 65)", "'"
                             "A'"},
        {"FORMAT('%c', 0)", "!ASCII"},
        {"FORMAT('%3c|', 65)", "'  A|'"},
        {"FORMAT('%n')", "'\\n'"},
        {"FORMAT('%%')", "'%'"},
        {"FORMAT('%+d', 5)", "'+5'"},
        {"FORMAT('%-5d|', 5)", "'"
                               "5    |'"},
        {"FORMAT('%05d', -5)", "'-0005'"},
        {"FORMAT('%x', -1)", "'"
                             "ffffffffffffffff'"},
        {"FORMAT('%o', 8)", "'"
                            "10'"},
        {"FORMAT('%.3s|', '"
         "abcdef')",
         "'"
         "abc|'"},
        {"FORMAT('%5.1f', 2.25)", "'  2.2'"},
        {"FORMAT('%e', 12345.0)", "'"
                                  "1.234500e+04'"},
        {"FORMAT('%f', 1)", "!a fraction"},
        {"FORMAT('%d', 1.5)", "!a whole number"},
        {"FORMAT('%200d|', 1) == FILL_LEFT('"
         "1|', ' ', 201)",
         "true"},
        {"FORMAT('%201d', 1)", "!means nothing"},
        {"FORMAT('%99999999999999999999d', 1)", "!means nothing"},
        {"FORMAT('%.300f', 1.0)", "!means nothing"},
        {"FORMAT('%.f', 1.0)", "!means nothing"},
        {"FORMAT('%')", "!means nothing"},
        {"FORMAT('%5', 1)", "!means nothing"},
        {"FORMAT('%hd', 1)", "!means nothing"},
        {"FORMAT('%*d', 1, 2)", "!means nothing"},
        {"FORMAT('%3$s', 1, 2)", "!no argument"},
        {"FORMAT('%0$s|%s', 1)", "!no argument"},
        {"FORMAT('%1$s %1$s', 1)", "'"
                                   "1 1'"},
        {"FORMAT(null)", "!wants a text"},
        {"FORMAT(5)", "!wants text"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) value_is(rows[i][0], rows[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
