/* SPDX-License-Identifier: Apache-2.0
 * Matching: by hand, and against the C library's regexec on random expressions and texts. */
#include "filter/regex_code.h"
#include "filter/tree.h"
#include "filter_make.h"
#include "numbers.h"

#include <regex.h>

static bool match(const char *pattern, const char *text, size_t size) {
    struct eg_arena arena = {0};
    struct eg_regex *re;
    struct eg_error err = {0};
    if (eg_regex_parse(&re, pattern, strlen(pattern), &arena, &err) != EG_OK)
        fail_msg("%s: %s", pattern, err.message);
    bool found = eg_regex_match(re, eg_span(text, size));
    eg_arena_reset(&arena);
    return found;
}

static void by_hand(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"a", "a", true},
        {"a", "bab", true},
        {"a", "", false},
        {"^a", "ba", false},
        {"a$", "ab", false},
        {"a$", "ba", true},
        {"^$", "", true},
        {"^$", "a", false},
        {"^", "", true},
        {"$", "abc", true},
        {"a*", "", true},
        {"^a*$", "aaa", true},
        {"^a*$", "aab", false},
        {"^a+$", "", false},
        {"^(ab)+$", "ababab", true},
        {"^(ab)+$", "aba", false},
        {"^a?b$", "b", true},
        {"^a?b$", "aab", false},
        {"^a{3}$", "aaa", true},
        {"^a{3}$", "aa", false},
        {"^a{3}$", "aaaa", false},
        {"^a{2,}$", "aaaaa", true},
        {"^a{2,}$", "a", false},
        {"^a{0,2}$", "", true},
        {"^a{0,2}$", "aaa", false},
        {"^(a|b){2,3}$", "ab", true},
        {"^(a|b){2,3}$", "abab", false},
        {"^(a|bc|d)$", "bc", true},
        {"^(a|bc|d)$", "b", false},
        {"x|y", "zyz", true},
        {".", "\n", false},
        {"^.$", "\xc3\xa9", true},
        {"^..$", "\xc3\xa9", false},
        {"[^a]", "\n", true},
        {"[^a]", "a", false},
        {"^[a-c]+$", "abc", true},
        {"^[\xc3\xa0-\xc3\xbc]$", "\xc3\xa9", true},
        {"^\\d{1,3}$", "255", true},
        {"\\.com$", "a.com", true},
        {"\\.com$", "acom", false},
        {"a^b", "ab", false},
        {"(^a|b$)", "xb", true},
        {"(^a|b$)", "xa", false},
        {"^((a*)b)*$", "aabab", true},
        {"^(a{0,1}b){2}$", "bab", true},
        {"^(a*)+$", "", true},
        {"^(a*)*b", "aaab", true},
        {"\\W", "a_9", false},
        {"\\s", "a b", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (match(cases[i].pattern, cases[i].text, strlen(cases[i].text)) != cases[i].matches)
            fail_msg("'%s' on '%s'", cases[i].pattern, cases[i].text);
    assert_true(match("^a.b$", "a\0b", 3));
    assert_true(match("^.$", "\xff", 1)); /* what is not UTF-8 is one character */
    assert_true(match("^...$", "\xe2\x82z", 3));
}

static uint64_t seed = 20260103;
static unsigned next_random(unsigned below) { return (unsigned)(xorshift_next(&seed) % below); }

static void grow(struct eg_strbuf *to, unsigned depth) {
    static const char *const atoms[] = {"a", "b", "c", ".", "[ab]", "[^a]", "ab"};
    static const char *const repeats[] = {"",  "",    "",      "*",     "+",
                                          "?", "{2}", "{1,2}", "{0,1}", "{2,}"};
    unsigned parts = 1 + next_random(3);
    for (unsigned i = 0; i < parts; i++) {
        if (i && next_random(4) == 0) eg_strbuf_char(to, '|');
        if (depth && next_random(3) == 0) {
            eg_strbuf_char(to, '(');
            grow(to, depth - 1);
            eg_strbuf_char(to, ')');
        } else {
            eg_strbuf_text(to, atoms[next_random(7)]);
        }
        eg_strbuf_text(to, repeats[next_random(10)]);
    }
}

static void against_regexec(void **state) {
    (void)state;
    unsigned found = 0, total = 0;
    for (int i = 0; i < 3000; i++) {
        struct eg_strbuf pattern = {0};
        if (next_random(3) == 0) eg_strbuf_char(&pattern, '^');
        eg_strbuf_char(&pattern, '(');
        grow(&pattern, 2);
        eg_strbuf_char(&pattern, ')');
        if (next_random(3) == 0) eg_strbuf_char(&pattern, '$');
        struct eg_arena arena = {0};
        struct eg_regex *re;
        regex_t other;
        assert_int_equal(eg_regex_parse(&re, pattern.text, pattern.size, &arena, NULL), EG_OK);
        assert_int_equal(regcomp(&other, pattern.text, REG_EXTENDED | REG_NOSUB), 0);
        for (int k = 0; k < 20; k++) {
            char text[10] = {0};
            unsigned size = next_random(9);
            for (unsigned n = 0; n < size; n++) text[n] = "abcd"[next_random(4)];
            bool theirs = regexec(&other, text, 0, NULL, 0) == 0;
            if (eg_regex_match(re, eg_span(text, size)) != theirs)
                fail_msg("'%s' on '%s': regexec says %d", pattern.text, text, theirs);
            found += theirs;
            total++;
        }
        regfree(&other);
        eg_arena_reset(&arena);
        eg_strbuf_reset(&pattern);
    }
    assert_true(found > total / 10 && found < total - total / 10);
}

/* What makes backtracking matchers take ages takes no time here. */
static void patience(void **state) {
    (void)state;
    char text[20001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 'b';
    assert_false(match("^(a*)*c", text, sizeof text));
    assert_false(match("(a?){30}a{30}c", text, 200));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(against_regexec),
                                       cmocka_unit_test(patience)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
