/* SPDX-License-Identifier: Apache-2.0
 * Finding places in bytes at which two bytes, a fixed distance apart, are of the wanted kind: the
 * inner loop of a search for a pattern, which then looks at each place itself. */
#ifndef EG_BASE_FIND_H
#define EG_BASE_FIND_H

#include "base/cursor.h"

/* A byte b is of the kind where ((b & mask) - low) mod 256 <= span: one byte, a range, a letter in
 * either case, anything (0, 0, 0); nothing (0, 1, 0). */
struct eg_byte_kind {
    uint8_t mask, low, span;
};

struct eg_byte_pair {
    struct eg_byte_kind first, second;
    size_t first_at, second_at; /* offsets from a place */
};

static inline bool eg_byte_is(struct eg_byte_kind kind, uint8_t byte) {
    return (uint8_t)((byte & kind.mask) - kind.low) <= kind.span;
}

/* The first place in [from, end) where both hold; `end` if there is none, or where the bytes of a
 * place before `end` are not all in `in` (then nothing is looked at). */
size_t eg_find_pair(const struct eg_byte_pair *, struct eg_span in, size_t from, size_t end);

#endif
