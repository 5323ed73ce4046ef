/* SPDX-License-Identifier: Apache-2.0
 * What patterns mean: against a table of patterns, bytes and answers; what is refused, and where. */
#include "match/byte_pattern.h"

#include "filter/tree.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool found(const char *text, const void *in, size_t size) {
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    struct eg_error err;
    if (eg_byte_pattern_parse(&pattern, text, strlen(text), &arena, &err) != EG_OK)
        fail_msg("%s: %s at %d", text, err.message, (int)err.position);
    bool answer = eg_byte_pattern_found(pattern, eg_span(in, size));
    eg_arena_reset(&arena);
    return answer;
}

/* Which of the 256 bytes a pattern of one position holds for, as a sum to compare by: their number,
 * the least and the greatest. */
struct held {
    const char *text;
    int count, least, greatest;
};

static void holds_for(const struct held *expected) {
    int got = 0, low = -1, high = -1;
    for (int b = 0; b < 256; b++) {
        uint8_t byte = (uint8_t)b;
        if (!found(expected->text, &byte, 1)) continue;
        got++;
        if (low < 0) low = b;
        high = b;
    }
    if (got != expected->count || low != expected->least || high != expected->greatest)
        fail_msg("%s: %d bytes, %d to %d", expected->text, got, low, high);
}

static void single_bytes(void **state) {
    (void)state;
    static const struct held rows[] = {
        {"41", 1, 0x41, 0x41},     {"fF", 1, 0xff, 0xff},     {"^00", 255, 1, 255},
        {"^ff", 255, 0, 254},      {"^^41", 1, 0x41, 0x41},   {".", 256, 0, 255},
        {"^.", 0, -1, -1},         {"'a'", 1, 'a', 'a'},      {"`a`", 2, 'A', 'a'},
        {"`1`", 1, '1', '1'},      {"^'a'", 255, 0, 255},     {"^`a`", 254, 0, 255},
        {"20-7f", 96, 0x20, 0x7f}, {"'a'-'z'", 26, 'a', 'z'}, {"'a' - 7a", 26, 'a', 'z'},
        {"\\t-0d", 5, 9, 13},      {"^30-39", 246, 0, 255},   {"00-ff", 256, 0, 255},
        {"&07", 32, 7, 255},       {"& 80", 128, 128, 255},   {"&00", 256, 0, 255},
        {"^&80", 128, 0, 127},     {"~07", 224, 1, 255},      {"~00", 0, -1, -1},
        {"^~80", 128, 0, 127},     {"~81", 192, 1, 255},
    };
    for (size_t i = 0; i < COUNT(rows); i++) holds_for(&rows[i]);
}

static void sets(void **state) {
    (void)state;
    static const struct held rows[] = {
        {"[09 0a 0d 20]", 4, 9, 0x20},
        {"^[09 0a 0d 20]", 252, 0, 255},
        {"[^09]", 255, 0, 255},
        {"[^09 09]", 256, 0, 255},
        {"[30-39]", 10, '0', '9'},
        {"['aeiou']", 5, 'a', 'u'},
        {"[`ae`]", 4, 'A', 'e'},
        {"[20-7f [82 83 84 85]]", 100, 0x20, 0x85},
        {"['a'-'z' 'A'-'Z' &80]", 180, 'A', 255},
        {"[^~0f 01]", 17, 0, 0xf0},
        {"[ ^['0'-'9'] '5' ]", 247, 0, 255},
        {"[.]", 256, 0, 255},
        {"[\\d \\t]", 11, 9, '9'},
    };
    for (size_t i = 0; i < COUNT(rows); i++) holds_for(&rows[i]);
}

static void shorthands(void **state) {
    (void)state;
    static const struct held rows[] = {
        {"\\t", 1, 0x09, 0x09}, {"\\n", 1, 0x0a, 0x0a}, {"\\v", 1, 0x0b, 0x0b},
        {"\\f", 1, 0x0c, 0x0c}, {"\\r", 1, 0x0d, 0x0d}, {"\\e", 1, 0x1e, 0x1e},
        {"\\d", 10, '0', '9'},  {"\\D", 246, 0, 255},   {"\\l", 26, 'a', 'z'},
        {"\\L", 230, 0, 255},   {"\\u", 26, 'A', 'Z'},  {"\\U", 230, 0, 255},
        {"\\i", 128, 0, 127},   {"\\I", 128, 128, 255}, {"\\s", 4, 9, 32},
        {"\\S", 252, 0, 255},   {"\\w", 63, '0', 'z'},  {"\\W", 193, 0, 255},
        {"^\\d", 246, 0, 255},
    };
    for (size_t i = 0; i < COUNT(rows); i++) holds_for(&rows[i]);
}

static void sequences(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *in;
        size_t size;
        bool found;
    } rows[] = {
        {"474554", "xGETx", 5, true},
        {"47 45 54", "GET", 3, true},
        {"'GET'", "GE", 2, false},
        {"`get`", "xxGeT", 5, true},
        {"'get'", "GET", 3, false},
        {"'a' . 'c'", "abc", 3, true},
        {"'a' . 'c'", "ac", 2, false},
        {"ff(.){5}ff",
         "\xff"
         "12345\xff",
         7, true},
        {"ff(.){5}ff",
         "\xff"
         "1234\xff",
         6, false},
        {"ff .{5} ff",
         "\xff"
         "12345\xff",
         7, true},
        {"00{3}", "\0\0\0", 3, true},
        {"00{3}", "\0\0", 2, false},
        {"0001{2}", "\0\1\1", 3, true}, /* the last byte repeats, not both */
        {"0001{2}", "\0\1\0\1", 4, false},
        {"(0001){2}", "\0\1\0\1", 4, true},
        {"'ab'{2}", "xababx", 6, true}, /* all of a text does */
        {"'ab'{2}", "abb", 3, false},
        {"('a'{2} 'b'){2}", "aabaab", 6, true},
        {"'a'{2}{2}", "aaaa", 4, true},
        {"'a'{2}{2}", "aaa", 3, false},
        {"'a' { 2 }", "aa", 2, true},
        {"((('x')))", "x", 1, true},
        {"'a' # a comment\n 'b'", "ab", 2, true},
        {"# nothing\n\t61\r\n", "a", 1, true},
        {"00 ^00 00", "\0\0\0\1\0", 5, true},
        {"00 ^00 00", "\0\0\0", 3, false},
        {"'say \"`'", "say \"`", 6, true},
        {"`it's`", "IT'S", 4, true},
        {"'it#s'", "it#s", 4, true},
        {"00 'Start' 01 ^3c 5a 'version' 30 ff", "\0Start\1\0Zversion0\xff", 18, true},
        {"\\d{3} \\s \\w", "x404 _", 6, true},
        {"'a'", "", 0, false},
        {"'aab'", "aaab", 4, true},
        {"'abab' 63", "abababc", 7, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (found(rows[i].pattern, rows[i].in, rows[i].size) != rows[i].found)
            fail_msg("%s", rows[i].pattern);
}

/* Brackets count as deep as they stand in one another, not how many there are. */
static void many_groups(void **state) {
    (void)state;
    char text[6 * 4 * EG_PATTERN_DEPTH_MAX + 1] = "";
    for (int i = 0; i < 4 * EG_PATTERN_DEPTH_MAX; i++)
        memcpy(text + strlen(text), i % 2 ? "(41)" : "[41]", 5);
    char in[4 * EG_PATTERN_DEPTH_MAX];
    memset(in, 'A', sizeof in);
    assert_true(found(text, in, sizeof in));
    assert_false(found(text, in, sizeof in - 1));
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int position;
        const char *message;
    } rows[] = {
        {"", 0, "empty"},
        {"  # only this", 0, "empty"},
        {"4", 0, "two hex digits"},
        {"41 4", 3, "two hex digits"},
        {"414", 2, "two hex digits"},
        {"zz", 0, "expected hex"},
        {"41 GET", 3, "expected hex"},
        {"'GET", 0, "not closed"},
        {"''", 0, "empty text"},
        {"'\xc3\xa9'", 1, "in hex"},
        {"'a'*", 3, "fixed length"},
        {"00+", 2, "fixed length"},
        {"00 7f?", 5, "fixed length"},
        {"00|01", 2, "alternatives"},
        {"(00|01)", 3, "alternatives"},
        {"00{1,3}", 4, "fixed length"},
        {"00{1-3}", 4, "fixed length"},
        {"00{0,*}", 4, "fixed length"},
        {"00{}", 2, "expected {n}"},
        {"00{x}", 2, "expected {n}"},
        {"00{2", 2, "expected {n}"},
        {"00{0}", 2, "repeat of nothing"},
        {"{3}", 0, "nothing before it"},
        {"00{4097}", 2, "longer than 4096"},
        {".{4096} 00", 8, "longer than 4096"},
        {".{64}{65}", 5, "longer than 4096"},
        {"00{99999999999999999999}", 2, "longer than 4096"},
        {"()", 0, "empty ( )"},
        {"(00", 0, "( is not closed"},
        {"00)", 2, "closes nothing"},
        {"[]", 0, "empty [ ]"},
        {"[ ]", 0, "empty [ ]"},
        {"[00", 0, "[ is not closed"},
        {"00]", 2, "closes nothing"},
        {"[00 (01)]", 4, "expected hex"},
        {"[00 | 01]", 4, "alternatives"},
        {"^", 1, "expected a byte"},
        {"^# ends", 7, "expected a byte"},
        {"[00 # ends", 0, "[ is not closed"},
        {"^'abc'", 1, "one byte"},
        {"^(00)", 1, "expected hex"},
        {"&", 1, "two hex digits"},
        {"~'a'", 1, "two hex digits"},
        {"39-30", 0, "backwards"},
        {"30-", 3, "two hex digits"},
        {"-30", 0, "from one byte"},
        {"30-'ab'", 3, "from one byte"},
        {"30-\\d", 3, "from one byte"},
        {"\\q", 0, "there are"},
        {"\\", 0, "there are"},
        {"00 \xff", 3, "expected hex"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct eg_arena arena = {0};
        struct eg_byte_pattern *pattern = NULL;
        struct eg_error err = {.position = -1};
        enum eg_status status =
            eg_byte_pattern_parse(&pattern, rows[i].text, strlen(rows[i].text), &arena, &err);
        if (status != EG_E_USAGE || err.position != rows[i].position ||
            !strstr(err.message, rows[i].message))
            fail_msg("%s: %d, %s at %d", rows[i].text, status, err.message, (int)err.position);
        eg_arena_reset(&arena);
    }
}

static void deep(void **state) {
    (void)state;
    char text[200];
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    struct eg_error err;
    for (int i = 0; i < 2; i++) {
        memset(text, i ? '[' : '(', 100);
        text[100] = 0;
        assert_int_equal(eg_byte_pattern_parse(&pattern, text, 100, &arena, &err), EG_E_USAGE);
        assert_non_null(strstr(err.message, "too deep"));
        assert_int_equal(err.position, EG_PATTERN_DEPTH_MAX);
    }
    eg_arena_reset(&arena);
}

static void no_memory(void **state) {
    (void)state;
    const char *text = "00{300} ('abc' [30-39]){20}";
    for (long n = 0;; n++) {
        struct eg_arena arena = {0};
        struct eg_byte_pattern *pattern = NULL;
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = eg_byte_pattern_parse(&pattern, text, strlen(text), &arena, &err);
        bool failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        eg_arena_reset(&arena);
        if (!failed) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_bytes), cmocka_unit_test(sets),    cmocka_unit_test(shorthands),
        cmocka_unit_test(sequences),    cmocka_unit_test(many_groups),
        cmocka_unit_test(refused), cmocka_unit_test(deep),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
