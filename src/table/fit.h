/* SPDX-License-Identifier: Apache-2.0
 * Which columns of a table are shown where the terminal is too narrow for all of them. */
#ifndef EG_TABLE_FIT_H
#define EG_TABLE_FIT_H

#include "table/columns.h"

/* One column, as it would be drawn. */
struct eg_fit_column {
    const char *name;
    size_t width;
    bool empty; /* no row has a value */
    bool shown; /* out */
};

/* Shows as many as fit into `width_max`, `gap` between two, at least one; leaves out empty ones first,
 * then the least important, from right to left. Answers how many are left out. */
uint32_t eg_fit(struct eg_fit_column *, uint32_t count, size_t width_max, size_t gap);

#endif
