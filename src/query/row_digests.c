/* SPDX-License-Identifier: Apache-2.0
 * Which rows of an answer are new or changed since the last one: by a digest a row. */
#include "query/row_digests.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "table/encode.h"

#include <stdlib.h>

void eg_row_digests_reset(struct eg_row_digests *digests) {
    eg_free(digests->all);
    *digests = (struct eg_row_digests){0};
}

bool eg_row_digests_add(struct eg_row_digests *digests, struct eg_digest digest) {
    if (digests->count == digests->room) {
        size_t room = digests->room ? digests->room * 2 : 256;
        struct eg_digest *grown = eg_realloc(digests->all, room, sizeof *grown);
        if (!grown) return false;
        digests->all = grown;
        digests->room = room;
    }
    digests->all[digests->count++] = digest;
    digests->sorted = false;
    return true;
}

static int compare(const void *a, const void *b) {
    const struct eg_digest *one = a, *two = b;
    if (one->high != two->high) return one->high < two->high ? -1 : 1;
    return one->low < two->low ? -1 : one->low > two->low;
}

void eg_row_digests_sort(struct eg_row_digests *digests) {
    if (digests->count) qsort(digests->all, digests->count, sizeof *digests->all, compare);
    digests->sorted = true;
}

bool eg_row_digests_hold(const struct eg_row_digests *digests, struct eg_digest digest) {
    EG_ASSERT(digests->sorted || !digests->count);
    return digests->count && bsearch(&digest, digests->all, digests->count, sizeof digest, compare);
}

/* Each value with a byte that says whether it is null, and its size, so that no two rows read alike. */
struct eg_digest eg_row_digest(const struct eg_batch *batch, uint32_t row,
                               struct eg_strbuf *scratch) {
    eg_strbuf_clear(scratch);
    for (uint32_t col = 0; col < batch->table->count; col++) {
        size_t from = scratch->size;
        bool valid = eg_batch_valid(batch, col, row);
        eg_encode_value(batch, col, row, scratch);
        eg_strbuf_printf(scratch, "%c%zu;", valid ? '=' : '-', scratch->size - from);
    }
    return eg_hash128(scratch->text ? scratch->text : "", scratch->size);
}
