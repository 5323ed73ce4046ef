/* SPDX-License-Identifier: Apache-2.0
 * When the next thing is due: at its own time, sped up or not, or at a steady rate. Arithmetic only;
 * whoever asks has the clock. */
#ifndef EG_BASE_PACE_H
#define EG_BASE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum eg_pace_kind {
    EG_PACE_ORIGINAL, /* as far apart as their times, divided by `rate` */
    EG_PACE_ITEMS,    /* `rate` of them a second */
    EG_PACE_BITS,     /* `rate` bits a second */
    EG_PACE_NONE,     /* at once */
};

struct eg_pace {
    enum eg_pace_kind kind;
    double rate;
    /* zeroed at the beginning */
    bool begun;
    int64_t first_ns; /* the time of the first one */
    uint64_t items, bits;
};

/* ns after the first one at which the next one, of that time and size, is due; it is counted. A time
 * that is not known (INT64_MIN), or lies before the first one's, is due at once. */
int64_t eg_pace_due(struct eg_pace *, int64_t time_ns, uint64_t bytes);

#endif
