/* SPDX-License-Identifier: Apache-2.0
 * Exported flows that say they are from the future: further ahead than clocks are off, of their receipt
 * and of now. Exporters that count in 32 bits of milliseconds are off by up to 49.7 days (softflowd's
 * IPFIX, of a capture that it reads). (Reliability row B49.) */
#ifndef EG_TABLE_AHEAD_H
#define EG_TABLE_AHEAD_H

#include "base/timetext.h"
#include "table/batch.h"

static const int64_t EG_AHEAD_US = 50 * EG_DAY_US;
/* A clock that is before this was never set, and is not one to hold others against. */
static const int64_t EG_CLOCK_SET_US = INT64_C(1767225600) * EG_SECOND_US; /* 2026 */

/* From when on a time is ahead of now. */
static inline int64_t eg_ahead_from(int64_t now_us) {
    return now_us >= EG_CLOCK_SET_US ? now_us + EG_AHEAD_US : INT64_MAX;
}

/* Whether the flow of this row, which starts then, is; a capture that is ahead as a whole is not. What is
 * `live` was received now, whatever the record says of it. */
static inline bool eg_flow_ahead(const struct eg_batch *flows, uint32_t row, int64_t start_us,
                                 int64_t now_us, bool live) {
    const uint32_t received = EG_COL(FLOWS, received_time);
    if (start_us < eg_ahead_from(now_us) || live) return start_us >= eg_ahead_from(now_us);
    return eg_batch_valid(flows, received, row) &&
           start_us - EG_AHEAD_US >= eg_col_i64(&flows->columns[received])[row];
}

#endif
