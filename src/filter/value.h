/* SPDX-License-Identifier: Apache-2.0
 * Values as people write them, read as the field beside them wants: addresses and nets, times,
 * durations, numbers with units, ports and protocols by name, TCP flags by letter. And back. */
#ifndef EG_FILTER_VALUE_H
#define EG_FILTER_VALUE_H

#include "base/strbuf.h"
#include "filter/lex.h"
#include "filter/tree.h"

/* One value, or a range written without blanks ("80-443"), or a net. `by_net` completes what an
 * address lacks ("10.1" is 10.1.0.0/16). Errors: EG_E_USAGE with a text that says what would be
 * right (the caller knows the position); EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_value_parse(struct eg_item *out, const struct eg_field *,
                                            const struct eg_token *, bool by_net, int64_t now_us,
                                            struct eg_arena *, struct eg_error *err);
/* Whether low..high makes sense for the field at all. */
bool eg_value_has_order(const struct eg_field *);
/* "FSRPAUECN", any case: the bits they stand for; -1: another letter. */
int64_t eg_flags_parse(const char *letters, size_t size);
/* As the language writes it. */
void eg_value_text(const struct eg_field *, const struct eg_value *, struct eg_strbuf *to);
void eg_item_text(const struct eg_field *, const struct eg_item *, struct eg_strbuf *to);
/* A double so that it reads back the same, always with an exponent. */
void eg_real_text(double, struct eg_strbuf *to);
/* "10.0.0.0/8" */
void eg_prefix_text(const struct eg_item *, struct eg_strbuf *to);
/* In quotes, those inside doubled. */
void eg_quoted_text(const char *text, size_t size, char quote, struct eg_strbuf *to);

#endif
