/* SPDX-License-Identifier: Apache-2.0
 * A filter's text as tokens. What a word means (number, address, time, name) is decided later, by
 * the field it stands beside: a word here is a run of the characters those are made of. */
#ifndef EG_FILTER_LEX_H
#define EG_FILTER_LEX_H

#include "base/status.h"

enum eg_token_kind {
    EG_TOKEN_END,
    EG_TOKEN_WORD,
    EG_TOKEN_QUOTED, /* `at` and `size` are what stands between the quotes, still doubled inside */
    EG_TOKEN_SAVED,  /* the name behind an @ */
    EG_TOKEN_OPEN,   /* ( [ */
    EG_TOKEN_CLOSE,  /* ) ] */
    EG_TOKEN_COMMA,
    EG_TOKEN_DOTS, /* .. */
    EG_TOKEN_AND,
    EG_TOKEN_OR,
    EG_TOKEN_NOT,
    EG_TOKEN_EQ,
    EG_TOKEN_NE,
    EG_TOKEN_LT,
    EG_TOKEN_LE,
    EG_TOKEN_GT,
    EG_TOKEN_GE,
    EG_TOKEN_MATCH,
    EG_TOKEN_NO_MATCH,
    EG_TOKEN_MASK, /* & */
    EG_TOKEN_BAD,  /* `why` says what is wrong with the character or quote */
};

struct eg_token {
    enum eg_token_kind kind;
    const char *at;
    size_t size;
    size_t begin, end; /* byte offsets of the whole token in the text */
    const char *why;
};

struct eg_lexer {
    const char *text;
    size_t size, at;
};

struct eg_token eg_lex(struct eg_lexer *);
/* Whether the token is that word, in any case. */
bool eg_token_is(const struct eg_token *, const char *word);

#endif
