/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions for `~`: the part of the POSIX extended syntax that RE2 (DuckDB) and Java
 * (Spark) take alike, matched anywhere in the text. What they would read differently is an error.
 * The matcher keeps a set of states (Thompson's construction), so its time grows with the text and
 * never with its square, whatever the expression. */
#ifndef EG_FILTER_REGEX_H
#define EG_FILTER_REGEX_H

#include "base/cursor.h"
#include "base/strbuf.h"

#define EG_REGEX_STATES_MAX 1000

struct eg_arena;
struct eg_regex; /* lives in the arena */

/* Errors: EG_E_USAGE, err->position a byte offset into `text`; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_regex_parse(struct eg_regex **out, const char *text, size_t size,
                                            struct eg_arena *, struct eg_error *err);
/* Whether it matches anywhere in `text` (UTF-8; any other byte counts as U+FFFD). Thread-safe. */
bool eg_regex_match(const struct eg_regex *, struct eg_span text);
/* What was written. */
struct eg_span eg_regex_source(const struct eg_regex *);
/* The same as a pattern that RE2 and Java read alike ('.' and '$' differ between them). */
void eg_regex_portable(const struct eg_regex *, struct eg_strbuf *to);

#endif
