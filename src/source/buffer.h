/* SPDX-License-Identifier: Apache-2.0
 * Read buffers that batches keep alive: counted references, and a pool that hands a buffer out again
 * once nobody looks at it (fresh memory costs more than the reading itself). */
#ifndef EG_SOURCE_BUFFER_H
#define EG_SOURCE_BUFFER_H

#include "table/batch.h"

struct eg_pool; /* lives until it is closed and its last buffer is back */

struct eg_buffer {
    struct eg_owner owner; /* what a batch keeps */
    struct eg_pool *pool;
    size_t size; /* bytes at `bytes` */
    uint8_t *bytes;
};

/* Buffers of `size` bytes; at most `spare` of them wait for their next use. NULL: no memory. */
struct eg_pool *eg_pool_new(size_t size, uint32_t spare);
void eg_pool_close(struct eg_pool *); /* NULL is fine; buffers may still be out */
/* A buffer with one reference, given back with eg_buffer_unref; NULL: no memory. Any thread. */
struct eg_buffer *eg_buffer_take(struct eg_pool *);
void eg_buffer_unref(struct eg_buffer *); /* NULL is fine. Any thread. */

#endif
