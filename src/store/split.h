/* SPDX-License-Identifier: Apache-2.0
 * Which hour a row belongs to. Most batches lie within one hour and are passed on as they are; the
 * others are cut into one batch an hour. A row without a usable time goes into quarantine, outside
 * the partitions, so that a broken clock never makes a directory of its own; so do flows of live sources
 * that name more hours far from now than there may be (far_hours.h).
 *
 *   flows      start_time; where it is null, received_time
 *   packets    time
 *   counters   time
 *   losses     start_time; where it is null, the time of the commit */
#ifndef EG_STORE_SPLIT_H
#define EG_STORE_SPLIT_H

#include "store/far_hours.h"
#include "table/batch.h"

struct eg_share {
    int64_t hour_us;          /* INT64_MIN: quarantine */
    struct eg_batch *batch;   /* a reference of the share's own */
    int64_t start_us, end_us; /* smallest start, largest end; start > end: no row has a time */
};

struct eg_shares {
    struct eg_share *list;
    uint32_t count, room;
};

/* Adds the batch's shares to `out`. `far`: of the source, where it is live; NULL: any hour of a row that
 * can be is made. Errors: EG_E_NOMEM (nothing was added). */
EG_MUST_CHECK enum eg_status eg_split(struct eg_shares *out, struct eg_batch *,
                                      struct eg_far_hours *far, int64_t now_us,
                                      struct eg_error *err);
void eg_shares_clear(struct eg_shares *); /* gives the references back, keeps the memory */
void eg_shares_reset(struct eg_shares *);

#endif
