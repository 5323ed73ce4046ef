/* SPDX-License-Identifier: Apache-2.0
 * The clock of an exporter. */
#include "wire/export_clock.h"

/* How far a clock may be off the receipt: old exports are replayed, never future ones. */
static const int64_t AHEAD_US = EG_DAY_US, BEHIND_US = 20 * 365 * EG_DAY_US;
enum { HOUR_S = 3600 };

int16_t eg_export_clock(const struct eg_datagram *d, int64_t *now_us) {
    if (!eg_time_plausible(d->time_us)) return 0;
    if (eg_time_plausible(*now_us) && *now_us <= d->time_us + AHEAD_US &&
        *now_us >= d->time_us - BEHIND_US)
        return 0;
    *now_us = d->time_us;
    return EG_TIME_RECEIPT;
}

bool eg_export_clock_plausible(uint32_t seconds, uint32_t uptime_ms) {
    int64_t booted = (int64_t)seconds - uptime_ms / 1000;
    return eg_time_plausible(seconds * EG_SECOND_US) || (booted > -HOUR_S && booted < HOUR_S);
}
