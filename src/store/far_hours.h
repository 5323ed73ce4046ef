/* SPDX-License-Identifier: Apache-2.0
 * How many hours far from now the flows of a live source may name. An exporter whose clock is wrong, or
 * exports that are replayed, name an hour or two at a time, and go on as the clock does; a firewall tells
 * the starts of connections that were open for days. Forged records name an hour each, and every hour is a
 * directory and a file of each commit. So hours more than a day from now are admitted up to a number, and
 * further ones one by one as time goes on. (Reliability row B49.) */
#ifndef EG_STORE_FAR_HOURS_H
#define EG_STORE_FAR_HOURS_H

#include "base/timetext.h"

#include <stdbool.h>
#include <stdint.h>

#define EG_FAR_HOURS 128 /* remembered, and admitted at once */

static const int64_t EG_FAR_FROM_US = EG_DAY_US;          /* up to which no hour is one */
static const int64_t EG_FAR_EVERY_US = 15 * EG_SECOND_US; /* one more is admitted */

struct eg_far_hours {
    struct eg_far_hour {
        int64_t hour_us;
        uint64_t used; /* in the order of their use */
    } hours[EG_FAR_HOURS];
    uint32_t count, last; /* `last`: the one asked for last */
    uint32_t spent;       /* of those that are admitted at once; time gives them back */
    uint64_t uses;
    int64_t since_us; /* up to when what it gave was counted */
};

/* Whether a flow that starts then may have a place in its hour. All zero is the beginning. */
bool eg_far_hours_admit(struct eg_far_hours *, int64_t start_us, int64_t now_us);

/* Whether no hour of that range is far from now, so that nothing need be asked. */
static inline bool eg_far_hours_none(int64_t low_us, int64_t high_us, int64_t now_us) {
    return low_us >= now_us - EG_FAR_FROM_US && high_us <= now_us + EG_FAR_FROM_US;
}

#endif
