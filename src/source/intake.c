/* SPDX-License-Identifier: Apache-2.0
 * The bounded queue of blocks. The lock is taken once a block, not once a datagram. */
#include "source/intake.h"

#include "base/alloc.h"

#include <pthread.h>
#include <time.h>

#define REST_US 20000 /* a datagram waits this long for others to share its block */
#define LONGEST 65535u
#define SPARE_BLOCKS 16

struct eg_intake {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct eg_pool *pool;
    struct eg_block *ring;
    uint32_t room, first;
    atomic_uint queued; /* changed under the lock; read by fillers without it */
    bool closed, woken;
    atomic_bool stuck;
    atomic_ullong queue_dropped, queue_dropped_bytes, spool_dropped, spool_dropped_bytes;
};

int64_t eg_tick_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum eg_status eg_intake_new(struct eg_intake **out, uint64_t queue_bytes, struct eg_error *err) {
    uint64_t room = queue_bytes / EG_BLOCK_BYTES;
    if (room < 2) room = 2;
    if (room > UINT32_MAX / 2) room = UINT32_MAX / 2;
    struct eg_intake *intake = eg_calloc(1, sizeof *intake);
    struct eg_pool *pool = eg_pool_new(EG_BLOCK_BYTES, SPARE_BLOCKS);
    struct eg_block *ring = eg_calloc((size_t)room, sizeof *ring);
    if (!intake || !pool || !ring) {
        eg_free(intake);
        eg_pool_close(pool);
        eg_free(ring);
        return eg_fail(err, EG_E_NOMEM, "no memory for a queue of %llu blocks",
                       (unsigned long long)room);
    }
    intake->pool = pool;
    intake->ring = ring;
    intake->room = (uint32_t)room;
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&intake->more, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&intake->lock, NULL);
    *out = intake;
    return EG_OK;
}

void eg_intake_free(struct eg_intake *intake) {
    if (!intake) return;
    for (uint32_t i = 0; i < atomic_load(&intake->queued); i++)
        eg_buffer_unref(intake->ring[(intake->first + i) % intake->room].buffer);
    eg_pool_close(intake->pool);
    pthread_cond_destroy(&intake->more);
    pthread_mutex_destroy(&intake->lock);
    eg_free(intake->ring);
    eg_free(intake);
}

static void count_dropped(struct eg_intake *intake, uint64_t datagrams, uint64_t bytes) {
    bool spool = atomic_load_explicit(&intake->stuck, memory_order_relaxed);
    atomic_fetch_add(spool ? &intake->spool_dropped : &intake->queue_dropped, datagrams);
    atomic_fetch_add(spool ? &intake->spool_dropped_bytes : &intake->queue_dropped_bytes, bytes);
}

/* ---- receivers ---- */

void eg_filler_init(struct eg_filler *filler, struct eg_intake *intake) {
    *filler = (struct eg_filler){.intake = intake};
}

static bool filler_push(struct eg_filler *filler) {
    struct eg_intake *intake = filler->intake;
    if (atomic_load_explicit(&intake->queued, memory_order_relaxed) >= intake->room) return false;
    pthread_mutex_lock(&intake->lock);
    uint32_t queued = atomic_load(&intake->queued);
    bool fits = queued < intake->room;
    if (fits) {
        intake->ring[(intake->first + queued) % intake->room] = filler->block;
        atomic_store(&intake->queued, queued + 1);
        pthread_cond_signal(&intake->more);
    }
    pthread_mutex_unlock(&intake->lock);
    if (fits) {
        filler->block = (struct eg_block){0};
        filler->bytes = 0;
    }
    return fits;
}

static bool filler_begin(struct eg_filler *filler) {
    struct eg_buffer *buffer = eg_buffer_take(filler->intake->pool);
    if (!buffer) return false;
    eg_block_begin(&filler->block, buffer);
    filler->bytes = 0;
    return true;
}

bool eg_filler_put(struct eg_filler *filler, const struct eg_received *received) {
    bool put =
        (filler->block.buffer || filler_begin(filler)) && eg_block_add(&filler->block, received);
    if (!put && filler->block.count && filler_push(filler))
        put = filler_begin(filler) && eg_block_add(&filler->block, received);
    if (!put) {
        count_dropped(filler->intake, 1, received->payload.size);
        return false;
    }
    filler->bytes += received->payload.size;
    if (filler->block.count == 1) filler->since_us = eg_tick_us();
    return true;
}

bool eg_filler_ready(struct eg_filler *filler) {
    struct eg_block *block = &filler->block;
    if (block->buffer && EG_BLOCK_BYTES - block->size < EG_RECORD_HEAD + LONGEST + 1 &&
        !filler_push(filler))
        return false;
    return block->buffer || filler_begin(filler);
}

void eg_filler_rest(struct eg_filler *filler) {
    if (!filler->block.count || atomic_load(&filler->intake->queued)) return;
    if (eg_tick_us() - filler->since_us >= REST_US) (void)filler_push(filler);
}

void eg_filler_finish(struct eg_filler *filler, int64_t wait_us) {
    int64_t until = eg_tick_us() + wait_us;
    struct timespec nap = {.tv_nsec = 5000000};
    while (filler->block.count && !filler_push(filler)) {
        if (eg_tick_us() >= until) {
            count_dropped(filler->intake, filler->block.count, filler->bytes);
            filler->block.count = 0;
        } else {
            nanosleep(&nap, NULL);
        }
    }
    eg_buffer_unref(filler->block.buffer);
    filler->block = (struct eg_block){0};
}

/* ---- the consumer ---- */

static struct timespec tick_after(int64_t wait_us) {
    int64_t until = eg_tick_us() + wait_us;
    return (struct timespec){.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
}

bool eg_intake_take(struct eg_intake *intake, struct eg_block *out, int64_t wait_us) {
    struct timespec until = tick_after(wait_us);
    pthread_mutex_lock(&intake->lock);
    int waited = 0;
    while (!atomic_load(&intake->queued) && !intake->closed && !intake->woken && !waited &&
           wait_us > 0)
        waited = pthread_cond_timedwait(&intake->more, &intake->lock, &until);
    uint32_t queued = atomic_load(&intake->queued);
    if (queued) {
        *out = intake->ring[intake->first];
        intake->first = (intake->first + 1) % intake->room;
        atomic_store(&intake->queued, queued - 1);
    }
    intake->woken = false;
    pthread_mutex_unlock(&intake->lock);
    return queued > 0;
}

void eg_intake_wake(struct eg_intake *intake) {
    pthread_mutex_lock(&intake->lock);
    intake->woken = true;
    pthread_cond_broadcast(&intake->more);
    pthread_mutex_unlock(&intake->lock);
}

void eg_intake_stuck(struct eg_intake *intake, bool stuck) { atomic_store(&intake->stuck, stuck); }

void eg_intake_drop(struct eg_intake *intake, struct eg_block *block) {
    uint64_t bytes = 0;
    struct eg_received received;
    size_t at = EG_BLOCK_HEAD;
    while (eg_block_next(eg_span(block->buffer->bytes, block->size), &at, &received))
        bytes += received.payload.size;
    count_dropped(intake, block->count, bytes);
    eg_buffer_unref(block->buffer);
    *block = (struct eg_block){0};
}

void eg_intake_lost(struct eg_intake *intake, uint64_t datagrams, uint64_t bytes) {
    count_dropped(intake, datagrams, bytes);
}

void eg_intake_close(struct eg_intake *intake) {
    pthread_mutex_lock(&intake->lock);
    intake->closed = true;
    pthread_cond_broadcast(&intake->more);
    pthread_mutex_unlock(&intake->lock);
}

bool eg_intake_closed(struct eg_intake *intake) {
    pthread_mutex_lock(&intake->lock);
    bool closed = intake->closed;
    pthread_mutex_unlock(&intake->lock);
    return closed;
}

bool eg_intake_over(struct eg_intake *intake) {
    pthread_mutex_lock(&intake->lock);
    bool over = intake->closed && !atomic_load(&intake->queued);
    pthread_mutex_unlock(&intake->lock);
    return over;
}

void eg_intake_counts(struct eg_intake *intake, struct eg_intake_counts *out) {
    *out = (struct eg_intake_counts){
        .queue_dropped = atomic_load(&intake->queue_dropped),
        .queue_dropped_bytes = atomic_load(&intake->queue_dropped_bytes),
        .spool_dropped = atomic_load(&intake->spool_dropped),
        .spool_dropped_bytes = atomic_load(&intake->spool_dropped_bytes),
        .queued_bytes = (uint64_t)atomic_load(&intake->queued) * EG_BLOCK_BYTES,
    };
}
