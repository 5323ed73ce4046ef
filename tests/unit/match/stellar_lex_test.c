/* SPDX-License-Identifier: Apache-2.0
 * Tokens: kinds, extents, what a text cut anywhere gives. */
#include "match/stellar_lex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct eg_stellar_token first(const char *text) {
    struct eg_stellar_lexer lexer = {.text = text, .size = strlen(text)};
    return eg_stellar_lex(&lexer);
}

static void kinds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum eg_stellar_token_kind kind;
        size_t begin, end;
    } rows[] = {
        {"", EG_STELLAR_END, 0, 0},
        {"  // x", EG_STELLAR_END, 6, 6},
        {"//x\n y", EG_STELLAR_NAME, 5, 6},
        {" and ", EG_STELLAR_AND, 1, 4},
        {"AND", EG_STELLAR_AND, 0, 3},
        {"And", EG_STELLAR_NAME, 0, 3},
        {"android", EG_STELLAR_NAME, 0, 7},
        {"a.b_2$", EG_STELLAR_NAME, 0, 6},
        {"a:b", EG_STELLAR_NAME, 0, 1},
        {"$a", EG_STELLAR_NAME, 0, 2},
        {"not", EG_STELLAR_NOT, 0, 3},
        {"nan", EG_STELLAR_NAME, 0, 3},
        {"NaN", EG_STELLAR_NAN, 0, 3},
        {"->", EG_STELLAR_ARROW, 0, 2},
        {"=>", EG_STELLAR_DOUBLE_ARROW, 0, 2},
        {"-", EG_STELLAR_MINUS, 0, 1},
        {"<=", EG_STELLAR_LE, 0, 2},
        {"<", EG_STELLAR_LT, 0, 1},
        {"/", EG_STELLAR_DIVIDE, 0, 1},
        {"'a\\'b'c", EG_STELLAR_QUOTED, 0, 6},
        {"\"a'b\"", EG_STELLAR_QUOTED, 0, 5},
        {"12", EG_STELLAR_WHOLE, 0, 2},
        {"12L)", EG_STELLAR_WHOLE, 0, 3},
        {"12.", EG_STELLAR_REAL, 0, 3},
        {".5e-3f", EG_STELLAR_REAL, 0, 6},
        {"12.5L", EG_STELLAR_BAD, 0, 1},
        {"1e", EG_STELLAR_BAD, 0, 1},
        {"1x", EG_STELLAR_BAD, 0, 1},
        {".", EG_STELLAR_BAD, 0, 1},
        {"'a", EG_STELLAR_BAD, 0, 1},
        {"'a\\", EG_STELLAR_BAD, 2, 3},
        {"\xc3\xa9", EG_STELLAR_BAD, 0, 1},
        {"1111111111111111111111111111111111111111111111111111111111111111", EG_STELLAR_BAD, 0, 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct eg_stellar_token token = first(rows[i].text);
        if (token.kind != rows[i].kind || token.begin != rows[i].begin || token.end != rows[i].end)
            fail_msg("%s: %d, %zu to %zu", rows[i].text, (int)token.kind, token.begin, token.end);
        if (token.kind == EG_STELLAR_BAD) assert_non_null(token.why);
    }
    assert_int_equal(first("9223372036854775807").whole, INT64_MAX);
    assert_true(first("0.25").real > 0.24 && first("0.25").real < 0.26);
}

/* However a text is cut, its tokens follow each other and end. */
static void cut(void **state) {
    (void)state;
    const char *text =
        "if 'a\\n' in ['x', 1.5e3] && a.b >= -3 then (x, y) -> x != NaN else {1 : 2} // z";
    for (size_t size = 0; size <= strlen(text); size++) {
        struct eg_stellar_lexer lexer = {.text = text, .size = size};
        size_t at = 0;
        for (int i = 0;; i++) {
            struct eg_stellar_token token = eg_stellar_lex(&lexer);
            assert_true(token.begin >= at && token.end >= token.begin && token.end <= size);
            if (token.kind == EG_STELLAR_END) break;
            assert_true(token.end > at && i < 200);
            at = token.end;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
