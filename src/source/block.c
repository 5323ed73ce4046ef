/* SPDX-License-Identifier: Apache-2.0
 * Blocks of datagrams: laid out, sealed, checked. All numbers are little-endian. */
#include "source/block.h"

#include "base/hash.h"

/* The head, byte for byte; `check` covers what stands before it and all that follows it. */
struct head {
    uint32_t magic;
    uint16_t version, head_size;
    uint32_t size, count;
    uint64_t offset, sequence;
    uint8_t id[16];
    uint64_t reserved;
    uint64_t check;
};
_Static_assert(sizeof(struct head) == EG_BLOCK_HEAD, "the head's layout is the file's");

struct record {
    int64_t time_ns;
    uint8_t peer[16];
    uint32_t length;
    uint16_t peer_port, local_port;
    uint8_t transport;
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct record) == EG_RECORD_HEAD, "the record's layout is the file's");

#define MAGIC 0x42536765u /* "egSB" */
#define VERSION 1
#define CHECK_AT 56

static uint32_t padded(uint32_t size, uint32_t to) { return (size + to - 1) & ~(to - 1); }

void eg_block_begin(struct eg_block *block, struct eg_buffer *buffer) {
    *block = (struct eg_block){.buffer = buffer, .size = EG_BLOCK_HEAD};
}

bool eg_block_add(struct eg_block *block, const struct eg_received *received) {
    size_t length = received->payload.size;
    if (length > EG_BLOCK_BYTES) return false;
    uint32_t whole = EG_RECORD_HEAD + padded((uint32_t)length, 8);
    if (whole > EG_BLOCK_BYTES - block->size) return false;
    struct record record = {
        .time_ns = received->time_ns,
        .length = (uint32_t)length,
        .peer_port = received->peer_port,
        .local_port = received->local_port,
        .transport = received->transport,
    };
    memcpy(record.peer, received->peer.bytes, sizeof record.peer);
    uint8_t *to = block->buffer->bytes + block->size;
    memcpy(to, &record, sizeof record);
    eg_span_copy(received->payload, 0, to + EG_RECORD_HEAD, length);
    memset(to + EG_RECORD_HEAD + length, 0, whole - EG_RECORD_HEAD - length);
    block->size += whole;
    block->count++;
    return true;
}

static uint64_t check_of(const uint8_t *bytes, size_t size) {
    uint64_t head = eg_hash64(bytes, CHECK_AT, 0);
    return eg_hash64(bytes + EG_BLOCK_HEAD, size - EG_BLOCK_HEAD, head);
}

void eg_block_finish(struct eg_block *block, const uint8_t id[16], uint64_t offset,
                     uint64_t sequence) {
    uint8_t *bytes = block->buffer->bytes;
    uint32_t size = padded(block->size, EG_BLOCK_ALIGN);
    memset(bytes + block->size, 0, size - block->size);
    block->size = size;
    struct head head = {
        .magic = MAGIC,
        .version = VERSION,
        .head_size = EG_BLOCK_HEAD,
        .size = size,
        .count = block->count,
        .offset = offset,
        .sequence = sequence,
    };
    memcpy(head.id, id, sizeof head.id);
    memcpy(bytes, &head, sizeof head);
    head.check = check_of(bytes, size);
    memcpy(bytes, &head, sizeof head);
}

enum eg_block_state eg_block_check(struct eg_span bytes, const uint8_t *id, uint64_t offset,
                                   struct eg_block_head *out) {
    struct head head;
    *out = (struct eg_block_head){.size = EG_BLOCK_HEAD};
    if (!eg_span_copy(bytes, 0, &head, sizeof head)) return EG_BLOCK_MORE;
    if (head.magic != MAGIC || head.version != VERSION || head.head_size != EG_BLOCK_HEAD)
        return EG_BLOCK_BAD;
    if (head.size < EG_BLOCK_HEAD || head.size > EG_BLOCK_BYTES || head.size % EG_BLOCK_ALIGN)
        return EG_BLOCK_BAD;
    if (id && (memcmp(head.id, id, sizeof head.id) != 0 || head.offset != offset))
        return EG_BLOCK_BAD;
    *out = (struct eg_block_head){head.size, head.count, head.offset, head.sequence, {0}};
    memcpy(out->id, head.id, sizeof out->id);
    if (bytes.size < head.size) return EG_BLOCK_MORE;
    return check_of(bytes.at, head.size) == head.check ? EG_BLOCK_WHOLE : EG_BLOCK_BAD;
}

bool eg_block_next(struct eg_span block, size_t *at, struct eg_received *out) {
    struct record record;
    struct eg_span rest = eg_span_from(block, *at);
    /* Zeros pad the block; a length beyond the block is no record. */
    if (!eg_span_copy(rest, 0, &record, sizeof record) || !record.transport) return false;
    if (!eg_span_has(rest, EG_RECORD_HEAD, record.length)) return false;
    *out = (struct eg_received){
        .time_ns = record.time_ns,
        .peer_port = record.peer_port,
        .local_port = record.local_port,
        .transport = record.transport,
        .payload = eg_span_sub(rest, EG_RECORD_HEAD, record.length),
    };
    memcpy(out->peer.bytes, record.peer, sizeof record.peer);
    *at += EG_RECORD_HEAD + padded(record.length, 8);
    return true;
}
