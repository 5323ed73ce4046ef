/* SPDX-License-Identifier: Apache-2.0
 * Writing the spool: blocks appended to segments, made durable, and given up again once what they
 * held is kept elsewhere. */
#include "source/spool_own.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define YEAR_2020_S INT64_C(1577836800)
#define NUMBER_MOST (UINT64_C(1) << (62 - EG_SPOOL_SHIFT))

/* ---- opening ---- */

static void locks_init(struct eg_spool *spool) {
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->more, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&spool->lock, NULL);
}

/* The number behind the last whole datagram of a segment; false: it holds none. */
static bool sequence_behind(struct eg_spool *spool, uint64_t number, uint64_t *sequence) {
    struct eg_spool_reader *reader;
    if (eg_spool_reader_new(&reader, spool, number << EG_SPOOL_SHIFT, NULL) < 0) return false;
    struct eg_spool_piece piece;
    struct eg_spool_damage ignored = {0};
    bool found = false;
    while (eg_spool_read(reader, &piece, &ignored, NULL) == EG_OK) {
        *sequence = piece.head.sequence + piece.head.count;
        found = true;
    }
    eg_spool_reader_free(reader);
    return found;
}

enum eg_status eg_spool_open(struct eg_spool **out, const struct eg_env *env,
                             const struct eg_spool_options *options, struct eg_error *err) {
    struct eg_spool *spool = eg_calloc(1, sizeof *spool);
    if (!spool) return eg_fail(err, EG_E_NOMEM, "no memory for a spool");
    spool->env = env;
    spool->fd = spool->lock_fd = -1;
    spool->options = *options;
    locks_init(spool);
    spool->directory = eg_strdup(options->directory);
    enum eg_status status = EG_OK;
    if (!spool->directory) status = eg_fail(err, EG_E_NOMEM, "no memory for a spool");
    if (status == EG_OK) status = egi_spool_claim(spool, err);
    if (status == EG_OK) status = egi_spool_list(spool, err);
    if (status < 0) {
        eg_spool_close(spool);
        return status;
    }
    if (spool->count) {
        const struct egi_segment *last = &spool->segments[spool->count - 1];
        spool->written = spool->synced = (last->number << EG_SPOOL_SHIFT) + last->bytes;
    }
    for (size_t i = spool->count; i-- > 0;)
        if (sequence_behind(spool, spool->segments[i].number, &spool->sequence)) break;
    *out = spool;
    return EG_OK;
}

const char *eg_spool_key(const struct eg_spool *spool) { return spool->key; }

/* ---- segments ---- */

/* Seconds since 2020 are ahead of all numbers used so far, even where the segments that had them are
 * gone; a clock that went back is why the newest number counts too. */
static uint64_t number_next(const struct eg_spool *spool) {
    int64_t seconds = spool->env->now_us(spool->env->clock) / 1000000 - YEAR_2020_S;
    uint64_t number = spool->number + 1;
    if (seconds > 0 && (uint64_t)seconds > number && (uint64_t)seconds < NUMBER_MOST)
        number = (uint64_t)seconds;
    return number;
}

static bool segment_room(struct eg_spool *spool) {
    if (spool->count < spool->room) return true;
    size_t room = spool->room ? 2 * spool->room : 16;
    struct egi_segment *grown = eg_realloc(spool->segments, room, sizeof *grown);
    if (!grown) return false;
    spool->segments = grown;
    spool->room = room;
    return true;
}

static enum eg_status segment_begin(struct eg_spool *spool, struct eg_error *err) {
    uint64_t number = number_next(spool);
    char *path = egi_segment_path(spool, number);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory for a segment of the spool");
    enum eg_status status = EG_OK;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) status = eg_fail_errno(err, errno, "cannot create %.300s", path);
    if (status == EG_OK) status = eg_dir_sync(spool->directory, err);
    pthread_mutex_lock(&spool->lock);
    if (status == EG_OK && !segment_room(spool))
        status = eg_fail(err, EG_E_NOMEM, "no memory for a segment of the spool");
    spool->number = number; /* never again, even where it failed */
    if (status == EG_OK) {
        spool->segments[spool->count++] = (struct egi_segment){number, 0};
        spool->active = true;
        spool->fd = fd;
        spool->at = 0;
    }
    pthread_mutex_unlock(&spool->lock);
    if (status < 0 && fd >= 0) {
        unlink(path);
        close(fd);
    }
    eg_free(path);
    return status;
}

static void segment_leave(struct eg_spool *spool) {
    close(spool->fd);
    spool->fd = -1;
    pthread_mutex_lock(&spool->lock);
    spool->active = false;
    pthread_mutex_unlock(&spool->lock);
}

/* ---- room ---- */

/* NULL, or what there is no room under. */
static const char *limit_reached(struct eg_spool *spool, uint32_t size) {
    pthread_mutex_lock(&spool->lock);
    uint64_t bytes = spool->bytes;
    pthread_mutex_unlock(&spool->lock);
    if (bytes + size > spool->options.bytes_max) return "holds as much as it may";
    struct statvfs disk;
    if (statvfs(spool->directory, &disk) != 0) return NULL; /* writing will tell */
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t reserve = (uint64_t)disk.f_blocks * disk.f_frsize / 20;
    if (reserve > spool->options.reserve_bytes) reserve = spool->options.reserve_bytes;
    return free_bytes < reserve + size ? "stands on a disk that is nearly full" : NULL;
}

static enum eg_status room_make(struct eg_spool *spool, uint32_t size, struct eg_error *err) {
    const char *limit = limit_reached(spool, size);
    if (!limit) return EG_OK;
    /* All of the active segment may be kept elsewhere already: left, it can be given up too. */
    if (spool->fd >= 0 && spool->at > 0) {
        enum eg_status synced = eg_spool_sync(spool, NULL);
        if (synced == EG_OK) segment_leave(spool);
    }
    eg_spool_forget(spool, 0);
    limit = limit_reached(spool, size);
    if (!limit) return EG_OK;
    enum eg_status status =
        eg_fail(err, EG_E_NOSPACE, "the spool %.300s %s", spool->directory, limit);
    if (err) err->retriable = true;
    return status;
}

/* ---- appending ---- */

/* 0, or the errno of what failed. */
static int write_whole(int fd, const uint8_t *bytes, size_t size, uint64_t at) {
    while (size) {
        ssize_t wrote = pwrite(fd, bytes, size, (off_t)at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? errno : EIO;
        bytes += wrote;
        at += (uint64_t)wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static enum eg_status block_write(struct eg_spool *spool, const struct eg_block *block,
                                  struct eg_error *err) {
    int failed = write_whole(spool->fd, block->buffer->bytes, block->size, spool->at);
    if (!failed) return EG_OK;
    /* What was written of it must not stand before the next block. */
    if (ftruncate(spool->fd, (off_t)spool->at) != 0 || (failed != ENOSPC && failed != EDQUOT))
        segment_leave(spool);
    enum eg_status status =
        eg_fail_errno(err, failed, "cannot write to the spool %.300s", spool->directory);
    if (err) err->retriable = true;
    return status;
}

enum eg_status eg_spool_append(struct eg_spool *spool, struct eg_block *block,
                               struct eg_error *err) {
    EG_TRY(room_make(spool, block->size + EG_BLOCK_ALIGN, err));
    if (spool->fd >= 0 && spool->at + block->size + EG_BLOCK_ALIGN > spool->options.segment_bytes) {
        EG_TRY(eg_spool_sync(spool, err));
        segment_leave(spool);
    }
    if (spool->fd < 0) {
        enum eg_status begun = segment_begin(spool, err);
        if (begun < 0 && err) err->retriable = true;
        EG_TRY(begun);
    }
    uint64_t offset = (spool->number << EG_SPOOL_SHIFT) + spool->at;
    eg_block_finish(block, spool->id, offset, spool->sequence);
    EG_TRY(block_write(spool, block, err));
    spool->at += block->size;
    pthread_mutex_lock(&spool->lock);
    spool->segments[spool->count - 1].bytes = spool->at;
    spool->bytes += block->size;
    spool->written = offset + block->size;
    spool->sequence += block->count;
    pthread_cond_broadcast(&spool->more);
    pthread_mutex_unlock(&spool->lock);
    return EG_OK;
}

enum eg_status eg_spool_sync(struct eg_spool *spool, struct eg_error *err) {
    if (spool->fd < 0) return EG_OK;
    pthread_mutex_lock(&spool->lock);
    uint64_t written = spool->written;
    bool needed = spool->synced != written;
    pthread_mutex_unlock(&spool->lock);
    if (!needed) return EG_OK;
    int failed = fdatasync(spool->fd) != 0 ? errno : 0;
    pthread_mutex_lock(&spool->lock);
    if (failed) {
        spool->sync_failures++;
        spool->unsure = written;
    } else {
        spool->syncs++;
        if (spool->unsure <= spool->forgotten) spool->synced = written;
    }
    pthread_mutex_unlock(&spool->lock);
    if (!failed) return EG_OK;
    /* Trying again would tell nothing (the pages count as clean now): the segment is left. */
    segment_leave(spool);
    enum eg_status status =
        eg_fail_errno(err, failed, "cannot make the spool %.300s durable", spool->directory);
    if (err) err->retriable = true;
    return status;
}

/* ---- any thread ---- */

void eg_spool_state(struct eg_spool *spool, struct eg_spool_state *out) {
    pthread_mutex_lock(&spool->lock);
    *out = (struct eg_spool_state){
        .written = spool->written,
        .synced = spool->synced,
        .bytes = spool->bytes,
        .sequence = spool->sequence,
        .syncs = spool->syncs,
        .sync_failures = spool->sync_failures,
        .segments = (uint32_t)spool->count,
    };
    pthread_mutex_unlock(&spool->lock);
}

/* The last segment is emptied rather than removed: its name keeps its number from coming back. */
static bool segment_give_up(struct eg_spool *spool, struct egi_segment *segment, bool last) {
    char *path = egi_segment_path(spool, segment->number);
    if (!path) return false;
    int failed = last ? truncate(path, 0) : unlink(path);
    bool gone = failed == 0 || errno == ENOENT;
    eg_free(path);
    if (!gone) return false;
    spool->bytes -= segment->bytes < spool->bytes ? segment->bytes : spool->bytes;
    segment->bytes = 0;
    return true;
}

void eg_spool_forget(struct eg_spool *spool, uint64_t offset) {
    pthread_mutex_lock(&spool->lock);
    if (offset > spool->forgotten) spool->forgotten = offset;
    size_t removed = 0;
    while (removed < spool->count) {
        struct egi_segment *segment = &spool->segments[removed];
        uint64_t end = (segment->number << EG_SPOOL_SHIFT) + segment->bytes;
        bool last = removed + 1 == spool->count;
        if (end > spool->forgotten || (last && (spool->active || !segment->bytes))) break;
        if (!segment_give_up(spool, segment, last) || last) break;
        removed++;
    }
    if (removed)
        memmove(spool->segments, spool->segments + removed,
                (spool->count - removed) * sizeof *spool->segments);
    spool->count -= removed;
    pthread_mutex_unlock(&spool->lock);
}

/* ---- closing ---- */

void eg_spool_close(struct eg_spool *spool) {
    if (!spool) return;
    if (spool->fd >= 0) segment_leave(spool);
    if (spool->directory) eg_spool_forget(spool, 0); /* an empty spool takes no room */
    if (spool->lock_fd >= 0) close(spool->lock_fd);
    pthread_cond_destroy(&spool->more);
    pthread_mutex_destroy(&spool->lock);
    eg_free(spool->segments);
    eg_free(spool->directory);
    eg_free(spool);
}
