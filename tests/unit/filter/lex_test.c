/* SPDX-License-Identifier: Apache-2.0
 * Tokens: where they begin and end, and what is none. */
#include "filter/lex.h"

#include "filter_make.h"

/* The kinds and texts of all tokens, "W:tcp AND ( …". */
static void tokens_are(const char *text, const char *expected) {
    static const char *const names[] = {"END",  "W",   "Q",  "S",     "OPEN",    "CLOSE", "COMMA",
                                        "DOTS", "AND", "OR", "NOT",   "EQ",      "NE",    "LT",
                                        "LE",   "GT",  "GE", "MATCH", "NOMATCH", "MASK",  "BAD"};
    struct eg_lexer lexer = {text, strlen(text), 0};
    struct eg_strbuf got = {0};
    for (size_t end = 0;;) {
        struct eg_token token = eg_lex(&lexer);
        assert_true(token.begin >= end && token.end >= token.begin && token.end <= strlen(text));
        end = token.end;
        eg_strbuf_text(&got, names[token.kind]);
        if (token.kind == EG_TOKEN_WORD || token.kind == EG_TOKEN_QUOTED ||
            token.kind == EG_TOKEN_SAVED)
            eg_strbuf_printf(&got, ":%.*s", (int)token.size, token.at);
        if (token.kind == EG_TOKEN_END || token.kind == EG_TOKEN_BAD) break;
        eg_strbuf_char(&got, ' ');
    }
    assert_string_equal(got.text, expected);
    eg_strbuf_reset(&got);
}

static void kinds(void **state) {
    (void)state;
    tokens_are("", "END");
    tokens_are("  \t\r\n ", "END");
    tokens_are("tcp and udp", "W:tcp AND W:udp END");
    tokens_are("tcp&&udp||!gre", "W:tcp AND W:udp OR NOT W:gre END");
    tokens_are("AND Or nOT", "AND OR NOT END");
    tokens_are("android ornate nothing", "W:android W:ornate W:nothing END");
    tokens_are("a=1 b==2 c!=3 d<>4", "W:a EQ W:1 W:b EQ W:2 W:c NE W:3 W:d NE W:4 END");
    tokens_are("a<1 b<=2 c>3 d>=4", "W:a LT W:1 W:b LE W:2 W:c GT W:3 W:d GE W:4 END");
    tokens_are("a~'x' b!~\"y\"", "W:a MATCH Q:x W:b NOMATCH Q:y END");
    tokens_are("(a,[b])", "OPEN W:a COMMA OPEN W:b CLOSE CLOSE END");
    tokens_are("1..2 a .. b", "W:1 DOTS W:2 W:a DOTS W:b END");
    tokens_are("10.0.0.0/8 2001:db8::1 80-443", "W:10.0.0.0/8 W:2001:db8::1 W:80-443 END");
    tokens_are("now-1h/d 2026-01-01T00:00:00Z 1e+5",
               "W:now-1h/d W:2026-01-01T00:00:00Z W:1e+5 END");
    tokens_are("tcp -- all of it\nudp", "W:tcp W:udp END");
    tokens_are("80--443", "W:80 END");
    tokens_are("a & 0x12", "W:a MASK W:0x12 END");
    tokens_are("@web @a-b.c", "S:web S:a-b.c END");
    tokens_are("'it''s' \"a\"\"b\" ''", "Q:it''s Q:a\"\"b Q: END");
    tokens_are("'-- no remark'", "Q:-- no remark END");
    tokens_are("'\xc3\xa9'", "Q:\xc3\xa9 END");
    tokens_are("a | b", "W:a BAD");
    tokens_are("a ; b", "W:a BAD");
    tokens_are("\xc3\xa9", "BAD");
    tokens_are("'open", "BAD");
    tokens_are("'open''", "BAD");
    tokens_are("@", "BAD");
    tokens_are("@ web", "BAD");
}

static void words(void **state) {
    (void)state;
    struct eg_token token = {.kind = EG_TOKEN_WORD, .at = "Port 80", .size = 4};
    assert_true(eg_token_is(&token, "port"));
    assert_false(eg_token_is(&token, "por"));
    assert_false(eg_token_is(&token, "ports"));
    token.kind = EG_TOKEN_QUOTED;
    assert_false(eg_token_is(&token, "port"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
