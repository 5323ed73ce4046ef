/* SPDX-License-Identifier: Apache-2.0
 * The time of a live input: that of its packets, without the steps of the clock that stamps them.
 *
 * Packets are stamped with the machine's wall clock, and that may be set. What goes on evenly is the
 * steady clock. So each packet is told by how much its stamp is to be shifted to stand in one even
 * time, the meter's: nothing, until a stamp lies further from where it may lie than EG_LIVE_STEP_US.
 * That is below the time that is known to have come, or above the one that can have come by now; then the
 * wall clock was set, and the shift makes up for it. A smaller step cannot be told from silence, or from
 * packets out of order.
 *
 * Reading may lag behind (a full disk, a slow sink), so stamps of the past are believed as long as none
 * goes back; but where nothing waits to be read, it is as late as the steady clock says. */
#ifndef EG_METER_LIVE_CLOCK_H
#define EG_METER_LIVE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define EG_LIVE_STEP_US (5 * INT64_C(1000000))

struct eg_live_clock {
    bool begun;        /* a packet with a time was seen */
    int64_t latest_us; /* it is at least so late, in the meter's time */
    int64_t lead_us;   /* how far that is ahead of the steady clock where nothing lags behind */
    int32_t shift_s;   /* from stamps to the meter's time */
};

/* A packet was stamped so, and read at that time of the steady clock. Answers its shift, in seconds. */
int32_t eg_live_clock_see(struct eg_live_clock *, int64_t stamp_us, int64_t steady_us);
/* Nothing waits to be read: it is as late as this; INT64_MIN where no packet has said when. */
int64_t eg_live_clock_now(struct eg_live_clock *, int64_t steady_us);
/* Takes over what a copy has seen since, while others may have seen more. */
void eg_live_clock_join(struct eg_live_clock *, const struct eg_live_clock *copy);

#endif
