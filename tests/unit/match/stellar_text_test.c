/* SPDX-License-Identifier: Apache-2.0
 * The functions on text at their edges: nothing, null, other kinds, bytes that are no ASCII. */
#include "stellar_make.h"

static void rows(void **state) {
    (void)state;
    static const char *const rows[][2] = {

        {"TO_UPPER('\xc3\xa9')", "'\xc3\xa9'"},
        {"TO_UPPER('')", "''"},
        {"TRIM('\\t a \\n')", "'"
                              "a'"},
        {"STARTS_WITH('', '')", "true"},
        {"ENDS_WITH('', '')", "true"},
        {"STARTS_WITH(1, '')", "!wants text"},
        {"STARTS_WITH('"
         "a', 1)",
         "!wants text"},
        {"CHOMP('"
         "a\\r')",
         "'"
         "a'"},
        {"CHOMP('\\n')", "''"},
        {"CHOMP('"
         "a\\n\\r')",
         "'"
         "a\\n'"},
        {"CHOP('\\n')", "''"},
        {"CHOP(null)", "null"},
        {"SPLIT('', ',')", "['']"},
        {"SPLIT(',', ',')", "['', '']"},
        {"SPLIT(null, ',')", "null"},
        {"SPLIT('"
         "a', '')",
         "!at nothing"},
        {"JOIN(['"
         "a', null, '"
         "b'], '-')",
         "'"
         "a--b'"},
        {"JOIN(['"
         "a', '"
         "b'], null)",
         "'"
         "ab'"},
        {"JOIN(null, ',')", "null"},
        {"JOIN('"
         "a', ',')",
         "!wants a list"},
        {"SUBSTRING('"
         "abc', 3)",
         "''"},
        {"SUBSTRING('"
         "abc', 4)",
         "!SUBSTRING"},
        {"SUBSTRING('"
         "abc', -1)",
         "!SUBSTRING"},
        {"SUBSTRING('"
         "abc', 2, 1)",
         "!SUBSTRING"},
        {"SUBSTRING('"
         "abc', null, 1)",
         "null"},
        {"COUNT_MATCHES('"
         "abc', '')",
         "0"},
        {"FILL_LEFT(null, 'x', 3)", "null"},
        {"FILL_LEFT('"
         "1', '"
         "ab', 6)",
         "'"
         "ababa1'"},
        {"FILL_LEFT('"
         "1', 'x', -5)",
         "'"
         "1'"},
        {"FILL_LEFT('"
         "1', 'x', 99999999)",
         "!too long"},
        {"FILL_LEFT('"
         "1', 'x', 'z')",
         "!whole number"},
        {"PREPEND_IF_MISSING(null, 'x')", "null"},
        {"PREPEND_IF_MISSING('', 'xyz', null)", "'xyz'"},
        {"PREPEND_IF_MISSING(123, '"
         "abc')",
         "!wants text"},
        {"APPEND_IF_MISSING('"
         "a', null)",
         "'"
         "a'"},
        {"REGEXP_MATCH('"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')",
         "false"},
        {"REGEXP_MATCH('"
         "a', TRIM(' a '))",
         "true"},
        {"REGEXP_MATCH('"
         "a', TRIM(' [ '))",
         "!not closed"},
        {"REGEXP_MATCH('"
         "a', [])",
         "false"},
        {"REGEXP_MATCH('"
         "a', [1])",
         "!wants text"},
        {"REGEXP_MATCH(5, '"
         "a')",
         "!wants text"},
        {"STRING_ENTROPY(null)", "0.0"},
        {"STRING_ENTROPY('"
         "aaaa')",
         "0.0"},
        {"STRING_ENTROPY('"
         "ab')",
         "1.0"},
        {"TO_STRING(packet)", "'<16 bytes>'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) value_is(rows[i][0], rows[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
