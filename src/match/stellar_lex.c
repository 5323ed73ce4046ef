/* SPDX-License-Identifier: Apache-2.0
 * Tokens of Stellar. Keywords are known in small and in capital letters, not mixed; a name may hold
 * dots, and unlike in Metron no colon, which there makes a name of "a:b" in "x ? a:b". */
#include "match/stellar_lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char peek(const struct eg_stellar_lexer *lexer, size_t ahead) {
    return lexer->size - lexer->at > ahead ? lexer->text[lexer->at + ahead] : 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static void skip_blanks(struct eg_stellar_lexer *lexer) {
    while (lexer->at < lexer->size) {
        char c = peek(lexer, 0);
        if (c == '/' && peek(lexer, 1) == '/') {
            while (lexer->at < lexer->size && peek(lexer, 0) != '\n') lexer->at++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            lexer->at++;
        } else {
            return;
        }
    }
}

static struct eg_stellar_token finish(struct eg_stellar_lexer *lexer,
                                      enum eg_stellar_token_kind kind, size_t size) {
    struct eg_stellar_token token = {
        .kind = kind, .text = eg_span(lexer->text + lexer->at, size), .begin = lexer->at};
    lexer->at += size;
    token.end = lexer->at;
    return token;
}

static struct eg_stellar_token bad(struct eg_stellar_lexer *lexer, size_t ahead, const char *why) {
    lexer->at += ahead;
    struct eg_stellar_token token = finish(lexer, EG_STELLAR_BAD, lexer->at < lexer->size);
    token.why = why;
    return token;
}

static struct eg_stellar_token quoted(struct eg_stellar_lexer *lexer) {
    char quote = peek(lexer, 0);
    size_t size = 1;
    for (; peek(lexer, size) != quote || lexer->size - lexer->at <= size; size++) {
        if (lexer->size - lexer->at <= size) return bad(lexer, 0, "the quote is not closed");
        if (peek(lexer, size) != '\\') continue;
        char c = peek(lexer, size + 1);
        if (!c || !strchr("\\'\"rnt", c))
            return bad(lexer, size, "behind a backslash stands one of \\ ' \" r n t");
        size++;
    }
    struct eg_stellar_token token = finish(lexer, EG_STELLAR_QUOTED, size + 1);
    token.text = eg_span_sub(token.text, 1, size - 1);
    return token;
}

/* How many characters "e+10" takes; 0: it is none. */
static size_t exponent(const struct eg_stellar_lexer *lexer, size_t at) {
    size_t size = 1;
    if ((peek(lexer, at) | 0x20) != 'e') return 0;
    if (peek(lexer, at + 1) == '+' || peek(lexer, at + 1) == '-') size++;
    if (!is_digit(peek(lexer, at + size))) return 0;
    while (is_digit(peek(lexer, at + size))) size++;
    return size;
}

/* 12, 12L, 1.5, .5, 1e3, 2d, 2f */
static struct eg_stellar_token number(struct eg_stellar_lexer *lexer) {
    char text[64];
    size_t size = 0;
    bool real = false;
    while (is_digit(peek(lexer, size))) size++;
    if (peek(lexer, size) == '.') {
        real = true;
        for (size++; is_digit(peek(lexer, size));) size++;
    }
    size_t power = exponent(lexer, size), digits = size + power;
    if (power) real = true;
    size = digits;
    char suffix = (char)(peek(lexer, size) | 0x20);
    if (suffix == 'd' || suffix == 'f' || (suffix == 'l' && !real)) {
        real = real || suffix != 'l';
        size++;
    }
    if (begins_name(peek(lexer, size)) || is_digit(peek(lexer, size)))
        return bad(lexer, 0, "a number runs into a name");
    if (digits >= sizeof text) return bad(lexer, 0, "a number that is too long");
    memcpy(text, lexer->text + lexer->at, digits);
    text[digits] = 0;
    errno = 0;
    double value = real ? strtod(text, NULL) : 0;
    int64_t whole = real ? 0 : strtoll(text, NULL, 10);
    if (!real && errno == ERANGE) return bad(lexer, 0, "a number that is too large");
    struct eg_stellar_token token = finish(lexer, real ? EG_STELLAR_REAL : EG_STELLAR_WHOLE, size);
    token.real = value;
    token.whole = whole;
    return token;
}

static enum eg_stellar_token_kind keyword(struct eg_span name) {
    static const struct {
        const char *small, *capital;
        enum eg_stellar_token_kind kind;
    } words[] = {
        {"and", "AND", EG_STELLAR_AND},
        {"or", "OR", EG_STELLAR_OR},
        {"not", "NOT", EG_STELLAR_NOT},
        {"in", "IN", EG_STELLAR_IN},
        {"if", "IF", EG_STELLAR_IF},
        {"then", "THEN", EG_STELLAR_THEN},
        {"else", "ELSE", EG_STELLAR_ELSE},
        {"true", "TRUE", EG_STELLAR_TRUE},
        {"false", "FALSE", EG_STELLAR_FALSE},
        {"null", "NULL", EG_STELLAR_NULL},
        {"match", "MATCH", EG_STELLAR_MATCH},
        {"exists", "EXISTS", EG_STELLAR_EXISTS},
        {"default", "DEFAULT", EG_STELLAR_DEFAULT},
        {"NaN", "NaN", EG_STELLAR_NAN},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].small) == name.size &&
            (memcmp(words[i].small, name.at, name.size) == 0 ||
             memcmp(words[i].capital, name.at, name.size) == 0))
            return words[i].kind;
    return EG_STELLAR_NAME;
}

static struct eg_stellar_token name(struct eg_stellar_lexer *lexer) {
    size_t size = 1;
    while (begins_name(peek(lexer, size)) || is_digit(peek(lexer, size)) ||
           peek(lexer, size) == '.')
        size++;
    struct eg_stellar_token token = finish(lexer, EG_STELLAR_NAME, size);
    token.kind = keyword(token.text);
    return token;
}

struct eg_stellar_token eg_stellar_lex(struct eg_stellar_lexer *lexer) {
    static const struct {
        char text[3];
        enum eg_stellar_token_kind kind;
    } signs[] = {
        /* the longer ones first */
        {"&&", EG_STELLAR_AND},     {"||", EG_STELLAR_OR},           {"==", EG_STELLAR_EQ},
        {"!=", EG_STELLAR_NE},      {"<=", EG_STELLAR_LE},           {">=", EG_STELLAR_GE},
        {"->", EG_STELLAR_ARROW},   {"=>", EG_STELLAR_DOUBLE_ARROW}, {"<", EG_STELLAR_LT},
        {">", EG_STELLAR_GT},       {"+", EG_STELLAR_PLUS},          {"-", EG_STELLAR_MINUS},
        {"*", EG_STELLAR_TIMES},    {"/", EG_STELLAR_DIVIDE},        {"?", EG_STELLAR_QUESTION},
        {":", EG_STELLAR_COLON},    {",", EG_STELLAR_COMMA},         {"(", EG_STELLAR_OPEN},
        {")", EG_STELLAR_CLOSE},    {"[", EG_STELLAR_OPEN_LIST},     {"]", EG_STELLAR_CLOSE_LIST},
        {"{", EG_STELLAR_OPEN_MAP}, {"}", EG_STELLAR_CLOSE_MAP},
    };
    skip_blanks(lexer);
    if (lexer->at >= lexer->size) return finish(lexer, EG_STELLAR_END, 0);
    char c = peek(lexer, 0);
    if (c == '"' || c == '\'') return quoted(lexer);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) return number(lexer);
    if (begins_name(c)) return name(lexer);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t size = strlen(signs[i].text);
        if (c == signs[i].text[0] && (size == 1 || peek(lexer, 1) == signs[i].text[1]))
            return finish(lexer, signs[i].kind, size);
    }
    if (c == '=') return bad(lexer, 0, "write == for equal");
    if (c == '!') return bad(lexer, 0, "write not( ) for the opposite, != for not equal");
    if (c == '&' || c == '|') return bad(lexer, 0, "write && and ||, or and, or");
    return bad(lexer, 0, "a character that means nothing here");
}
