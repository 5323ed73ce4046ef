/* SPDX-License-Identifier: Apache-2.0
 * Numbers that look random and are the same each time: one after the other (Marsaglia's xorshift of 64
 * bits; the seed is not 0), or the one of a number. */
#ifndef EG_TEST_NUMBERS_H
#define EG_TEST_NUMBERS_H

#include <stdint.h>

static inline uint64_t xorshift_next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static inline uint32_t xorshift_below(uint64_t *seed, uint32_t below) {
    return (uint32_t)(xorshift_next(seed) >> 20) % below;
}

static inline uint64_t mix_of(uint64_t n) {
    n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n ^= n >> 29;
    n *= UINT64_C(0xbf58476d1ce4e5b9);
    return n ^ n >> 32;
}

#endif
