/* SPDX-License-Identifier: Apache-2.0
 * Pooled read buffers. The pool counts a reference for itself while it is open and one for each
 * buffer that is out, so that a batch may outlive the source it came from. */
#include "source/buffer.h"

#include "base/alloc.h"

#include <pthread.h>

struct eg_pool {
    pthread_mutex_t lock;
    size_t size;
    uint32_t refs, spare, idle_count;
    bool closed;
    struct eg_buffer *idle[]; /* `spare` of them */
};

struct eg_pool *eg_pool_new(size_t size, uint32_t spare) {
    struct eg_pool *pool = eg_calloc(1, sizeof *pool + spare * sizeof(struct eg_buffer *));
    if (!pool) return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pool->size = size;
    pool->spare = spare;
    pool->refs = 1;
    return pool;
}

static void buffer_free(struct eg_buffer *buffer) {
    eg_free(buffer->bytes);
    eg_free(buffer);
}

static void pool_free(struct eg_pool *pool) {
    for (uint32_t i = 0; i < pool->idle_count; i++) buffer_free(pool->idle[i]);
    pthread_mutex_destroy(&pool->lock);
    eg_free(pool);
}

void eg_pool_close(struct eg_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    bool last = --pool->refs == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last) pool_free(pool);
}

static void buffer_release(struct eg_owner *owner) {
    struct eg_buffer *buffer = (struct eg_buffer *)(void *)owner;
    struct eg_pool *pool = buffer->pool;
    pthread_mutex_lock(&pool->lock);
    bool kept = !pool->closed && pool->idle_count < pool->spare;
    if (kept) pool->idle[pool->idle_count++] = buffer;
    bool last = --pool->refs == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!kept) buffer_free(buffer);
    if (last) pool_free(pool);
}

static struct eg_buffer *buffer_new(struct eg_pool *pool) {
    struct eg_buffer *buffer = eg_calloc(1, sizeof *buffer);
    if (!buffer) return NULL;
    buffer->bytes = eg_malloc(pool->size);
    if (!buffer->bytes) {
        eg_free(buffer);
        return NULL;
    }
    buffer->pool = pool;
    buffer->size = pool->size;
    buffer->owner.release = buffer_release;
    return buffer;
}

struct eg_buffer *eg_buffer_take(struct eg_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    struct eg_buffer *buffer = pool->idle_count ? pool->idle[--pool->idle_count] : NULL;
    pool->refs++;
    pthread_mutex_unlock(&pool->lock);
    if (!buffer) buffer = buffer_new(pool);
    if (!buffer) {
        pthread_mutex_lock(&pool->lock);
        pool->refs--; /* the caller holds the pool open: never the last */
        pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    atomic_init(&buffer->owner.refs, 1);
    return buffer;
}

void eg_buffer_unref(struct eg_buffer *buffer) {
    if (buffer) eg_owner_unref(&buffer->owner);
}
