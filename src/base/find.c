/* SPDX-License-Identifier: Apache-2.0
 * Sixteen places at a time, in the compilers' own vectors. */
#include "base/find.h"

#define LANES 16

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t words __attribute__((vector_size(LANES)));

static lanes all(uint8_t value) { return value - (lanes){0}; }

static lanes load(const uint8_t *at) {
    lanes got;
    memcpy(&got, at, LANES);
    return got;
}

/* The first lane that is not 0; LANES: all are. */
static size_t first_of(lanes hits) {
    words pair = (words)hits;
    if (pair[0]) return (size_t)__builtin_ctzll(pair[0]) / 8;
    if (pair[1]) return 8 + (size_t)__builtin_ctzll(pair[1]) / 8;
    return LANES;
}

size_t eg_find_pair(const struct eg_byte_pair *pair, struct eg_span in, size_t from, size_t end) {
    size_t reach = pair->first_at > pair->second_at ? pair->first_at : pair->second_at;
    if (from >= end || in.size < end || in.size - end < reach) return end;
    const uint8_t *one = in.at + pair->first_at, *two = in.at + pair->second_at;
    struct eg_byte_kind k1 = pair->first, k2 = pair->second;
    const lanes mask1 = all(k1.mask), low1 = all(k1.low), span1 = all(k1.span);
    const lanes mask2 = all(k2.mask), low2 = all(k2.low), span2 = all(k2.span);
    size_t at = from;
    for (; end - at >= LANES; at += LANES) {
        lanes hits = (lanes)(((load(one + at) & mask1) - low1) <= span1) &
                     (lanes)(((load(two + at) & mask2) - low2) <= span2);
        size_t lane = first_of(hits);
        if (lane < LANES) return at + lane;
    }
    for (; at < end; at++)
        if (eg_byte_is(k1, one[at]) && eg_byte_is(k2, two[at])) return at;
    return end;
}
