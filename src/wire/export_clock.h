/* SPDX-License-Identifier: Apache-2.0
 * The clock of an exporter: what its export's header says, where that can be believed.
 * Reliability rows B46 to B49 and B51; docs/internals/exports.md says why the window is uneven. */
#ifndef EG_WIRE_EXPORT_CLOCK_H
#define EG_WIRE_EXPORT_CLOCK_H

#include "base/timetext.h"
#include "table/stage.h"

/* Of the column time_flag. */
enum eg_time_flag {
    EG_TIME_RECEIPT = 1, /* relative to the receipt: the exporter's clock was implausible */
    EG_TIME_ORDER = 2,   /* ended before it started; end set to start */
    EG_TIME_RANGE = 4,   /* outside any plausible range; kept */
    EG_TIME_EXPORT = 8,  /* the record had no time; it has the export's */
};

static const int64_t EG_YEAR_1990_US = 631152000 * EG_SECOND_US;
static const int64_t EG_YEAR_2100_US = 4102444800 * EG_SECOND_US;

static inline bool eg_time_plausible(int64_t time_us) {
    return time_us >= EG_YEAR_1990_US && time_us < EG_YEAR_2100_US;
}

/* How long before the header's sysUptime a record's was, in ms: a signed difference is right on both
 * sides of the wrap and for a record dated a little after the header. More than a day after it there
 * are no flows: such a time is from before the wrap. */
static inline int64_t eg_uptime_ago(uint32_t header_ms, uint32_t record_ms) {
    uint32_t ago = header_ms - record_ms;
    return ago >= UINT32_MAX - 86400000 ? (int64_t)ago - UINT32_MAX - 1 : (int64_t)ago;
}

/* The header's wall clock, in *now_us, and 0; or the receipt's, and EG_TIME_RECEIPT, where the
 * header's cannot be and the receipt's can. */
int16_t eg_export_clock(const struct eg_datagram *, int64_t *now_us);

/* Whether such a header may be of an export, by its clocks alone: a plausible wall clock, or one
 * that was never set and began when the exporter did. */
bool eg_export_clock_plausible(uint32_t seconds, uint32_t uptime_ms);

#endif
