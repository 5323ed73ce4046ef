/* SPDX-License-Identifier: Apache-2.0
 * Batches in a row, first in first out. */
#include "table/batch_queue.h"

#include "base/alloc.h"

bool egi_batches_push(struct egi_batches *queue, struct eg_batch *batch) {
    if (queue->first && queue->first == queue->count) queue->first = queue->count = 0;
    if (queue->count == queue->room) {
        size_t room = queue->room ? queue->room * 2 : 16;
        void *items = eg_realloc(queue->items, room, sizeof(struct eg_batch *));
        if (!items) return false;
        queue->items = items;
        queue->room = room;
    }
    queue->items[queue->count++] = batch;
    return true;
}

struct eg_batch *egi_batches_pop(struct egi_batches *queue) {
    return queue->first < queue->count ? queue->items[queue->first++] : NULL;
}

void egi_batches_reset(struct egi_batches *queue) {
    struct eg_batch *batch;
    while ((batch = egi_batches_pop(queue))) eg_batch_unref(batch);
    eg_free(queue->items);
    *queue = (struct egi_batches){0};
}
