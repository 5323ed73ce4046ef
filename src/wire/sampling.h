/* SPDX-License-Identifier: Apache-2.0
 * The ways in which exporters say how they sample, as one rate.
 * Source: RFC 5477 sections 8.2 to 8.7 (elements 305 to 311); RFC 3954 (34, 50). */
#ifndef EG_WIRE_SAMPLING_H
#define EG_WIRE_SAMPLING_H

#include "base/cursor.h"

struct eg_sampling {
    uint64_t interval;         /* one of so many */
    uint64_t taken, space;     /* so many in a row, and then so many not; */
    bool spaced;               /* without this, the exporter does not say how many not */
    uint64_t size, population; /* `size` of `population` */
    double probability;
};

/* One of so many packets was counted; 0: it does not say. */
int64_t eg_sampling_rate(const struct eg_sampling *);

/* A samplingProbability, float64 or reduced to float32; 0: no such thing. */
double eg_sampling_probability(struct eg_span value);

#endif
