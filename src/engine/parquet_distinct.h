/* SPDX-License-Identifier: Apache-2.0
 * The distinct values of a column, and each row's place among them. */
#ifndef EG_ENGINE_PARQUET_DISTINCT_H
#define EG_ENGINE_PARQUET_DISTINCT_H

#include "table/batch.h"

/* Memory of one encoding thread, used again for every column. Zero-initialise. */
struct eg_distinct {
    uint32_t count;
    uint32_t *places; /* per row: which of the values */
    size_t place_room;
    int64_t *ints; /* the values, or ... */
    struct eg_addr *addrs;
    struct eg_span *texts; /* borrowed from the batches */
    size_t int_room, addr_room, text_room;
    uint32_t *slots; /* place + 1; 0: free */
    size_t slot_room;
    uint32_t slot_count;
    uint32_t *order; /* for sorting */
    size_t order_room;
};
void eg_distinct_reset(struct eg_distinct *);
/* Makes `room` elements at *memory, dropping what stands there. False: no memory. */
bool eg_distinct_room(void *memory, size_t *room, size_t need, size_t width);

enum eg_distinct_end { EG_DISTINCT_FOUND, EG_DISTINCT_MANY, EG_DISTINCT_NO_MEMORY };
/* In rising order where that is cheap. MANY: so many that a dictionary is no gain. */
enum eg_distinct_end eg_distinct_ints(struct eg_distinct *, const int64_t *values, uint32_t rows,
                                      int64_t least, int64_t most);
enum eg_distinct_end eg_distinct_addrs(struct eg_distinct *, const struct eg_addr *values,
                                       uint32_t rows);
enum eg_distinct_end eg_distinct_texts(struct eg_distinct *, const struct eg_span *values,
                                       uint32_t rows);

#endif
