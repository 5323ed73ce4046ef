/* SPDX-License-Identifier: Apache-2.0
 * What files that are no captures are told. */
#include "source/refusal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void says_what_it_looks_like(void **state) {
    (void)state;
    static const struct {
        enum eg_packing packing;
        const char *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {EG_PACKING_NONE, "PK\3\4", 4, "it begins with 50 4b 03 04 (zip);"},
        {EG_PACKING_NONE, "SQLite format 3\0", 16, "(SQLite)"},
        {EG_PACKING_NONE, "snoop\0\0\0\0\0\0\2", 12, "(snoop; editcap"},
        {EG_PACKING_NONE,
         "\x7f"
         "ELF\2",
         5, "(a program)"},
        {EG_PACKING_NONE, "{\"a\":1}", 7, "(JSON)"},
        {EG_PACKING_NONE, "time,src\n", 9, "74 69 6d 65 (text);"},
        {EG_PACKING_NONE, "\0\1\2\3\4", 5, "it begins with 00 01 02 03;"},
        {EG_PACKING_NONE, "\0\1", 2, "it begins with 00 01;"},
        {EG_PACKING_XZ, "\x1f\x8b\x08\x00", 4, "inside its xz begins with 1f 8b 08 00 (gzip);"},
        {EG_PACKING_LZ4, "", 0, "f is empty inside its lz4"},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct eg_error err;
        assert_int_equal(
            eg_refuse(&err, "f", cases[k].packing, eg_span(cases[k].bytes, cases[k].size)),
            EG_E_FORMAT);
        assert_int_equal(err.position, 0);
        if (!strstr(err.message, cases[k].text)) fail_msg("%s: %s", cases[k].text, err.message);
        if (cases[k].size)
            assert_non_null(strstr(err.message, "can be read, plain or in gzip, zstd, lz4 or xz"));
        assert_int_equal(eg_refuse(NULL, "f", cases[k].packing, eg_span("", 0)), EG_E_FORMAT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_what_it_looks_like)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
