/* SPDX-License-Identifier: Apache-2.0
 * The grammar: tokens to a tree. docs/filter.md says it for people. */
#ifndef EG_FILTER_PARSE_H
#define EG_FILTER_PARSE_H

#include "filter/filter.h"
#include "filter/tree.h"

/* Errors: as eg_filter_parse. The tree lives in the arena. */
EG_MUST_CHECK enum eg_status eg_tree_parse(struct eg_node **out, struct eg_arena *,
                                           const char *text, enum eg_table_id,
                                           const struct eg_filter_names *, int64_t now_us,
                                           struct eg_error *err);

#endif
