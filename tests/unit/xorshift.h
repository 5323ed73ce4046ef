/* SPDX-License-Identifier: Apache-2.0
 * Numbers that look random and are the same each time (Marsaglia's xorshift of 64 bits). The seed is not 0. */
#ifndef EG_TEST_XORSHIFT_H
#define EG_TEST_XORSHIFT_H

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

#endif
