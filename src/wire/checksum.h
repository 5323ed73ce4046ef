/* SPDX-License-Identifier: Apache-2.0
 * Internet checksums (RFC 1071), and those of packets whose bytes were changed (RFC 1624): what was
 * right stays right, what was wrong stays wrong, and what was not captured does not matter. */
#ifndef EG_WIRE_CHECKSUM_H
#define EG_WIRE_CHECKSUM_H

#include "base/cursor.h"

/* The ones' complement sum of bytes, added to that of others before them; of several pieces every one
 * but the last has an even size. */
static inline uint32_t eg_sum(uint32_t sum, struct eg_span bytes) {
    uint64_t wide = sum;
    size_t at = 0;
    for (; at + 1 < bytes.size; at += 2) wide += eg_be16(bytes, at);
    if (at < bytes.size) wide += (uint32_t)eg_u8(bytes, at) << 8;
    while (wide >> 16) wide = (wide & 0xffff) + (wide >> 16);
    return (uint32_t)wide;
}

/* The sum of what changed, to be applied to any checksum that covers it. */
struct eg_sum_change {
    uint64_t sum; /* of ones' complements of old words, and of new words */
    bool any;
};

/* Adds the differences of two equally long pieces; the first byte is the high one of a word. */
static inline void eg_sum_changed(struct eg_sum_change *change, struct eg_span before,
                                  struct eg_span after) {
    for (size_t at = 0; at < before.size && at < after.size; at += 2) {
        uint16_t low_before = at + 1 < before.size ? eg_u8(before, at + 1) : 0;
        uint16_t low_after = at + 1 < after.size ? eg_u8(after, at + 1) : 0;
        uint16_t old = (uint16_t)(eg_u8(before, at) << 8 | low_before);
        uint16_t new = (uint16_t)(eg_u8(after, at) << 8 | low_after);
        if (old == new) continue;
        change->sum += (uint16_t)~old;
        change->sum += new;
        change->any = true;
    }
}

/* The checksum that follows from the one that was there. */
static inline uint16_t eg_sum_apply(const struct eg_sum_change *change, uint16_t checksum) {
    if (!change->any) return checksum;
    uint64_t sum = (uint16_t)~checksum + change->sum;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

#endif
