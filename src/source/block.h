/* SPDX-License-Identifier: Apache-2.0
 * Blocks: datagrams as they came, one behind the other, under one checksum. A block is what travels
 * from the sockets to the spool, what the spool's files are made of, and what rows point into.
 * docs/internals/spool.md has the layout. */
#ifndef EG_SOURCE_BLOCK_H
#define EG_SOURCE_BLOCK_H

#include "source/buffer.h"

#define EG_BLOCK_BYTES (256u << 10) /* the largest; the longest datagram fits with room to spare */
#define EG_BLOCK_HEAD 64u
#define EG_BLOCK_ALIGN 64u /* blocks begin and end at multiples of it */
#define EG_RECORD_HEAD 40u

/* One datagram, or one message of a session, and where it came from. */
struct eg_received {
    int64_t time_ns;
    struct eg_addr peer;
    uint16_t peer_port, local_port;
    uint8_t transport; /* IANA protocol number: 17, 6 */
    struct eg_span payload;
};

/* A block being filled. One thread. */
struct eg_block {
    struct eg_buffer *buffer; /* of EG_BLOCK_BYTES; NULL: there is no block */
    uint32_t size, count;     /* bytes used, head included; datagrams */
};

/* A buffer of a pool whose buffers have EG_BLOCK_BYTES becomes an empty block. */
void eg_block_begin(struct eg_block *, struct eg_buffer *);
/* False: it does not fit any more (into an empty block everything up to 65535 bytes does). */
bool eg_block_add(struct eg_block *, const struct eg_received *);
/* Pads, numbers and seals: `offset` is where it will stand, `sequence` the number of its first
 * datagram. It may be done again with another offset. */
void eg_block_finish(struct eg_block *, const uint8_t id[16], uint64_t offset, uint64_t sequence);

struct eg_block_head {
    uint32_t size, count;
    uint64_t offset, sequence;
    uint8_t id[16];
};
enum eg_block_state {
    EG_BLOCK_WHOLE,
    EG_BLOCK_MORE, /* its head is whole, its end is not there yet: head->size says how much it needs */
    EG_BLOCK_BAD,
};
/* What stands at the beginning of the bytes, which is the place `offset` of spool `id` (NULL: of
 * any spool, at any place). MORE for fewer bytes than a head, too (head->size is EG_BLOCK_HEAD). */
enum eg_block_state eg_block_check(struct eg_span, const uint8_t *id, uint64_t offset,
                                   struct eg_block_head *head);
/* The datagram at byte *at of the block (EG_BLOCK_HEAD: the first), *at moves behind it; its
 * payload points into the block. False: there is none. Never reads outside, whatever it says. */
bool eg_block_next(struct eg_span block, size_t *at, struct eg_received *);

#endif
