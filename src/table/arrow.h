/* SPDX-License-Identifier: Apache-2.0
 * Batches as ArrowSchema, ArrowArray and ArrowArrayStream. In the native style nothing is copied:
 * each exported array holds a reference to its batch, and release drops it.
 * Source: the Arrow C data and C stream interfaces. */
#ifndef EG_TABLE_ARROW_H
#define EG_TABLE_ARROW_H

#include "table/batch.h"

/* A struct schema with one child per column of the set, in table order. */
EG_MUST_CHECK enum eg_status eg_arrow_schema(const struct eg_table *, eg_column_set,
                                             enum eg_arrow_style, struct ArrowSchema *out,
                                             struct eg_error *err);
/* Takes a reference to `batch` of its own. Absent columns become all-null arrays (their buffers
 * are shared zeroes where the batch has none). */
EG_MUST_CHECK enum eg_status eg_arrow_array(struct eg_batch *, eg_column_set, enum eg_arrow_style,
                                            struct ArrowArray *out, struct eg_error *err);
/* A stream over a function that gives batches until EG_END. `release_from` is called once. */
struct eg_arrow_feed {
    enum eg_status (*next)(void *from, struct eg_batch **out, struct eg_error *);
    void (*release)(void *from);
    void *from;
};
EG_MUST_CHECK enum eg_status eg_arrow_stream(const struct eg_table *, eg_column_set,
                                             enum eg_arrow_style, struct eg_arrow_feed,
                                             struct ArrowArrayStream *out, struct eg_error *err);

#endif
