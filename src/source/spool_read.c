/* SPDX-License-Identifier: Apache-2.0
 * Reading the spool, behind the writer or after a crash. What is damaged (a torn or zero-filled
 * tail, flipped bits, a segment that is gone) is stepped over up to the next block that is whole and
 * says that it belongs exactly there; blocks number their datagrams, so that what was lost between
 * two of them is known. */
#include "source/spool_own.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (4 * EG_BLOCK_BYTES)
#define SPARE_BUFFERS 8

struct eg_spool_reader {
    struct eg_spool *spool;
    struct eg_pool *pool;
    uint64_t resume;     /* blocks that end at or before it are passed over */
    uint64_t number, at; /* where the next block stands */
    uint64_t searched;   /* the search for it has come to here; 0: it has not begun */
    int fd;              /* of segment `number`, or -1 */
    bool unreadable;     /* the disk failed, or the file is shorter than it was */
    struct eg_buffer *buffer;
    uint64_t from; /* bytes [from, from + size) of the segment are in the buffer */
    size_t size;
    bool numbered; /* `sequence` is the number of the next datagram */
    uint64_t sequence;
    uint64_t seen; /* how far the spool was written when it was last looked at */
};

enum eg_status eg_spool_reader_new(struct eg_spool_reader **out, struct eg_spool *spool,
                                   uint64_t offset, struct eg_error *err) {
    struct eg_spool_reader *reader = eg_calloc(1, sizeof *reader);
    struct eg_pool *pool = eg_pool_new(READ_BYTES, SPARE_BUFFERS);
    if (!reader || !pool) {
        eg_free(reader);
        eg_pool_close(pool);
        return eg_fail(err, EG_E_NOMEM, "no memory to read the spool %.300s", spool->directory);
    }
    *reader = (struct eg_spool_reader){.spool = spool,
                                       .pool = pool,
                                       .resume = offset,
                                       .number = offset >> EG_SPOOL_SHIFT,
                                       .fd = -1};
    *out = reader;
    return EG_OK;
}

void eg_spool_reader_free(struct eg_spool_reader *reader) {
    if (!reader) return;
    if (reader->fd >= 0) close(reader->fd);
    eg_buffer_unref(reader->buffer);
    eg_pool_close(reader->pool);
    eg_free(reader);
}

/* ---- bytes ---- */

static void segment_enter(struct eg_spool_reader *reader, uint64_t number) {
    if (reader->fd >= 0) close(reader->fd);
    eg_buffer_unref(reader->buffer); /* others may look at it: it is not filled again */
    reader->buffer = NULL;
    reader->fd = -1;
    reader->number = number;
    reader->at = reader->searched = reader->from = 0;
    reader->size = 0;
    reader->unreadable = false;
}

/* Fills the buffer behind what it holds, or a fresh one from `at` on. What others look at in it
 * stays as it is. */
static enum eg_status buffer_fill(struct eg_spool_reader *reader, uint64_t at, size_t need,
                                  uint64_t limit, struct eg_error *err) {
    bool follows = reader->buffer && at >= reader->from && at <= reader->from + reader->size &&
                   at - reader->from + need <= READ_BYTES;
    if (!follows) {
        struct eg_buffer *fresh = eg_buffer_take(reader->pool);
        if (!fresh) return eg_fail(err, EG_E_NOMEM, "no memory to read the spool");
        eg_buffer_unref(reader->buffer);
        reader->buffer = fresh;
        reader->from = at;
        reader->size = 0;
    }
    uint64_t end = reader->from + reader->size, rest = limit - end;
    size_t room = READ_BYTES - reader->size;
    ssize_t got;
    do
        got = pread(reader->fd, reader->buffer->bytes + reader->size, rest < room ? rest : room,
                    (off_t)end);
    while (got < 0 && errno == EINTR);
    if (got > 0) reader->size += (size_t)got;
    reader->unreadable = got <= 0 && rest > 0;
    return EG_OK; /* a failed read is damage: the bytes are not there */
}

/* The bytes at `at`, at least `need` of them if the segment has them and they can be read. */
static enum eg_status bytes_at(struct eg_spool_reader *reader, uint64_t at, size_t need,
                               uint64_t limit, struct eg_span *out, struct eg_error *err) {
    if (need > limit - at) need = (size_t)(limit - at);
    bool held = reader->buffer && at >= reader->from && at + need <= reader->from + reader->size;
    if (!held) EG_TRY(buffer_fill(reader, at, need, limit, err));
    uint64_t end = reader->from + reader->size;
    *out = at < end ? eg_span(reader->buffer->bytes + (at - reader->from), (size_t)(end - at))
                    : eg_span(NULL, 0);
    return EG_OK;
}

/* Whether a whole block stands at `at`. */
static enum eg_status block_at(struct eg_spool_reader *reader, uint64_t at, uint64_t limit,
                               struct eg_span *block, struct eg_block_head *head, bool *whole,
                               struct eg_error *err) {
    uint64_t offset = (reader->number << EG_SPOOL_SHIFT) + at;
    size_t need = EG_BLOCK_HEAD;
    enum eg_block_state state = EG_BLOCK_MORE;
    struct eg_span bytes;
    for (int tries = 0; state == EG_BLOCK_MORE && tries < 2; tries++) {
        EG_TRY(bytes_at(reader, at, need, limit, &bytes, err));
        state = eg_block_check(bytes, reader->spool->id, offset, head);
        need = head->size;
    }
    *whole = state == EG_BLOCK_WHOLE;
    if (*whole) *block = eg_span_sub(bytes, 0, head->size);
    return EG_OK;
}

/* ---- damage ---- */

static void damage_note(const struct eg_spool_reader *reader, uint64_t until,
                        struct eg_spool_damage *damage) {
    if ((reader->number << EG_SPOOL_SHIFT) + until <= reader->resume) return; /* known before */
    damage->places++;
    damage->bytes += until - reader->at;
}

/* Looks for the next whole block; false in *found: there is none up to `limit` (so far). */
static enum eg_status block_search(struct eg_spool_reader *reader, uint64_t limit,
                                   struct eg_spool_damage *damage, bool *found,
                                   struct eg_error *err) {
    uint64_t at = reader->searched > reader->at ? reader->searched : reader->at;
    struct eg_span block;
    struct eg_block_head head;
    *found = false;
    for (at += EG_BLOCK_ALIGN; !*found && !reader->unreadable && at + EG_BLOCK_HEAD <= limit;
         at += EG_BLOCK_ALIGN)
        EG_TRY(block_at(reader, at, limit, &block, &head, found, err));
    at -= EG_BLOCK_ALIGN;
    reader->searched = at;
    if (!*found) return EG_OK;
    damage_note(reader, at, damage);
    reader->at = at;
    return EG_OK;
}

/* ---- blocks ---- */

static enum eg_status segment_open(struct eg_spool_reader *reader, bool *gone,
                                   struct eg_error *err) {
    char *path = egi_segment_path(reader->spool, reader->number);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to read the spool");
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    *gone = reader->fd < 0 && errno == ENOENT;
    enum eg_status status = EG_OK;
    if (reader->fd < 0 && !*gone) status = eg_fail_errno(err, errno, "cannot open %.300s", path);
    eg_free(path);
    return status;
}

static void block_count(struct eg_spool_reader *reader, const struct eg_block_head *head,
                        struct eg_spool_damage *damage) {
    if (reader->numbered && head->sequence > reader->sequence && head->offset >= reader->resume)
        damage->datagrams += head->sequence - reader->sequence;
    reader->numbered = true;
    reader->sequence = head->sequence + head->count;
}

/* One step in a segment that has bytes behind `at`: a block taken (*taken), damage passed, or
 * EG_END where the rest of it cannot be read (yet). */
static enum eg_status segment_step(struct eg_spool_reader *reader, uint64_t limit,
                                   struct eg_spool_piece *out, bool *taken,
                                   struct eg_spool_damage *damage, struct eg_error *err) {
    bool gone = false, whole = false;
    *taken = false;
    if (reader->fd < 0) EG_TRY(segment_open(reader, &gone, err));
    if (gone) return EG_END;
    EG_TRY(block_at(reader, reader->at, limit, &out->block, &out->head, &whole, err));
    if (!whole) {
        EG_TRY(block_search(reader, limit, damage, &whole, err));
        return whole ? EG_OK : EG_END;
    }
    reader->at += out->head.size;
    reader->searched = 0;
    block_count(reader, &out->head, damage);
    out->buffer = reader->buffer;
    *taken = out->head.offset + out->head.size > reader->resume;
    return EG_OK;
}

enum eg_status eg_spool_read(struct eg_spool_reader *reader, struct eg_spool_piece *out,
                             struct eg_spool_damage *damage, struct eg_error *err) {
    pthread_mutex_lock(&reader->spool->lock);
    reader->seen = reader->spool->written;
    pthread_mutex_unlock(&reader->spool->lock);
    for (;;) {
        struct egi_segment segment;
        bool last, taken;
        if (!egi_segment_find(reader->spool, reader->number, &segment, &last)) return EG_AGAIN;
        if (segment.number != reader->number) segment_enter(reader, segment.number);
        if (reader->at < segment.bytes) {
            enum eg_status status = segment_step(reader, segment.bytes, out, &taken, damage, err);
            if (status < 0 || (status == EG_OK && taken)) return status;
            if (status == EG_OK) continue;
            if (last) return EG_AGAIN; /* more may follow that tells how far the damage goes */
            damage_note(reader, segment.bytes, damage);
        }
        if (last) return EG_AGAIN;
        segment_enter(reader, segment.number + 1);
    }
}

void eg_spool_reader_wait(struct eg_spool_reader *reader, int64_t wait_us) {
    int64_t until_us = 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until_us = (int64_t)until.tv_sec * 1000000 + until.tv_nsec / 1000 + wait_us;
    until = (struct timespec){.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    struct eg_spool *spool = reader->spool;
    pthread_mutex_lock(&spool->lock);
    int waited = 0;
    while (spool->written == reader->seen && !waited && wait_us > 0)
        waited = pthread_cond_timedwait(&spool->more, &spool->lock, &until);
    pthread_mutex_unlock(&spool->lock);
}
