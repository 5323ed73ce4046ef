/* SPDX-License-Identifier: Apache-2.0
 * A filter's text as tokens. */
#include "filter/lex.h"

#include <string.h>
#include <strings.h>

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_.:/+-", c));
}

static char peek(const struct eg_lexer *lexer, size_t ahead) {
    return lexer->size - lexer->at > ahead ? lexer->text[lexer->at + ahead] : 0;
}

static void skip_blanks(struct eg_lexer *lexer) {
    while (lexer->at < lexer->size) {
        char c = peek(lexer, 0);
        if (c == '-' && peek(lexer, 1) == '-') {
            while (lexer->at < lexer->size && peek(lexer, 0) != '\n') lexer->at++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            lexer->at++;
        } else {
            return;
        }
    }
}

static struct eg_token finish(struct eg_lexer *lexer, enum eg_token_kind kind, size_t size) {
    struct eg_token token = {.kind = kind, .at = lexer->text + lexer->at, .size = size};
    token.begin = lexer->at;
    lexer->at += size;
    token.end = lexer->at;
    return token;
}

/* Up to the closing quote; a doubled quote stands for itself. */
static struct eg_token quoted(struct eg_lexer *lexer) {
    char quote = peek(lexer, 0);
    size_t size = 1;
    for (;; size++) {
        if (lexer->size - lexer->at <= size) {
            struct eg_token token = finish(lexer, EG_TOKEN_BAD, 1);
            token.why = "the quote is not closed";
            return token;
        }
        if (peek(lexer, size) != quote) continue;
        if (peek(lexer, size + 1) != quote) break;
        size++;
    }
    struct eg_token token = finish(lexer, EG_TOKEN_QUOTED, size + 1);
    token.at++;
    token.size -= 2;
    return token;
}

/* A word ends before "..", "--" and anything a word cannot hold. */
static struct eg_token word(struct eg_lexer *lexer) {
    size_t size = 0;
    while (is_word(peek(lexer, size))) {
        char next = peek(lexer, size + 1);
        if (size && peek(lexer, size) == '.' && next == '.') break;
        if (peek(lexer, size) == '-' && next == '-') break;
        size++;
    }
    struct eg_token token = finish(lexer, EG_TOKEN_WORD, size);
    if (eg_token_is(&token, "and"))
        token.kind = EG_TOKEN_AND;
    else if (eg_token_is(&token, "or"))
        token.kind = EG_TOKEN_OR;
    else if (eg_token_is(&token, "not"))
        token.kind = EG_TOKEN_NOT;
    return token;
}

static struct eg_token saved(struct eg_lexer *lexer) {
    size_t size = 1;
    while (is_word(peek(lexer, size))) size++;
    struct eg_token token = finish(lexer, size > 1 ? EG_TOKEN_SAVED : EG_TOKEN_BAD, size);
    token.at++;
    token.size--;
    token.why = "expected the name of a saved filter behind '@'";
    return token;
}

struct eg_token eg_lex(struct eg_lexer *lexer) {
    static const struct {
        char text[3];
        enum eg_token_kind kind;
    } signs[] = {
        /* the longer ones first */
        {"&&", EG_TOKEN_AND},  {"||", EG_TOKEN_OR},       {"==", EG_TOKEN_EQ},
        {"!=", EG_TOKEN_NE},   {"<>", EG_TOKEN_NE},       {"<=", EG_TOKEN_LE},
        {">=", EG_TOKEN_GE},   {"!~", EG_TOKEN_NO_MATCH}, {"..", EG_TOKEN_DOTS},
        {"(", EG_TOKEN_OPEN},  {"[", EG_TOKEN_OPEN},      {")", EG_TOKEN_CLOSE},
        {"]", EG_TOKEN_CLOSE}, {",", EG_TOKEN_COMMA},     {"=", EG_TOKEN_EQ},
        {"<", EG_TOKEN_LT},    {">", EG_TOKEN_GT},        {"~", EG_TOKEN_MATCH},
        {"!", EG_TOKEN_NOT},   {"&", EG_TOKEN_MASK},
    };
    skip_blanks(lexer);
    if (lexer->at >= lexer->size) return finish(lexer, EG_TOKEN_END, 0);
    char c = peek(lexer, 0);
    if (c == '"' || c == '\'') return quoted(lexer);
    if (c == '@') return saved(lexer);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t size = strlen(signs[i].text);
        if (c != signs[i].text[0] || (size > 1 && peek(lexer, 1) != signs[i].text[1])) continue;
        return finish(lexer, signs[i].kind, size);
    }
    if (is_word(c)) return word(lexer);
    struct eg_token token = finish(lexer, EG_TOKEN_BAD, 1);
    token.why = c == '|' ? "expected 'or' or '||'" : "a character that means nothing here";
    return token;
}

bool eg_token_is(const struct eg_token *token, const char *text) {
    return token->kind != EG_TOKEN_QUOTED && token->size == strlen(text) &&
           strncasecmp(token->at, text, token->size) == 0;
}
