/* SPDX-License-Identifier: Apache-2.0
 * Which rows of an answer are new or changed since the last one: by a digest a row. */
#ifndef EG_QUERY_ROW_DIGESTS_H
#define EG_QUERY_ROW_DIGESTS_H

#include "base/hash.h"
#include "base/strbuf.h"
#include "table/batch.h"

/* A set that may hold a digest several times. */
struct eg_row_digests {
    struct eg_digest *all;
    size_t count, room;
    bool sorted;
};

void eg_row_digests_reset(struct eg_row_digests *);
bool eg_row_digests_add(struct eg_row_digests *, struct eg_digest); /* false: no memory */
void eg_row_digests_sort(struct eg_row_digests *);
/* Whether it is in there (sorted). */
bool eg_row_digests_hold(const struct eg_row_digests *, struct eg_digest);

/* Of one row's values. Equal rows of the same columns have equal digests, whatever batch they are in;
 * `scratch` is emptied. */
struct eg_digest eg_row_digest(const struct eg_batch *, uint32_t row, struct eg_strbuf *scratch);

#endif
