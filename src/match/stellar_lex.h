/* SPDX-License-Identifier: Apache-2.0
 * A Stellar expression's text as tokens. */
#ifndef EG_MATCH_STELLAR_LEX_H
#define EG_MATCH_STELLAR_LEX_H

#include "base/cursor.h"

enum eg_stellar_token_kind {
    EG_STELLAR_END,
    EG_STELLAR_NAME,
    EG_STELLAR_QUOTED, /* the text is what stands between the quotes, escapes and all */
    EG_STELLAR_WHOLE,  /* `whole` */
    EG_STELLAR_REAL,   /* `real` */
    EG_STELLAR_TRUE,
    EG_STELLAR_FALSE,
    EG_STELLAR_NULL,
    EG_STELLAR_NAN,
    EG_STELLAR_AND,
    EG_STELLAR_OR,
    EG_STELLAR_NOT,
    EG_STELLAR_IN,
    EG_STELLAR_IF,
    EG_STELLAR_THEN,
    EG_STELLAR_ELSE,
    EG_STELLAR_MATCH,
    EG_STELLAR_DEFAULT,
    EG_STELLAR_EXISTS,
    EG_STELLAR_EQ, /* the six comparisons in this order */
    EG_STELLAR_NE,
    EG_STELLAR_LT,
    EG_STELLAR_LE,
    EG_STELLAR_GT,
    EG_STELLAR_GE,
    EG_STELLAR_PLUS,
    EG_STELLAR_MINUS,
    EG_STELLAR_TIMES,
    EG_STELLAR_DIVIDE,
    EG_STELLAR_QUESTION,
    EG_STELLAR_COLON,
    EG_STELLAR_COMMA,
    EG_STELLAR_ARROW,        /* -> */
    EG_STELLAR_DOUBLE_ARROW, /* => */
    EG_STELLAR_OPEN,
    EG_STELLAR_CLOSE,
    EG_STELLAR_OPEN_LIST,
    EG_STELLAR_CLOSE_LIST,
    EG_STELLAR_OPEN_MAP,
    EG_STELLAR_CLOSE_MAP,
    EG_STELLAR_BAD, /* `why` */
};

struct eg_stellar_token {
    enum eg_stellar_token_kind kind;
    struct eg_span text;
    size_t begin, end; /* offsets of the whole token */
    int64_t whole;
    double real;
    const char *why;
};

struct eg_stellar_lexer {
    const char *text;
    size_t size, at;
};

struct eg_stellar_token eg_stellar_lex(struct eg_stellar_lexer *);

#endif
