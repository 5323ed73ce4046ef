/* SPDX-License-Identifier: Apache-2.0
 * What a filter needs of a row, as far as equalities say it: whoever has an index over such columns
 * looks only where they can be met, and asks the filter itself of what is found there. */
#ifndef EG_FILTER_NEEDS_H
#define EG_FILTER_NEEDS_H

#include "filter/filter.h"
#include "table/batch.h"

#define EG_NEEDS_MAX 16    /* alternatives */
#define EG_NEED_KEYS_MAX 6 /* equalities of one; more are left to the filter itself */

/* An equality: the column has this value. */
struct eg_need_key {
    uint32_t col;
    enum eg_type type; /* ADDR, I16, I32, I64 */
    int64_t number;
    struct eg_addr addr;
};
struct eg_need {
    struct eg_need_key keys[EG_NEED_KEYS_MAX]; /* all of them, by column */
    uint32_t count;                            /* 0: whatever the row has */
};
struct eg_needs {
    struct eg_need any[EG_NEEDS_MAX]; /* one of them at least */
    uint32_t count;                   /* 0: no row can hold */
};

/* Every row for which the filter holds meets one of these; the other way round it need not be so. At
 * most EG_NEEDS_MAX / 2 of them. */
void eg_filter_needs(const struct eg_filter *, struct eg_needs *out);

/* ---- for the files of this room ---- */

struct eg_node;
void eg_node_needs(const struct eg_node *, struct eg_needs *out);

#endif
