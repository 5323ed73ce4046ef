/* SPDX-License-Identifier: Apache-2.0
 * The parser's state, shared by the grammar (parse.c) and the tests on fields (condition.c). */
#ifndef EG_FILTER_PARSER_H
#define EG_FILTER_PARSER_H

#include "filter/filter.h"
#include "filter/lex.h"
#include "filter/words.h"

#define EG_SAVED_DEPTH_MAX 16 /* saved filters that name saved filters */

struct eg_parser {
    struct eg_arena *arena;
    enum eg_table_id table;
    const struct eg_filter_names *names;
    int64_t now_us;
    struct eg_error *err;
    enum eg_status status;

    struct eg_lexer lexer;
    struct eg_token token; /* the one to be read */
    struct eg_target last; /* of the word just read: "port 80 or 443"; count 0: none */
    size_t last_end;       /* that condition ended here, and the next one may go on from it */
    unsigned level;
    unsigned regex_count;
    size_t text_size;                      /* saved filters included */
    const char *saved[EG_SAVED_DEPTH_MAX]; /* names being expanded */
    unsigned saved_depth;
    size_t saved_at; /* where the outermost of them stands */
};

/* Notes an error at a byte of the text; the first one stays. */
void eg_parser_fail(struct eg_parser *, size_t position, const char *format, ...) EG_PRINTF(3, 4);
void *eg_parser_no_memory(struct eg_parser *); /* NULL */
/* "expected WHAT, not 'token'" */
void eg_parser_expected(struct eg_parser *, const char *what);

void eg_parser_advance(struct eg_parser *);
struct eg_token eg_parser_peek(const struct eg_parser *); /* the token behind p->token */
bool eg_parser_accept(struct eg_parser *, const char *word);
bool eg_token_is_value(const struct eg_token *);
/* '=' and its kin, also as words. */
bool eg_token_compare(const struct eg_token *, enum eg_compare *out);
bool eg_token_ends(const struct eg_token *); /* a condition: and, or, a closing bracket, the end */

/* The test that follows a target. */
struct eg_node *eg_condition(struct eg_parser *, const struct eg_target *);
/* A value of the target's field. */
bool eg_condition_value(struct eg_parser *, const struct eg_target *, struct eg_item *out);
/* One leaf for each field of the target, joined as it asks; `negate` where the user wrote !=, not
 * in or !~: of two fields that is "neither". */
struct eg_node *eg_condition_spread(struct eg_parser *, const struct eg_target *,
                                    const struct eg_node *leaf, bool negate);

#endif
