/* SPDX-License-Identifier: Apache-2.0
 * Sampling rates. Every one of these numbers may be 0, missing, or absurd. */
#include "wire/sampling.h"

#include <math.h>
#include <string.h>

static int64_t bounded(uint64_t rate) { return rate > INT64_MAX ? INT64_MAX : (int64_t)rate; }

/* To the nearest, and at least 1. */
static int64_t ratio(uint64_t whole, uint64_t part) {
    if (!whole || !part) return 0;
    uint64_t rate = whole / part + (whole % part >= part - whole % part);
    return rate ? bounded(rate) : 1;
}

int64_t eg_sampling_rate(const struct eg_sampling *s) {
    if (s->interval) return bounded(s->interval);
    /* no space between what is taken: all is (RFC 5476, 6.5.2); an exporter that does not say the
     * space says no rate */
    if (s->taken && s->spaced && s->space <= UINT64_MAX - s->taken)
        return ratio(s->taken + s->space, s->taken);
    if (s->size && s->population) return ratio(s->population, s->size);
    if (s->probability > 0 && s->probability <= 1 && 1 / s->probability < 9e18)
        return (int64_t)llround(1 / s->probability);
    return 0;
}

double eg_sampling_probability(struct eg_span value) {
    uint64_t bits = eg_be64(value, 0);
    uint32_t narrow_bits = eg_be32(value, 0);
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &narrow_bits, sizeof narrow);
    return value.size == 8 ? wide : value.size == 4 ? (double)narrow : 0;
}
