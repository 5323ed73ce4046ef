/* SPDX-License-Identifier: Apache-2.0
 * Values for the tests of packing and unpacking: each for itself, or in runs of the same. */
#ifndef EG_TEST_PACKED_MAKE_H
#define EG_TEST_PACKED_MAKE_H

#include "engine_make.h"

#define PACKED_MAX 2000

/* Below PACKED_MAX values of `width` bits; answers how many. */
static inline size_t packed_make(uint32_t values[PACKED_MAX], uint32_t width, bool runs,
                                 uint64_t *seed) {
    size_t count = made_random(seed) % PACKED_MAX;
    uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    for (size_t i = 0; i < count;) {
        uint32_t value = (uint32_t)made_random(seed) & mask;
        size_t run = runs ? made_random(seed) % 60 + 1 : 1;
        for (; run && i < count; run--) values[i++] = value;
    }
    return count;
}

#endif
