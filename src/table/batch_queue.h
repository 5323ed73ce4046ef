/* SPDX-License-Identifier: Apache-2.0
 * Batches that wait to be given out. Internal to the scan; no locks. */
#ifndef EG_TABLE_BATCH_QUEUE_H
#define EG_TABLE_BATCH_QUEUE_H

#include "table/batch.h"

struct egi_batches {
    struct eg_batch **items;
    size_t first, count, room;
};
bool egi_batches_push(struct egi_batches *, struct eg_batch *); /* false: no memory; not taken */
struct eg_batch *egi_batches_pop(struct egi_batches *);         /* NULL: there is none */
void egi_batches_reset(struct egi_batches *);

#endif
