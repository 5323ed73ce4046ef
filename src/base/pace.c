/* SPDX-License-Identifier: Apache-2.0
 * When the next thing is due. */
#include "base/pace.h"

#define SECOND_NS 1e9
#define LATEST_NS (INT64_C(1) << 61)

int64_t eg_pace_due(struct eg_pace *pace, int64_t time_ns, uint64_t bytes) {
    double due = 0;
    switch (pace->kind) {
    case EG_PACE_ORIGINAL:
        if (time_ns == INT64_MIN) break;
        if (!pace->begun) pace->first_ns = time_ns;
        pace->begun = true;
        if (time_ns > pace->first_ns)
            due = (double)((uint64_t)time_ns - (uint64_t)pace->first_ns) / pace->rate;
        break;
    case EG_PACE_ITEMS: due = (double)pace->items * SECOND_NS / pace->rate; break;
    case EG_PACE_BITS: due = (double)pace->bits * SECOND_NS / pace->rate; break;
    case EG_PACE_NONE: break;
    }
    pace->items++;
    pace->bits += bytes * 8;
    return due > (double)LATEST_NS ? LATEST_NS : (int64_t)due;
}
