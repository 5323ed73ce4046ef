/* SPDX-License-Identifier: Apache-2.0
 * The spool: what was received, on disk before anything is made of it, so that a crash loses nothing
 * that was synced and a restart repeats nothing that was kept. One directory, one process at a time;
 * one thread writes, another reads. docs/internals/spool.md is the page to read with it.
 *
 * A place in it ("offset") is the number of a segment file, shifted left by EG_SPOOL_SHIFT, plus the
 * byte in that file. A new segment is begun whenever the spool is opened, and its number is never
 * one that was used before: so no offset is ever given out twice, whatever a crash took. */
#ifndef EG_SOURCE_SPOOL_H
#define EG_SOURCE_SPOOL_H

#include "source/block.h"
#include "table/stage.h"

#define EG_SPOOL_SHIFT 28
#define EG_SPOOL_SEGMENT_LEAST (2 * EG_BLOCK_BYTES)
#define EG_SPOOL_SEGMENT_MOST (128u << 20)

struct eg_spool_options {
    const char *directory;  /* made where it is missing */
    uint64_t bytes_max;     /* on disk */
    uint64_t reserve_bytes; /* what is left free on the file system, for those who empty the spool;
                                at most a twentieth of it is kept */
    uint64_t segment_bytes;
};

struct eg_spool;

/* Errors: EG_E_LOCKED when another process (or object) has the spool; EG_E_ACCESS, EG_E_NOSPACE. */
EG_MUST_CHECK enum eg_status eg_spool_open(struct eg_spool **out, const struct eg_env *,
                                           const struct eg_spool_options *, struct eg_error *err);
void eg_spool_close(struct eg_spool *);            /* does not sync; NULL is fine */
const char *eg_spool_key(const struct eg_spool *); /* 32 hex digits: which spool this is */

/* ---- the writer's thread ---- */

/* Numbers the block and appends it. Errors, all with err->retriable and nothing appended:
 * EG_E_NOSPACE at the limit, the reserve or a full disk; EG_E_IO (the next try begins a segment). */
EG_MUST_CHECK enum eg_status eg_spool_append(struct eg_spool *, struct eg_block *,
                                             struct eg_error *err);
/* Everything appended so far is on the disk. A failure is final for what it concerned: the segment
 * is not written to any more, eg_spool_state.sync_failures counts it, and `synced` stays before it
 * until that is kept elsewhere (eg_spool_forget). */
EG_MUST_CHECK enum eg_status eg_spool_sync(struct eg_spool *, struct eg_error *err);

/* ---- any thread ---- */

struct eg_spool_state {
    uint64_t written, synced; /* offsets behind what was appended, and behind what is on the disk */
    uint64_t bytes;           /* on disk */
    uint64_t sequence;        /* of the datagram that comes next */
    uint64_t syncs, sync_failures;
    uint32_t segments;
};
void eg_spool_state(struct eg_spool *, struct eg_spool_state *out);
/* Removes the segments that end at or before `offset`. */
void eg_spool_forget(struct eg_spool *, uint64_t offset);

/* ---- the reader's thread ---- */

struct eg_spool_reader;

struct eg_spool_damage {
    uint64_t places, datagrams, bytes; /* what could not be read and was stepped over */
};

/* One whole block; the buffer holds more than that block and is the reader's: who keeps its bytes
 * takes a reference to buffer->owner. */
struct eg_spool_piece {
    struct eg_buffer *buffer;
    struct eg_span block;
    struct eg_block_head head;
};

/* Reads from the first block that ends behind `offset` (0: everything there is). */
EG_MUST_CHECK enum eg_status eg_spool_reader_new(struct eg_spool_reader **out, struct eg_spool *,
                                                 uint64_t offset, struct eg_error *err);
void eg_spool_reader_free(struct eg_spool_reader *); /* NULL is fine */
/* EG_AGAIN: nothing more so far. Damage is added to `damage` and stepped over; it is never an error.
 * Errors: EG_E_IO, EG_E_NOMEM where the machine lacks something (descriptors, memory). */
EG_MUST_CHECK enum eg_status eg_spool_read(struct eg_spool_reader *, struct eg_spool_piece *out,
                                           struct eg_spool_damage *damage, struct eg_error *err);
/* Waits until something was appended since the last eg_spool_read began, at most `wait_us`. */
void eg_spool_reader_wait(struct eg_spool_reader *, int64_t wait_us);

#endif
