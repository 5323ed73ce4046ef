/* SPDX-License-Identifier: Apache-2.0
 * Expressions: what is accepted, what the portable form of it is, and what is refused where. */
#include "filter/regex.h"

#include "filter/tree.h"
#include "filter_make.h"

static void portable_is(const char *text, const char *expected) {
    struct eg_arena arena = {0};
    struct eg_regex *re = NULL;
    struct eg_error err = {0};
    struct eg_strbuf got = {0};
    if (eg_regex_parse(&re, text, strlen(text), &arena, &err) != EG_OK)
        fail_msg("%s: %s", text, err.message);
    eg_regex_portable(re, &got);
    assert_string_equal(got.text, expected);
    assert_int_equal(eg_regex_source(re).size, strlen(text));
    eg_strbuf_reset(&got);
    eg_arena_reset(&arena);
}

static void portable(void **state) {
    (void)state;
    portable_is("abc", "abc");
    portable_is("a.b", "a[^\\x0a]b");
    portable_is("^a$", "^a\\z");
    portable_is("(a|b)+", "(?:a|b)+");
    portable_is("a|b|c", "a|b|c");
    portable_is("a*b+c?", "a*b+c?");
    portable_is("a{2}b{3,}c{4,5}", "a{2}b{3,}c{4,5}");
    portable_is("[a-z0]", "[a-z0]");
    portable_is("[^a-z]", "[^a-z]");
    portable_is("[-a]", "[\\-a]");
    portable_is("[a-]", "[a\\-]");
    portable_is("[\\]\\[\\^]", "[\\]\\[\\^]");
    portable_is("[[:digit:]_]", "[0-9_]");
    portable_is("[\\d\\s]", "[0-9\\x09-\\x0a\\x0c-\\x0d ]");
    portable_is("\\d\\D", "[0-9][^0-9]");
    portable_is("\\w", "[0-9A-Z_a-z]");
    portable_is("\\.\\*\\\\", "\\.\\*\\\\");
    portable_is("it's \"x\"", "it\\'s \\\"x\\\"");
    portable_is("\\n\\t", "\\x0a\\x09");
    portable_is("\xc3\xa9[\xc3\xa0-\xc3\xbc]", "\xc3\xa9[\xc3\xa0-\xc3\xbc]");
    portable_is("(^a|b$)c", "(?:^a|b\\z)c");
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int position;
    } cases[] = {
        {"", 0},
        {"(", 1},
        {")", 0},
        {"a)", 1},
        {"(a", 0},
        {"a|", 2},
        {"|a", 0},
        {"()", 1},
        {"*a", 0},
        {"a**", 2},
        {"a*?", 2},
        {"a+{2}", 2},
        {"^*", 1},
        {"$+", 1},
        {"a{", 1},
        {"a{x}", 1},
        {"a{2", 1},
        {"a{2,1}", 1},
        {"a{0}", 1},
        {"a{1001}", 2},
        {"{2}", 0},
        {"a}", 1},
        {"a]", 1},
        {"[", 0},
        {"[]", 1},
        {"[^]", 2},
        {"[a", 0},
        {"[z-a]", 1},
        {"[a-c-e]", 4},
        {"[[a]", 1},
        {"[&&]", 1},
        {"[[:x:]]", 1},
        {"[[:digit]", 1},
        {"(?:a)", 0},
        {"(?i)a", 0},
        {"\\", 0},
        {"\\b", 0},
        {"\\1", 0},
        {"a\\z", 1},
        {"[\\q]", 1},
        {"(a{1000}){2}", 9},
        {"((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})", 23},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_arena arena = {0};
        struct eg_regex *re = NULL;
        struct eg_error err = {0};
        if (eg_regex_parse(&re, cases[i].text, strlen(cases[i].text), &arena, &err) != EG_E_USAGE)
            fail_msg("'%s' was accepted", cases[i].text);
        assert_memory_equal(err.message, "in the expression: ", 19);
        if (cases[i].position != err.position)
            fail_msg("'%s' is wrong at %d: %s", cases[i].text, (int)err.position, err.message);
        assert_null(re);
        eg_arena_reset(&arena);
    }
}

static void deep(void **state) {
    (void)state;
    struct eg_arena arena = {0};
    struct eg_regex *re = NULL;
    static const char *const parts[] = {"(", "a|", "a?", "[a]"};
    for (size_t k = 0; k < 4; k++) {
        struct eg_strbuf text = {0};
        for (int i = 0; i < 2000; i++) eg_strbuf_text(&text, parts[k]);
        assert_int_equal(eg_regex_parse(&re, text.text, text.size, &arena, NULL), EG_E_USAGE);
        eg_strbuf_reset(&text);
    }
    eg_arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(portable), cmocka_unit_test(refused),
                                       cmocka_unit_test(deep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
