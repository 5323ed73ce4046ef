/* SPDX-License-Identifier: Apache-2.0
 * Steps of the wall clock, told from silence by the steady clock. */
#include "meter/live_clock.h"

#include "base/timetext.h"

/* The shift that brings the stamp to that time, or less than a second before it. */
static int32_t shift_to(int64_t time_us, int64_t stamp_us) {
    int64_t by_us = time_us - stamp_us;
    int64_t seconds = by_us / EG_SECOND_US - (by_us % EG_SECOND_US < 0);
    if (seconds > INT32_MAX) return INT32_MAX;
    return seconds < INT32_MIN ? INT32_MIN : (int32_t)seconds;
}

int32_t eg_live_clock_see(struct eg_live_clock *clock, int64_t stamp_us, int64_t steady_us) {
    if (!clock->begun)
        *clock = (struct eg_live_clock){
            .begun = true, .latest_us = stamp_us, .lead_us = stamp_us - steady_us};
    int64_t now_us = steady_us + clock->lead_us;
    int64_t time_us = stamp_us + clock->shift_s * EG_SECOND_US;
    if (time_us > now_us + EG_LIVE_STEP_US || time_us < clock->latest_us - EG_LIVE_STEP_US) {
        if (now_us < clock->latest_us) now_us = clock->latest_us;
        clock->shift_s = shift_to(now_us, stamp_us);
        time_us = stamp_us + clock->shift_s * EG_SECOND_US;
    }
    if (time_us > clock->latest_us) clock->latest_us = time_us;
    if (time_us - steady_us > clock->lead_us) clock->lead_us = time_us - steady_us;
    return clock->shift_s;
}

int64_t eg_live_clock_now(struct eg_live_clock *clock, int64_t steady_us) {
    if (!clock->begun) return INT64_MIN;
    int64_t now_us = steady_us + clock->lead_us;
    if (now_us > clock->latest_us) clock->latest_us = now_us;
    return clock->latest_us;
}

void eg_live_clock_join(struct eg_live_clock *clock, const struct eg_live_clock *copy) {
    if (!copy->begun || (clock->begun && copy->latest_us < clock->latest_us)) return;
    *clock = *copy;
}
