/* SPDX-License-Identifier: Apache-2.0
 * The flow filter: one grammar (tcpdump/nfdump words and field form), compiled to SQL and to an
 * evaluator on batches that give the same rows. docs/filter.md is the language's page.
 *
 * Null rules are SQL's: a comparison with null is unknown; not unknown is unknown; a row is
 * selected only where the whole is true. */
#ifndef EG_FILTER_FILTER_H
#define EG_FILTER_FILTER_H

#include "base/strbuf.h"
#include "table/scan.h"

struct eg_filter;

/* What a filter may refer to outside itself. NULL lookup: there are no saved filters ("@name"). */
struct eg_filter_names {
    const char *(*lookup)(void *from, const char *name); /* the text, or NULL */
    void *from;
    int64_t now_us; /* what "now" means; 0: the clock's time */
};

/* Parses and checks `text` against the columns of `table` (flows or packets). An empty text, "any"
 * and "all" hold for every row. Errors: EG_E_USAGE, err->position a byte offset into `text`, the
 * message naming what was expected and the nearest name; EG_E_NOMEM. Depth and size are bounded. */
EG_MUST_CHECK enum eg_status eg_filter_parse(struct eg_filter **out, const char *text,
                                             enum eg_table_id table,
                                             const struct eg_filter_names *names,
                                             struct eg_error *err);
void eg_filter_free(struct eg_filter *);

bool eg_filter_is_all(const struct eg_filter *); /* holds for every row */
/* The columns it reads. */
eg_column_set eg_filter_columns(const struct eg_filter *);
/* The evaluator; lives as long as the filter. Thread-safe. */
const struct eg_predicate *eg_filter_predicate(const struct eg_filter *);
/* A SQL condition on the columns of the stored tables: addresses and MACs as text, times as
 * TIMESTAMP WITH TIME ZONE; in_subnet(text, text) is ours on every engine. The dialects differ in
 * how a time is written and taken apart, in the name of the regex function, in quotes. */
enum eg_sql_dialect { EG_SQL_DUCKDB, EG_SQL_SPARK };
void eg_filter_sql(const struct eg_filter *, struct eg_strbuf *to); /* DuckDB's */
void eg_filter_sql_for(const struct eg_filter *, enum eg_sql_dialect, struct eg_strbuf *to);
/* Where the filter wants an address on either side ("host A", and whatever more): the same rows as
 * two SQL conditions of which at most one holds, each with an equality that statistics and Bloom
 * filters can answer, which an OR over two columns cannot be. False: it is no such filter. */
bool eg_filter_sides(const struct eg_filter *, struct eg_strbuf *first, struct eg_strbuf *second);
/* The normal form: the same filter, fully parenthesised, in field form; parses to itself. */
void eg_filter_text(const struct eg_filter *, struct eg_strbuf *to);
/* A caret line for people: the text, and "   ^" under the position. */
void eg_filter_caret(const char *text, int64_t position, struct eg_strbuf *to);

#endif
