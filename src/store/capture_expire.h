/* SPDX-License-Identifier: Apache-2.0
 * Captures leave with their packets: a copy is removed, one that was pointed to is not registered any
 * more, once no hour is left that can hold a row of it (docs/internals/packet-store.md). */
#ifndef EG_STORE_CAPTURE_EXPIRE_H
#define EG_STORE_CAPTURE_EXPIRE_H

#include "store/tending.h"

/* What the copies take, by the last hour of their packets: with that hour they leave. */
struct eg_capture_sizes {
    struct eg_capture_size {
        int64_t last_hour_us;
        uint64_t bytes;
    } * list; /* by hour */
    size_t count;
    uint64_t total;
};
EG_MUST_CHECK enum eg_status eg_capture_sizes(struct eg_capture_sizes *out,
                                              const struct eg_journal *, struct eg_error *err);
void eg_capture_sizes_reset(struct eg_capture_sizes *);

/* Lets the captures go whose packets are all from before `before_us` and in none of the hours that are
 * left (`left`: the starts of hours of `packets`, ascending). In a dry run it only counts. One that an
 * ingest is writing stays. The journal of t->ds is fresh. */
EG_MUST_CHECK enum eg_status eg_captures_expire(struct eg_tending *t, int64_t before_us,
                                                const int64_t *left, size_t left_count,
                                                struct eg_error *err);

#endif
