/* SPDX-License-Identifier: Apache-2.0
 * What makes a flow begin, go on and end: one shard's flows, fed with sightings in the order of the
 * input. What comes out depends on those and on nothing else: not on how they were divided into
 * chunks, and not on who calls. One thread at a time. */
#ifndef EG_METER_SHARD_H
#define EG_METER_SHARD_H

#include "meter/flow_cache.h"

/* As in the information element flowEndReason (RFC 5102, 136). */
enum eg_end_reason {
    EG_END_IDLE = 1,
    EG_END_ACTIVE = 2,
    EG_END_SEEN = 3,
    EG_END_FORCED = 4, /* the input was over */
    EG_END_RESOURCES = 5,
};

#define EG_LINGER_US (5 * INT64_C(1000000))   /* a closed connection's late packets still belong */
#define EG_SLACK_US (5 * INT64_C(1000000))    /* packets this late still find their flow */
#define EG_TOUCH_US (1 * INT64_C(1000000))    /* so exact is the order in which flows are idle */
#define EG_LEAP_US (86400 * INT64_C(1000000)) /* a step of the clock that one packet cannot make */
#define EG_SHARD_MEMORY_MIN (256 * 1024)

struct eg_shard {
    const struct eg_metering *how; /* with no zeros */
    bool analyse;                  /* columns of TCP analysis are asked for */
    int16_t active_ticks;          /* see eg_flow.began */
    struct eg_flow_cache cache;
    uint32_t near[EG_FLOW_LISTS]; /* of each list, the flow that was fetched as the next to end */
    int64_t clock_us;    /* the latest time seen, of those that are to be believed; EG_NO_TIME */
    int64_t previous_us; /* time of the packet before; EG_NO_TIME */
    int32_t shift_s;     /* of the packet before */
    uint64_t *given;     /* rows given out, those left out included; never NULL */
    uint64_t leave;      /* as many rows are left out */
};

void eg_shard_init(struct eg_shard *, const struct eg_metering *, uint64_t memory_max, bool analyse,
                   uint64_t *given, uint64_t leave);
void eg_shard_reset(struct eg_shard *); /* what lives is forgotten, not given out */
/* The sightings of a chunk and of those behind it. Rows into out->rows, remarks into out->tally. */
void eg_shard_run(struct eg_shard *, const struct eg_sightings *, struct eg_out *);
/* It is now that late, in the meter's time: gives out what has ended by then, at most so many flows. */
void eg_shard_tick(struct eg_shard *, int64_t now_us, uint32_t most, struct eg_out *);
/* The input is over: gives out what lives, at most so many flows; false: there is more. */
bool eg_shard_drain(struct eg_shard *, uint32_t most, struct eg_out *);

#endif
